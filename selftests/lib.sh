# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# TAP for shell tests: `. ./lib.sh`, then checks, then `finish` as the last
# line. A script that ends without it has printed no plan, which is a failure.
# Everything runs in $work, which is removed at the end.

set -u

tests_run=0 tests_failed=0
lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export lib_dir
work=$(mktemp -d "/tmp/$(basename "$0" .sh).XXXXXX") || exit 1
cd "$work" || exit 1
cleanups=()

# at_end COMMAND...: run when the script ends, last one first
at_end()
{
	cleanups+=("$(printf '%q ' "$@")")
}

lib_exit()
{
	local i

	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}"
	done
	cd / && rm -rf "$work"
}
trap lib_exit EXIT
trap 'exit 143' TERM INT

echo "TAP version 13"

ok()
{
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $*"
}

# not_ok NAME [WHY...]
not_ok()
{
	tests_run=$((tests_run + 1))
	tests_failed=$((tests_failed + 1))
	echo "not ok $tests_run - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$*" | while IFS= read -r why; do
		echo "#   $why"
	done
}

# skip NAME WHY: is counted and shown, never taken for a success
skip()
{
	tests_run=$((tests_run + 1))
	echo "ok $tests_run - $1 # SKIP ${2:?a reason}"
}

# check NAME COMMAND...: the command succeeds
check()
{
	local name=$1 out status

	shift
	out=$("$@" 2>&1 </dev/null)
	status=$?
	if [ $status -eq 0 ]; then
		ok "$name"
	else
		not_ok "$name" "$* ended with $status: $out"
	fi
	return $status
}

# refused NAME STATUS REGEX COMMAND...: fails with just that status, and says why
refused()
{
	local name=$1 want=$2 regex=$3 out status

	shift 3
	out=$("$@" 2>&1 </dev/null)
	status=$?
	if [ "$status" -ne "$want" ]; then
		not_ok "$name" "$* ended with $status, expected $want: $out"
	elif ! grep -qE -- "$regex" <<<"$out"; then
		not_ok "$name" "$* did not say /$regex/: $out"
	else
		ok "$name"
	fi
}

# same NAME EXPECTED SEEN
same()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected '$2', seen '$3'"
	fi
}

# matches NAME REGEX TEXT
matches()
{
	if grep -qE -- "$2" <<<"$3"; then
		ok "$1"
	else
		not_ok "$1" "no /$2/ in '$3'"
	fi
}

# until_true SECONDS COMMAND...: asks again until it succeeds or time is up; slow kernels get more
until_true()
{
	local end=$((SECONDS + $1 * ${EROT_SLOW:-1})) pipe=$work/.never

	shift
	[ -p "$pipe" ] || mkfifo "$pipe"
	until "$@" >/dev/null 2>&1 </dev/null; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.1 <>"$pipe" || :
	done
}

finish()
{
	echo "1..$tests_run"
	[ $tests_run -gt 0 ] && [ $tests_failed -eq 0 ]
	exit
}
