#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tpm.sh DIR [SCRATCH]: a TPM's state in DIR, made once, and the certificates of
# those who made it in DIR/ek-roots.pem. Nothing runs afterwards.

set -euo pipefail

dir=${1:?usage: tpm.sh DIR [SCRATCH]}
state=tpm2-00.permall
[ ! -e "$dir/$state" ] || exit 0

mkdir -p "$dir"
scratch=${2:-$dir/new}
mkdir -p "$scratch/state"
log=$scratch/swtpm_setup.log

die()
{
	echo "tpm: $*" >&2
	exit 1
}

# Debian's configuration names a CA that only root can use
ca=/var/lib/swtpm-localca
if [ "$(id -u)" -ne 0 ]; then
	mkdir -p "$scratch/config"
	export XDG_CONFIG_HOME=$scratch/config
	swtpm_setup --create-config-files >"$log" 2>&1 ||
		die "swtpm_setup: $(tail -n 1 "$log")"
	ca=$(sed -n 's/^statedir *= *//p' "$scratch/config/swtpm-localca.conf")
fi
swtpm_setup --tpm2 --tpmstate "$scratch/state" --pcr-banks sha256,sha384 --create-ek-cert \
	--create-platform-cert --overwrite >"$log" 2>&1 ||
	die "swtpm_setup: $(grep -m 1 -iE 'error|fail|status [1-9]' "$log" || tail -n 1 "$log")"
cat "$ca/swtpm-localca-rootca-cert.pem" "$ca/issuercert.pem" >"$dir/ek-roots.pem"
cp "$scratch/state/$state" "$dir/$state.new"
mv "$dir/$state.new" "$dir/$state"
[ -n "${2:-}" ] || rm -rf "$scratch"
