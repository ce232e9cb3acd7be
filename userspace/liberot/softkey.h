/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hardware keys of machines without a TPM: an ECDSA P-256 key in a file. It proves nothing about
 * the machine; policies have to allow it by name.
 */
#ifndef EROT_LIBEROT_SOFTKEY_H
#define EROT_LIBEROT_SOFTKEY_H

#include <openssl/evp.h>

#include "common/error.h"
#include "liberot/crypto.h"

#define EROT_SOFTKEY_SIGNATURE_MAX	80	/* DER of ECDSA P-256 */

/* What an enrolment signs: SHA-256(lp(EROT_LABEL_ENROL) lp(secret)). 0, -ENOMEM or -EIO. */
int erot_softkey_enrol_data(const uint8_t secret[32], uint8_t out[EROT_DIGEST_SIZE]);

/* ECDSA over @digest as it stands; DER. "softkey": -EINVAL for a key of another kind, -EIO. */
int erot_softkey_sign(EVP_PKEY *key, const uint8_t digest[EROT_DIGEST_SIZE],
		      uint8_t sig[EROT_SOFTKEY_SIGNATURE_MAX], size_t *sig_len,
		      struct erot_error *err);

/* -EKEYREJECTED: "softkey-signature", also for a key that is no P-256 key. */
int erot_softkey_verify(const void *spki, size_t spki_len, const uint8_t digest[EROT_DIGEST_SIZE],
			const void *sig, size_t sig_len, struct erot_error *err);
int erot_softkey_verify_enrol(const void *spki, size_t spki_len, const uint8_t secret[32],
			      const void *sig, size_t sig_len, struct erot_error *err);

#endif /* EROT_LIBEROT_SOFTKEY_H */
