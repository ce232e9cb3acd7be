/* SPDX-License-Identifier: GPL-2.0-only */
/* The primitives: SHA-256, HMAC, HKDF, AES-256-GCM over the kernel's crypto API. */
#ifndef EROT_CRYPTO_H
#define EROT_CRYPTO_H

#include <crypto/aead.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/erot_format.h>

#define EROT_SHA512_SIZE 64

struct erot_hmac_work;

/* A part of a message; the functions below only read what it points to. */
#define EROT_PART(p, n)	{ .iov_base = (void *)(p), .iov_len = (n) }

int erot_crypto_init(void);
void erot_crypto_exit(void);

void erot_sha256(const void *p, size_t n, u8 out[EROT_DIGEST_SIZE]);
void erot_sha256_parts(const struct kvec *parts, unsigned int nparts, u8 out[EROT_DIGEST_SIZE]);

int erot_hmac_sha256(const u8 *key, size_t key_len, const struct kvec *parts,
		     unsigned int nparts, u8 out[EROT_DIGEST_SIZE]);

struct erot_hmac_work *erot_hmac_work_alloc(gfp_t gfp);
void erot_hmac_work_free(struct erot_hmac_work *w);
int erot_hmac_sha256_in(struct erot_hmac_work *w, const u8 *key, size_t key_len,
			const struct kvec *parts, unsigned int nparts, u8 out[EROT_DIGEST_SIZE]);

int erot_hkdf_extract_sha256(const u8 *salt, size_t salt_len, const struct kvec *parts,
			     unsigned int nparts, u8 prk[EROT_DIGEST_SIZE]);
int erot_hkdf_expand_sha256(const u8 prk[EROT_DIGEST_SIZE], const struct kvec *info,
			    unsigned int ninfo, u8 *out, size_t len);
int erot_hkdf_expand_sha512(const u8 *prk, size_t prk_len, const struct kvec *info,
			    unsigned int ninfo, u8 *out, size_t len);

int erot_gcm_open(const u8 key[EROT_KEY_SIZE], const u8 nonce[EROT_NONCE_SIZE],
		  const void *aad, size_t aad_len, const u8 *ct, size_t ct_len, u8 *pt);
struct crypto_aead *erot_gcm_alloc(const u8 key[EROT_KEY_SIZE]);

#endif /* EROT_CRYPTO_H */
