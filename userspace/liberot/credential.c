// SPDX-License-Identifier: GPL-2.0-only
/* TPM2_MakeCredential in software: TPM 2.0 Part 1, 24 and 11.4.10, annexes B.10.4 and C.6.4. */
#include <errno.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "common/buf.h"
#include "common/secret.h"
#include "liberot/credential.h"

#define HASH_MAX	48
#define AES_KEY_MAX	32
#define FIELD_MAX	48
#define LABEL_IDENTITY	"IDENTITY"	/* all labels are hashed with their terminating zero */
#define LABEL_STORAGE	"STORAGE"
#define LABEL_INTEGRITY	"INTEGRITY"

/**
 * struct ek_kind - what the templates of the TCG EK Credential Profile (B.3, B.4) fix for a key
 * @group: of an elliptic curve, or NULL for RSA
 * @bits:  of the key
 * @hash:  name algorithm
 * @aes:   bits of the symmetric key
 */
struct ek_kind {
	const char *group;
	int bits;
	const char *hash;
	unsigned int aes;
};

static const struct ek_kind kinds[] = {
	{ NULL, 2048, "SHA256", 128 },
	{ NULL, 3072, "SHA384", 256 },
	{ "prime256v1", 256, "SHA256", 128 },
	{ "secp384r1", 384, "SHA384", 256 },
};

static const struct ek_kind *kind_of(EVP_PKEY *ek)
{
	const struct ek_kind *k;
	char group[32] = "";

	if (!EVP_PKEY_is_a(ek, "RSA") &&
	    !(EVP_PKEY_is_a(ek, "EC") &&
	      EVP_PKEY_get_group_name(ek, group, sizeof(group), NULL) == 1))
		return NULL;
	for (k = kinds; k < kinds + sizeof(kinds) / sizeof(kinds[0]); k++)
		if (k->bits == EVP_PKEY_get_bits(ek) && !strcmp(group, k->group ?: ""))
			return k;
	return NULL;
}

int erot_ek_key_check(EVP_PKEY *ek, struct erot_error *err)
{
	BIGNUM *e = NULL;
	int good = kind_of(ek) != NULL;

	if (good && EVP_PKEY_is_a(ek, "RSA"))
		good = EVP_PKEY_get_bn_param(ek, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		       BN_is_word(e, RSA_F4);
	BN_free(e);
	return good ? 0 : erot_fail(err, EKEYREJECTED, "ek-key",
				    "endorsement key: neither RSA-2048, RSA-3072, P-256 nor P-384");
}

static int hmac(const EVP_MD *md, const uint8_t *key, const void *data, size_t len, uint8_t *out)
{
	unsigned int n = 0;

	return HMAC(md, key, EVP_MD_get_size(md), data, len, out, &n) ? 0 : -EIO;
}

/* KDFa (Part 1, 11.4.10.2) of at most one hash: the counter is 1. */
static int kdfa(const EVP_MD *md, const uint8_t *seed, const char *label, const void *context,
		size_t len, unsigned int bits, uint8_t *out)
{
	uint8_t in[4 + 16 + EROT_TPM_NAME_SIZE + 4] = { 0, 0, 0, 1 }, block[EVP_MAX_MD_SIZE];
	size_t n = 4;
	int ret;

	memcpy(in + n, label, strlen(label) + 1);
	n += strlen(label) + 1;
	if (len)
		memcpy(in + n, context, len);
	n += len;
	in[n++] = 0;
	in[n++] = 0;
	in[n++] = (uint8_t)(bits >> 8);
	in[n++] = (uint8_t)bits;
	ret = hmac(md, seed, in, n, block);
	memcpy(out, block, bits / 8);
	erot_wipe(block, sizeof(block));
	return ret;
}

/* TPM2B: big-endian length, then bytes */
static void add_2b(struct erot_buf *b, const void *data, size_t len)
{
	erot_buf_u8(b, (uint8_t)(len >> 8));
	erot_buf_u8(b, (uint8_t)len);
	erot_buf_add(b, data, len);
}

/* B.10.3: a random seed, in OAEP with the name algorithm and the label */
static int seed_rsa(EVP_PKEY *ek, const EVP_MD *md, uint8_t *seed, struct erot_buf *secret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ek, NULL);
	void *label = OPENSSL_memdup(LABEL_IDENTITY, sizeof(LABEL_IDENTITY));
	uint8_t out[3072 / 8];
	size_t n = sizeof(out);
	int good = 0;

	if (!erot_random(seed, (size_t)EVP_MD_get_size(md)) && ctx && label &&
	    EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
	    EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, sizeof(LABEL_IDENTITY)) == 1) {
		label = NULL;	/* the context's now */
		good = EVP_PKEY_encrypt(ctx, out, &n, seed, (size_t)EVP_MD_get_size(md)) == 1;
	}
	OPENSSL_free(label);
	EVP_PKEY_CTX_free(ctx);
	if (good)
		add_2b(secret, out, n);
	return good ? 0 : -EIO;
}

