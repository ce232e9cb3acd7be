#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Every target once over the documents of a real launch and over what was found
# before (fuzz/found/TARGET/). TAP.

set -euo pipefail

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
n=0 failed=0

mapfile -t targets < <(fuzz_targets)
echo "TAP version 13"
echo "1..${#targets[@]}"
fuzz_build "${targets[@]}"
fuzz_launch
for target in "${targets[@]}"; do
	n=$((n + 1))
	dir=$out/replay/$target
	rm -rf "$dir"
	mkdir -p "$dir"
	fuzz_seeds "$target" "$dir"
	if [ -d "fuzz/found/$target" ]; then
		cp "fuzz/found/$target"/* "$dir"
	fi
	if [ -n "$(ls -A "$dir")" ] && "$out/$target" -timeout=20 "$dir"/* >"$dir.log" 2>&1; then
		echo "ok $n - $target: $(find "$dir" -type f | wc -l) inputs"
	else
		echo "not ok $n - $target: see $dir.log"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ]
