# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A disk that reads as slowly as one likes, and launches from it. Sourced behind world.sh.

# disk_begin: read by all that is in our cgroup; with the payload
disk_begin()
{
	modprobe loop
	truncate -s 16M disk.img
	disk=$(losetup --show -f disk.img) || return
	at_end losetup -d "$disk"
	mke2fs -q "$disk" 2>/dev/null >&2
	mkdir disk
	mount -t ext4 "$disk" disk || return
	at_end umount "$PWD/disk"
	group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
	echo +io >/sys/fs/cgroup/cgroup.subtree_control
	at_end rate max
	cp app.payload disk/slow.payload
}

# rate BYTES-A-SECOND|max: nothing of the disk is in memory, and no more comes
rate()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo "$(cat "/sys/block/${disk##*/}/dev") rbps=$1" >"$group/io.max"
}

# begin NAME PAYLOAD: in the background until the module has its keys; $client is its pid
begin()
{
	erotctl run -v --socket erotd.sock --payload "$2" "$1.ewc" "$1.receipt" \
		>"$1.out" 2>"$1.err" </dev/null &
	# shellcheck disable=SC2034 # who sources this waits for it
	client=$!
	until_true 60 grep -q "session" "$1.err" &&
		until_true 60 sh -c 'erotctl list | grep -q " provisioned "'
}
