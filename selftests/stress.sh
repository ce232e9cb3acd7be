#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whole launches, several at a time, while everything that takes part in them is
# killed or stopped at random moments: workload, erotctl, mounter and launcher,
# provider command, session, payload file, deadline; first under an erotd that must be as
# it was afterwards, then with erotd killed as well. Nothing is left, and the next launch
# works. STRESS_SEED and STRESS_RUNS (20) come from the environment.
#
# guest: stress

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

seed=${STRESS_SEED:-$SRANDOM}
runs=${STRESS_RUNS:-20}
RANDOM=$((seed & 0x7fffffff))
echo "# STRESS_SEED=$seed"
declare -A struck=() ends=()
clients=()	# PID:NAME
hog=''
strikes=0
usual=0	# milliseconds of a launch

# pick WORD...: one of them, in $picked
pick()
{
	shift $((RANDOM % $#))
	picked=$1
}

# pass: until the next strike, as long as a launch takes at most: four times as long beside hogs
pass()
{
	local ms=$((RANDOM * usual * 4 / 32768))

	[ -p pass ] || mkfifo pass
	read -r -t "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" <>pass || :
}

children_of()
{
	cat "/proc/$1/task/$1/children" 2>/dev/null
}

# victims KIND: pids
victims()
{
	case $1 in
	workload) pidof work cat hostname ;;
	client) printf '%s\n' "${clients[@]%%:*}" ;;
	erotd) echo "$daemon" ;;
	child) children_of "$daemon" ;;
	provider) pidof dergctl ;;
	esac
}

