// SPDX-License-Identifier: GPL-2.0-only
/* Requests to the HSM helper, from any thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"
#include "dergd/hsm.h"
#include "dergd/hsm_call.h"
#include "dergd/hsm_wire.h"

static void begin(struct erot_buf *req, enum hsm_op op, const char *label)
{
	memset(req, 0, sizeof(*req));
	erot_buf_u32(req, 0);	/* hsm_call() numbers it */
	erot_buf_u32(req, op);
	if (label)
		erot_buf_lp_str(req, label);
}

/* Sends, and reads an answer of exactly @out_len bytes. */
static int finish(struct hsm *h, struct erot_buf *req, void *out, size_t out_len,
		  struct erot_error *err)
{
	struct erot_reader r;
	uint8_t *data;
	size_t len;
	int ret;

	ret = hsm_call(h, req, &data, &len, &r, err);
	if (!ret) {
		if (out_len)
			erot_read_copy(&r, out, out_len);
		ret = erot_reader_done(&r, "answer of erot-hsm", err);
	}
	erot_wipe_free(data, len);
	erot_buf_free(req);
	return ret;
}

/* Sends, and reads an answer of lp(at most *out_len bytes). */
static int finish_lp(struct hsm *h, struct erot_buf *req, uint8_t *out, size_t *out_len,
		     struct erot_error *err)
{
	const uint8_t *from;
	struct erot_reader r;
	uint8_t *data;
	size_t len, n = 0;
	int ret;

	ret = hsm_call(h, req, &data, &len, &r, err);
	if (!ret) {
		from = erot_read_lp(&r, *out_len, &n);
		ret = erot_reader_done(&r, "answer of erot-hsm", err);
		if (!ret && n)
			memcpy(out, from, n);
		*out_len = n;
	}
	erot_wipe_free(data, len);
	erot_buf_free(req);
	return ret;
}

/**
 * hsm_open() - opens and logs into a token
 * @h: started
 * @uri: RFC 7512, with module-path and pin-source
 * @err: codes "hsm-uri", "hsm-module", "hsm-token", "hsm-pin"
 *
 * Return: 0 or a negative errno.
 */
int hsm_open(struct hsm *h, const char *uri, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_OPEN, uri);
	return finish(h, &req, NULL, 0, err);
}

/**
 * hsm_init() - initialises a blank token; hsm_open() it next
 * @h: started
 * @uri: names its label, and the file of its user PIN
 * @so_pin: security officer's PIN
 * @so_pin_len: bytes
 * @err: also "hsm-token" where it exists
 *
 * Return: 0 or a negative errno.
 */
int hsm_init(struct hsm *h, const char *uri, const void *so_pin, size_t so_pin_len,
	     struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_INIT, uri);
	erot_buf_lp(&req, so_pin, so_pin_len);
	return finish(h, &req, NULL, 0, err);
}

/**
 * hsm_derive() - public key of an ERoT
 * @h: open
 * @root: label of the derivation root
 * @seed: from erot_derive_seed()
 * @pk: filled
 * @err: "hsm-key" where there is no such root
 *
 * Return: 0 or a negative errno.
 */
int hsm_derive(struct hsm *h, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
	       uint8_t pk[EROT_KEY_SIZE], struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_DERIVE, root);
	erot_buf_add(&req, seed, EROT_DIGEST_SIZE);
	return finish(h, &req, pk, EROT_KEY_SIZE, err);
}

/**
 * hsm_release() - derives an ERoT and seals its private key
 * @h: open
 * @root: label of the derivation root
 * @seed: from erot_derive_seed()
 * @in: what is released to whom
 * @out: filled
 * @err: "key-mismatch" when the derivation does not give @in->pk
 *
 * Return: 0, -EKEYREJECTED, or another negative errno.
 */
int hsm_release(struct hsm *h, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		const struct hsm_release *in, struct erot_release *out, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_RELEASE, root);
	erot_buf_add(&req, seed, EROT_DIGEST_SIZE);
	erot_buf_add(&req, in->pk, EROT_KEY_SIZE);
	erot_buf_add(&req, in->receipt, EROT_DIGEST_SIZE);
	erot_buf_add(&req, in->session_pk, EROT_KEY_SIZE);
	erot_buf_add(&req, in->boot_pk, EROT_KEY_SIZE);
	erot_buf_u64(&req, in->derg_time);
	erot_buf_u32(&req, in->valid_seconds);
	erot_buf_u32(&req, in->max_runtime);
	return finish(h, &req, out, sizeof(*out), err);
}

/**
 * hsm_check() - was evidence made with this ERoT's evidence key?
 * @h: open
 * @root: label of the derivation root
 * @seed: from erot_derive_seed()
 * @pk: that the derivation must give
 * @receipt: digest of the receipt that the evidence must be about
 * @ev: evidence
 * @err: "evidence-..." as of erot_evidence_verify(), "key-mismatch"
 *
 * Return: 0, -EKEYREJECTED, -EBADMSG, or another negative errno.
 */
