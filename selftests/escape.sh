#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Hostile workloads: workload/escape/ tries to break out, in a sandbox without
# capabilities, in one with all of them, and as a control outside, where the same
# attempts succeed.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

chmod 755 .
mkdir -p root/bin root/data
for name in escape escape-setuid escape-filecaps; do
	cp "$lib_dir/workload/escape" root/bin/$name
done
chmod 4755 root/bin/escape-setuid
escape=$work/root/bin/escape
check "a file with capabilities" "$escape" give-capabilities root/bin/escape-filecaps
world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
echo secret >outside

# loaded by whoever asks for their protocol, if nothing stops it
on_demand='^(sctp|bridge|8021q|l2tp_ip) '
same "modules on demand are not there" "" "$(grep -E "$on_demand" /proc/modules)"
ring=$(awk '/keyring +\.erot:/ { print $1 }' /proc/keys)
modprobe dummy numdummies=1	# an interface to be seen
at_end rmmod dummy
busybox ip addr add 192.0.2.1/32 dev lo
at_end busybox ip addr del 192.0.2.1/32 dev lo

# begin NAME ARGS-JSON: in the background, until it said "ready"; $client is its pid, $id its session
begin()
{
	authorise "$1" "$2" >auth.log 2>&1 || cat auth.log
	rm -f "$1.in" "$1.out"
	mkfifo "$1.in"
	erotctl run -v --socket "$work/erotd.sock" --payload app.payload "$1.ewc" "$1.receipt" \
		<"$1.in" >"$1.out" 2>"$1.err" &
	client=$!
	exec 9>"$1.in"
	until_true 60 grep -q ready "$1.out" &&
		id=$(sed -n 's/^erotctl: run: session //p' "$1.err")
}

# what the attempts look for: in another sandbox, and outside; with a number that no process of a
# sandbox gets
echo 20000 >/proc/sys/kernel/ns_last_pid
begin victim '["/bin/escape", "serve"]'
same "another sandbox has secrets" 0 $?
exec 7>&9 9>&-
victim=$(pidof escape)
mkfifo server.in
"$escape" serve <server.in >server.out 2>&1 &
server=$!
exec 8>server.in
check "a process outside has secrets" until_true 20 grep -q ready server.out
values=("victim=$victim" "keyring=$((16#$ring))" "outside=$work")

# on_tty FILE COMMAND...: with a terminal as standard input; output to FILE
cat >on-a-tty <<-'END'
	out=$1
	shift
	"$@" >"$out" 2>"$out.err"
END
on_tty()
{
	script -qefc "$(printf '%q ' bash "$work/on-a-tty" "$@")" /dev/null </dev/null >script.log 2>&1
}

# tried NAME: what came of the attempts, one test each
tried()
{
	local line n=0 end=none

	while read -r line; do
		case $line in
		"ok "*) ok "$1: ${line#ok }" ;;
		"not ok "*) not_ok "$1: ${line#not ok }" "${line#*: }" ;;
		"END "*) end=${line#END } && continue ;;
		*) not_ok "$1: said '$line'" ;;
		esac
		n=$((n + 1))
	done <"$1.out"
	same "$1: all were tried" "$end" "$n"
	[ "$n" -gt 150 ] || not_ok "$1: hardly any was tried" "$n; $(cat "$1.out.err" "$1.err" 2>/dev/null)"
}

# words NAME VALUE...: a JSON array
words()
{
	local w json=

	for w in "$@"; do
		json+=", \"$w\""
	done
	echo "[${json:2}]"
}

authorise plain "$(words /bin/escape try plain "${values[@]}" setuid=/bin/escape-setuid \
	filecaps=/bin/escape-filecaps)" >auth.log 2>&1 || cat auth.log
on_tty plain.out erotctl run --no-tty --socket "$work/erotd.sock" --payload app.payload \
	plain.ewc plain.receipt
tried plain

cp app.manifest plain.manifest.kept
all=(CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
	SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
	WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE)
