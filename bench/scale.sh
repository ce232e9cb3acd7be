#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC1091,SC2154
#
# Ten thousand provisioned sessions at once, and the module's end after them: see scale.c.

. "$(dirname "$0")/lib.sh"

bench_fixture
/bench/scale "${BENCH_SESSIONS:-10000}" "$rounds"
