#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# erotd among troubles: providers that fail, disks that are full, and its own
# death in every phase of a launch.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

# The provider does what the file "mode" says, and tells in "asked" that it was asked.
cat >provider <<-'END'
	work=$1 op=$2
	echo "$op" >>"$work/asked"
	mode=$(cat "$work/mode")
	case $mode in
	"$op-hangs") exec sleep 1000 ;;
	"$op-garbage") echo '{"release": ' ;;
	"$op-array") echo '[]' ;;
	"$op-twice") echo '{"release": "", "release": ""}' ;;
	"$op-wrong") echo '{"release": "AAAA"}' ;;
	"$op-much") head -c 300000 /dev/zero ;;
	"$op-nothing") ;;
	"$op-fails") exit 1 ;;
	"$op-dies") kill -KILL $$ ;;
	"$op-refuses") echo '{"code": "machine-revoked", "detail": "for a test"}' && exit 3 ;;
	"$op-codeless") echo '{"code": "Machine Revoked"}' && exit 3 ;;
	*) exec dergctl --dir "$work/derg" provider "$op" ;;
	esac
END

# mode MODE: of the provider from now on
mode()
{
	echo "$1" >"$work/mode"
	: >"$work/asked"
}

mode works
world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
daemon_end
mkdir small
mount -t tmpfs -o size=128k,mode=700 small small
at_end umount "$work/small"
cat >erotd.conf <<-END
	provider = /bin/bash $work/provider $work
	state_dir = $work/small/state
	socket = $work/erotd.sock
	hardware_key = $machine
END

# start: erotd, until it is ready
start()
{
	local n

	n=$(grep -c 'erotd: ready' erotd.log)
	erotd -c erotd.conf >>erotd.log 2>&1 &
	daemon=$!
	until_true 20 sh -c "[ \$(grep -c 'erotd: ready' erotd.log) -gt $n ]"
}

# crash: kill it, and whatever waited for it
crash()
{
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
}

# begin ARGS-JSON: authorise and run in the background; $client is its pid
begin()
{
	authorise one "$1" >auth.log 2>&1 || cat auth.log
	erotctl run --socket erotd.sock --payload app.payload one.ewc one.receipt \
		>one.out 2>one.err </dev/null &
	client=$!
}

asked()
{
	until_true 60 grep -qx "$1" asked
}

count()
{
	find "small/state/$1" -type f | wc -l
}

# configuration and start
# configured NAME REGEX LINE...
configured()
{
	local name=$1 regex=$2

	shift 2
	printf '%s\n' "$@" >bad.conf
	refused "configuration: $name" 2 "$regex" erotd -t -c bad.conf
}
configured "unknown key" 'config-unknown: bad.conf:2: ' 'provider = /x' 'providers = /y'
configured "set twice" 'config-twice: bad.conf:3: ' 'provider = /x' '' 'provider = /y'
configured "wrong value" 'config-value: bad.conf:2: ' 'provider = /x' 'max_sessions = 1025'
configured "no value" 'config-syntax: bad.conf:1: ' 'provider'
configured "no provider" 'config-missing: bad.conf' '# nothing'
refused "configuration: no file" 2 'not-found: absent.conf' erotd -t -c absent.conf
check "configuration: good" erotd -t -c erotd.conf
refused "no kernel module" 5 'erotd: no-module: ' unshare -n erotd -c erotd.conf

rm -f erotd.sock
echo >erotd.sock
refused "socket is a file" 1 'socket: .*erotd.sock is not a socket' erotd -c erotd.conf
rm erotd.sock
start
same "erotd is ready" 0 $?
refused "a second erotd, same state" 1 'store: .*state: another erotd is using it' \
	erotd -c erotd.conf
sed "s|small/state|state|" erotd.conf >second.conf
refused "a second erotd, same socket" 1 'socket: .*another erotd is running' erotd -c second.conf
sed -i 's|erotd.sock|second.sock|' second.conf
refused "a second erotd, same cgroup" 1 'cgroup: .*another erotd is using it' erotd -c second.conf
crash
start
same "a stale socket is replaced" 0 $?

