// SPDX-License-Identifier: GPL-2.0-only
#include <crypto/curve25519.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "crypto.h"
#include "hpke.h"
#include "secret.h"

#define HPKE_VERSION	"HPKE-v1"	/* RFC 9180, 4 */

/* What the labels of a step begin with: RFC 9180, 4.1 and 5.1. */
struct suite {
	u8 id[10];
	u8 len;
};

static const struct suite kem_suite = {
	.id = { 'K', 'E', 'M', 0x00, 0x20 },
	.len = 5,
};

static const struct suite hpke_suite = {
	.id = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 },
	.len = 10,
};

/* Key schedule context: mode, digest of the empty PSK id, digest of info. */
struct schedule_context {
	u8 mode;
	u8 psk_id_hash[EROT_DIGEST_SIZE];
	u8 info_hash[EROT_DIGEST_SIZE];
};

struct hpke_work {
	u8 kem_context[2 * EROT_KEY_SIZE];	/* enc || pk */
	u8 dh[EROT_KEY_SIZE];
	u8 prk[EROT_DIGEST_SIZE];
	u8 shared[EROT_DIGEST_SIZE];
	u8 secret[EROT_DIGEST_SIZE];
	u8 key[EROT_KEY_SIZE];
	u8 nonce[EROT_NONCE_SIZE];
	struct schedule_context context;
};

static int labeled_extract(const struct suite *suite, const u8 *salt, size_t salt_len,
			   const char *label, const void *ikm, size_t ikm_len,
			   u8 out[EROT_DIGEST_SIZE])
{
	const struct kvec parts[] = {
		EROT_PART(HPKE_VERSION, strlen(HPKE_VERSION)),
		EROT_PART(suite->id, suite->len),
		EROT_PART(label, strlen(label)),
		EROT_PART(ikm, ikm_len),
	};

	return erot_hkdf_extract_sha256(salt, salt_len, parts, ARRAY_SIZE(parts), out);
}

static int labeled_expand(const struct suite *suite, const u8 prk[EROT_DIGEST_SIZE],
			  const char *label, const void *info, size_t info_len,
			  u8 *out, size_t len)
{
	const u8 be_len[2] = { len >> 8, len };
	const struct kvec parts[] = {
		EROT_PART(be_len, sizeof(be_len)),
		EROT_PART(HPKE_VERSION, strlen(HPKE_VERSION)),
		EROT_PART(suite->id, suite->len),
		EROT_PART(label, strlen(label)),
		EROT_PART(info, info_len),
	};

	return erot_hkdf_expand_sha256(prk, parts, ARRAY_SIZE(parts), out, len);
}

/* RFC 9180, 4.1: ExtractAndExpand of the X25519 shared secret. */
static int decap(struct hpke_work *w, const u8 sk[EROT_KEY_SIZE], const u8 enc[EROT_KEY_SIZE])
{
	int err;

	memcpy(w->kem_context, enc, EROT_KEY_SIZE);
	err = erot_hpke_public(sk, w->kem_context + EROT_KEY_SIZE);
	if (err)
		return err;
	/* false: enc is a point of small order, the secret is all zeros (7.1.4) */
	if (!curve25519(w->dh, sk, enc))
		return -EKEYREJECTED;
	err = labeled_extract(&kem_suite, NULL, 0, "eae_prk", w->dh, sizeof(w->dh), w->prk);
	if (err)
		return err;
	return labeled_expand(&kem_suite, w->prk, "shared_secret", w->kem_context,
			      sizeof(w->kem_context), w->shared, sizeof(w->shared));
}

/* RFC 9180, 5.1: KeySchedule in base mode, as far as one message needs it. */
static int key_schedule(struct hpke_work *w, const void *info, size_t info_len)
{
	struct schedule_context *c = &w->context;
	int err;

	c->mode = 0;
	err = labeled_extract(&hpke_suite, NULL, 0, "psk_id_hash", NULL, 0, c->psk_id_hash);
	if (!err)
		err = labeled_extract(&hpke_suite, NULL, 0, "info_hash", info, info_len,
				      c->info_hash);
	if (!err)
		err = labeled_extract(&hpke_suite, w->shared, sizeof(w->shared), "secret",
				      NULL, 0, w->secret);
	if (!err)
		err = labeled_expand(&hpke_suite, w->secret, "key", c, sizeof(*c),
				     w->key, sizeof(w->key));
	if (!err)
		err = labeled_expand(&hpke_suite, w->secret, "base_nonce", c, sizeof(*c),
				     w->nonce, sizeof(w->nonce));
	return err;
}

/**
 * erot_hpke_open - open a message sealed to an X25519 public key
 * @sk:       recipient's private key
 * @enc:      encapsulated key
 * @info:     of the key schedule
 * @info_len: bytes
 * @aad:      additional data
 * @aad_len:  bytes
 * @ct:       ciphertext, then the tag
 * @ct_len:   bytes, the tag included
 * @pt:       @ct_len - 16 bytes; untouched on error
 *
 * RFC 9180, 6.1, base mode, first and only message of the context. May sleep.
 *
 * Return: 0; -EKEYREJECTED if @sk is no key or the shared secret is all
 * zeros; -EBADMSG if the message is not authentic or shorter than a tag;
 * -EMSGSIZE above EROT_GCM_MAX bytes; -ENOMEM.
 */
int erot_hpke_open(const u8 sk[EROT_KEY_SIZE], const u8 enc[EROT_KEY_SIZE],
		   const void *info, size_t info_len, const void *aad, size_t aad_len,
		   const u8 *ct, size_t ct_len, u8 *pt)
{
	struct hpke_work *w;
	int err;

	BUILD_BUG_ON(sizeof(struct schedule_context) != 1 + 2 * EROT_DIGEST_SIZE);

	w = erot_scratch_alloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return -ENOMEM;
	err = decap(w, sk, enc);
	if (!err)
		err = key_schedule(w, info, info_len);
	if (!err)
		err = erot_gcm_open(w->key, w->nonce, aad, aad_len, ct, ct_len, pt);
	erot_scratch_free(w, sizeof(*w));
	return err;
}

/**
 * erot_hpke_public - public key of an X25519 private key
 * @sk: private key
 * @pk: public key
 *
 * Return: 0, or -EKEYREJECTED if @sk is all zeros.
 */
int erot_hpke_public(const u8 sk[EROT_KEY_SIZE], u8 pk[EROT_KEY_SIZE])
{
	return curve25519_generate_public(pk, sk) ? 0 : -EKEYREJECTED;
}

/**
 * erot_hpke_keypair - make an X25519 key pair
 * @sk: private key, in secret memory
 * @pk: public key
 *
 * Waits until the kernel's random numbers are ready: a key made before could
 * be guessed.
 *
 * Return: 0, -EINTR if a signal came while waiting, -EKEYREJECTED.
 */
int erot_hpke_keypair(u8 sk[EROT_KEY_SIZE], u8 pk[EROT_KEY_SIZE])
{
	int err;

	/* it fills the buffer even then, with what might be guessed */
	err = get_random_bytes_wait(sk, EROT_KEY_SIZE) ? -EINTR : 0;
	if (!err) {
		curve25519_clamp_secret(sk);
		err = erot_hpke_public(sk, pk);
	}
	if (err)
		memzero_explicit(sk, EROT_KEY_SIZE);
	return err;
}
