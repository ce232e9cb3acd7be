#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2154
#
# From a workload's last instruction to the end of its keys and of everything: see death.c. And what
# the probes at exec and exit cost every process that is no workload: without the module and with it,
# in turns; then among a thousand processes in namespaces of their own, and among as many sessions.

. "$(dirname "$0")/lib.sh"

live=${BENCH_LIVE:-1000}

# one CASE ROUND
one()
{
	local us

	us=$(/bench/forkexec "${BENCH_FORKS:-20}" /bench/first)
	[ "$2" -eq 0 ] || tell probes "$1" forkexec us "$2" "$us"
}

# among CASE COMMAND...: while it keeps what it has made
among()
{
	local what=$1 line='' death_PID='' to

	shift
	coproc death { exec "$@"; }
	while [ "$line" != ready ] && read -r -u "${death[0]}" line; do
		echo "$line"
	done
	[ "$line" = ready ] || die "$*: not ready"
	for ((round = 0; round <= rounds; round++)); do
		one "$what" "$round"
	done
	to=${death[1]}
	exec {to}>&-
	wait "$death_PID"
}

bench_fixture
for ((round = 0; round <= rounds; round++)); do
	rmmod erot
	one absent "$round"
	modprobe erot open=1
	one idle "$round"
done
among plain /bench/death plain "$live"
among live /bench/death "$rounds" "$live"