# providers; the receipt is not spent
authorise one '["/bin/work", "handle-term"]' >auth.log 2>&1
while read -r mode code; do
	mode "release-$mode"
	refused "provider: release-$mode" 125 "^erotctl: run: $code: " launch one
done <<-'END'
	garbage provider-answer
	array provider-answer
	twice provider-answer
	wrong base64
	much provider-answer
	nothing provider-answer
	fails provider-failed
	dies provider-failed
	refuses machine-revoked
	codeless provider-answer
END
crash
echo "provider_timeout = 1" >>erotd.conf
start
mode release-hangs
refused "provider: release-hangs" 125 '^erotctl: run: provider-timeout: ' launch one
crash
sed -i '/provider_timeout/d' erotd.conf
start
clean "after all of them"
same "and no receipt waits for a record" 0 "$(count receipts)"
check "nor does a provider run" sh -c '! pidof sleep'

# state directory
mount -o remount,ro small
refused "state directory is read-only: no launch" 125 '^erotctl: run: store: .*Read-only' launch one
mount -o remount,rw small
head -c 200000 /dev/zero >small/filler 2>/dev/null
refused "state directory is full: no launch" 125 '^erotctl: run: store: .*No space' launch one
rm small/filler
clean "after both"

# killed while the provider is at work on the release
mode release-hangs
begin '["/bin/work", "handle-term"]'
asked release
same "a launch waits for the provider" 0 $?
crash
wait "$client"
same "erotd is killed: its client says so" "125 erotd-gone" \
	"$? $(sed -n 's/^erotctl: run: \([a-z-]*\): .*/\1/p' one.err)"
check "the provider's command is gone too" until_true 20 sh -c '! pidof sleep'
mode works
start
until_true 20 sh -c 'ls small/state/unaccounted | grep -q .'
same "the new one cannot tell how it ended: unaccounted" 1 "$(count unaccounted)"
matches "which erotctl doctor shows" '1 without evidence in .*unaccounted' \
	"$(erotctl doctor --socket erotd.sock)"
rm small/state/unaccounted/*

# killed while the workload runs
begin '["/bin/work", "ignore-term"]'
until_true 60 grep -q ready one.out
crash
wait "$client"
same "killed while the workload runs" 125 $?
: >small/state/records/x.cms.tmp
start
clean "the new one reports the end"
same "one record and its evidence" "2 0" "$(count records) $(count receipts)"

# killed while the provider is at work on the record
mode terminate-hangs
begin '["/bin/hostname"]'
asked terminate
same "the workload has ended, its record is not there" inside "$(cat one.out)"
crash
wait "$client"
same "its exit status is known all the same" 0 $?
mode works
start
clean "the new one fetches the record"
same "two records" 4 "$(count records)"

# the provider does not take the end; the disk has no room for the record
mode terminate-fails
begin '["/bin/work", "exit", "6"]'
wait "$client"
same "the provider fails at the end: the status is the workload's" 6 $?
matches "and the client hears of it" 'no destruction record yet.*provider-failed' "$(cat one.err)"
matches "erotctl doctor knows" '1 not taken by the provider yet' \
	"$(erotctl doctor --socket erotd.sock)"
mode works
asked terminate
same "erotd tries again" 0 $?
clean "and has the record then"

begin '["/bin/work", "handle-term"]'
until_true 60 grep -q ready one.out
head -c 200000 /dev/zero >small/filler 2>/dev/null
kill -TERM "$client"
wait "$client"
same "no room for the record: the status is the workload's" 33 $?
matches "and the client hears of it" 'no destruction record yet.*store: ' "$(cat one.err)"
rm small/filler
clean "it is stored when there is room"

# told to stop
begin '["/bin/work", "ignore-term"]'
until_true 60 grep -q ready one.out
kill -TERM "$daemon"
wait "$daemon"
same "told to stop, erotd ends" 0 $?
wait "$client"
same "and its clients hear why" "125 stopping" \
	"$? $(sed -n 's/^erotctl: run: \([a-z-]*\): .*/\1/p' one.err)"
same "every launch has its record" "10 0" "$(count records) $(count receipts)"
clean "after erotd"
finish
