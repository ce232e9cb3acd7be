#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [TARGET...]: runs the targets in fuzz/, all by default, two at a time,
# for FUZZ_SECONDS (120) in all; 0: each without limit. What was found stays in
# build/fuzz/TARGET.found/, and belongs into fuzz/found/TARGET/ together with
# the fix; inputs that reach new code stay in build/fuzz/corpus/TARGET/.
# FUZZ_RUNS=N instead: each target N times, from the same documents with the same choices
# each time, and nothing is kept. A change of the code that fails then has made it fail.

set -euo pipefail

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${FUZZ_SECONDS:-120}
passed=0 failed=0

# in the background, two at a time: the verdict is a file
one()
{
	local found=$out/$1.found corpus=$out/corpus/$1 log=$out/$1.log before=()
	local args=(-max_len=32768 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
		-artifact_prefix="$found/")

	if [ -n "${FUZZ_RUNS:-}" ]; then
		corpus=$out/fixed/$1
		rm -rf "$corpus"
	fi
	mkdir -p "$found" "$corpus"
	rm -f "$log.verdict"
	fuzz_seeds "$1" "$corpus"
	if [ -d "fuzz/found/$1" ]; then
		cp "fuzz/found/$1"/* "$corpus"
	fi
	if [ -n "${FUZZ_RUNS:-}" ]; then
		# a directory has no order, and the values that were compared are told by address
		before=(setarch -R)
		args+=(-runs="$FUZZ_RUNS" -seed=1 -seed_inputs="$(printf '%s\n' "$corpus"/* | paste -sd ,)")
	else
		args+=(-max_total_time="$2" -use_value_profile=1 "$corpus")
	fi
	if "${before[@]}" "$out/$1" "${args[@]}" >"$log" 2>&1; then
		echo ok >"$log.verdict"
	else
		echo not ok >"$log.verdict"
	fi
}

report()
{
	local log=$out/$1.log runs edges new

	if [ "$(cat "$log.verdict" || :)" = ok ]; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
		new=$(sed -n 's/^stat::new_units_added: *//p' "$log")
		echo "ok - $1: $runs inputs, $edges edges, $new inputs are new"
		passed=$((passed + 1))
	else
		echo "not ok - $1: see $log"
		grep -E '^(==[0-9]*==ERROR|SUMMARY|.*runtime error|.*Test unit written)' "$log" |
			sed 's/^/# /' || :
		failed=$((failed + 1))
	fi
}

if [ $# -eq 0 ]; then
	mapfile -t targets < <(fuzz_targets)
	set -- "${targets[@]}"
fi
fuzz_build "$@"
fuzz_launch
each=0
if [ "$seconds" -gt 0 ]; then
	each=$((seconds * 2 / $#))
	[ "$each" -gt 0 ] || each=1
fi
for target; do
	one "$target" "$each" &
	if [ "$seconds" -gt 0 ] && [ "$(jobs -pr | wc -l)" -ge 2 ]; then
		wait -n
	fi
done
wait
for target; do
	report "$target"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
