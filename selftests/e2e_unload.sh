#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Load, launches, unload, and again: what the module took of the kernel it gives
# back. Comes with a module parameter of its own, since the hardware key of a
# boot goes with the module.

. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2317 # called by until_true
gone()
{
	[ ! -e /sys/module/erot ] && ! grep -q '^erot' /proc/slabinfo &&
		! grep -q ' \.erot:' /proc/keys && ! grep -q erot_payload /proc/filesystems
}

memory()
{
	awk '/^(Slab|VmallocUsed|PageTables|Percpu):/ { s += $2 } END { print s }' /proc/meminfo
}

# one launch, by the module's own test program
launches="$lib_dir/exec_test pass.runs"

check "module is loaded" test -d /sys/module/erot
# shellcheck disable=SC2086 # a command and its arguments
check "a launch works" $launches
check "module unloads" rmmod erot
check "slab, keyring and filesystem are gone" until_true 20 gone
refused "family is gone" 5 "no-module" erotctl stats
check "module loads again" modprobe erot open=1
# shellcheck disable=SC2086
check "a launch works again" $launches

# twenty times: what each load leaks would add up
rmmod erot
before=$(memory)
for ((i = 0; i < 20; i++)); do
	modprobe erot open=1 || break
	rmmod erot || break
done
same "loads and unloads" 20 "$i"
after=$(memory)
check "kernel memory stays ($before -> $after KiB)" test $((after - before)) -lt 2048
check "module is there for the next test" modprobe erot open=1
finish