# hit SIGNAL KIND: one of the victims; fails when there is none. Sets $at.
hit()
{
	local ids

	read -r -d '' -a ids < <(victims "$2")
	[ ${#ids[@]} -gt 0 ] || return 1
	at=${ids[RANDOM % ${#ids[@]}]}
	kill "-$1" "$at" 2>/dev/null
}

# any session, in whatever state
destroy()
{
	local ids

	mapfile -t ids < <(erotctl list 2>/dev/null | awk '{ print $1 }')
	[ ${#ids[@]} -gt 0 ] && erotctl destroy "${ids[RANDOM % ${#ids[@]}]}" >/dev/null 2>&1
}

# the payload file of any client: other bytes, or none from there on
change()
{
	local name=${clients[RANDOM % ${#clients[@]}]#*:} size

	size=$(stat -c %s "$name.payload") || return
	if [ $((RANDOM % 2)) -eq 0 ]; then
		truncate -s $((size * (RANDOM % 100) / 100)) "$name.payload"
	else
		dd if=/dev/zero of="$name.payload" bs=4k count=16 conv=notrunc \
			seek=$((size * (RANDOM % 100) / 100 / 4096)) 2>/dev/null
	fi
}

# strike_one KIND...: any of them; fails when there is nothing to be struck
strike_one()
{
	local what at

	pick "$@"
	what=$picked
	case $what in
	destroy)
		destroy || return
		;;
	change)
		change || return
		;;
	stop)
		pick workload client erotd child provider
		hit STOP "$picked" || return
		pass
		kill -CONT "$at" 2>/dev/null
		what=stop-$picked
		;;
	*)
		hit KILL "$what" || return
		;;
	esac
	struck[$what]=$((${struck[$what]:-0} + 1))
	strikes=$((strikes + 1))
	if [ "$what" = erotd ]; then
		wait "$daemon" 2>/dev/null
		rm -f erotd.sock
		daemon_begin || not_ok "erotd starts again" "$(tail -n 5 erotd.log)"
	fi
}

strike()
{
	local tries

	for ((tries = 0; tries < 20; tries++)); do
		pass
		! strike_one "$@" || return
	done
}

hogs_begin()
{
	"$lib_dir/workload/hog" /sys/fs/cgroup/erot-hog >hog.out 2>&1 &
	hog=$!
}

hogs_end()
{
	[ -n "$hog" ] || return 0
	kill -TERM "$hog"
	wait "$hog"
	same "hogs end" 0 $?
	hog=''
	cat hog.out
}

# the kernel's, this machine's and erotd's; what is asked for again until it is as before
measure()
{
	echo "sessions $(erotctl list | wc -l)"
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/sys/kernel/slab/erot_secret/shrink
	echo "secrets $(awk '$1 == "erot_secret" { print $2 }' /proc/slabinfo)"
	echo "references $(cat /sys/module/erot/refcnt)"
	echo "keyrings $(grep -c ' \.erot:' /proc/keys)"
	echo "vmalloc $(grep ' vmalloc' /proc/vmallocinfo | grep -cvE 'kernel_clone|dup_task_struct|bpf_')"
	echo "mounts $(wc -l </proc/self/mountinfo)"
	echo "loops $(losetup -a | wc -l)"
	echo "cgroups $(find /sys/fs/cgroup -mindepth 1 -type d | wc -l)"
	echo "dying $(awk '$1 == "nr_dying_descendants" { print $2 }' /sys/fs/cgroup/cgroup.stat)"
	echo "descriptors of erotd $(find "/proc/$daemon/fd" -mindepth 1 | wc -l)"
	echo "children of erotd $(children_of "$daemon" | wc -w)"
	echo "processes $(pidof work erotd erotctl dergctl erot-hsm | wc -w)"
	echo "receipts without record $(find state/receipts -type f | wc -l)"
}

# shellcheck disable=SC2317 # called by until_true
nothing_dies()
{
	[ "$(measure | awk '$1 == "dying" { print $2 }')" -eq 0 ]
}

# shellcheck disable=SC2317 # called by until_true
as_before()
{
	measure >after
	cmp -s before after
}

all_as_before()
{
	clean "$1"
	if until_true 60 as_before; then
		ok "$1: all is as before"
	else
		not_ok "$1: all is as before" "$(diff before after)"
	fi
}

# prepare NAME: authorised, one of several workloads; some have little time
prepare()
{
	pick '["/bin/work", "handle-term"]' '["/bin/work", "many"]' '["/bin/work", "threads"]' \
		'["/bin/cat", "/data/big"]' '["/bin/hostname"]'
	[ $((RANDOM % 6)) -gt 0 ] || runtime 1
	authorise "$1" "$picked" >auth.log 2>&1 || not_ok "$1 is authorised" "$(cat auth.log)"
	runtime
}

begin()
{
	cp app.payload "$1.payload"
	erotctl run -v --socket "$work/erotd.sock" --payload "$1.payload" "$1.ewc" "$1.receipt" \
		>"$1.out" 2>"$1.err" </dev/null &
	clients+=("$!:$1")
}

# ran NAME: its evidence, if there is some, says that the workload passed the exec gate
ran()
{
	local id flags

	id=$(sed -n 's/^erotctl: run: session //p' "$1.err")
	# flags of struct erot_evidence; EROT_EV_RAN
	flags=$(od -An -tu4 -j 104 -N 4 "state/records/$id.evidence" 2>/dev/null)
	[ $((${flags:-0} & 4)) -ne 0 ]
}

# over PID:NAME: waits for it; its end is one of those that a struck one may have
over()
{
	local pid=${1%%:*} name=${1#*:} status code

	go_on
	kill -TERM "$pid" 2>/dev/null
	until_true 120 sh -c "! kill -0 $pid" || not_ok "$name ends" "$(cat "$name.err")"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid"
	status=$?
	code=$(sed -n 's/^erotctl: run: \([a-z-]*\): .*/\1/p' "$name.err" | head -n 1)
	# after its end a workload's status is known, whoever goes then
	if [ "$code" = erotd-gone ] && grep -q ': exited; ' "$name.err"; then
		code=''
	fi
	case $status:$code in
	125:session-ended)
		! ran "$name" || not_ok "$name ended before the workload" "but that ran"
		;;
	0: | 1: | 16: | 20: | 33: | 126:* | 127:* | 135: | 137: | 139: | 143:* | 125:?*) ;;
	*) not_ok "$name ends with a word" "status $status: $(cat "$name.err")" ;;
	esac
	ends[$status${code:+:$code}]=$((${ends[$status${code:+:$code}]:-0} + 1))
	rm -f "$name".*
}

# stopped ones would never end
go_on()
{
	local p

	for p in $(pidof work cat hostname erotctl dergctl erotd); do
		kill -CONT "$p" 2>/dev/null
	done
}

# launches FIRST END STRIKE...: those numbers of them, struck by any of these
launches()
{
	local i=$1 end=$2 j

	shift 2
	for (( ; i < end; i++)); do
		begin "run$i"
		for ((j = RANDOM % 4; j > 0; j--)); do
			strike "$@"
		done
		[ ${#clients[@]} -lt 3 ] || { over "${clients[0]}" && clients=("${clients[@]:1}"); }
	done
	while [ ${#clients[@]} -gt 0 ]; do
		over "${clients[0]}"
		clients=("${clients[@]:1}")
	done
}

# works NAME: a launch that nothing strikes; how long it took goes to $usual
works()
{
	local began

	authorise "$1" '["/bin/hostname"]' >auth.log 2>&1
	began=${EPOCHREALTIME/./}
	same "$1: a launch works" inside "$(launch "$1" 2>&1 </dev/null)"
	usual=$(((${EPOCHREALTIME/./} - began) / 1000))
}

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
for ((i = 0; i < runs; i++)); do
	prepare "run$i"
done
works "first"
works "second"
echo "# a launch takes $usual ms"
clean "before"
check "before: no cgroup is dying" until_true 60 nothing_dies
measure >before
sed 's/^/# /' before

kinds=(workload workload client client child child provider destroy change stop)
at_end hogs_end
hogs_begin
launches 0 $((runs / 2)) "${kinds[@]}"
hogs_end
all_as_before "the same erotd"

hogs_begin
launches $((runs / 2)) "$runs" "${kinds[@]}" erotd erotd erotd
hogs_end
for what in "${!struck[@]}"; do echo "# struck $what: ${struck[$what]}"; done
for what in "${!ends[@]}"; do echo "# ended $what: ${ends[$what]}"; done
check "many were struck" test "$strikes" -gt $((runs / 2))

# erotd as it was at first: started, two launches
clean "after erotd was killed"
kill -TERM "$daemon"
wait "$daemon"
rm -f erotd.sock
daemon_begin
works "third"
works "fourth"
all_as_before "after erotd was killed"
finish