sed -i 's/"process": *{/"process": {"capabilities": '"$(words "${all[@]/#/CAP_}")"', /
	s/"readonly": *true/"readonly": false/' app.manifest
authorise caps "$(words /bin/escape try caps "${values[@]}" setuid=/bin/escape-setuid \
	filecaps=/bin/escape-filecaps)" >auth.log 2>&1 || cat auth.log
launch caps >caps.out 2>caps.err </dev/null
tried caps

same "no module was loaded on demand" "" "$(grep -E "$on_demand" /proc/modules)"
check "the other sandbox is well" kill -0 "$victim"
check "erotd is well" kill -0 "$daemon"

# a writable root is one in memory: programs put there are not of the payload
authorise upper '["/bin/escape", "exec-upper"]' >auth.log 2>&1 || cat auth.log
launch upper >upper.out 2>&1 </dev/null
same "a program in the writable root is killed" 137 $?
matches "by the exec gate" 'the session ended: exec-gate' "$(cat upper.out)"
authorise change '["/bin/sh", "-c", "echo changed >/data/canary && cat /data/canary"]' >auth.log 2>&1
same "a writable root can be written" changed "$(launch change 2>&1 </dev/null)"
cp plain.manifest.kept app.manifest
authorise still '["/bin/cat", "/data/canary"]' >auth.log 2>&1 || cat auth.log
same "and the image stays as it is" world-canary "$(launch still 2>&1 </dev/null)"

# descriptors that are handed in
authorise stdin '["/bin/escape", "exec-stdin"]' >auth.log 2>&1 || cat auth.log
launch stdin >stdin.out 2>&1 <"$escape"
same "a program of the host as standard input is killed" 137 $?
matches "by the exec gate" 'the session ended: exec-gate' "$(cat stdin.out)"
authorise stdin '["/bin/ls", "/proc/self/fd/0/"]' >auth.log 2>&1 || cat auth.log
said=$(launch stdin 2>&1 </)
same "a directory of the host as standard input is refused" 125 $?
matches "and why" '^erotctl: run: sandbox: stdio: .*directory' "$said"

# flags NAME: EROT_EV_* of the newest evidence
flags()
{
	# shellcheck disable=SC2012 # names are hex
	od -An -tu4 -j104 -N4 "$(ls -t state/records/*.evidence | head -n 1)" | tr -d ' '
}

# descriptors that are handed out
authorise give '["/bin/escape", "give"]' >auth.log 2>&1 || cat auth.log
"$escape" hold erotctl run --socket "$work/erotd.sock" --payload app.payload give.ewc \
	give.receipt >give.out 2>give.err
cat give.out give.err | sed 's/^/# /'
same "the session ends" "ended 0" "$(grep ended give.out)"
# what it has read is in the page cache; what it has not read is read for nobody outside
same "before: what was read by the workload can be had through them" \
	"mapped works file works big EIO directory works root works memory works" \
	"$(sed -n 's/^before //p' give.out | xargs)"
same "after: nothing can" "mapped SIGBUS file EIO big EIO directory EIO root EIO memory nothing" \
	"$(sed -n 's/^after //p' give.out | xargs)"
same "evidence says PINNED, not RELEASED" 6 "$(flags)"

# ways to outlive a session: destroyed, and with erotd killed
begin stay '["/bin/escape", "stay"]'
same "processes that will not go" 0 $?
exec 9>&-
leaf=/sys/fs/cgroup/erot/$id
same "are there" 1 $(($(wc -l <"$leaf/cgroup.procs") >= 10))
erotctl destroy "$id"
wait $client
same "destroyed: its end" 137 $?
check "all of them are gone" until_true 30 test ! -e "$leaf"
same "evidence says RELEASED" 5 "$(flags)"
begin stay '["/bin/escape", "stay"]'
exec 9>&-
leaf=/sys/fs/cgroup/erot/$id
same "again" 1 $(($(wc -l <"$leaf/cgroup.procs") >= 10))
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
wait $client
check "erotd killed: all of them are gone" until_true 30 sh -c "! grep -q . $leaf/cgroup.procs"
exec 7>&-
rm -f erotd.sock
daemon_begin

on_tty outside.out "$escape" try outside "victim=$server" "${values[@]:1}" "self=$escape" \
	"setuid=$escape-setuid" "filecaps=$escape-filecaps"
tried outside
same "modules are loaded on demand" "8021q bridge sctp" \
	"$(grep -oE "$on_demand" /proc/modules | sort | xargs)"
exec 8>&-
wait $server
clean "after all of them"
finish
