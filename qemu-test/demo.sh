#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boots a machine with a TPM in attested mode and runs demo-guest.sh there.

set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
echo "Booting a virtual machine with a TPM (half a minute under software emulation)..."
exec "$top/qemu-test/run.sh" --name demo --tpm --append erot_lockdown --timeout 300 -- /demo/run.sh
