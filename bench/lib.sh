# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC1091,SC2154
#
# Sourced by the measurements, in the guest, with what world.sh made in /world. What is measured goes
# to $EROT_RESULT (descriptor 3), one JSON object a line:
#
#	{"bench": NAME, "case": C, "metric": M, "unit": U, "round": N, "value": V}
#
# which bench/report.py reduces to medians and ratios. Everything else that is printed is for eyes.

. /selftests/lib.sh
set -eu
trap 'set +e; lib_exit' EXIT	# all of it is undone, whatever fails
chmod 755 "$work"
exec 3>>"$EROT_RESULT"
export rounds=${BENCH_ROUNDS:-5}

die()
{
	echo "bench: $*" >&2
	exit 1
}

# what the benchmarks that are written in C share with the module's tests: keys, which are made on the
# host because the guest would take long, and the machine
bench_fixture()
{
	[ -e /var/tmp/erot-fixture ] || cp -r /world/fixture /var/tmp/erot-fixture
	chmod 700 /var/tmp/erot-fixture
	cp /world/machine.spki /root/machine.spki
}

# erotd with the provider's command; socket and payloads have the names that launches use
bench_erotd()
{
	local key

	cp -r /world/derg derg
	sed -i "s|[^ =:]*/derg/|$work/derg/|g" derg/derg.conf derg/softhsm2.conf
	key=$(keyctl padd asymmetric "" %keyring:.erot <derg/receipt-cert.der)
	at_end keyctl unlink "$key" %keyring:.erot
	cat >erotd.conf <<-END
		provider = /usr/bin/dergctl --dir $work/derg provider
		state_dir = $work/state
		socket = $work/erotd.sock
		hardware_key = /world/machine.spki
	END
	mkdir -p /etc/erot state
	erotd -c erotd.conf >erotd.log 2>&1 3>&- &
	daemon=$!
	at_end erotd_end
	until_true 60 test -S erotd.sock || die "erotd: $(tail -n 1 erotd.log)"
}

erotd_end()
{
	kill -TERM "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
}

# tell BENCH CASE METRIC UNIT ROUND VALUE
tell()
{
	printf '{"bench":"%s","case":"%s","metric":"%s","unit":"%s","round":%d,"value":%s}\n' "$@" >&3
}