static int coordinate(EVP_PKEY *key, const char *which, uint8_t *out, int size)
{
	BIGNUM *n = NULL;
	int good;

	good = EVP_PKEY_get_bn_param(key, which, &n) == 1 && BN_bn2binpad(n, out, size) == size;
	BN_free(n);
	return good ? 0 : -EIO;
}

/* ECDH: @z is the x coordinate, padded */
static int agree(EVP_PKEY *ours, EVP_PKEY *theirs, uint8_t *z, size_t size)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
	size_t n = size;
	int good;

	good = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
	       EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
	       EVP_PKEY_derive(ctx, z, &n) == 1 && n == size;
	EVP_PKEY_CTX_free(ctx);
	return good ? 0 : -EIO;
}

/*
 * C.6.4: seed = KDFe(Z, "IDENTITY", x of the ephemeral key, x of the EK) with KDFe of Part 1,
 * 11.4.10.3: one hash over counter, Z, label, both x.
 */
static int seed_ecc(EVP_PKEY *ek, const struct ek_kind *kind, const EVP_MD *md, uint8_t *seed,
		    struct erot_buf *secret)
{
	EVP_PKEY *ephemeral = EVP_EC_gen(kind->group);
	uint8_t z[FIELD_MAX], ux[FIELD_MAX], uy[FIELD_MAX], vx[FIELD_MAX];
	size_t size = (size_t)kind->bits / 8;
	struct erot_buf in = { 0 }, point = { 0 };
	static const uint8_t counter[4] = { 0, 0, 0, 1 };
	int ret = -EIO;

	if (!ephemeral || agree(ephemeral, ek, z, size) ||
	    coordinate(ephemeral, OSSL_PKEY_PARAM_EC_PUB_X, ux, (int)size) ||
	    coordinate(ephemeral, OSSL_PKEY_PARAM_EC_PUB_Y, uy, (int)size) ||
	    coordinate(ek, OSSL_PKEY_PARAM_EC_PUB_X, vx, (int)size))
		goto out;
	erot_buf_add(&in, counter, sizeof(counter));
	erot_buf_add(&in, z, size);
	erot_buf_add(&in, LABEL_IDENTITY, sizeof(LABEL_IDENTITY));
	erot_buf_add(&in, ux, size);
	erot_buf_add(&in, vx, size);
	add_2b(&point, ux, size);
	add_2b(&point, uy, size);
	if (!erot_buf_done(&in, NULL) && !erot_buf_done(&point, NULL) &&
	    EVP_Digest(in.data, in.len, seed, NULL, md, NULL) == 1) {
		add_2b(secret, point.data, point.len);
		ret = 0;
	}
out:
	erot_wipe(z, sizeof(z));
	erot_buf_free(&in);
	erot_buf_free(&point);
	EVP_PKEY_free(ephemeral);
	return ret;
}

