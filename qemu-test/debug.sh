#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# debug.sh [kasan|kcsan|kunit...]: the tests of the guests in kernels that look for faults, on
# what has been built; without names all three. In both kernels a module full of faults is loaded
# first: a run that does not fail then, and say why, is a failure. kunit is the kernel of kasan, with
# the module's own suites in it. Ends with "N passed, N failed".

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
export EROT_SLOW=6 EROT_RUNNER=debug-tests
# Half of the boot would go into reading ACPI's table of interrupts, and into traces that KASAN
# keeps as well.
export EROT_APPEND="acpi=noirq slub_debug=F sysctl.kernel.hung_task_timeout_secs=120"
passed=0 failed=0
# shellcheck source=scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :

# what each of the eyes must have said
declare -A SEEN=(
	[kasan:leak]='not ok - no memory has leaked'
	[kasan:hung-task]='INFO: task planted:[0-9]+ blocked for more than'
	[kasan:sleep-in-atomic]='BUG: (scheduling while atomic|sleeping function called)'
	[kasan:lock-inversion]='WARNING: possible circular locking dependency detected'
	[kasan:lockdep-off]='not ok - lockdep is still at work'
	[kasan:use-after-free]='BUG: KASAN: slab-use-after-free in (use_after_free|planted_init)'
	[kcsan:data-race]='BUG: KCSAN: data-race in (race|planted_init)'
)

ok()
{
	echo "ok - $*"
	passed=$((passed + 1))
}

not_ok()
{
	echo "not ok - $*"
	failed=$((failed + 1))
}

# begin KIND: kernel, modules, image
begin()
{
	local dir kdir kmod flags=()

	dir=$("$top/qemu-test/debug-kernel.sh" "${1/kunit/kasan}")
	kdir=$(compgen -G "$dir/linux-headers-*")
	export EROT_KERNEL=$dir EROT_NAME=$1 KVER=${kdir##*/linux-headers-} EROT_IMAGE=$work/image
	kmod=$build/module-$KVER
	if [ "$1" = kunit ]; then
		kmod=$build/kunit-$KVER
		flags=(MODFLAGS=EROT_KUNIT=y)
	fi
	export EROT_MODULE=$kmod/erot.ko
	make -s -C "$top" KDIR="$kdir" BUILD="$build" KMOD="$kmod" "${flags[@]}" "$EROT_MODULE" \
		"$build/planted-$KVER/planted.ko"
	rm -rf "$EROT_IMAGE"
	TMPDIR=$work "$top/qemu-test/image.sh" "$KVER" "$EROT_IMAGE"
}

# tests KIND: in its guests; adds what the last line counts
tests()
{
	local line tee

	mkfifo "$work/pipe"
	tee "$work/out" <"$work/pipe" &
	tee=$!
	EROT_CONFIG=$top/selftests/config-$1 scratch_run "$top/qemu-test/check.sh" guest \
		>"$work/pipe" || :
	wait $tee
	rm "$work/pipe"
	line=$(tail -n 1 "$work/out")
	if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
	else
		not_ok "$1: the tests did not finish"
	fi
	cat "$work/out" >>"$work/all"
}

planted()
{
	local what status=0

	rm -f "$build/$1-guest-planted.console"
	EROT_TESTS='' EROT_CONFIG=$top/selftests/config-planted scratch_run \
		"$top/qemu-test/check.sh" guest >"$work/planted" 2>&1 || status=$?
	cat "$build/$1-guest-planted.console" >>"$work/planted" 2>&1 || :
	grep -qx 'ok 1 - a module full of faults is loaded' "$work/planted" ||
		not_ok "$1: the module full of faults was not loaded"
	[ $status -eq 1 ] || not_ok "$1: the run with a module full of faults ended with $status"
	for what in "${!SEEN[@]}"; do
		[[ $what == "$1:"* ]] || continue
		if grep -qE "${SEEN[$what]}" "$work/planted"; then
			ok "$what is seen"
		else
			not_ok "$what is seen"
		fi
	done
	sed 's/^/#   /' "$work/planted" >"$build/$1-planted.log"
}

[ $# -gt 0 ] || set -- kasan kunit kcsan
for kind in "$@"; do
	begin "$kind"
	[ "$kind" = kunit ] || planted "$kind"
	tests "$kind"
done
for name in ${EROT_TESTS:-}; do
	grep -qx "# == $name" "$work/all" || not_ok "$name did not run"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
