#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh all|host|guest|newest|build-newest|stress: runs the tests that have been built, and ends with
# the line "N passed, N failed". Zero tests, or a guest that did not finish,
# are failures. "newest" builds the module for Debian's newest kernel, and is the guests on it;
# "build-newest" is only the first half.
# "stress" is a guest of its own: STRESS_LAUNCHES (200; 0: round after round until interrupted),
# STRESS_SEED, STRESS_KERNEL=newest.
# Guests on any other: KVER is its name, for which there is a module in build/,
# EROT_KERNEL its files (see kernel.sh), EROT_NAME goes before the names of logs.
# For one that looks for faults as well: EROT_CONFIG lists its guests, EROT_RUNNER runs the
# tests in them, EROT_SLOW is what every time limit is multiplied by, EROT_IMAGE is made already,
# EROT_APPEND goes to their command lines, and what they hand over to files in EROT_COLLECT; with
# EROT_CHAIN the chain is tried on that kernel, too.
# EROT_TESTS names the guests' only tests; a guest that has none of them is left out.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
what=${1:-all}
before=${EROT_NAME:+$EROT_NAME-}
slow=${EROT_SLOW:-1}
limit=2400	# seconds of a guest
passed=0 failed=0 skipped=0
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :
image_dir=${EROT_IMAGE:-$work/image}
counts=$work/counts
config=${EROT_CONFIG:-$top/selftests/config}
: >"$counts"

die()
{
	echo "check: $*" >&2
	exit 1
}

# add NAME STATUS: one run's counts; a run that failed has at least one failed test
add()
{
	local p=0 f=0 s=0

	if [ "$(grep -c '^counts [0-9]* [0-9]* [0-9]*$' "$counts")" -eq 1 ]; then
		read -r _ p f s <"$counts"
	else
		echo "not ok - $1: did not finish (status $2)"
		f=1
	fi
	if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
		echo "not ok - $1: status $2 although no test failed"
		f=1
	fi
	if [ $((p + f)) -eq 0 ]; then
		echo "not ok - $1: no test ran"
		f=1
	fi
	echo "# $1: $p passed, $f failed, $s skipped"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	: >"$counts"
}

host()
{
	local tests=() t status=0

	for t in "$top"/userspace/*/test_*.c; do
		[ -e "$t" ] && tests+=("$(basename "$t" .c)")
	done
	EROT_RESULT=$counts scratch_run "$top/qemu-test/guest-tests.sh" "$build" "${tests[@]}" ||
		status=$?
	add host "$status"
	status=0
	# builds libraries and targets once more, with sanitizers
	TEST_LIMIT=900 EROT_RESULT=$counts scratch_run "$top/qemu-test/guest-tests.sh" "$top/fuzz" \
		replay.sh || status=$?
	add fuzz "$status"
}

# quiet GUEST: its kernel had nothing to say against the module; a test like any other
quiet()
{
	local log=$build/${before}guest-$1.complaints

	if [ -e "$log" ] && [ ! -s "$log" ]; then
		echo "ok - guest $1: the kernel does not complain"
		passed=$((passed + 1))
	else
		echo "not ok - guest $1: the kernel does not complain"
		[ ! -e "$log" ] || head -n 20 "$log" | sed 's/^/#   /'
		failed=$((failed + 1))
	fi
}

# tests_of GUEST: names as they are in the guest, in /selftests; of "open.c" and "open.sh", which
# share the tests of "open", those with that ending
tests_of()
{
	local f want

	for f in "$top"/selftests/*_test.c "$top"/selftests/*.sh; do
		[ -e "$f" ] || continue
		[[ $1 != *.* || $f == *."${1##*.}" ]] || continue
		[ "$(basename "$f")" != lib.sh ] || continue
		[[ -z ${EROT_TESTS:-} || " $EROT_TESTS " == *" $(basename "$f" .c) "* ]] || continue
		want=$(sed -n 's/^[# *\/]*guest: *\([a-z ]*\)[^a-z]*$/\1/p' "$f" | head -n 1)
		if [[ " ${want:-open} " == *" ${1%.*} "* ]]; then
			basename "$f" .c
		fi
	done
}

image()
{
	export KVER
	[ -n "${EROT_IMAGE:-}" ] ||
		TMPDIR=$work scratch_run "$top/qemu-test/image.sh" "$KVER" "$image_dir"
}

# guests long|short: "open" takes as long as everything else together
guests()
{
	local name memory append options tests status length

	while read -r name memory append options; do
		case $name in
		'' | '#'*) continue ;;
		open | open.c) length=long ;;
		*) length=short ;;
		esac
		[ "$length" = "$1" ] || continue
		mapfile -t tests < <(tests_of "$name")
		[ ${#tests[@]} -gt 0 ] || [ -z "${EROT_TESTS:-}" ] || continue
		if [ ${#tests[@]} -eq 0 ]; then
			echo "not ok - guest $name: it has no tests"
			failed=$((failed + 1))
			continue
		fi
		status=0
		# shellcheck disable=SC2086 # options are words
		scratch_run "$top/qemu-test/run.sh" -m "$memory" \
			--append "$append EROT_SLOW=$slow ${EROT_APPEND:-}" --timeout $((limit * slow)) \
			--image "$image_dir" --name "${before}guest-$name" --result "$counts" $options \
			${EROT_COLLECT:+--collect "$EROT_COLLECT/$name.tar.gz"} \
			-- "${EROT_RUNNER:-guest-tests}" /selftests "${tests[@]}" </dev/null || status=$?
		# what quiet() counts is not counted as a failed program as well
		if [ "$status" -eq 125 ] && [ -s "$build/${before}guest-$name.complaints" ]; then
			status=0
		fi
		add "guest $name" "$status"
		quiet "$name"
	done <"$config"
}

# The long one runs beside everything else, since one guest keeps one processor busy; what it says
# comes when it has ended.
aside_begin()
{
	local name

	name=$(sed -n 's/^\(open\|open\.c\) .*/\1/p' "$config")
	[ -n "$name" ] || return 0
	[ -z "${EROT_TESTS:-}" ] || [ -n "$(tests_of "$name")" ] || return 0
	echo "# guest $name: runs beside the others, its results come last"
	EROT_IMAGE=$image_dir EROT_NAME=${before%-} EROT_RESULT=$work/aside "$0" open \
		>"$work/aside.out" 2>&1 </dev/null &
	scratch_aside=$!
}

