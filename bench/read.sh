#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2154
#
# Reads that the page cache of the reader's file system does not answer, with one reader and one per
# processor: through a launched workload's image, through dm-verity on dm-crypt with the same EROFS
# image, and the same amount of work by the kernel's primitives alone. Ciphertext is in the page
# cache on both sides: what is compared is what is made of it. One reader has all processors
# decrypt for it, so what one processor can do is measured with the others taken away.

. "$(dirname "$0")/lib.sh"

cpus=$(nproc)
modprobe bench_raw
bench_erotd
cp -r /world/read files		# in memory, as is what loop has read
bytes=$(stat -c %s files/root/data/big)

dev=$(losetup -f --show files/crypt)
at_end losetup -d "$dev"
cryptsetup open --type plain --cipher aes-xts-plain64 --key-size 512 --key-file /world/disk.key \
	--sector-size 4096 "$dev" bench-crypt
at_end cryptsetup close bench-crypt
veritysetup open /dev/mapper/bench-crypt bench-verity files/tree "$(cat files/hash)"
at_end veritysetup close bench-verity
mkdir peer
mount -t erofs -o ro /dev/mapper/bench-verity peer
at_end umount peer

# side NAME COMMAND...: a reader that waits for its orders
declare -A to from
pids=()
side()
{
	local name=$1

	shift
	mkfifo "$name.in" "$name.out"
	"$@" <"$name.in" >"$name.out" 3>&- &
	pids+=($!)
	exec {fd}>"$name.in"
	to[$name]=$fd
	exec {fd}<"$name.out"
	from[$name]=$fd
}
side erot erotctl run --socket "$work/erotd.sock" --payload files/payload files/0.ewc files/0.receipt
side peer peer/bin/reader peer/data/big
side raw files/root/bin/reader /dev/bench-gcm-sha256 /dev/bench-gcm /dev/bench-sha256 /dev/bench-memcpy

# one SIDE CASE PATTERN READERS FILE ROUND [METRIC]
one()
{
	local ns metric=${7:-$3-$4}

	echo "$3 $4 $bytes $5" >&"${to[$1]}"
	read -r -t 300 ns <&"${from[$1]}" || die "$1: no answer"
	[ "${ns#error}" = "$ns" ] || die "$1: $3: $ns"
	[ "$6" -eq 0 ] || tell read "$2" "$metric" MB/s "$6" "$((bytes * 1000000 / ns))e-3"
}

# others STATE: of all processors but the first one
others()
{
	local cpu

	for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[ ! -e "$cpu" ] || echo "$1" >"$cpu" || die "$cpu: cannot write"
	done
}

for ((round = 0; round <= rounds; round++)); do
	for readers in 1 "$cpus"; do
		one raw gcm+sha256 seq "$readers" 0 "$round"
		for pattern in seq map rand128k rand4k; do
			one erot erot "$pattern" "$readers" 0 "$round"
			one peer dm "$pattern" "$readers" 0 "$round"
		done
		one raw gcm+sha256 seq "$readers" 0 "$round"
		one raw gcm seq "$readers" 1 "$round"
		one raw sha256 seq "$readers" 2 "$round"
		one raw memcpy seq "$readers" 3 "$round"
	done
	others 0
	one raw gcm+sha256 seq 1 0 "$round" seq-alone
	one erot erot seq 1 0 "$round" seq-alone
	one peer dm seq 1 0 "$round" seq-alone
	others 1
done
for name in erot peer raw; do
	eval "exec ${to[$name]}>&-"
done
wait "${pids[@]}"
