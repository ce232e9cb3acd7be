// SPDX-License-Identifier: GPL-2.0-only
/*
 * The primitives come from modules that may have been replaced, or chosen by
 * priority from hardware that nobody tested. A wrong answer here would show up
 * as payloads that don't open, or worse, as MACs that anything satisfies.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "crypto.h"
#include "hpke.h"
#include "kat.h"
#include "secret.h"

/* FIPS 180-4, example of "abc" */
static const u8 abc_digest[] __initconst = {
	0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
	0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
	0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
};

/* RFC 5869, A.1 */
static const u8 hkdf_prk[] __initconst = {
	0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f, 0x0d,
	0xc4, 0x7b, 0xba, 0x63, 0x90, 0xb6, 0xc7, 0x3b, 0xb5, 0x0f, 0x9c, 0x31,
	0x22, 0xec, 0x84, 0x4a, 0xd7, 0xc2, 0xb3, 0xe5,
};

static const u8 hkdf_okm[] __initconst = {
	0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64,
	0xd0, 0x36, 0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c,
	0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf, 0x34, 0x00, 0x72, 0x08,
	0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65,
};

/* HKDF-Expand-SHA512(prk = 00 01 ... 1f, info = "erot kat info", 76) */
static const u8 hkdf512_okm[] __initconst = {
	0x09, 0x39, 0xce, 0xfd, 0x4a, 0xf8, 0x6e, 0x97, 0x1a, 0x1e, 0x01, 0xd1,
	0xc2, 0xd3, 0x4b, 0x39, 0x6f, 0x7d, 0x06, 0xd8, 0x77, 0xa5, 0x9f, 0x3e,
	0x55, 0x94, 0x80, 0xa0, 0xdb, 0xd4, 0x34, 0x56, 0x57, 0x12, 0x56, 0xd7,
	0x03, 0xf5, 0x56, 0x27, 0x2b, 0x64, 0xb0, 0xa9, 0xf9, 0x5c, 0xa3, 0xef,
	0x23, 0x2c, 0xc7, 0x0d, 0xc3, 0xe6, 0xf1, 0x2f, 0x94, 0x78, 0x11, 0xd6,
	0xa4, 0xad, 0xd0, 0x96, 0xbf, 0x74, 0x80, 0xab, 0x4f, 0xb4, 0x43, 0x66,
	0xd5, 0x17, 0xc8, 0xe1,
};

/*
 * RFC 9180 publishes no vector for X25519 with AES-256-GCM in its text; made
 * with an implementation that gives A.1.1.1 for AES-128-GCM. Private keys are
 * SHA-256("erot kat recipient") and SHA-256("erot kat ephemeral"); info "erot
 * kat info", aad "erot kat aad", plaintext "known answer".
 */
static const u8 hpke_pk[] __initconst = {
	0x81, 0xf6, 0xbf, 0x06, 0x53, 0xe1, 0x80, 0x18, 0xed, 0x6e, 0x5c, 0x3a,
	0x7d, 0x68, 0x10, 0x87, 0x56, 0x07, 0x0a, 0x1c, 0x1a, 0xae, 0x33, 0x87,
	0xe1, 0x15, 0x91, 0xe5, 0x43, 0xd2, 0x9d, 0x7f,
};

static const u8 hpke_enc[] __initconst = {
	0x44, 0x12, 0x89, 0xa2, 0x74, 0x3b, 0x0d, 0x9e, 0xd1, 0x1d, 0x07, 0x15,
	0xe0, 0x0a, 0xda, 0x63, 0x8b, 0x82, 0xc5, 0x2c, 0x94, 0x0f, 0xd2, 0x72,
	0xc8, 0xa6, 0x0d, 0xce, 0xe2, 0x84, 0x9e, 0x4f,
};

static const u8 hpke_ct[] __initconst = {
	0xd2, 0x85, 0xf3, 0x8d, 0xc9, 0xac, 0x4a, 0x4a, 0x8d, 0x2d, 0x26, 0xfd,
	0x70, 0x05, 0x7c, 0x98, 0x70, 0x74, 0xa3, 0x98, 0x34, 0xfd, 0x82, 0x77,
	0xcb, 0x3d, 0xbc, 0x4f,
};

