#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The remote machine's part of the demo: enrol, or launch.

set -euo pipefail

say()
{
	printf '\n'
	echo "$*" | fold -s -w 78
}

run()
{
	printf '$ %s\n' "$*"
	"$@"
}

fail()
{
	echo "demo: $*" >&2
	exit 1
}

mkdir -p /srv/machine /etc/erot
for disk in /sys/block/vd*; do
	if [ "$(cat "$disk/serial")" = erot-data ]; then
		tar -xf "/dev/${disk##*/}" -C /srv/machine
	fi
done
cd /srv/machine
cp attester.conf ca.pem /etc/erot/
attester=/usr/bin/erot-attester

enrol()
{
	run cat /sys/kernel/security/lockdown
	run cat /sys/class/tpm/tpm0/pcr-sha256/13
	if rmmod erot 2>/dev/null; then fail "the module could be unloaded"; fi
	echo "rmmod: refused"
	run $attester enrol
	$attester state >"$EROT_RESULT"
}

start_erotd()
{
	keyctl padd asymmetric "" %keyring:.erot <receipt-cert.der >/dev/null
	$attester hardware-key >hardware-key.der
	cat >/etc/erot/erotd.conf <<-END
		provider = $attester
		hardware_key = /srv/machine/hardware-key.der
	END
	mkfifo /tmp/never
	erotd -c /etc/erot/erotd.conf 2>erotd.log &
	erotd=$!
	for _ in {1..300}; do
		[ -S /run/erot/erotd.sock ] && return
		kill -0 $erotd 2>/dev/null || fail "erotd: $(tail -n 1 erotd.log)"
		read -r -t 0.1 <>/tmp/never || :
	done
	fail "erotd does not answer"
}

launch()
{
	local answer

	start_erotd
	run erotctl doctor || fail "this machine is not fit"
	say "erotd asks the module for a session and the TPM for a quote that is bound to it;" \
		"the DERG checks both and releases the private key, sealed to this boot and this" \
		"session:"
	echo '$ erotctl run app.ewc app.receipt'
	answer=$(erotctl run app.ewc app.receipt) ||
		fail "the workload ended with $?: $(tail -n 3 erotd.log)"
	echo "$answer"
	grep -q 1912 <<<"$answer" || fail "that was not the answer"
	say "The same receipt a second time:"
	if erotctl run app.ewc app.receipt; then fail "a receipt worked twice"; fi
	say "The module holds no session and no key, and nothing of the workload is mounted," \
		"running or left in a control group:"
	run erotctl stats
	erotctl stats --json | grep -q '"keys": *0' || fail "keys are left"
	if grep -q erofs /proc/mounts; then fail "a mount is left"; fi
	[ -n "$(find /var/lib/erot/records -name '*.cms')" ] || fail "no destruction record"
	say "The DERG checked the evidence and signed a destruction record:"
	run dergctl show "$(find /var/lib/erot/records -name '*.cms' | head -n 1)" \
		--cert receipt-cert.der
	kill $erotd
	wait $erotd || :
}

case ${1:-} in
enrol | launch) "$1" ;;
*) fail "usage: run.sh enrol|launch" ;;
esac
