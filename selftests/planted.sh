#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# guest: planted
#
# Passes: that the run fails all the same is what check-debug wants to see (qemu-test/debug.sh).

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

echo 3 >/proc/sys/kernel/hung_task_timeout_secs
echo 1 >/proc/sys/kernel/hung_task_check_interval_secs
check "a module full of faults is loaded" modprobe planted
finish
