#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the guest: runs the tests of one kind of guest and reports the counts
# through $EROT_RESULT. A test says with a line "guest: NAME" in its source
# which guest it wants (see selftests/config); without one it is "open".
# Every test is a program of its own that prints TAP. A program that prints no
# result, other than its plan says, or a failing status without a failing
# result counts as one failed test more.

set -u

cd /selftests || exit 1
out=/tmp/tap.$$
passed=0 failed=0 skipped=0

run_one()
{
	local test=$1 status ok bad skip planned

	echo "# == $test"
	timeout -k 10 "${TEST_LIMIT:-300}" "./$test" </dev/null >"$out" 2>&1
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
