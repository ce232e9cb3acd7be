#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# An erotd that had no time: it hears of a whole launch at once, and from the module first.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"
. "$lib_dir/data/disk.sh"

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
disk_begin
same "a disk with the payload" 0 $?

# waits PID: it sleeps, and erotd has heard what it said before
waits()
{
	until_true 60 grep -q '^State:.S' "/proc/$1/status" && daemon_heard
}

# attached NAME: its mounter, in $mounter, is through with ATTACH and waits, as the child does
attached()
{
	local p pids

	rate 2
	begin "$1" disk/slow.payload || return
	id=$(sed -n 's/^erotctl: run: session //p' "$1.err")
	# the child is in a user namespace of its own, and newer than the other one
	read -ra pids <"/proc/$daemon/task/$daemon/children"
	for p in "${pids[@]}"; do
		if [ "$(readlink "/proc/$p/ns/user")" = "$(readlink /proc/self/ns/user)" ]; then
			mounter=$p
		else
			child=$p
		fi
	done
	kill -STOP "$child"
	rate max
	# the descriptor of the session is closed then
	until_true 60 sh -c "! ls -l /proc/$mounter/fd | grep -q '\\[erot\\]'" && waits "$mounter"
}

in_state()
{
	until_true 60 sh -c "erotctl show $1 | grep -q '^state *$2'"
}

# late NAME STATUS OUTPUT ARGS-JSON: all from the mount to the end while erotd is stopped
late()
{
	local other

	authorise other '["/bin/work", "ignore-term"]' >auth.log 2>&1
	authorise late "$4" >>auth.log 2>&1
	begin_other || { not_ok "$1: another one runs" "$(cat other.err)"; return; }
	attached late || { not_ok "$1: is attached" "$(cat late.err)"; return; }
	kill -STOP "$mounter"
	kill -CONT "$child"
	in_state "$id" bound && waits "$child"
	kill -STOP "$daemon"
	# an event of the module is the first thing that waits for erotd
	erotctl destroy "$other"
	kill -CONT "$mounter"
	in_state "$id" released
	same "$1: is over while erotd is stopped" 0 $?
	kill -CONT "$daemon"
	wait "$client"
	same "$1: ends as it did" "$2 $3" "$? $(cat late.out)"
	wait "$other_client"
	same "$1: the other was killed" 137 $?
}

# begin_other: in the background until it runs; $other is its session
begin_other()
{
	erotctl run -v --socket "$work/erotd.sock" --payload app.payload other.ewc other.receipt \
		>other.out 2>other.err </dev/null &
	other_client=$!
	until_true 60 grep -q ready other.out &&
		other=$(sed -n 's/^erotctl: run: session //p' other.err)
}

late "a good workload" 0 inside '["/bin/hostname"]'
late "one with a status" 7 "" '["/bin/work", "exit", "7"]'
late "one that is not there" 127 "" '["/bin/absent"]'
clean "after the late"
finish
