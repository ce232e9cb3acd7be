#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The ways to die, and damage while a workload runs.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end

# start NAME ARGS-JSON: in the background, until it said "ready"; $client is its pid
start()
{
	authorise "$1" "$2" >auth.log 2>&1 || cat auth.log
	rm -f "$1.in" "$1.out"
	mkfifo "$1.in"
	erotctl run --socket "$work/erotd.sock" --payload app.payload "$1.ewc" "$1.receipt" \
		<"$1.in" >"$1.out" 2>"$1.err" &
	client=$!
	exec 9>"$1.in"
	until_true 60 grep -q ready "$1.out"
}

running_id()
{
	erotctl list | awk '$2 == "running" { print $1 }'
}

# ended NAME STATUS: the client ends by itself, with that status
ended()
{
	local status

	wait "$client"
	status=$?
	exec 9>&-
	if [ $status = "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "status $status, expected $2: $(cat ./*.err; tail -n 3 erotd.log)"
	fi
}


start term '["/bin/work", "handle-term"]'
kill -TERM "$client"
ended "SIGTERM reaches a handler" 33

start ignore '["/bin/work", "ignore-term"]'
kill -TERM "$client"
check "SIGTERM is ignored" sh -c "kill -0 $client"
erotctl kill --socket "$work/erotd.sock" "$(running_id)" KILL
ended "SIGKILL is not" 137

start destroy '["/bin/work", "ignore-term"]'
erotctl destroy "$(running_id)"
ended "destroyed by request" 137

runtime 3
start deadline '["/bin/work", "ignore-term"]'
ended "deadline" 137
runtime
clean "after four deaths"

# a chunk altered on disk costs that read; what was read before stays readable
start damage '["/bin/work", "read-on-line", "/data/big"]'
size=$(stat -c %s app.payload)
cp app.payload kept.payload
for ((at = 16400 * 40; at < size - 16400 * 8; at += 16400)); do
	printf '\377\376' | dd of=app.payload bs=1 seek=$((at + 99)) conv=notrunc 2>/dev/null
done
echo go >&9
ended "damaged chunks cost the read" 21
matches "and are counted" '^[1-9]' "$(stat_of damaged)"
cat kept.payload >app.payload
clean "after damage"

# killed NAME PID...: all of them at once, erotd among them; then another erotd begins
killed()
{
	local name=$1

	shift
	kill -KILL "$@"
	wait "$daemon" 2>/dev/null
	wait "$client"
	exec 9>&-
	if until_true 30 sh -c '! pidof work && ! grep -q " erofs " /proc/mounts'; then
		ok "$name killed: no process and no mount is left"
	else
		not_ok "$name killed: no process and no mount is left"
	fi
	rm -f erotd.sock
	daemon_begin
	clean "$name killed: a new erotd reports what the old one left"
}

start orphan '["/bin/work", "ignore-term"]'
killed "erotd" "$daemon"
start both '["/bin/work", "ignore-term"]'
killed "erotd and the workload" "$daemon" "$(pidof work)"

start again '["/bin/work", "handle-term"]'
kill -TERM "$client"
ended "and launches work" 33

# two at once
start first '["/bin/work", "handle-term"]'
one=$client
exec 8>&9
start second '["/bin/work", "handle-term"]'
same "two sessions run at once" 2 "$(running_id | wc -l)"
kill -TERM "$client"
ended "the second ends" 33
same "the first goes on" 1 "$(running_id | wc -l)"
client=$one
kill -TERM "$client"
exec 8>&-
ended "the first ends" 33

# neither sees the other's files, nor is hit by the other's limit of memory
start first '["/bin/sh", "-c", "echo one >/tmp/mark; echo ready; read line; cat /tmp/mark; exit 3"]'
one=$client
exec 8>&9
start second '["/bin/sh", "-c", "ls /tmp/mark; echo ready; exec /bin/work eat"]'
ended "the second eats all that it may" 137
same "it does not see the first one's files" ready "$(cat second.out)"
client=$one
echo go >&8
exec 8>&-
ended "the first goes on" 3
same "with what it has" "ready one" "$(xargs <first.out)"
clean "after all of them"
finish
