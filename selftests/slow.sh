#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A payload on a disk that does not answer: its launch waits, others do not.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"
. "$lib_dir/data/disk.sh"

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
authorise slow '["/bin/hostname"]' >auth.log 2>&1
authorise fast '["/bin/hostname"]' >>auth.log 2>&1
authorise third '["/bin/hostname"]' >>auth.log 2>&1

# a disk of its own, read at two bytes a second
disk_begin
same "a disk with the payload" 0 $?

rate 2
begin slow disk/slow.payload
same "a launch waits for the disk" 0 $?
out=$(launch fast 2>&1 </dev/null)
same "another goes on meanwhile" inside "$out"
matches "the first still waits" ' provisioned ' "$(erotctl list)"
rate max
wait "$client"
same "and ends well when the disk answers" "0 inside" "$? $(cat slow.out)"
clean "after both"

# the client gives up: the keys are gone at once, whatever the disk does
rate 2
begin third disk/slow.payload
same "a third waits" 0 $?
kill -TERM "$client"
wait "$client"
same "it is cancelled" 143 $?
matches "which is said" '^erotctl: run: interrupted: ' "$(cat third.err)"
same "and has no key" 0 "$(stat_of keys)"
rate max
clean "after the cancelled"

# the session is ended behind erotd's back: its evidence is not lost
authorise third '["/bin/hostname"]' >auth.log 2>&1
rate 2
begin third disk/slow.payload
same "another one waits" 0 $?
erotctl destroy "$(erotctl list | awk '$2 == "provisioned" { print $1 }')"
wait "$client"
same "its session is destroyed: the client is told" "125 session-ended" \
	"$? $(sed -n 's/^erotctl: run: \([a-z-]*\): the.*/\1/p' third.err)"
rate max
clean "after the destroyed"
same "each of the four has a record" "4 0" \
	"$(find state/records -name '*.cms' | wc -l) $(find state/unaccounted -type f | wc -l)"

# erotd dies: what waits for the disk's metadata cannot, and holds the session. Freshly mounted,
# nothing but the name of the file is in memory.
authorise third '["/bin/hostname"]' >auth.log 2>&1
umount disk
mount -t ext4 "$disk" disk
exec 7<disk/slow.payload
rate 2
begin third disk/slow.payload
same "a last one waits" 0 $?
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
wait "$client"
same "erotd is killed: its client ends" 125 $?
rm erotd.sock
daemon_begin
same "a new one takes the key away, the disk still hangs" 0 "$(stat_of keys)"
rate max
exec 7<&-
clean "and reports it"
same "one receipt is not waiting" "" "$(ls state/receipts)"
finish
