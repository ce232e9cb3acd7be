#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guest.sh NAME...: runs measurements in the guest, one after the other, behind one line that says
# on what.

set -u

flags=$(sed -n 's/^flags[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
crypto=''
for flag in aes pclmulqdq avx avx2 sha_ni vaes vpclmulqdq avx512f; do
	[[ " $flags " == *" $flag "* ]] && crypto+="$flag "
done
model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
memory=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)
accel=hardware
[[ $model != *TCG* ]] || accel="software emulation (QEMU TCG${BENCH_STEADY:+, clock of instructions})"
if [ -n "${BENCH_APART:-}" ]; then
	printf '{"env":{"%s":"%s, %d processor, kernel %s"}}\n' "$(IFS=+ && echo "$*")" "$accel" "$(nproc)" \
		"$(uname -r)"
else
	printf '{"env":{"accel":"%s","kernel":"%s","cpus":%d,"cpu":"%s","flags":"%s","memory_mb":%d}}\n' \
		"$accel" "$(uname -r)" "$(nproc)" "$model" "${crypto% }" $((memory / 1024))
fi >>"$EROT_RESULT"

modprobe loop
mkdir -p /world /var/tmp
for disk in /sys/block/vd*; do
	if [ "$(cat "$disk/serial")" = erot-data ]; then
		mount -o ro "/dev/${disk##*/}" /world || exit 1
	fi
done

failed=0
for name in "$@"; do
	echo "# == $name, $(cut -d ' ' -f 1 /proc/uptime) s after boot"
	bash "/bench/$name.sh" </dev/null || { echo "# $name: status $?"; failed=1; }
done
exit $failed
