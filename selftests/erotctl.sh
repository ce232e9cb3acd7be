#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line of erotctl: arguments, exit statuses, JSON; and who may what.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
absent=00112233445566778899aabbccddeeff
sock=$work/erotd.sock

# usage
refused "no command" 2 '^erotctl: usage: no command' erotctl
refused "unknown command" 2 '^erotctl: usage: no command "lst"' erotctl lst
while read -r line; do
	read -ra words <<<"$line"
	refused "usage: erotctl $line" 2 "^erotctl: ${words[0]}: usage: " erotctl "${words[@]}"
done <<-'END'
	list more
	list --jsn
	show
	show a b
	show xyz
	show 00112233445566778899aabbccddeeff0
	kill
	kill 0011 TERM more
	kill 0011 NOSUCH
	kill 0011 0
	kill 0011 65
	destroy
	destroy --json 0011
	events -n 0
	events -n x
	events more
	stats more
	doctor more
	version more
END
while read -r line; do
	read -ra words <<<"$line"
	refused "usage: erotctl $line" 125 "^erotctl: run: usage: " erotctl "${words[@]}"
done <<-'END'
	run
	run a
	run a b c
	run --no-such a b
	run -t -T a b
END
check "help" erotctl help
check "version" erotctl version

# not there
refused "run: no such file" 125 '^erotctl: run: file: absent: ' \
	erotctl run --socket "$sock" absent absent
refused "run: no such receipt" 125 '^erotctl: run: not-found: absent: ' \
	erotctl run --socket "$sock" app.payload absent
head -c 60001 /dev/zero >long
refused "run: receipt too long" 125 '^erotctl: run: too-big: ' \
	erotctl run --socket "$sock" app.payload long
: >empty
refused "run: receipt empty" 125 '^erotctl: run: receipt-size: ' \
	erotctl run --socket "$sock" app.payload empty
refused "run: not a regular file" 125 '^erotctl: run: file: .*not a regular' \
	erotctl run --socket "$sock" . empty
refused "run: no erotd" 125 '^erotctl: run: erotd-gone: .*start erotd' \
	erotctl run --socket "$work/absent" app.payload empty
refused "kill: no erotd" 5 '^erotctl: kill: erotd-gone: ' \
	erotctl kill --socket "$work/absent" $absent
refused "show: no such session" 4 '^erotctl: show: not-found: ' erotctl show $absent
refused "destroy: no such session" 4 '^erotctl: destroy: not-found: ' erotctl destroy $absent
refused "kill: no such session" 4 '^erotctl: kill: not-found: ' \
	erotctl kill --socket "$sock" $absent
for command in list stats "show $absent" "destroy $absent" events; do
	read -ra words <<<"$command"
	# the module's family is in the first network namespace only
	refused "${words[0]}: no module" 5 "^erotctl: ${words[0]}: no-module: " \
		unshare -n erotctl "${words[@]}"
done
refused "doctor: no module" 5 '^BAD +module ' unshare -n erotctl doctor --socket "$sock"

# who may what
user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
refused "list: not root" 3 '^erotctl: list: [a-z-]*: ' "${user[@]}" erotctl list
refused "stats: not root" 3 '^erotctl: stats: [a-z-]*: ' "${user[@]}" erotctl stats
cp app.payload /tmp/public.payload
at_end rm -f /tmp/public.payload
refused "run: no access to the socket" 125 '^erotctl: run: erotd-gone: .*Permission denied' \
	"${user[@]}" erotctl run --socket "$sock" /tmp/public.payload /dev/null
daemon_end
printf '%s\n' "socket_group = nogroup" "max_sessions = 2" >>erotd.conf
daemon_begin
chmod 755 .
authorise one '["/bin/work", "handle-term"]' >auth.log 2>&1
mkfifo one.out
"${user[@]}" erotctl run -v --socket "$sock" --payload app.payload one.ewc one.receipt \
	>one.out 2>one.err </dev/null &
client=$!
read -r line <one.out
same "run: a member of socket_group" ready "$line"
id=$(sed -n 's/^erotctl: run: session //p' one.err)
refused "run: a user has half of the sessions" 125 '^erotctl: run: too-many-sessions: 1 session' \
	"${user[@]}" erotctl run --socket "$sock" --payload app.payload one.ewc one.receipt
