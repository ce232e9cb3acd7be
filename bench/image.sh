# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# What the guest of the benchmarks has more; sourced by qemu-test/image.sh.

PROGRAMS+=(bwrap crun runc cryptsetup veritysetup age tar)
MODULES+=(dm-crypt dm-verity xts)

more()
{
	mkdir -p "$root/bench" "$root/lib/modules/$kver/updates"
	cp "$top"/bench/*.sh "$root/bench/"
	cp "$build"/bench/bin/* "$root/bench/"
	closure "$build"/bench/bin/*
	ln -s ../selftests/workload "$root/bench/workload"
	strip --strip-debug -o "$root/lib/modules/$kver/updates/bench_raw.ko" \
		"$build/bench/module-$kver/bench_raw.ko"
}
