#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the fuzzers of the module keep (data/fuzz/), once more, and the first hostile
# containers of a seed. See fuzz/guest.sh for more of both.

. "$(dirname "$0")/lib.sh"

check "programs that were kept" "$lib_dir/fuzz_family" --replay "$lib_dir"/data/fuzz/*
check "hostile containers" "$lib_dir/fuzz_hostile" --seed 1 --count 12

finish
