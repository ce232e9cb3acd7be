#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Load, launches, unload, and again: what the module took of the kernel it gives
# back. Comes with a module parameter of its own, since the hardware key of a
# boot goes with the module.

. "$(dirname "$0")/lib.sh"

slabs()
{
	awk '/^erot/ { n++ } END { print n + 0 }' /proc/slabinfo
}

vmalloc()
{
	grep -c erot /proc/vmallocinfo
}

keyrings()
{
	grep -c ' \.erot:' /proc/keys
}

# a launch or two by the module's own test program
launches()
{
	"$lib_dir/exec_test" pass.runs pass.running_is_told
}

check "module is loaded" test -d /sys/module/erot
check "launches work" launches
check "module unloads" rmmod erot
same "no slab is left" 0 "$(slabs)"
same "no vmalloc area is left" 0 "$(vmalloc)"
check "keyring goes" until_true 20 test "$(keyrings)" = 0
same "no payload filesystem is left" 0 "$(grep -c erot_payload /proc/filesystems)"
same "no family is left" 1 "$("$lib_dir/exec_test" pass.runs >/dev/null 2>&1; echo $?)"
check "module loads again" modprobe erot open=1
check "launches work again" launches

# twenty times: what each load leaks would add up
rmmod erot
before=$(awk '/^(Slab|VmallocUsed|PageTables|Percpu):/ { s += $2 } END { print s }' /proc/meminfo)
for ((i = 0; i < 20; i++)); do
	modprobe erot open=1 && rmmod erot || break
done
same "loads and unloads" 20 "$i"
after=$(awk '/^(Slab|VmallocUsed|PageTables|Percpu):/ { s += $2 } END { print s }' /proc/meminfo)
check "kernel memory stays ($before -> $after KiB)" test $((after - before)) -lt 2048
check "module is there for the next test" modprobe erot open=1
finish
