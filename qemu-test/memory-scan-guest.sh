#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine's part of memory-scan.sh. It does what it is told, line by line, through a
# port, and answers with one line. All that it has is ciphertext, receipts and what is public:
# packing and the provider are outside, or their memory would be searched with the rest.

set -u
cd "$(dirname "$0")" || exit 1
here=$PWD

exec 3<>/dev/virtio-ports/erot.control
mkfifo /tmp/never

answer()
{
	echo "${*//$'\n'/ }" >&3
}

# until_true SECONDS COMMAND...
until_true()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.05 <>/tmp/never || :
	done
}

begin()
{
	mkdir -p /etc/erot state
	keyctl padd asymmetric "" %keyring:.erot <receipt-cert.der >/dev/null || return 1
	cat >erotd.conf <<-END
		provider = $here/provider.sh
		state_dir = $here/state
		socket = $here/erotd.sock
		hardware_key = $here/machine.spki
	END
	erotd_start
}

erotd_start()
{
	rm -f erotd.sock
	erotd -c erotd.conf >>erotd.log 2>&1 3>&- &
	erotd=$!
	until_true 60 test -S erotd.sock
}

# only when asked to in so many words, and then the kernel is tainted and says why
do_reveal()
{
	local test=18	# TAINT_TEST

	! insmod erot-reveal.ko 2>/dev/null && insmod erot-reveal.ko tell_all_secrets=1 &&
		[ $(($(cat /proc/sys/kernel/tainted) >> test & 1)) -eq 1 ] &&
		dmesg | grep -q 'THIS MACHINE TELLS ALL SECRETS' && answer ok
}

do_launch()
{
	local line

	exec 4< <(exec erotctl run --socket "$here/erotd.sock" --payload "$1.payload" "$1.ewc" \
		"$1.receipt" 2>"$1.err" 3>&- </dev/null)
	run=$!
	if read -r line <&4 && [ "$line" = ready ]; then
		answer running
	else
		answer "failed: $(cat "$1.err"; tail -n 3 erotd.log)"
	fi
}

# SIGNAL: to the workload
do_signal()
{
	kill -"$1" "$(pidof remember)" && answer ok
}

do_erotd_killed()
{
	kill -KILL "$erotd" && wait "$erotd" 2>/dev/null
	answer ok
}

do_erotd_start()
{
	erotd_start && answer ok
}

do_destroy()
{
	erotctl destroy "$(erotctl list | awk '/running/ { print $1 }')" && answer ok
}

gone()
{
	[ "$(erotctl stats | awk '$1 == "keys" { print $2 }')" = 0 ] &&
		! grep -q ' erofs ' /proc/mounts && ! pidof remember copy
}

# its end, as the machine sees it
do_gone()
{
	local status=0

	if ! until_true 60 gone; then
		answer "not gone: $(erotctl list; erotctl stats; tail -n 3 erotd.log)"
		return
	fi
	wait "$run" || status=$?
	answer "gone $status"
}

do_sync()
{
	sync && answer ok
}

do_panic()
{
	echo c >/proc/sysrq-trigger
}

do_reboot()
{
	reboot -f
}

if begin; then
	answer ready
else
	answer "failed: $(tail -n 3 erotd.log)"
fi
while read -r what argument <&3; do
	"do_$what" "$argument" || answer "failed: $what $argument"
done
