/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From (tenant, epoch, machine, workload, nonce) to what the HSM is asked. Everything here is
 * public; Documentation/derivation-vectors.txt has examples.
 */
#ifndef EROT_LIBEROT_DERIVE_H
#define EROT_LIBEROT_DERIVE_H

#include "common/buf.h"
#include "common/error.h"
#include "liberot/hpke.h"

#define EROT_IKM_MESSAGE_SIZE	(sizeof(EROT_LABEL_IKM) - 1 + EROT_DIGEST_SIZE)

/**
 * struct erot_derive_input - what one ERoT is derived for
 * @tenant:       zero-terminated UTF-8, 1 to EROT_TENANT_MAX bytes
 * @epoch:        of the derivation root; 4 bytes little-endian inside its lp()
 * @hwkey:        SubjectPublicKeyInfo, DER
 * @hwkey_len:    1 to EROT_HWKEY_MAX bytes
 * @manifest:     as it stands
 * @manifest_len: 1 to EROT_MANIFEST_MAX bytes
 * @nonce:        made by the DERG
 */
struct erot_derive_input {
	const char *tenant;
	uint32_t epoch;
	const void *hwkey;
	size_t hwkey_len;
	const void *manifest;
	size_t manifest_len;
	uint8_t nonce[32];
};

/* SHA-256(lp(EROT_LABEL_TENANT) lp(tenant)). -EINVAL: code "tenant". */
int erot_tenant_digest(const char *tenant, uint8_t out[EROT_DIGEST_SIZE], struct erot_error *err);

/* context = lp(label) lp(tenant) lp(epoch) lp(hwkey) lp(manifest) lp(nonce), appended to @out. */
int erot_derive_context(const struct erot_derive_input *in, struct erot_buf *out,
			struct erot_error *err);

/* seed = SHA-256(context). */
int erot_derive_seed(const struct erot_derive_input *in, uint8_t seed[EROT_DIGEST_SIZE],
		     struct erot_error *err);

/* EROT_LABEL_IKM || seed: the HSM's HMAC of it is the ikm for erot_hpke_derive_keypair(). */
void erot_derive_ikm_message(const uint8_t seed[EROT_DIGEST_SIZE],
			     uint8_t msg[EROT_IKM_MESSAGE_SIZE]);

#endif /* EROT_LIBEROT_DERIVE_H */
