#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# guest.sh [family|hostile...]: the fuzzers of the loaded module in a virtual
# machine, both by default, for FUZZ_SECONDS (120) in all; 0: until interrupted.
# On the kernel that looks for faults and tells what the module runs
# (qemu-test/debug-kernel.sh), where that can be built, with a module made for it;
# FUZZ_KERNEL=plain: on Debian's. Programs that showed something new are kept in
# build/fuzz/corpus/family/, where the next run begins; after a crash the last ones
# are in build/fuzz/family.found/, and the number of the hostile container is printed.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
out=build/fuzz
seconds=${FUZZ_SECONDS:-120}
# shellcheck source=../qemu-test/scratch.sh
. qemu-test/scratch.sh
scratch_begin :

debug_module()
{
	local kernel=$1 release

	release=$(basename "$kernel"/linux-headers-*)
	make --no-print-directory -s BUILD=$out/guest MODFLAGS=KCOV_INSTRUMENT=y \
		KDIR="$kernel/$release" "$out/guest/erot.ko"
	echo "${release#linux-headers-}"
}

if [ "${FUZZ_KERNEL:-}" != plain ] && [ -x qemu-test/debug-kernel.sh ]; then
	EROT_KERNEL=$(qemu-test/debug-kernel.sh kasan)
	KVER=$(debug_module "$EROT_KERNEL")
	export EROT_KERNEL KVER
else
	echo "# on Debian's kernel: nothing tells what the module runs"
	make --no-print-directory -s module
	KVER=$(find build -maxdepth 1 -name 'module-6.12*-cloud-amd64' -printf '%f\n' | sort -V | tail -n 1)
	export KVER=${KVER#module-}
fi
make --no-print-directory -s -j"$(nproc)" userspace tests
mkdir -p "$out/guest" "$out/corpus/family" "$out/family.found"
if [ -d "$out/guest/module-$KVER" ]; then
	rm -rf "build/module-$KVER" && cp -a "$out/guest/module-$KVER" build/
fi
TMPDIR=$work scratch_run qemu-test/image.sh "$KVER" "$work/image"
tar -C "$out/corpus" -cf "$work/corpus.tar" family
# shellcheck disable=SC2016 # the guest's shell expands it
inside='for d in /sys/block/vd*; do
		[ "$(cat "$d/serial")" != erot-data ] || tar -xf "/dev/${d##*/}" -C /var/tmp
	done
	args=(--seconds "$2")
	[ "$1" = hostile ] || args+=(--corpus /var/tmp/family)
	exec "/selftests/fuzz_$1" "${args[@]}"'

# in the guest: the corpus of before, then what was asked for
[ $# -gt 0 ] || set -- hostile family
each=$((seconds / $#))
status=0
for what; do
	limit=$((each * 4 + 600))
	[ "$seconds" -gt 0 ] || limit=$((365 * 86400))
	truncate -s 8M "$work/$what.memory"
	scratch_run qemu-test/run.sh -m 1536 --append erot.open=1 --image "$work/image" \
		--name "fuzz-$what" --shared "$work/$what.memory" --disk "$work/corpus.tar" \
		--timeout "$limit" -- bash -c "$inside" fuzz "$what" "$each" || { status=$? && break; }
done
mkdir "$work/programs"
if [ -e "$work/family.memory" ]; then
	build/selftests/fuzz_family --unpack "$work/family.memory" "$work/programs" >/dev/null
fi
if [ $status -ne 0 ]; then
	# of fuzz_hostile the number of the container
	build/selftests/fuzz_family --unpack "$work/$what.memory" "$work/programs" --died
	find "$work/programs" -name 'last-*' -exec mv -t "$out/family.found" {} +
	echo "not ok - $what: see build/fuzz-$what.console, $out/family.found/"
fi
if [ -n "$(ls -A "$work/programs")" ]; then
	rm -f "$out"/corpus/family/*
	find "$work/programs" -name 'kept-*' -exec mv -t "$out/corpus/family" {} +
fi
exit $status