aside_end()
{
	local status=0

	[ -n "$scratch_aside" ] || return 0
	wait "$scratch_aside" || status=$?
	scratch_aside=''
	cat "$work/aside.out"
	if [ -e "$work/aside" ]; then
		cp "$work/aside" "$counts"
	fi
	add "the guest beside them and its kernel" "$status"
}

# what is left in memory, looked at from outside; what tells the secrets is built for no other
# kernel, so that on the newest one only the customer's are searched for
memory()
{
	local status=0 only=()

	if [ -n "${EROT_KERNEL:-}" ]; then
		[ "$before" = newest- ] || return 0
		only=(shipped)
	fi
	EROT_RESULT=$counts TMPDIR=$work scratch_run "$top/qemu-test/memory-scan.sh" \
		--image "$image_dir" "${only[@]}" || status=$?
	add memory "$status"
}

# provider and customer on this host, the machine in a guest that is booted several times
chain()
{
	local status=0

	[ -z "${EROT_KERNEL:-}" ] || [ -n "${EROT_CHAIN:-}" ] || return 0
	EROT_RESULT=$counts EROT_IMAGE=$image_dir TEST_LIMIT=2400 scratch_run \
		"$top/qemu-test/guest-tests.sh" "$top/qemu-test" chain.py || status=$?
	add chain "$status"
}

# on_newest: sets KVER and EROT_KERNEL; fails when there is no module for it
on_newest()
{
	local status=0

	EROT_RESULT=$counts scratch_run "$top/qemu-test/newest.sh" "$work/newest" || status=$?
	add "newest kernel" "$status"
	[ "$status" -eq 0 ] || return
	read -r KVER EROT_KERNEL <"$work/newest"
	export EROT_KERNEL
	before=newest-
}

# stress LAUNCHES SEED: one launch in ten is a whole one, by erotd
stress()
{
	local each=$((600 + $1 * 5))

	echo "# STRESS_SEED=$2 STRESS_LAUNCHES=$1"
	config=$top/selftests/config-stress
	limit=$((2 * each)) slow=3
	EROT_APPEND="TEST_LIMIT=$each STRESS_SEED=$2 STRESS_LAUNCHES=$(($1 * 9 / 10))"
	EROT_APPEND+=" STRESS_RUNS=$(($1 / 10))"
	guests short
}

# Each round with a seed of its own; without an end, until one fails.
stress_rounds()
{
	local launches=${STRESS_LAUNCHES:-200} seed=${STRESS_SEED:-$SRANDOM}

	[[ $launches =~ ^[0-9]+$ ]] || die "STRESS_LAUNCHES=$launches is no number"
	if [ "$launches" -gt 0 ]; then
		stress "$launches" "$seed"
		return
	fi
	while [ "$failed" -eq 0 ]; do
		stress 200 "$seed"
		seed=$SRANDOM
	done
}

on_release()
{
	KVER=${KVER:-$(basename "$(find "$build" -maxdepth 1 -name 'module-6.12*-cloud-amd64' |
		sort -V | tail -n 1)")}
	KVER=${KVER#module-}
	[ -e "${EROT_MODULE:-$build/module-$KVER/erot.ko}" ] || die "no module in build/: run make first"
}

case $what in
all)
	on_release
	image
	aside_begin
	host
	guests short
	memory
	chain
	aside_end
	;;
host)
	host
	;;
guest)
	on_release
	image
	aside_begin
	guests short
	memory
	chain
	aside_end
	;;
newest)
	if on_newest; then
		image
		aside_begin
		guests short
		memory
		aside_end
	fi
	;;
build-newest)
	on_newest || :
	;;
stress)
	case ${STRESS_KERNEL:-} in
	newest) on_newest || KVER='' ;;
	'') on_release ;;
	*) die "STRESS_KERNEL=$STRESS_KERNEL: newest, or nothing" ;;
	esac
	if [ -n "$KVER" ]; then
		image
		stress_rounds
	fi
	;;
open)	# of one of the above
	guests long
	echo "counts $passed $failed $skipped" >"${EROT_RESULT:?}"
	[ "$failed" -eq 0 ]
	exit
	;;
*)
	die "usage: check.sh all|host|guest|newest|build-newest|stress"
	;;
esac

[ "$skipped" -eq 0 ] || echo "# $skipped skipped: see '# SKIP' above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
