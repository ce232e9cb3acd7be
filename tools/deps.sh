#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs the packages of tools/deps.txt that are missing. With all of them
# there it says nothing, needs neither root nor network, and takes a moment.

set -euo pipefail

list=$(dirname "$0")/deps.txt

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

[ "$(id -u)" -eq 0 ] || die "missing: ${want[*]}; run as root: tools/deps.sh"

export DEBIAN_FRONTEND=noninteractive
echo "deps: installing ${want[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt-get update >"$log" 2>&1 </dev/null ||
	die "apt-get update failed (no network?): $(grep -m 1 '^[EW]:' "$log" || tail -n 1 "$log")"
apt-get install -y --no-install-recommends "${want[@]}" >"$log" 2>&1 </dev/null ||
	die "apt-get install failed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")"

mapfile -t want < <(missing)
[ ${#want[@]} -eq 0 ] || die "still missing after installing: ${want[*]}"