/* Where the steps put their results; freed as one. */
struct kat_work {
	u8 sk[EROT_KEY_SIZE];
	u8 in[32];
	u8 out[96];
};

static int __init check(const char *what, int err, const u8 *got, const u8 *want, size_t n)
{
	if (!err && memcmp(got, want, n))
		err = -EILSEQ;
	if (err)
		pr_err("self-test of %s failed: %d\n", what, err);
	return err;
}

static int __init kat_hash(struct kat_work *w)
{
	erot_sha256("abc", 3, w->out);
	return check("SHA-256", 0, w->out, abc_digest, sizeof(abc_digest));
}

static int __init kat_hkdf(struct kat_work *w)
{
	static const char text[] __initconst = "erot kat info";
	const struct kvec ikm = EROT_PART(w->in, 22);
	struct kvec info = EROT_PART(w->in, 10);
	u8 salt[13];
	int i, err;

	memset(w->in, 0x0b, 22);
	for (i = 0; i < sizeof(salt); i++)
		salt[i] = i;
	err = erot_hkdf_extract_sha256(salt, sizeof(salt), &ikm, 1, w->out);
	err = check("HKDF-Extract-SHA256", err, w->out, hkdf_prk, sizeof(hkdf_prk));
	if (err)
		return err;

	for (i = 0; i < 10; i++)
		w->in[i] = 0xf0 + i;
	err = erot_hkdf_expand_sha256(hkdf_prk, &info, 1, w->out, sizeof(hkdf_okm));
	err = check("HKDF-Expand-SHA256", err, w->out, hkdf_okm, sizeof(hkdf_okm));
	if (err)
		return err;

	for (i = 0; i < sizeof(w->in); i++)
		w->in[i] = i;
	info.iov_base = (void *)text;
	info.iov_len = strlen(text);
	err = erot_hkdf_expand_sha512(w->in, sizeof(w->in), &info, 1, w->out,
				      sizeof(hkdf512_okm));
	return check("HKDF-Expand-SHA512", err, w->out, hkdf512_okm, sizeof(hkdf512_okm));
}

static int __init kat_hpke(struct kat_work *w)
{
	static const char name[] __initconst = "erot kat recipient";
	static const char info[] __initconst = "erot kat info";
	static const char aad[] __initconst = "erot kat aad";
	static const char text[] __initconst = "known answer";
	u8 *ct = w->out + 64;
	int err;

	BUILD_BUG_ON(sizeof(hpke_ct) != sizeof(text) - 1 + EROT_TAG_SIZE);
	BUILD_BUG_ON(sizeof(hpke_ct) > sizeof(w->out) - 64);

	erot_sha256(name, strlen(name), w->sk);
	err = erot_hpke_public(w->sk, w->out);
	err = check("X25519", err, w->out, hpke_pk, sizeof(hpke_pk));
	if (err)
		return err;
	memcpy(ct, hpke_ct, sizeof(hpke_ct));
	err = erot_hpke_open(w->sk, hpke_enc, info, strlen(info), aad, strlen(aad),
			     ct, sizeof(hpke_ct), w->out);
	err = check("HPKE", err, w->out, text, strlen(text));
	if (err)
		return err;

	/* an AEAD that takes anything would have passed so far */
	ct[sizeof(hpke_ct) - 1] ^= 1;
	err = erot_hpke_open(w->sk, hpke_enc, info, strlen(info), aad, strlen(aad),
			     ct, sizeof(hpke_ct), w->out);
	if (err == -EBADMSG)
		return 0;
	return check("HPKE with a wrong tag", err ?: -EILSEQ, NULL, NULL, 0);
}

/**
 * erot_kat - ask the primitives for known answers
 *
 * After erot_crypto_init(), before anything else uses it. A failure is logged.
 *
 * Return: 0; -EILSEQ for a wrong answer; or the primitive's own error.
 */
int __init erot_kat(void)
{
	struct kat_work *w;
	int err;

	w = erot_scratch_alloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return -ENOMEM;
	err = kat_hash(w);
	if (!err)
		err = kat_hkdf(w);
	if (!err)
		err = kat_hpke(w);
	erot_scratch_free(w, sizeof(*w));
	return err;
}
