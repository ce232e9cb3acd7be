/* SPDX-License-Identifier: GPL-2.0-only */
/* The primitives everything else here is made of; OpenSSL's EVP underneath. */
#ifndef EROT_LIBEROT_CRYPTO_H
#define EROT_LIBEROT_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

/*
 * All return 0 or a negative errno: -EIO when OpenSSL fails, else as stated. None keeps a copy of a
 * secret.
 */

/* From the kernel's generator. */
int erot_random(void *out, size_t len);

int erot_sha256(const void *data, size_t len, uint8_t out[EROT_DIGEST_SIZE]);
int erot_hmac_sha256(const void *key, size_t key_len, const void *msg, size_t msg_len,
		     uint8_t out[EROT_DIGEST_SIZE]);

/* RFC 5869. Expand: -EINVAL when @out_len exceeds 255 hashes. */
int erot_hkdf_extract_sha256(const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
			     uint8_t prk[EROT_DIGEST_SIZE]);
int erot_hkdf_expand_sha256(const void *prk, size_t prk_len, const void *info, size_t info_len,
			    void *out, size_t out_len);
int erot_hkdf_expand_sha512(const void *prk, size_t prk_len, const void *info, size_t info_len,
			    void *out, size_t out_len);

/* RFC 7748. erot_x25519(): -EKEYREJECTED when the shared secret would be all zeros. */
int erot_x25519_public(const uint8_t sk[EROT_KEY_SIZE], uint8_t pk[EROT_KEY_SIZE]);
int erot_x25519(const uint8_t sk[EROT_KEY_SIZE], const uint8_t pk[EROT_KEY_SIZE],
		uint8_t shared[EROT_KEY_SIZE]);

/*
 * AES-256-GCM; @ct holds @pt_len + EROT_TAG_SIZE bytes. Open: -EBADMSG, with @pt zeroed, where it
 * is not authentic.
 */
int erot_gcm_seal(const uint8_t key[EROT_KEY_SIZE], const uint8_t nonce[EROT_NONCE_SIZE],
		  const void *aad, size_t aad_len, const void *pt, size_t pt_len, uint8_t *ct);
int erot_gcm_open(const uint8_t key[EROT_KEY_SIZE], const uint8_t nonce[EROT_NONCE_SIZE],
		  const void *aad, size_t aad_len, const uint8_t *ct, size_t ct_len, uint8_t *pt);

#endif /* EROT_LIBEROT_CRYPTO_H */
