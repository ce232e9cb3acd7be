#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [NAME...]: the benchmarks, or those that are named: of the module in a guest (launch, read,
# size), and in another one whose clock counts instructions (death, scale: what is looked for there is
# less than the noise of any other clock); of the programs on this host (pack, derg, log). Table on
# stdout, everything in results/. On a machine that does other work at the same time only the ratios
# mean something.
#
# BENCH_ROUNDS (5)  repetitions after one to warm up; derg and log have their own
# BENCH_STEADY      not empty: the guest has one processor, whose clock counts instructions, so that
#                   the figures are the same on a busy host; what runs beside something else is not
# BENCH_CLOCK       not empty: death and scale are in the first guest, too, and have its clock
# BENCH_MB (8)      read from in each measurement; more where the guest is not emulated
# BENCH_SIZES ("16 256 2048") MiB of the images of size; disk space is needed for four times the largest
# BENCH_DECRYPT (16) MiB of the largest image that is decrypted whole for comparison
# BENCH_LIVE (1000) sessions that live while others die
# BENCH_FORKS (20) processes in each row, of eleven, that tells what the module's probes cost
# BENCH_SESSIONS (10000) of scale, 16384 at most, or as many as are made within 200 seconds
# BENCH_ENTRIES (10000000) of the long log, or as many as go in within four minutes

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${BUILD:-$top/build}")
results=$top/results
IN_GUEST=" launch read size "
APART=" death scale "
ON_HOST=" pack derg log "
# shellcheck source=../qemu-test/scratch.sh
. "$top/qemu-test/scratch.sh"
scratch_begin :

die()
{
	echo "bench: $*" >&2
	exit 1
}

[ $# -gt 0 ] || read -r -a every <<<"$IN_GUEST$APART$ON_HOST"
guest=() apart=() host=()
for name in "${@:-${every[@]}}"; do
	if [[ $APART == *" $name "* && -z ${BENCH_CLOCK:-} ]]; then
		apart+=("$name")
	elif [[ $IN_GUEST$APART == *" $name "* ]]; then
		guest+=("$name")
	elif [[ $ON_HOST == *" $name "* ]]; then
		host+=("$name")
	else
		die "no such benchmark: $name (there are$IN_GUEST$APART$ON_HOST)"
	fi
done

mkdir -p "$results"
samples=$results/samples.jsonl
: >"$samples"
status=0

# image and disk, for all guests
make_guest()
{
	local kver

	kver=$(find "$build/bench" -maxdepth 1 -name 'module-*' | sort -V | tail -n 1)
	kver=${kver##*/module-}
	export KVER=$kver
	TMPDIR=$work scratch_run "$top/qemu-test/image.sh" "$kver" "$work/image" "$top/bench/image.sh"
	mkdir "$work/world"
	TMPDIR=$work scratch_run "$top/bench/world.sh" "$work/world" "$work/world.img" "$@"
}

# in_guest STEADY COMMAND...
in_guest()
{
	local steady=$1

	shift
	scratch_run "$top/qemu-test/run.sh" -m "${BENCH_MEMORY:-3072}" --append erot.open=1 \
		--disk "$work/world.img" --timeout "${BENCH_LIMIT:-3600}" --image "$work/image" \
		--name bench --result "$work/samples" ${steady:+--steady} \
		-- env "$@" </dev/null || status=1
	grep '^{' "$work/samples" >>"$samples" || die "the guest told nothing"
}

# what a program that measures says on its stdout: samples, and why it failed
keep()
{
	awk '/^{/ { print; next } { print >"/dev/stderr" }' >>"$samples"
}

# settings of a run go along
export BENCH_ROUNDS=${BENCH_ROUNDS:-5}
settings=()
for name in ROUNDS STEADY SESSIONS LIVE FORKS; do
	name=BENCH_$name
	[ -z "${!name:-}" ] || settings+=("$name=${!name}")
done
if [ $((${#guest[@]} + ${#apart[@]})) -gt 0 ]; then
	make_guest "${guest[@]}" "${apart[@]}"
fi
if [ ${#guest[@]} -gt 0 ]; then
	in_guest "${BENCH_STEADY:-}" "${settings[@]}" /bench/guest.sh "${guest[@]}"
fi
if [ ${#apart[@]} -gt 0 ]; then
	in_guest yes "${settings[@]}" BENCH_STEADY=yes BENCH_APART=yes /bench/guest.sh "${apart[@]}"
fi
if [ ${#host[@]} -gt 0 ]; then
	printf '{"env":{"host":"%d processors, %s"}}\n' "$(nproc)" \
		"$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" >>"$samples"
fi
for name in "${host[@]}"; do
	echo "# == $name"
	case $name in
	pack) TMPDIR=$work scratch_run "$top/bench/pack.py" "$build/ewc" >>"$samples" || status=1 ;;
	derg)
		scratch_run "$build/bench_release" | keep || status=1
		scratch_run "$build/bench_https" | keep || status=1
		;;
	log) scratch_run "$build/bench_log" "${BENCH_ENTRIES:-10000000}" | keep || status=1 ;;
	esac
done
if [ -s "$samples" ]; then
	"$top/bench/report.py" "$samples" "$results" || status=1
fi
exit $status
