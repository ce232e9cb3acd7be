// SPDX-License-Identifier: GPL-2.0-only
/* The public area of an attestation key. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <tss2/tss2_mu.h>

#include "liberot/credential.h"

#define AK_MUST	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | \
		 TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_RESTRICTED | \
		 TPMA_OBJECT_SIGN_ENCRYPT)
#define AK_MUST_NOT	TPMA_OBJECT_DECRYPT
#define P256_SIZE	32
#define RSA_EXPONENT	65537	/* 0 stands for it */

static int syntax(struct erot_error *err, const char *why)
{
	return erot_fail(err, EBADMSG, "ak-syntax", "attestation key: %s", why);
}

static int bad(struct erot_error *err, const char *code, const char *why)
{
	ERR_clear_error();
	return erot_fail(err, EKEYREJECTED, code, "attestation key: %s", why);
}

static int parse(const uint8_t *data, size_t len, TPMT_PUBLIC *t, struct erot_error *err)
{
	size_t used = 0;

	if (len < 2 || len > EROT_TPM_PUBLIC_MAX || (data[0] << 8 | data[1]) != (int)len - 2)
		return syntax(err, "its length is wrong");
	memset(t, 0, sizeof(*t));
	if (Tss2_MU_TPMT_PUBLIC_Unmarshal(data + 2, len - 2, &used, t) || used != len - 2)
		return syntax(err, "malformed");
	return 0;
}

static int check_type(const TPMT_PUBLIC *t, struct erot_error *err)
{
	uint16_t bits = t->parameters.rsaDetail.keyBits;

	if (t->nameAlg != TPM2_ALG_SHA256)
		return bad(err, "ak-type", "not named with SHA-256");
	if (t->type == TPM2_ALG_ECC && t->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256)
		return 0;
	if (t->type == TPM2_ALG_RSA && (bits == 2048 || bits == 3072 || bits == 4096))
		return 0;
	return bad(err, "ak-type", "neither P-256 nor RSA of 2048 to 4096 bits");
}

static int check_attributes(const TPMT_PUBLIC *t, struct erot_error *err)
{
	uint32_t have = t->objectAttributes & (AK_MUST | AK_MUST_NOT);
	char want[16], got[16];

	if (have == AK_MUST)
		return 0;
	snprintf(want, sizeof(want), "0x%08x", (uint32_t)AK_MUST);
	snprintf(got, sizeof(got), "0x%08x", have);
	return erot_fail_compared(err, EKEYREJECTED, "ak-attributes", want, got,
				  "attestation key: not restricted, sign, fixedTPM, fixedParent, "
				  "sensitiveDataOrigin and without decrypt");
}

static int check_scheme(const TPMT_PUBLIC *t, struct erot_error *err)
{
	const TPMS_ECC_PARMS *ecc = &t->parameters.eccDetail;
	const TPMS_RSA_PARMS *rsa = &t->parameters.rsaDetail;

	if (t->type == TPM2_ALG_ECC) {
		if (ecc->scheme.scheme == TPM2_ALG_ECDSA &&
		    ecc->scheme.details.ecdsa.hashAlg == TPM2_ALG_SHA256)
			return 0;
	} else if (rsa->scheme.scheme == TPM2_ALG_RSASSA &&
		   rsa->scheme.details.rsassa.hashAlg == TPM2_ALG_SHA256) {
		return 0;
	}
	return bad(err, "ak-scheme", "its scheme is neither ECDSA nor RSASSA with SHA-256");
}

/* Coordinates may lack leading zeros. */
static int push_point(OSSL_PARAM_BLD *b, const TPMS_ECC_POINT *p, uint8_t point[1 + 2 * P256_SIZE])
{
	if (p->x.size > P256_SIZE || p->y.size > P256_SIZE)
		return 0;
	memset(point, 0, 1 + 2 * P256_SIZE);
	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1 + P256_SIZE - p->x.size, p->x.buffer, p->x.size);
	memcpy(point + 1 + 2 * P256_SIZE - p->y.size, p->y.buffer, p->y.size);
	return OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
	       OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point,
						1 + 2 * P256_SIZE);
}

static int push_modulus(OSSL_PARAM_BLD *b, const TPMT_PUBLIC *t, BIGNUM **n)
{
	const TPMS_RSA_PARMS *rsa = &t->parameters.rsaDetail;

	if (rsa->exponent && rsa->exponent != RSA_EXPONENT)
		return 0;
	*n = BN_bin2bn(t->unique.rsa.buffer, t->unique.rsa.size, NULL);
	return *n && BN_num_bits(*n) == rsa->keyBits && BN_is_odd(*n) &&
	       OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, *n) &&
	       OSSL_PARAM_BLD_push_uint(b, OSSL_PKEY_PARAM_RSA_E, RSA_EXPONENT);
}

/* NULL where the numbers are no key. */
static EVP_PKEY *make_key(const TPMT_PUBLIC *t)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * P256_SIZE];
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;
	BIGNUM *n = NULL;
	int good;

	/* a point that is not on the curve is refused when it is imported */
	good = b && (t->type == TPM2_ALG_ECC ? push_point(b, &t->unique.ecc, point)
					      : push_modulus(b, t, &n));
	if (good)
		params = OSSL_PARAM_BLD_to_param(b);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, t->type == TPM2_ALG_ECC ? "EC" : "RSA", NULL);
	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	BN_free(n);
	return key;
}

static int fill(const TPMT_PUBLIC *t, const uint8_t *area, size_t area_len, struct erot_ak *ak,
		struct erot_error *err)
{
	EVP_PKEY *key = make_key(t);
	unsigned char *der = NULL;
	int n, ret = 0;

	if (!key)
		return bad(err, "ak-key", "its numbers are no key");
	n = i2d_PUBKEY(key, &der);
	EVP_PKEY_free(key);
	if (n <= 0 || (size_t)n > sizeof(ak->spki))
		ret = bad(err, "ak-key", "its numbers are no key");
	memset(ak, 0, sizeof(*ak));
	if (!ret) {
		memcpy(ak->spki, der, (size_t)n);
		ak->spki_len = (size_t)n;
		ak->name[0] = TPM2_ALG_SHA256 >> 8;
		ak->name[1] = TPM2_ALG_SHA256 & 0xff;
		if (erot_sha256(area, area_len, ak->name + 2) ||
		    erot_sha256(ak->spki, ak->spki_len, ak->digest))
			ret = erot_fail(err, EIO, "crypto", "attestation key: hashing failed");
	}
	OPENSSL_free(der);
	return ret;
}

int erot_ak_check(const void *public, size_t len, struct erot_ak *ak, struct erot_error *err)
{
	const uint8_t *data = public;
	TPMT_PUBLIC t;
	int ret;

	ret = parse(data, len, &t, err);
	if (!ret)
		ret = check_type(&t, err);
	if (!ret)
		ret = check_attributes(&t, err);
	if (!ret)
		ret = check_scheme(&t, err);
	if (!ret)
		ret = fill(&t, data + 2, len - 2, ak, err);
	return ret;
}
