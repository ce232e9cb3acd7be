#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh [LIST]: installs the packages of LIST (tools/deps.txt) that are missing.
# With all of them there it says nothing, needs neither root nor network, and
# takes a moment.

set -euo pipefail

list=${1:-$(dirname "$0")/deps.txt}

die()
{
	echo "deps: $*" >&2
	exit 1
}

missing()
{
	local package

	grep -v '^#' "$list" | while read -r package; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || echo "$package"
	done
}

command -v dpkg-query >/dev/null || die "not a Debian system: install what $list names by hand"

mapfile -t want < <(missing)
[ ${#want[@]} -eq 0 ] && exit 0

[ "$(id -u)" -eq 0 ] || die "run tools/deps.sh as root, these packages are missing: ${want[*]}"

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

reason()
{
	grep -m 1 '^E:' "$log" || tail -n 1 "$log"
}

echo "deps: installing ${want[*]}"
apt-get update >"$log" 2>&1 </dev/null || die "apt-get update failed: $(reason)"
# to apt no more than a warning, and the cause when packages are then not found
unreached=$(grep -m 1 '^W: Failed to fetch' "$log" || :)
apt-get install -y --no-install-recommends "${want[@]}" >"$log" 2>&1 </dev/null ||
	die "${unreached:+no network? ${unreached#W: }; }apt-get install failed: $(reason)"

mapfile -t want < <(missing)
[ ${#want[@]} -eq 0 ] || die "still missing after installing: ${want[*]}"
