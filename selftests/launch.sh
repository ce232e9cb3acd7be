#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whole launches, with the real tools: what comes out, and what is left behind.

. "$(dirname "$0")/lib.sh"
. "$lib_dir/data/world.sh"

# ends NAME STATUS OUTPUT ARGS-JSON: authorise, launch, compare
ends()
{
	local out status

	authorise one "$4" >auth.log 2>&1 || { not_ok "$1: authorised" "$(cat auth.log)"; return; }
	out=$(launch one 2>err.log </dev/null)
	status=$?
	if [ "$status" = "$2" ] && [ "$out" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "status $status, expected $2; said '$out', expected '$3'" \
			"$(cat err.log; tail -n 5 erotd.log)"
	fi
}

world_begin >begin.log 2>&1
same "provider, customer and machine are made" 0 $?
at_end daemon_end

ends "golden path" 0 world-canary '["/bin/cat", "/data/canary"]'
check "destruction record was stored" sh -c 'ls state/records/*.cms'
for record in state/records/*.cms; do
	check "openssl verifies the destruction record" openssl cms -verify -inform DER -binary \
		-noverify -nointern -certfile <(openssl x509 -inform DER -in derg/receipt-cert.der) \
		-in "$record" -out /dev/null
done
ends "exit status" 7 "" '["/bin/work", "exit", "7"]'
ends "threads" 0 threads '["/bin/work", "threads"]'
ends "many processes" 20 "" '["/bin/work", "many"]'
ends "exec from a second thread" 9 "" '["/bin/work", "exec-from-thread"]'
ends "leader thread ends first" 11 "after the leader" '["/bin/work", "leader-exits"]'
ends "first process ends before its child" 5 "" '["/bin/work", "first-exits"]'
ends "fork bomb meets pids.max" 44 "" '["/bin/work", "fork-bomb"]'
ends "memory hog is killed" 137 "" '["/bin/work", "eat"]'
ends "host name" 0 inside '["/bin/hostname"]'
ends "root is read-only" 1 "" '["/bin/sh", "-c", "echo x > /data/x"]'
ends "sees its own processes only" 0 1 '["/bin/sh", "-c", "cd /proc; set -- [0-9]*; echo $#"]'
ends "loopback only" 0 1 '["/bin/sh", "-c", "grep -c : /proc/net/dev"]'
ends "no page is lent to a pipe or a socket" 0 "" '["/bin/work", "lend", "/data/canary"]'
ends "no program" 127 "" '["/bin/absent"]'
want=$(root/bin/work sum root/data/big)
ends "a mapped file is what was packed" 0 "$want" '["/bin/work", "sum", "/data/big"]'

echo "|$(command -v cp) /dev/stdin $work/core" >/proc/sys/kernel/core_pattern
sh -c 'ulimit -c unlimited; kill -ABRT $$' >/dev/null 2>&1
check "outside a sandbox a crash leaves a core" until_true 20 test -s core
rm -f core
ends "abort" 134 "" '["/bin/sh", "-c", "/bin/work abort; exit $?"]'
check "left no core" test ! -e core

clean "after all of them"
finish
