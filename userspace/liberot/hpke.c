// SPDX-License-Identifier: GPL-2.0-only
/*
 * RFC 9180. Neither OpenSSL 3.0 nor the kernel has HPKE; both have the parts. Section numbers below
 * are those of the RFC.
 */
#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"
#include "liberot/hpke.h"

/* suite_id: "KEM" kem_id, and "HPKE" kem_id kdf_id aead_id (4.1, 5.1) */
static const uint8_t kem_suite[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const uint8_t hpke_suite[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

struct suite {
	const uint8_t *id;
	size_t len;
};

static const struct suite kem = { kem_suite, sizeof(kem_suite) };
static const struct suite hpke = { hpke_suite, sizeof(hpke_suite) };

/* 4: LabeledExtract */
static int labeled_extract(const struct suite *s, const void *salt, size_t salt_len,
			   const char *label, const void *ikm, size_t ikm_len,
			   uint8_t prk[EROT_DIGEST_SIZE])
{
	struct erot_buf b = { 0 };
	int ret;

	erot_buf_add(&b, "HPKE-v1", 7);
	erot_buf_add(&b, s->id, s->len);
	erot_buf_add(&b, label, strlen(label));
	erot_buf_add(&b, ikm, ikm_len);
	ret = erot_buf_done(&b, NULL);
	if (!ret)
		ret = erot_hkdf_extract_sha256(salt, salt_len, b.data, b.len, prk);
	erot_buf_free(&b);
	return ret;
}

/* 4: LabeledExpand */
static int labeled_expand(const struct suite *s, const uint8_t prk[EROT_DIGEST_SIZE],
			  const char *label, const void *info, size_t info_len, uint8_t *out,
			  size_t len)
{
	struct erot_buf b = { 0 };
	int ret;

	erot_buf_u8(&b, (uint8_t)(len >> 8));
	erot_buf_u8(&b, (uint8_t)len);
	erot_buf_add(&b, "HPKE-v1", 7);
	erot_buf_add(&b, s->id, s->len);
	erot_buf_add(&b, label, strlen(label));
	erot_buf_add(&b, info, info_len);
	ret = erot_buf_done(&b, NULL);
	if (!ret)
		ret = erot_hkdf_expand_sha256(prk, EROT_DIGEST_SIZE, b.data, b.len, out, len);
	erot_buf_free(&b);
	return ret;
}

int erot_hpke_derive_keypair(const void *ikm, size_t ikm_len, uint8_t sk[EROT_KEY_SIZE],
			     uint8_t pk[EROT_KEY_SIZE])
{
	uint8_t prk[EROT_DIGEST_SIZE];
	int ret;

	if (ikm_len < EROT_KEY_SIZE)
		return -EINVAL;
	ret = labeled_extract(&kem, NULL, 0, "dkp_prk", ikm, ikm_len, prk);
	if (!ret)
		ret = labeled_expand(&kem, prk, "sk", NULL, 0, sk, EROT_KEY_SIZE);
	if (!ret)
		ret = erot_x25519_public(sk, pk);
	if (ret)
		erot_wipe(sk, EROT_KEY_SIZE);
	erot_wipe(prk, sizeof(prk));
	return ret;
}

int erot_hpke_keypair(uint8_t sk[EROT_KEY_SIZE], uint8_t pk[EROT_KEY_SIZE])
{
	int ret = erot_random(sk, EROT_KEY_SIZE);

	if (!ret)
		ret = erot_x25519_public(sk, pk);
	if (ret)
		erot_wipe(sk, EROT_KEY_SIZE);
	return ret;
}

/* 4.1: ExtractAndExpand of DHKEM; the context is enc || pkR */
static int kem_secret(const uint8_t dh[EROT_KEY_SIZE], const uint8_t enc[EROT_KEY_SIZE],
		      const uint8_t pk[EROT_KEY_SIZE], uint8_t out[EROT_DIGEST_SIZE])
{
	uint8_t prk[EROT_DIGEST_SIZE], context[2 * EROT_KEY_SIZE];
	int ret;

	memcpy(context, enc, EROT_KEY_SIZE);
	memcpy(context + EROT_KEY_SIZE, pk, EROT_KEY_SIZE);
	ret = labeled_extract(&kem, NULL, 0, "eae_prk", dh, EROT_KEY_SIZE, prk);
	if (!ret)
		ret = labeled_expand(&kem, prk, "shared_secret", context, sizeof(context), out,
				     EROT_DIGEST_SIZE);
	erot_wipe(prk, sizeof(prk));
	return ret;
}

struct schedule {
	uint8_t key[EROT_KEY_SIZE];
	uint8_t nonce[EROT_NONCE_SIZE];	/* of sequence number 0: the base nonce itself */
};

/* 5.1: KeySchedule in mode base, where psk and psk_id are empty */
static int key_schedule(const uint8_t shared[EROT_DIGEST_SIZE], const void *info, size_t info_len,
			struct schedule *out)
{
	uint8_t context[1 + 2 * EROT_DIGEST_SIZE], secret[EROT_DIGEST_SIZE];
	int ret;

	context[0] = 0;
	ret = labeled_extract(&hpke, NULL, 0, "psk_id_hash", NULL, 0, context + 1);
	if (!ret)
		ret = labeled_extract(&hpke, NULL, 0, "info_hash", info, info_len,
				      context + 1 + EROT_DIGEST_SIZE);
	if (!ret)
		ret = labeled_extract(&hpke, shared, EROT_DIGEST_SIZE, "secret", NULL, 0, secret);
	if (!ret)
		ret = labeled_expand(&hpke, secret, "key", context, sizeof(context), out->key,
				     sizeof(out->key));
	if (!ret)
		ret = labeled_expand(&hpke, secret, "base_nonce", context, sizeof(context),
				     out->nonce, sizeof(out->nonce));
	erot_wipe(secret, sizeof(secret));
	return ret;
}

int erot_hpke_seal_with(const uint8_t sk_e[EROT_KEY_SIZE], const uint8_t pk[EROT_KEY_SIZE],
			const void *info, size_t info_len, const void *aad, size_t aad_len,
			const void *pt, size_t pt_len, uint8_t enc[EROT_KEY_SIZE], uint8_t *ct)
{
	uint8_t dh[EROT_KEY_SIZE], shared[EROT_DIGEST_SIZE];
	struct schedule ks;
	int ret;

	ret = erot_x25519_public(sk_e, enc);
	if (!ret)
		ret = erot_x25519(sk_e, pk, dh);
	if (!ret)
		ret = kem_secret(dh, enc, pk, shared);
	if (!ret)
		ret = key_schedule(shared, info, info_len, &ks);
	if (!ret)
		ret = erot_gcm_seal(ks.key, ks.nonce, aad, aad_len, pt, pt_len, ct);
	erot_wipe(dh, sizeof(dh));
	erot_wipe(shared, sizeof(shared));
	erot_wipe(&ks, sizeof(ks));
	return ret;
}

int erot_hpke_seal(const uint8_t pk[EROT_KEY_SIZE], const void *info, size_t info_len,
		   const void *aad, size_t aad_len, const void *pt, size_t pt_len,
		   uint8_t enc[EROT_KEY_SIZE], uint8_t *ct)
{
	uint8_t sk_e[EROT_KEY_SIZE];
	int ret;

	ret = erot_random(sk_e, sizeof(sk_e));
	if (!ret)
		ret = erot_hpke_seal_with(sk_e, pk, info, info_len, aad, aad_len, pt, pt_len, enc,
					  ct);
	erot_wipe(sk_e, sizeof(sk_e));
	return ret;
}

int erot_hpke_open(const uint8_t sk[EROT_KEY_SIZE], const uint8_t enc[EROT_KEY_SIZE],
		   const void *info, size_t info_len, const void *aad, size_t aad_len,
		   const uint8_t *ct, size_t ct_len, uint8_t *pt)
{
	uint8_t dh[EROT_KEY_SIZE], shared[EROT_DIGEST_SIZE], pk[EROT_KEY_SIZE];
	struct schedule ks;
	int ret;

	if (ct_len < EROT_TAG_SIZE)
		return -EBADMSG;
	ret = erot_x25519_public(sk, pk);
	if (!ret)
		ret = erot_x25519(sk, enc, dh);
	if (!ret)
		ret = kem_secret(dh, enc, pk, shared);
	if (!ret)
		ret = key_schedule(shared, info, info_len, &ks);
	if (!ret)
		ret = erot_gcm_open(ks.key, ks.nonce, aad, aad_len, ct, ct_len, pt);
	if (ret)
		erot_wipe(pt, ct_len - EROT_TAG_SIZE);
	erot_wipe(dh, sizeof(dh));
	erot_wipe(shared, sizeof(shared));
	erot_wipe(&ks, sizeof(ks));
	return ret;
}
