#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# erotd's provider command in the guest of memory-scan.sh: the DERG is outside, behind a port.

set -u
exec 9<>/dev/virtio-ports/erot.provider
{
	printf '%s ' "$1"
	cat
	echo
} >&9
read -r status reply <&9
printf '%s\n' "$reply"
exit "$status"
