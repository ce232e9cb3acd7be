// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done with an ERoT's private key, between its derivation and its
 * wiping a few lines further down. Only the helper process runs this.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "dergd/hsm_ops.h"
#include "liberot/derive.h"
#include "liberot/evidence.h"
#include "liberot/release.h"

/**
 * struct pair - secrets of one operation, in locked memory
 * @ikm: of DeriveKeyPair
 * @pk: public key
 * @evidence: evidence key
 * @release: what is sealed; its sk is the private key
 */
struct pair {
	uint8_t ikm[32];
	uint8_t pk[EROT_KEY_SIZE];
	uint8_t evidence[EROT_KEY_SIZE];
	struct erot_release_info release;
};

static int derive(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		  struct pair *p, struct erot_error *err)
{
	uint8_t msg[EROT_IKM_MESSAGE_SIZE];
	int ret;

	erot_derive_ikm_message(seed, msg);
	ret = p11_hmac(t, root, msg, sizeof(msg), p->ikm, err);
	if (ret)
		return ret;
	ret = erot_hpke_derive_keypair(p->ikm, sizeof(p->ikm), p->release.sk, p->pk);
	if (ret)
		return erot_fail(err, -ret, "crypto", "DeriveKeyPair failed");
	return 0;
}

static int derive_expected(struct p11 *t, const char *root, const uint8_t *seed,
			   const uint8_t *pk, struct pair *p, struct erot_error *err)
{
	int ret;

	ret = derive(t, root, seed, p, err);
	if (!ret && memcmp(p->pk, pk, EROT_KEY_SIZE))
		ret = erot_fail(err, EKEYREJECTED, "key-mismatch",
				"this root does not give the receipt's public key");
	return ret;
}

/**
 * hsm_op_derive() - public key of an ERoT
 * @t: open
 * @root: label
 * @seed: from erot_derive_seed()
 * @pk: filled
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int hsm_op_derive(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		  uint8_t pk[EROT_KEY_SIZE], struct erot_error *err)
{
	struct pair *p = erot_secret_alloc(sizeof(*p), err);
	int ret;

	if (!p)
		return -ENOMEM;
	ret = derive(t, root, seed, p, err);
	if (!ret)
		memcpy(pk, p->pk, EROT_KEY_SIZE);
	erot_secret_free(p);
	return ret;
}

/**
 * hsm_op_release() - derives and seals
 * @t: open
 * @root: label
 * @seed: from erot_derive_seed()
 * @in: what is released to whom
 * @out: filled
 * @err: "key-mismatch", "release-..."
 *
 * Return: 0 or a negative errno.
 */
int hsm_op_release(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		   const struct hsm_release *in, struct erot_release *out,
		   struct erot_error *err)
{
	struct pair *p = erot_secret_alloc(sizeof(*p), err);
	int ret;

	if (!p)
		return -ENOMEM;
	ret = derive_expected(t, root, seed, in->pk, p, err);
	if (!ret) {
		p->release.derg_time = in->derg_time;
		p->release.valid_seconds = in->valid_seconds;
		p->release.max_runtime = in->max_runtime;
		ret = erot_release_seal(&p->release, in->receipt, in->session_pk, in->boot_pk,
					out, err);
	}
	erot_secret_free(p);
	return ret;
}

/**
 * hsm_op_check() - checks evidence against the ERoT's evidence key
 * @t: open
 * @root: label
 * @seed: from erot_derive_seed()
 * @pk: that the derivation must give
 * @receipt: digest that the evidence must carry
 * @ev: struct erot_evidence
 * @ev_len: bytes
 * @err: "key-mismatch", "evidence-..."
 *
 * Return: 0 or a negative errno.
 */
int hsm_op_check(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		 const uint8_t pk[EROT_KEY_SIZE], const uint8_t receipt[EROT_DIGEST_SIZE],
		 const void *ev, size_t ev_len, struct erot_error *err)
{
	struct pair *p = erot_secret_alloc(sizeof(*p), err);
	int ret;

	if (!p)
		return -ENOMEM;
	ret = derive_expected(t, root, seed, pk, p, err);
	if (!ret) {
		ret = erot_evidence_key(p->release.sk, p->evidence);
		if (ret)
			ret = erot_fail(err, -ret, "crypto", "evidence key");
	}
	if (!ret)
		ret = erot_evidence_verify(ev, ev_len, p->evidence, receipt, err);
	erot_secret_free(p);
	return ret;
}