refused "kill: another's session" 4 '^erotctl: kill: not-found: ' \
	setpriv --reuid 1000 --regid 65534 --clear-groups erotctl kill --socket "$sock" "$id" TERM
refused "kill: no right to look up the beginning of an id" 3 '^erotctl: kill: ' \
	"${user[@]}" erotctl kill --socket "$sock" "${id:0:8}" TERM

# kexec is switched off by a measured initrd only
matches "doctor: kexec is not switched off" '^warn +crash-kernel +not loaded, but' \
	"$(erotctl doctor --socket "$sock")"

# JSON, while there is something to tell
# json COMMAND...: succeeds and prints what parses; kept for member
json()
{
	"$@" >out.json
	same "$*" "0 1" "$? $(sqlite3 :memory: "select json_valid(readfile('out.json'))")"
}
# member PATH: of the last answer
member()
{
	sqlite3 :memory: "select json_extract(readfile('out.json'), '$1')"
}
json erotctl list --json
same "tells id and state" "$id running" "$(member '$[0].id') $(member '$[0].state')"
json erotctl show --json "${id:0:8}"
same "tells the session" "$id" "$(member '$.id')"
receipt=$(member '$.receipt')
# shown NAME: of the last text
shown()
{
	sed -n "s/^ *$1   *//p" show.out
}
erotctl show "${id:0:8}" >show.out
same "show: a session that runs" "$id running - $receipt" \
	"$(shown session) $(shown state) $(shown end) $(shown receipt)"
same "show: no evidence yet" "" "$(sed -n '/^evidence/,$p' show.out)"
json erotctl stats --json
same "tells of one session and one key" "1 1" "$(member '$.sessions') $(member '$.keys')"
erotctl doctor --json --socket "$sock" >out.json
same "doctor --json tells of the module" ok \
	"$(member '$.checks[0].verdict')"
erotctl events --json -n 2 >events.json &
events=$!
# subscribed when there is a netlink socket with groups that is its own
until_true 20 sh -c "awk '\$3 == $events && \$4 != \"00000000\"' /proc/net/netlink | grep -q ."
check "kill: one's own session" "${user[@]}" erotctl kill --socket "$sock" "$id" TERM
wait $client
same "run: exit status" 33 $?
sed -n 's/^erotctl: run: time \([0-9]*\.[0-9]\{6\} [a-z]*\)$/\1/p' one.err >steps
same "run -v: every step of the launch" \
	"attached bound exec mounted provisioned released request session started" \
	"$(cut -d ' ' -f 2 steps | sort | paste -s -d ' ')"
check "run -v: in the order of time" sort -c -n steps
wait $events
same "events: counted" 2 "$(wc -l <events.json)"
head -n 1 events.json >out.json
same "events --json" "$id dead" "$(member '$.id') $(member '$.event')"
clean "after it"

# evidence that erotd has not taken yet
authorise two '["/bin/work", "handle-term"]' >auth.log 2>&1
mkfifo two.out
erotctl run -v --socket "$sock" --payload app.payload two.ewc two.receipt \
	>two.out 2>two.err </dev/null &
client=$!
read -r line <two.out
id=$(sed -n 's/^erotctl: run: session //p' two.err)
kill -STOP "$daemon"
kill -TERM "$(erotctl show "$id" | sed -n 's/^pid *//p')"
check "show: the session is over" \
	until_true 60 sh -c "erotctl show $id | grep -q '^state *released'"
erotctl show "$id" >show.out
same "show: evidence of it" "exit 33 exit yes" \
	"$(shown end) $(shown exit) $(shown reason) $(shown ran)"
matches "show: when the keys were gone" '^[0-9]+\.[0-9]{6} s after provisioning$' \
	"$(shown 'keys gone')"
matches "show: when the plaintext was gone" '^gone [0-9]+\.[0-9]{6} s after provisioning$' \
	"$(shown plaintext)"
kill -CONT "$daemon"
wait $client
same "run: erotd was stopped meanwhile" 33 $?
clean "after that, too"
finish
