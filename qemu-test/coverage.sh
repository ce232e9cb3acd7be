#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh [host|guest]: which lines of kernel/ and of the programs the tests reach. All is
# built once more, in build-coverage/; the tests of the host run as they are, those of the
# guests in the debug kernel, whose counters of the module outlive its unloading. Without a
# name both. The report is build-coverage/coverage.txt; what is printed is its table.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
export BUILD=$top/build-coverage
what=${1:-all}
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :

die()
{
	echo "coverage: $*" >&2
	exit 1
}

# add DIR: what it holds of counters, by the names of the objects, goes to those of before
add()
{
	[ -d "$1" ] || die "no counters have come"
	if [ -d "$work/all" ]; then
		gcov-tool merge "$work/all" "$1" -o "$work/sum"
		rm -rf "$work/all"
		mv "$work/sum" "$work/all"
	else
		cp -r "$1" "$work/all"
	fi
}

host()
{
	find "$BUILD" -name '*.gcda' -delete
	make -s -C "$top" -j"$(nproc)" COVERAGE=1 BUILD="$BUILD" userspace tests
	scratch_run "$top/qemu-test/check.sh" host >"$BUILD/coverage-host.log" 2>&1 ||
		echo "coverage: tests of the host failed (build-coverage/coverage-host.log)" >&2
	mkdir "$work/host"
	(cd "$BUILD" && find . -name '*.gcda' -exec cp --parents -t "$work/host" {} +)
	find "$BUILD" -name '*.gcda' -delete
	add "$work/host"
}

guest()
{
	local dir kdir f

	dir=$("$top/qemu-test/debug-kernel.sh" kasan)
	kdir=$(compgen -G "$dir/linux-headers-*")
	export EROT_KERNEL=$dir KVER=${kdir##*/linux-headers-} EROT_NAME=coverage EROT_SLOW=8
	export EROT_RUNNER=debug-tests EROT_CONFIG=$top/selftests/config-kasan
	export EROT_COLLECT=$work/guests
	export EROT_APPEND="acpi=noirq slub_debug=F EROT_COVERAGE=1 GCOV_PREFIX=/tmp/gcov GCOV_ERROR_FILE=/dev/null"
	make -s -C "$top" -j"$(nproc)" COVERAGE=1 BUILD="$BUILD" KDIR="$kdir" \
		MODFLAGS=GCOV_PROFILE=y "$BUILD/module-$KVER/erot.ko" userspace tests
	mkdir "$EROT_COLLECT"
	scratch_run "$top/qemu-test/check.sh" guest >"$BUILD/coverage-guest.log" 2>&1 ||
		echo "coverage: tests of the guests failed (build-coverage/coverage-guest.log)" >&2
	for f in "$EROT_COLLECT"/*.tar.gz; do
		mkdir "$work/one"
		tar -C "$work/one" -xzf "$f" || die "counters of $(basename "$f") have not come"
		add "$work/one$BUILD"
		rm -rf "$work/one"
	done
}

report()
{
	cp -r "$work/all/." "$BUILD/"
	gcovr --root "$top" --object-directory "$BUILD" --gcov-ignore-parse-errors \
		--filter "$top/(userspace|tools)/" --filter "$BUILD/module-[^/]*/kernel/" \
		--json "$BUILD/coverage.json" "$BUILD/obj" "$BUILD"/module-* 2>"$work/gcovr.log" ||
		die "gcovr: $(tail -n 1 "$work/gcovr.log")"
	find "$BUILD" -name '*.gcda' -delete
	python3 "$top/qemu-test/coverage.py" "$top" "$BUILD/coverage.json" >"$BUILD/coverage.txt"
	sed '/^Error paths/,$d' "$BUILD/coverage.txt"
	echo "error paths that no test takes: build-coverage/coverage.txt"
}

case $what in
all | host | guest) ;;
*) die "usage: coverage.sh [host|guest]" ;;
esac
mkdir -p "$BUILD"
[ "$what" = guest ] || host
[ "$what" = host ] || guest
report
