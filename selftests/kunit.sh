#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The KUnit suites of the module, which ran when it was loaded: their results, as
# TAP. For a debug kernel and a module built with EROT_KUNIT=y.
# guest: kunit

. "$(dirname "$0")/lib.sh"

suites=(batch evidence ewc hpke race receipt session tree)
results=/sys/kernel/debug/kunit

# told SUITE: one test for each case, or for each of its parameters
told()
{
	local line n=0 name

	while IFS= read -r line; do
		[[ $line =~ ^\ +(not\ ok|ok)\ [0-9]+\ (-\ )?(.*)$ ]] || continue
		name=${BASH_REMATCH[3]%% #*}
		if [ "${BASH_REMATCH[1]}" != ok ]; then
			not_ok "$1: $name"
		elif [[ $line == *"# SKIP"* ]]; then
			skip "$1: $name" "${line##*# SKIP}"
		else
			ok "$1: $name"
		fi
		n=$((n + 1))
	done <"$results/erot_$1/results"
	[ "$n" -gt 0 ] || not_ok "$1: no test ran"
	matches "$1: the suite's own verdict" "^ok [0-9]+ (- )?erot_$1\$" "$(cat "$results/erot_$1/results")"
}

for suite in "${suites[@]}"; do
	if [ -e "$results/erot_$suite/results" ]; then
		told "$suite"
	else
		not_ok "$suite: the suite is in the module"
	fi
done
finish