static int encrypt_cfb(const struct ek_kind *kind, const uint8_t *key, const uint8_t *in,
		       size_t len, uint8_t *out)
{
	const EVP_CIPHER *cipher = kind->aes == 128 ? EVP_aes_128_cfb128() : EVP_aes_256_cfb128();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	static const uint8_t iv[16];
	int n = 0, good;

	good = ctx && EVP_EncryptInit_ex(ctx, cipher, NULL, key, iv) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1 && n == (int)len;
	EVP_CIPHER_CTX_free(ctx);
	return good ? 0 : -EIO;
}

/* Part 1, 24.4 and 24.5: encrypted with a key of seed and name, then MACed with the name. */
static int protect(const struct ek_kind *kind, const EVP_MD *md, const uint8_t *seed,
		   const uint8_t *name, const void *data, size_t len, struct erot_buf *blob)
{
	uint8_t aes[AES_KEY_MAX], mac_key[HASH_MAX], mac[HASH_MAX];
	uint8_t plain[2 + 32], cipher[2 + 32 + EROT_TPM_NAME_SIZE];
	size_t hash = (size_t)EVP_MD_get_size(md);
	struct erot_buf inner = { 0 };
	int ret;

	plain[0] = 0;
	plain[1] = (uint8_t)len;
	memcpy(plain + 2, data, len);
	ret = kdfa(md, seed, LABEL_STORAGE, name, EROT_TPM_NAME_SIZE, kind->aes, aes);
	if (!ret)
		ret = kdfa(md, seed, LABEL_INTEGRITY, NULL, 0, (unsigned int)hash * 8, mac_key);
	if (!ret)
		ret = encrypt_cfb(kind, aes, plain, 2 + len, cipher);
	memcpy(cipher + 2 + len, name, EROT_TPM_NAME_SIZE);
	if (!ret)
		ret = hmac(md, mac_key, cipher, 2 + len + EROT_TPM_NAME_SIZE, mac);
	if (!ret) {
		add_2b(&inner, mac, hash);
		erot_buf_add(&inner, cipher, 2 + len);
		ret = erot_buf_done(&inner, NULL);
	}
	if (!ret)
		add_2b(blob, inner.data, inner.len);
	erot_buf_free(&inner);
	erot_wipe(aes, sizeof(aes));
	erot_wipe(mac_key, sizeof(mac_key));
	erot_wipe(plain, sizeof(plain));
	return ret;
}

int erot_credential_make(EVP_PKEY *ek, const uint8_t name[EROT_TPM_NAME_SIZE], const void *data,
			 size_t len, struct erot_credential *out, struct erot_error *err)
{
	const struct ek_kind *kind = kind_of(ek);
	struct erot_buf blob = { 0 }, secret = { 0 };
	uint8_t seed[HASH_MAX];
	const EVP_MD *md;
	int ret;

	if (!len || len > 32)
		return erot_fail(err, EINVAL, "credential-size", "credential: 1 to 32 bytes");
	ret = erot_ek_key_check(ek, err);
	if (ret)
		return ret;
	md = EVP_get_digestbyname(kind->hash);
	ret = kind->group ? seed_ecc(ek, kind, md, seed, &secret)
			  : seed_rsa(ek, md, seed, &secret);
	if (!ret)
		ret = protect(kind, md, seed, name, data, len, &blob);
	erot_wipe(seed, sizeof(seed));
	if (ret || erot_buf_done(&blob, NULL) || erot_buf_done(&secret, NULL) ||
	    blob.len > sizeof(out->blob) || secret.len > sizeof(out->secret)) {
		ERR_clear_error();
		ret = erot_fail(err, EIO, "credential-internal", "credential: cannot be made");
	} else {
		memcpy(out->blob, blob.data, blob.len);
		out->blob_len = blob.len;
		memcpy(out->secret, secret.data, secret.len);
		out->secret_len = secret.len;
	}
	erot_buf_free(&blob);
	erot_buf_free(&secret);
	return ret;
}
