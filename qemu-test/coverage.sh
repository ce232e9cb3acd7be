#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh [host|guest]: which lines of kernel/ and of the programs the tests reach. All is
# built once more, in build-coverage/; the tests of the host run as they are, those of the
# guests in a kernel (debug-gcov.config) whose counters of the module outlive its unloading.
# Without a name both; with one, what the other one counted before stays. The report is
# build-coverage/coverage.txt; what is printed is its table.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
export BUILD=$top/build-coverage
kept=$BUILD/counters	# host/ and guest/, by the names of the objects
what=${1:-all}
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :

die()
{
	echo "coverage: $*" >&2
	exit 1
}

# add DIR SUM: what DIR holds of counters, by the names of the objects, goes to those in SUM
add()
{
	[ -d "$1" ] || die "no counters have come"
	if [ -d "$2" ]; then
		gcov-tool merge "$2" "$1" -o "$work/merged" || die "counters of other programs: make clean"
		rm -rf "$2"
		mv "$work/merged" "$2"
	else
		cp -r "$1" "$2"
	fi
}

# counters ACTION: what find does with those that programs of this build left where they ran
counters()
{
	(cd "$BUILD" && find . -path ./counters -prune -o -name '*.gcda' -exec "$@" {} +)
}

# take DIR: moves them there
take()
{
	mkdir "$1"
	counters cp --parents -t "$1"
	counters rm
}

host()
{
	counters rm
	make -s -C "$top" -j"$(nproc)" COVERAGE=1 BUILD="$BUILD" userspace tests
	scratch_run "$top/qemu-test/check.sh" host >"$BUILD/coverage-host.log" 2>&1 ||
		echo "coverage: tests of the host failed (build-coverage/coverage-host.log)" >&2
	take "$work/host"
	rm -rf "$kept/host"
	mv "$work/host" "$kept/host"
}

guest()
{
	local dir kdir f

	dir=$("$top/qemu-test/debug-kernel.sh" gcov)
	kdir=$(compgen -G "$dir/linux-headers-*")
	export EROT_KERNEL=$dir KVER=${kdir##*/linux-headers-} EROT_NAME=coverage EROT_SLOW=3
	export EROT_RUNNER=debug-tests EROT_CONFIG=$top/selftests/config-gcov
	export EROT_COLLECT=$work/guests EROT_CHAIN=1
	export EROT_APPEND="acpi=noirq EROT_COVERAGE=1 GCOV_PREFIX=/tmp/gcov GCOV_ERROR_FILE=/dev/null"
	make -s -C "$top" -j"$(nproc)" COVERAGE=1 BUILD="$BUILD" KDIR="$kdir" \
		MODFLAGS=GCOV_PROFILE=y "$BUILD/module-$KVER/erot.ko" userspace tests
	ln -sfn "$kdir/include" "$kdir/arch" -t "$BUILD/module-$KVER"	# where the compiler was
	mkdir "$EROT_COLLECT"
	counters rm
	scratch_run "$top/qemu-test/check.sh" guest >"$BUILD/coverage-guest.log" 2>&1 ||
		echo "coverage: tests of the guests failed (build-coverage/coverage-guest.log)" >&2
	for f in "$EROT_COLLECT"/*.tar.gz; do
		mkdir "$work/one"
		tar -C "$work/one" -xzf "$f" || die "counters of $(basename "$f") have not come"
		add "$work/one$BUILD" "$work/guest"
		rm -rf "$work/one"
	done
	[ -d "$work/guest" ] || die "no counters have come"
	take "$work/here"		# of who is customer and provider beside a guest
	add "$work/here" "$work/guest"
	rm -rf "$kept/guest"
	mv "$work/guest" "$kept/guest"
}

# lines NAME FILTER OBJECTS DIR...: what gcovr has found, to $work/NAME.json. It leaves out, and says
# so only in passing, what gcov cannot have the source of; headers are looked for where objects are.
lines()
{
	local name=$1 filter=$2 objects=$3

	shift 3
	gcovr --root "$top" --object-directory "$objects" --gcov-ignore-parse-errors \
		--filter "$filter" --json "$work/$name.json" "$@" 2>"$work/gcovr.log" ||
		die "gcovr: $(tail -n 1 "$work/gcovr.log")"
}

report()
{
	local part module found=()

	for part in "$kept"/*; do
		add "$part" "$work/all"
	done
	cp -r "$work/all/." "$BUILD/"
	lines userspace "$top/(userspace|tools)/" "$BUILD" "$BUILD/obj"
	for module in "$BUILD"/module-*; do
		[ -d "$module" ] || continue
		lines "${module##*/}" "$module/kernel/" "$module" "$module"
	done
	for part in "$work"/*.json; do
		found+=(--add-tracefile "$part")
	done
	gcovr --root "$top" "${found[@]}" --json "$BUILD/coverage.json" 2>"$work/gcovr.log" ||
		die "gcovr: $(tail -n 1 "$work/gcovr.log")"
	python3 "$top/qemu-test/coverage.py" "$top" "$BUILD/coverage.json" >"$BUILD/coverage.txt" ||
		die "no report"
	counters rm
	sed '/^Error paths/,$d' "$BUILD/coverage.txt"
	echo "error paths that no test takes: build-coverage/coverage.txt"
}

case $what in
all | host | guest) ;;
*) die "usage: coverage.sh [host|guest]" ;;
esac
mkdir -p "$kept"
[ "$what" = guest ] || host
[ "$what" = host ] || guest
report
