#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guest: chain
#
# The machine's part of qemu-test/chain.py: erot-attester and erotd against a
# real dergd, over the network, with a TPM.
#
#	chain.sh first|late|again URL	URL: where chain.py hears what we want of it

. "$(dirname "$0")/lib.sh"

phase=$1 control=$2
records=/var/lib/erot/records

# tell WHAT TEXT, ask WHAT, fetch FILE...
tell()
{
	busybox wget -q -O - --post-data "$2" "$control/$1" >/dev/null
}

ask()
{
	busybox wget -q -O - "$control/$1"
}

fetch()
{
	local f

	for f in "$@"; do
		busybox wget -q -O "$f" "$control/files/$f" || return
	done
}

# with_plan NAME PLAN COMMAND...: dergd dies as planned while the command succeeds
with_plan()
{
	local name=$1 out

	tell plan "$2"
	shift 2
	out=$("$@" 2>&1 </dev/null) || { not_ok "$name" "$* ended with $?: $out"; return; }
	same "$name" "" "$(ask plan)"
}

begin()
{
	mkdir -p /etc/erot
	fetch ca.pem receipt-cert.der attester.conf other.conf || return
	cp ca.pem attester.conf other.conf /etc/erot/
	version=$(modinfo -F version erot)
}

daemon_begin()
{
	local n

	n=$(grep -c 'erotd: ready' erotd.log 2>/dev/null)
	erotd -c /etc/erot/erotd.conf >>erotd.log 2>&1 &
	daemon=$!
	until_true 60 sh -c "[ \$(grep -c 'erotd: ready' erotd.log) -gt ${n:-0} ]"
	same "erotd is ready" 0 $?
}

machine_begin()
{
	keyctl padd asymmetric "" %keyring:.erot <receipt-cert.der >/dev/null
	erot-attester hardware-key >hardware-key.der
	printf '%s\n' "provider = /usr/bin/erot-attester" "hardware_key = $work/hardware-key.der" \
		"provider_timeout = 300" >/etc/erot/erotd.conf
	daemon_begin
}

# shellcheck disable=SC2317 # called by until_true
recorded()
{
	[ "$(find "$records" -name '*.cms' 2>/dev/null | wc -l)" -eq "$1" ]
}

# launch NAME [PLAN]: it runs, and its destruction record comes, whatever happens to dergd
ends=0
launch()
{
	local out status

	fetch "$1.ewc" "$1.receipt"
	tell plan "${2:-}"
	out=$(erotctl run "$1.ewc" "$1.receipt" 2>err.log </dev/null)
	status=$?
	ends=$((ends + 1))
	if [ "$status" -ne 0 ] || [ "$out" != "$1 ran" ]; then
		not_ok "launch $1" "status $status, '$out': $(cat err.log; tail -n 3 erotd.log)"
	elif ! until_true 60 recorded "$ends"; then
		not_ok "launch $1" "no destruction record: $(tail -n 3 erotd.log)"
	else
		same "launch $1: recorded, dergd died as planned" "" "$(ask plan)"
	fi
}

# impostor ARGUMENT...: its results are ours
impostor()
{
	local line

	while IFS= read -r line; do
		case $line in
		'ok '*) ok "impostor:${line#ok *[0-9]}" ;;
		'not ok '*) not_ok "impostor:${line#not ok *[0-9]}" ;;
		'# '*passed*) echo "# impostor: ${line#\# }" ;;
		'#'*) echo "$line" ;;
		1..*) [ "$line" = 1..0 ] || planned=1 ;;
		*) echo "# $line" ;;
		esac
	done < <("$lib_dir/impostor_test" "$@" 2>&1)
	same "impostor went through" 1 "${planned:-}"
}

# what erotd is while a workload runs is nobody: its successor reports the end
orphan()
{
	fetch orphan.ewc orphan.receipt
	erotctl run orphan.ewc orphan.receipt >orphan.out 2>&1 </dev/null &
	check "a workload runs" until_true 60 grep -qx 'orphan ran' orphan.out
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
	daemon_begin
	ends=$((ends + 1))
	check "its end is reported by the next erotd" until_true 60 recorded "$ends"
}

offline()
{
	fetch offline.ewc offline.receipt
	tell dergd down
	refused "no dergd, no launch" 125 'provider-failed|service-' \
		erotctl run offline.ewc offline.receipt
	tell dergd up
	launch offline
}

first()
{
	local out

	with_plan "enrolment: answer lost, dergd killed, killed again before activation" \
		$'drop machines\nbefore activation' erot-attester enrol
	out=$(erot-attester enrol)
	matches "enrolled once" '"enrolledBefore": *true' "$out"
	with_plan "with another tenant: the activation's answer is lost" 'drop activation' \
		erot-attester --config other.conf enrol
	erot-attester state >state.json
	check "state for the policy" busybox wget -q -O /dev/null --post-file state.json \
		"$control/state"
	machine_begin
	launch plain
	launch challenged 'before releases'
	launch released 'drop releases'
	launch running 'before terminations'
	launch ended 'drop terminations'
	launch unlucky $'before challenges\ndrop challenges\nbefore releases\ndrop releases'
	refused "a receipt works once" 125 'receipt-spent' erotctl run plain.ewc plain.receipt
	kill "$daemon"
	wait "$daemon"
	daemon_begin
	launch restarted
	orphan
	offline
}

late()
{
	fetch late.ewc late.receipt lenient.ewc lenient.receipt
	check "no module" test ! -e /sys/module/erot
	impostor instead late.receipt "$version"
	modprobe erot
	echo confidentiality >/sys/kernel/security/lockdown
	machine_begin
	refused "a module that was loaded late" 125 'pcr-mismatch' erotctl run late.ewc late.receipt
	cp other.conf /etc/erot/attester.conf
	refused "behind an impostor, whatever else was measured" 125 'boot-key-pcr' \
		erotctl run lenient.ewc lenient.receipt
}

again()
{
	machine_begin
	launch again
	refused "the module stays" 1 'erot' rmmod erot
	fetch stolen.ewc stolen.receipt spoiled.ewc spoiled.receipt
	impostor after stolen.receipt "$version"
	refused "what was released to an impostor is spent" 125 'boot-key-pcr|receipt-spent' \
		erotctl run stolen.ewc stolen.receipt
	refused "behind an impostor the module gets nothing" 125 'boot-key-pcr' \
		erotctl run spoiled.ewc spoiled.receipt
}

begin
same "files from the provider" 0 $?
case $phase in
first) first ;;
late) late ;;
again) again ;;
*) not_ok "phase '$phase'" ;;
esac
if [ -n "${daemon:-}" ]; then
	matches "no session and no key is left" '"keys": *0' "$(erotctl stats --json)"
	kill "$daemon"
	wait "$daemon" 2>/dev/null
fi
if [ -n "${EROT_COVERAGE:-}" ]; then
	tar -C "$GCOV_PREFIX" -czf "$EROT_COLLECT" .
fi
finish
