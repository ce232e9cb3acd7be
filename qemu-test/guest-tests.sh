#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guest-tests.sh DIR TEST...: runs the tests, which are programs that print TAP,
# and writes "counts PASSED FAILED SKIPPED" to the file $EROT_RESULT. In the
# guest that is a port of the virtual machine; the host's tests go through here as well.
# A program has TEST_LIMIT seconds (300), times EROT_SLOW. One without any result, with
# other results than its plan says, or with a failing status but no failing result counts
# as one failed test more.

set -u

cd "$1" || exit 1
shift
out=$(mktemp) || exit 1
passed=0 failed=0 skipped=0

run_one()
{
	local test=$1 status ok bad skip planned

	echo "# == $test"
	timeout -k 10 "$((${TEST_LIMIT:-300} * ${EROT_SLOW:-1}))" "./$test" </dev/null >"$out" 2>&1
	status=$?
	cat "$out"
	ok=$(grep -c '^ok ' "$out")
	bad=$(grep -c '^not ok ' "$out")
	skip=$(grep -c '^ok .*# SKIP' "$out")
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$out" | tail -n 1)
	if [ $((ok + bad)) -eq 0 ]; then
		echo "not ok - $test: no test ran (status $status)"
		bad=1
	elif [ "${planned:-0}" -ne $((ok + bad)) ]; then
		echo "not ok - $test: ${planned:-no} tests planned, $((ok + bad)) ran (status $status)"
		bad=$((bad + 1))
	elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "not ok - $test: status $status"
		bad=1
	fi
	passed=$((passed + ok - skip))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
}

for test in "$@"; do
	run_one "$test"
done
rm -f "$out"
echo "counts $passed $failed $skipped" >"$EROT_RESULT"
[ "$failed" -eq 0 ] && [ $((passed + failed)) -gt 0 ]