int hsm_check(struct hsm *h, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
	      const uint8_t pk[EROT_KEY_SIZE], const uint8_t receipt[EROT_DIGEST_SIZE],
	      const struct erot_evidence *ev, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_CHECK, root);
	erot_buf_add(&req, seed, EROT_DIGEST_SIZE);
	erot_buf_add(&req, pk, EROT_KEY_SIZE);
	erot_buf_add(&req, receipt, EROT_DIGEST_SIZE);
	erot_buf_add(&req, ev, sizeof(*ev));
	return finish(h, &req, NULL, 0, err);
}

/**
 * hsm_sign() - RSASSA-PKCS1-v1_5
 * @h: open
 * @key: label
 * @info: DigestInfo, DER
 * @info_len: bytes
 * @sig: filled
 * @sig_len: bytes, exactly
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int hsm_sign(struct hsm *h, const char *key, const void *info, size_t info_len, uint8_t *sig,
	     size_t sig_len, struct erot_error *err)
{
	struct erot_buf req;
	size_t len = sig_len;
	int ret;

	begin(&req, HSM_SIGN, key);
	erot_buf_lp(&req, info, info_len);
	ret = finish_lp(h, &req, sig, &len, err);
	if (!ret && len != sig_len)
		ret = erot_fail(err, EPROTO, "hsm-helper", "signature of %zu bytes", len);
	return ret;
}

/**
 * hsm_modulus() - modulus of an RSA key, whose exponent is 65537
 * @h: open
 * @key: label
 * @n: filled, big-endian
 * @n_len: in: room; out: bytes
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int hsm_modulus(struct hsm *h, const char *key, uint8_t *n, size_t *n_len,
		struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_MODULUS, key);
	return finish_lp(h, &req, n, n_len, err);
}

/* A derivation root of 32 bytes that never leaves the token; -EEXIST, "hsm-key". */
int hsm_new_root(struct hsm *h, const char *root, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_NEW_ROOT, root);
	return finish(h, &req, NULL, 0, err);
}

/* An RSA-3072 signing key; -EEXIST, "hsm-key". */
int hsm_new_rsa(struct hsm *h, const char *key, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_NEW_RSA, key);
	return finish(h, &req, NULL, 0, err);
}

/* An Ed25519 key for signed notes; -EEXIST, "hsm-key"; "hsm-mechanism" where the token cannot. */
int hsm_new_ed25519(struct hsm *h, const char *key, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_NEW_ED25519, key);
	return finish(h, &req, NULL, 0, err);
}

/* Its public half, as RFC 8032 has it. */
int hsm_ed25519_public(struct hsm *h, const char *key, uint8_t pk[32], struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_ED25519_PUBLIC, key);
	return finish(h, &req, pk, 32, err);
}

/**
 * hsm_ed25519_sign() - pure Ed25519, RFC 8032
 * @h: open
 * @key: label
 * @msg: whole message, at most HSM_NOTE_MAX bytes
 * @len: bytes
 * @sig: filled
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int hsm_ed25519_sign(struct hsm *h, const char *key, const void *msg, size_t len, uint8_t sig[64],
		     struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_ED25519_SIGN, key);
	erot_buf_lp(&req, msg, len);
	return finish(h, &req, sig, 64, err);
}

/* Destroys a derivation root, and sees that it is gone; -ENOENT, "hsm-key". */
int hsm_destroy(struct hsm *h, const char *root, struct erot_error *err)
{
	struct erot_buf req;

	begin(&req, HSM_DESTROY, root);
	return finish(h, &req, NULL, 0, err);
}

/**
 * hsm_list() - labels of the secret keys on the token
 * @h: open
 * @each: returns 0, or a negative errno to stop
 * @ctx: for @each
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int hsm_list(struct hsm *h, int (*each)(void *ctx, const char *label), void *ctx,
	     struct erot_error *err)
{
	char label[HSM_LABEL_MAX + 1];
	struct erot_reader r;
	struct erot_buf req;
	uint32_t i, count;
	const uint8_t *p;
	uint8_t *data;
	size_t len, n;
	int ret;

	begin(&req, HSM_LIST, NULL);
	ret = hsm_call(h, &req, &data, &len, &r, err);
	if (ret)
		goto out;
	count = erot_read_u32(&r);
	for (i = 0; i < count && !ret; i++) {
		p = erot_read_lp(&r, HSM_LABEL_MAX, &n);
		if (r.failed)
			break;
		memcpy(label, p, n);
		label[n] = '\0';
		ret = each(ctx, label);
	}
	if (!ret)
		ret = erot_reader_done(&r, "answer of erot-hsm", err);
out:
	erot_wipe_free(data, len);
	erot_buf_free(&req);
	return ret;
}
