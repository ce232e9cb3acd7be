#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the provider command is asked at the end of launches, and what it answers.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

# It does what the file "mode" says, and tells in "asked" that it was asked.
cat >provider <<-'END'
	work=$1 op=$2
	echo "$op" >>"$work/asked"
	case $op-$(cat "$work/mode") in
	terminate-waits) exec sleep 1000 ;;
	terminate-empty) echo '{"record": ""}' && exit ;;
	terminate-no-cms) echo '{"record": "AAAA"}' && exit ;;
	terminate-receipt) echo "{\"record\": \"$(openssl base64 -A -in "$work/one.receipt")\"}" && exit ;;
	terminate-other) echo "{\"record\": \"$(openssl base64 -A -in "$work/other.cms")\"}" && exit ;;
	esac
	exec dergctl --dir "$work/derg" provider "$op"
END

# mode MODE: of the provider from now on
mode()
{
	echo "$1" >"$work/mode"
	: >"$work/asked"
}

count()
{
	find "state/$1" -type f -name "*.cms" | wc -l
}

# shellcheck disable=SC2317 # called by until_true
no_receipts()
{
	[ "$(count receipts)" -eq 0 ]
}

mode works
world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end
daemon_end
sed -i "s|^provider = .*|provider = /bin/bash $work/provider $work|" erotd.conf
echo "provider_timeout = 600" >>erotd.conf
daemon_begin

# released N: so many are over, and wait for their records
# shellcheck disable=SC2317 # called by until_true
released()
{
	[ "$(erotctl list | grep -c ' released ')" -eq "$1" ]
}

# many at once: as when erotd stops
mode waits
for i in {1..9}; do
	authorise "run$i" '["/bin/work", "exit", "5"]' >>auth.log 2>&1
	launch "run$i" >"$i.out" 2>&1 </dev/null &
	clients[i]=$!
	until_true 60 released "$i" || not_ok "launch $i is over" "$(cat "$i.out")"
done
until_true 60 sh -c 'grep -c terminate asked | grep -qx 8'
daemon_heard
same "of nine ends the provider is asked for eight" 8 \
	"$(wc -w <"/proc/$daemon/task/$daemon/children")"
mode works
read -r -d '' -a sleeping < <(pidof sleep)
kill "${sleeping[@]}"
for i in {1..9}; do
	wait "${clients[i]}"
	same "launch $i ends as it did" 5 $?
done
until_true 60 no_receipts
same "then for the others, and again for those that failed" "9 0" \
	"$(count records) $(count receipts)"
clean "after the many"

# answers that are no record of this end: the receipt and the module's evidence are kept
read -r other < <(ls state/records/*.cms)
cp "$other" other.cms
n=0
for answer in empty no-cms receipt other; do
	n=$((n + 1))
	authorise one '["/bin/hostname"]' >auth.log 2>&1
	mode $answer
	same "answered with $answer: the status is the workload's" "inside 0" \
		"$(launch one 2>one.err </dev/null) $?"
	matches "and the client hears of it" 'no destruction record yet.*provider-answer' \
		"$(cat one.err)"
	same "no record is stored, the receipt is kept" "9 $n" "$(count records) $(count receipts)"
	same "so is the evidence" $n "$(erotctl list | grep -c ' released ')"
done
mode works
until_true 120 no_receipts
same "there are records when there are good answers" "13 0" "$(count records) $(count receipts)"
clean "after the answers"
finish
