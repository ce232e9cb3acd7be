// SPDX-License-Identifier: GPL-2.0-only
/*
 * X.509 certificates signed by a key that OpenSSL does not have: the body is
 * encoded, hashed and signed by the token, and the signature put in.
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#include "dergd/cert.h"
#include "dergd/hsm_wire.h"
#include "liberot/cms.h"
#include "liberot/crypto.h"

/* DigestInfo of SHA-256, RFC 8017 section 9.2, note 1 */
static const uint8_t digest_info[] = {
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
};

/* Signs by the HSM; an erot_cms_sign_fn whose context is struct derg_signer. */
int derg_cert_signer(void *ctx, const uint8_t *info, uint8_t *sig, struct erot_error *err)
{
	const struct derg_signer *s = ctx;

	return hsm_sign(s->hsm, s->key, info, EROT_DIGESTINFO_SIZE, sig, EROT_RSA_SIZE, err);
}

static EVP_PKEY *public_key(struct hsm *h, const char *key, struct erot_error *err)
{
	uint8_t modulus[HSM_RSA_MAX];
	size_t len = sizeof(modulus);
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *bld = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	BIGNUM *n = NULL, *e = NULL;

	if (hsm_modulus(h, key, modulus, &len, err))
		return NULL;
	n = BN_bin2bn(modulus, len, NULL);
	e = BN_new();
	bld = OSSL_PARAM_BLD_new();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	if (n && e && bld && ctx && BN_set_word(e, 65537) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(bld);
	if (!params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		erot_fail(err, EIO, "crypto", "cannot build the public key of %s", key);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return pkey;
}

/*
 * OpenSSL has setters for all but the signature of a certificate, which only
 * X509_sign() writes: hence the two casts, on an object that is ours.
 */
static int sign(X509 *cert, struct hsm *h, const char *key, struct erot_error *err)
{
	uint8_t info[EROT_DIGESTINFO_SIZE], sig[EROT_RSA_SIZE];
	const ASN1_BIT_STRING *bits;
	const X509_ALGOR *outer;
	unsigned char *tbs = NULL;
	int len, ret;

	X509_get0_signature(&bits, &outer, cert);
	if (!X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(cert),
			     OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL, NULL) ||
	    !X509_ALGOR_set0((X509_ALGOR *)outer, OBJ_nid2obj(NID_sha256WithRSAEncryption),
			     V_ASN1_NULL, NULL))
		return erot_fail(err, ENOMEM, "no-memory", "certificate");
	len = i2d_re_X509_tbs(cert, &tbs);
	if (len <= 0)
		return erot_fail(err, EIO, "crypto", "cannot encode the certificate");
	memcpy(info, digest_info, sizeof(digest_info));
	SHA256(tbs, len, info + sizeof(digest_info));
	OPENSSL_free(tbs);
	ret = hsm_sign(h, key, info, sizeof(info), sig, sizeof(sig), err);
	if (ret)
		return ret;
	if (!ASN1_STRING_set((ASN1_STRING *)bits, sig, sizeof(sig)))
		return erot_fail(err, ENOMEM, "no-memory", "certificate");
	((ASN1_STRING *)bits)->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 7);
	((ASN1_STRING *)bits)->flags |= ASN1_STRING_FLAG_BITS_LEFT;
	return 0;
}

/**
 * derg_cert_make() - certifies a key of the token by itself
 * @h: open
 * @key: label of an RSA-3072 key
 * @name: common name
 * @days: until it expires; the kernel does not look at that
 * @cert: to be freed with X509_free()
 * @err: reason
 *
 * The kernel finds the key by the subject key identifier, hence that extension.
 *
 * Return: 0 or a negative errno.
 */
int derg_cert_make(struct hsm *h, const char *key, const char *name, unsigned int days,
		   X509 **cert, struct erot_error *err)
{
	EVP_PKEY *pkey;
	int ret = 0;
	X509 *x;

	*cert = NULL;
	pkey = public_key(h, key, err);
	if (!pkey)
		return -EIO;
	x = erot_cert_unsigned(pkey, name, days);
	if (!x)
		ret = erot_fail(err, EIO, "crypto", "cannot fill the certificate");
	if (!ret)
		ret = sign(x, h, key, err);
	if (!ret && X509_verify(x, pkey) != 1)
		ret = erot_fail(err, EIO, "hsm-error", "the token's signature does not verify");
	if (!ret) {
		*cert = x;
		x = NULL;
	}
	X509_free(x);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ret;
}

/**
 * derg_cert_log() - certifies the log's key by the receipt key
 * @h: open
 * @issuer: certificate of the receipt key
 * @key: label of the receipt key
 * @log: name and public key
 * @days: until it expires
 * @cert: to be freed with X509_free()
 * @err: reason
 *
 * Who trusts the DERG's certificate can tell its log from another.
 *
 * Return: 0 or a negative errno.
 */
int derg_cert_log(struct hsm *h, X509 *issuer, const char *key, const struct erot_note_key *log,
		  unsigned int days, X509 **cert, struct erot_error *err)
{
	EVP_PKEY *pkey;
	X509 *x = NULL;
	int ret = 0;

	*cert = NULL;
	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, log->pk, sizeof(log->pk));
	if (pkey)
		x = erot_cert_unsigned(pkey, log->name, days);
	if (!x || !X509_set_issuer_name(x, X509_get_subject_name(issuer)))
		ret = erot_fail(err, EIO, "crypto", "cannot fill the log's certificate");
	if (!ret)
		ret = sign(x, h, key, err);
	if (!ret && X509_verify(x, X509_get0_pubkey(issuer)) != 1)
		ret = erot_fail(err, EIO, "hsm-error", "the token's signature does not verify");
	if (!ret) {
		*cert = x;
		x = NULL;
	}
	X509_free(x);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ret;
}
