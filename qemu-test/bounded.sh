#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bounded.sh: of the checks that take hours as much as fits in ten minutes: the module's own suites on
# the KASAN kernel, and a module for Debian's newest kernel. On what has been built. Not fuzzing: what
# it finds at random must not stop a change that has nothing to do with it; what was found before is
# replayed by check.sh. Ends with "N passed, N failed".

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
passed=0 failed=0
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :

# part NAME COMMAND...: adds what the last line counts; a part that counts nothing is one test
part()
{
	local name=$1 line status=0

	shift
	echo "# $name"
	scratch_run "$@" >"$work/out" 2>&1 </dev/null || status=$?
	cat "$work/out"
	line=$(tail -n 1 "$work/out")
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		[ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || failed=$((failed + 1))
	elif [ "$status" -eq 0 ]; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		echo "not ok - $name (status $status)"
		failed=$((failed + 1))
	fi
}

part "Debian's newest kernel" "$top/qemu-test/newest.sh" "$work/newest"
part "the module's suites" "$top/qemu-test/debug.sh" kunit
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
