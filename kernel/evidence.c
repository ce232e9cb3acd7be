// SPDX-License-Identifier: GPL-2.0-only
#include <linux/stddef.h>
#include <linux/string.h>

#include "crypto.h"
#include "evidence.h"

/**
 * erot_evidence_key - the key that will MAC a session's evidence
 * @sk:  ERoT private key
 * @out: in secret memory; zeroed on error
 *
 * HKDF-Expand-SHA256(sk, EROT_LABEL_EVIDENCE, 32): the DERG can derive it
 * again, nothing leads back to sk. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int erot_evidence_key(const u8 sk[EROT_KEY_SIZE], u8 out[EROT_KEY_SIZE])
{
	const struct kvec info = EROT_PART(EROT_LABEL_EVIDENCE, strlen(EROT_LABEL_EVIDENCE));

	return erot_hkdf_expand_sha256(sk, &info, 1, out, EROT_KEY_SIZE);
}

/**
 * erot_evidence_seal - finish evidence
 * @ev:   all but head, reserved and mac is filled in
 * @key:  from erot_evidence_key()
 * @work: allocated before, since the end of a session must not fail for want of memory
 *
 * Return: 0 or an error of the hash; then there is no MAC.
 */
int erot_evidence_seal(struct erot_evidence *ev, const u8 key[EROT_KEY_SIZE],
		       struct erot_hmac_work *work)
{
	const struct kvec all = EROT_PART(ev, offsetof(struct erot_evidence, mac));

	memcpy(ev->head.magic, EROT_MAGIC, EROT_MAGIC_SIZE);
	ev->head.version = cpu_to_le16(EROT_VERSION);
	ev->head.purpose = cpu_to_le16(EROT_PURPOSE_EVIDENCE);
	ev->head.length = cpu_to_le32(sizeof(*ev));
	ev->reserved = 0;
	memset(ev->mac, 0, sizeof(ev->mac));
	return erot_hmac_sha256_in(work, key, EROT_KEY_SIZE, &all, 1, ev->mac);
}
