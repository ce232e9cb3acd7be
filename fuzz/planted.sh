#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# planted.sh [TARGET...]: does a target find what it is there for? In a copy of
# the tree one check after the other is taken out, and the target is run until
# it complains, for FUZZ_SECONDS (60) at most.

set -euo pipefail

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
failed=0

# target@file@what is replaced@by what
planted='
kernel_receipt@kernel/receipt.c@sizeof(\*r) + hwkey_len + manifest_len != len@0
kernel_receipt@kernel/receipt.c@left < 2 || p\[0\] != tag@p[0] != tag
kernel_receipt@kernel/receipt.c@der_enter_only(&der, 0x30, &info)@der_enter(\&der, 0x30, \&info)
kernel_receipt@kernel/receipt.c@out->pids_max = le32_to_cpu(r->pids_max)@out->pids_max = le32_to_cpu(r->host)
kernel_envelope@kernel/ewc.c@sizeof(\*h) + out->manifest_len + sizeof(struct erot_ewc_seal) != len@0
kernel_envelope@kernel/ewc.c@e->payload_off > LLONG_MAX - e->payload_len@0
kernel_envelope@kernel/ewc.c@!IS_ALIGNED(e->image_len, EROT_IMAGE_ALIGN)@0
kernel_envelope@kernel/ewc.c@if (crypto_memneq(w->derived.commitment@if (0 \&\& crypto_memneq(w->derived.commitment
kernel_super@kernel/super.c@INCOMPAT_ALLOWED	0@INCOMPAT_ALLOWED	4
kernel_super@kernel/super.c@blocks << BLOCK_BITS > image_len@0
kernel_super@kernel/super.c@have < EROT_SUPER_NEED || @
kernel_verity@kernel/verity.c@d->salt_size > sizeof(d->salt)@0
kernel_verity@kernel/verity.c@i = v->levels; i-- > 0; start@i = 0; i < v->levels; i++, start
kernel_verity@kernel/verity.c@le64_to_cpu(d->data_size) != image_len@0
netlink@userspace/liberot/netlink_ops.c@\[EROT_A_SESSION_ID\] = { .minlen = EROT_ID_SIZE, .maxlen = EROT_ID_SIZE }@[EROT_A_SESSION_ID] = { .minlen = 0 }
netlink@userspace/liberot/netlink_ops.c@if (ret \&\& out->fd >= 0)@if (0)
netlink@userspace/liberot/netlink_ops.c@nla_len(a) == sizeof(fd)@1
log@userspace/liberot/checkpoint.c@proof->count == EROT_TLOG_PROOF_MAX@proof->count == 1000
bundle@userspace/liberot/audit_read.c@e->salt.len != EROT_LOG_SALT_SIZE@0
client@userspace/erotd/request.c@number > 64@number > 640
client@userspace/erotd/config.c@n == EROTD_PROVIDER_ARGS - 1@0
'

# objects keep their dates, so that only what was changed is built again
copy=build/planted
prepare()
{
	local file

	rm -rf "$copy"
	mkdir -p "$copy/build"
	cp -a Makefile kernel uapi userspace fuzz tools selftests "$copy"
	cp -a "$out" "$copy/build/fuzz"
	# targets that are there to read them would find nothing without
	for file in bundle checkpoint evidence opened receipt.cms; do
		[ -s "$copy/build/fuzz/launch/doc/$file" ] || { echo "no seed: $file" >&2 && exit 2; }
	done
}

# hunt TARGET: in the copy, from the seeds alone; 0: nothing was found
hunt()
(
	cd "$copy"
	# shellcheck disable=SC1091,SC2030 # the copy's
	. fuzz/lib.sh
	fuzz_build "$1" 2>/dev/null || exit 2
	rm -rf "$out/hunt"
	mkdir -p "$out/hunt"
	fuzz_seeds "$1" "$out/hunt" || exit 2
	SECONDS=0
	"$out/$1" -max_total_time="${FUZZ_SECONDS:-60}" -max_len=32768 -use_value_profile=1 \
		-print_final_stats=1 -artifact_prefix="$out/" "$out/hunt" >"$out/hunt.log" 2>&1 ||
		{ status=$? && echo "$SECONDS" >"$out/hunt.seconds" && exit $status; }
)

# plant TARGET FILE FROM TO
plant()
{
	local before status=0

	before=$(cat "$copy/$2")
	sed -i "s@$3@$4@" "$copy/$2"
	if [ "$before" = "$(cat "$copy/$2")" ]; then
		echo "not ok - $1: no such check: $3"
		failed=$((failed + 1))
		return
	fi
	hunt "$1" || status=$?
	if [ $status -eq 1 ] || [ $status -eq 77 ]; then
		echo "ok - $1: found in $(cat "$copy/build/fuzz/hunt.seconds") s without: $3"
	else
		echo "not ok - $1: not found without: $3 (status $status)"
		failed=$((failed + 1))
	fi
	printf '%s\n' "$before" >"$copy/$2"
}

mapfile -t targets < <(fuzz_targets)
fuzz_build "${targets[@]}"
fuzz_launch
prepare
while IFS=@ read -r target file from to; do
	[ -n "$target" ] || continue
	[ $# -eq 0 ] || [[ " $* " == *" $target "* ]] || continue
	plant "$target" "$file" "$from" "$to"
done <<<"$planted"
[ $failed -eq 0 ]
