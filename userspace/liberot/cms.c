// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <linux/erot.h>

#include "common/secret.h"
#include "liberot/cms.h"
#include "liberot/crypto.h"

#define FLAGS (CMS_NOATTR | CMS_NOCERTS | CMS_USE_KEYID | CMS_BINARY)

/* What OpenSSL queued must not surface in somebody else's error later. */
static int cms_fail(struct erot_error *err, int num, const char *code, const char *why)
{
	ERR_clear_error();
	return erot_fail(err, num, code, "signed message: %s", why);
}

static int take_copy(const void *data, size_t len, uint8_t **out, size_t *out_len,
		     struct erot_error *err)
{
	*out = malloc(len + 1);
	if (!*out)
		return erot_fail(err, ENOMEM, "no-memory", "out of memory");
	memcpy(*out, data, len);
	(*out)[len] = 0;
	*out_len = len;
	return 0;
}

/* DER, all of it, and only in the one way it can be written. */
static int parse(const void *der, size_t len, CMS_ContentInfo **out, struct erot_error *err)
{
	const unsigned char *p = der;
	unsigned char *again = NULL;
	CMS_ContentInfo *cms;
	int n, same;

	*out = NULL;
	if (!len || len > EROT_CMS_MAX)
		return cms_fail(err, EMSGSIZE, "cms-size", "of an impossible length");
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)len);
	if (!cms)
		return cms_fail(err, EBADMSG, "cms-syntax", "not a CMS message");
	if (p != (const unsigned char *)der + len) {
		CMS_ContentInfo_free(cms);
		return cms_fail(err, EBADMSG, "cms-trailing-bytes", "has bytes behind its end");
	}
	n = i2d_CMS_ContentInfo(cms, &again);
	same = n >= 0 && (size_t)n == len && !memcmp(again, der, len);
	OPENSSL_free(again);
	if (!same) {
		CMS_ContentInfo_free(cms);
		return cms_fail(err, EBADMSG, "cms-syntax", "not in DER");
	}
	*out = cms;
	return 0;
}

static int is_alg(const X509_ALGOR *alg, int nid)
{
	const ASN1_OBJECT *obj;

	X509_ALGOR_get0(&obj, NULL, NULL, alg);
	return OBJ_obj2nid(obj) == nid;
}

/* Only what the kernel takes, or less. On success *si is the one signer. */
static int check_form(CMS_ContentInfo *cms, CMS_SignerInfo **out, struct erot_error *err)
{
	ASN1_OCTET_STRING *keyid = NULL, **content, *sig;
	STACK_OF(X509_CRL) *crls = NULL;
	STACK_OF(CMS_SignerInfo) *sis;
	STACK_OF(X509) *certs = NULL;
	X509_ALGOR *digest, *method;
	ASN1_INTEGER *serial = NULL;
	X509_NAME *issuer = NULL;
	const char *why = NULL;
	CMS_SignerInfo *si;

	*out = NULL;
	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return cms_fail(err, EBADMSG, "cms-form", "not SignedData");
	content = CMS_get0_content(cms);
	if (!content || !*content || ASN1_STRING_length(*content) <= 0)
		return cms_fail(err, EBADMSG, "cms-form", "has no content");
	if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return cms_fail(err, EBADMSG, "cms-form", "content is not of type data");
	sis = CMS_get0_SignerInfos(cms);
	if (!sis || sk_CMS_SignerInfo_num(sis) != 1)
		return cms_fail(err, EBADMSG, "cms-form", "does not have exactly one signer");
	si = sk_CMS_SignerInfo_value(sis, 0);
	certs = CMS_get1_certs(cms);
	crls = CMS_get1_crls(cms);
	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, &method);
	sig = CMS_SignerInfo_get0_signature(si);
	if (certs || crls)
		why = "carries certificates or revocation lists";
	else if (CMS_signed_get_attr_count(si) >= 0 || CMS_unsigned_get_attr_count(si) >= 0)
		why = "carries attributes";
	else if (!CMS_SignerInfo_get0_signer_id(si, &keyid, &issuer, &serial) || !keyid)
		why = "does not name its signer by key identifier";
	else if (!is_alg(digest, NID_sha256) || !is_alg(method, NID_rsaEncryption))
		why = "not signed with RSA and SHA-256";
	else if (!sig || ASN1_STRING_length(sig) != EROT_RSA_SIZE)
		why = "signature is not that of a key of 3072 bits";
	sk_X509_pop_free(certs, X509_free);
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	if (why)
		return cms_fail(err, EBADMSG, "cms-form", why);
	*out = si;
	return 0;
}

int erot_cms_signer(X509 *cert, struct erot_error *err)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
	    EVP_PKEY_get_bits(key) != EROT_RSA_BITS)
		return cms_fail(err, ENOKEY, "cms-signer",
				"certificate has no RSA key of 3072 bits");
	if (!X509_get0_subject_key_id(cert))
		return cms_fail(err, ENOKEY, "cms-signer",
				"certificate has no subject key identifier");
	return 0;
}

int erot_cms_content(const void *der, size_t len, uint8_t **content, size_t *content_len,
		     struct erot_error *err)
{
	ASN1_OCTET_STRING *data;
	CMS_ContentInfo *cms;
	CMS_SignerInfo *si;
	int ret;

	*content = NULL;
	*content_len = 0;
	ret = parse(der, len, &cms, err);
	if (ret)
		return ret;
	ret = check_form(cms, &si, err);
	if (!ret) {
		data = *CMS_get0_content(cms);
		ret = take_copy(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data),
				content, content_len, err);
	}
	CMS_ContentInfo_free(cms);
	return ret;
}

/* The message around a signature that was made elsewhere. */
static CMS_ContentInfo *assemble(X509 *cert, const void *content, size_t len,
				      const uint8_t sig[EROT_RSA_SIZE])
{
	ASN1_OCTET_STRING **data;
	CMS_ContentInfo *cms;
	CMS_SignerInfo *si;

	cms = CMS_sign(NULL, NULL, NULL, NULL, FLAGS | CMS_PARTIAL);
	if (!cms)
		return NULL;
	si = CMS_add1_signer(cms, cert, X509_get0_pubkey(cert), EVP_sha256(),
			     FLAGS | CMS_PARTIAL);
	data = CMS_get0_content(cms);
	if (!si || !data)
		goto fail;
	if (!*data)
		*data = ASN1_OCTET_STRING_new();
	if (!*data || !ASN1_STRING_set(*data, content, (int)len) ||
	    !ASN1_STRING_set(CMS_SignerInfo_get0_signature(si), sig, EROT_RSA_SIZE))
		goto fail;
	(*data)->flags &= ~ASN1_STRING_FLAG_CONT;
	return cms;
fail:
	CMS_ContentInfo_free(cms);
	return NULL;
}

/*
 * Versions and algorithm parameters are outside of the signature and OpenSSL lets them vary; the
 * kernel does not. There is one way to write a message of this kind, so it is written again and
 * compared.
 */
static int is_ours(const void *der, size_t len, X509 *cert, CMS_ContentInfo *cms,
		   CMS_SignerInfo *si)
{
	ASN1_OCTET_STRING *data = *CMS_get0_content(cms);
	unsigned char *again = NULL;
	CMS_ContentInfo *made;
	int n, same;

	made = assemble(cert, ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data),
			ASN1_STRING_get0_data(CMS_SignerInfo_get0_signature(si)));
	n = made ? i2d_CMS_ContentInfo(made, &again) : -1;
	same = n > 0 && (size_t)n == len && !memcmp(again, der, len);
	OPENSSL_free(again);
	CMS_ContentInfo_free(made);
	return same;
}

int erot_cms_verify(const void *der, size_t len, X509 *cert, uint8_t **content, size_t *content_len,
		    struct erot_error *err)
{
	STACK_OF(X509) *only = NULL;
	CMS_ContentInfo *cms = NULL;
	CMS_SignerInfo *si;
	BIO *out = NULL;
	char *data;
	long n;
	int ret;

	*content = NULL;
	*content_len = 0;
	ret = erot_cms_signer(cert, err);
	if (!ret)
		ret = parse(der, len, &cms, err);
	if (!ret)
		ret = check_form(cms, &si, err);
	if (ret)
		goto out;
	if (CMS_SignerInfo_cert_cmp(si, cert)) {
		ret = cms_fail(err, ENOKEY, "cms-signer", "signed by another key");
		goto out;
	}
	only = sk_X509_new_null();
	out = BIO_new(BIO_s_mem());
	if (!only || !out || !sk_X509_push(only, cert)) {
		ret = cms_fail(err, ENOMEM, "no-memory", "out of memory");
		goto out;
	}
	if (CMS_verify(cms, only, NULL, NULL, out,
		       CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN | CMS_BINARY) != 1) {
		ret = cms_fail(err, EKEYREJECTED, "cms-signature", "signature is wrong");
		goto out;
	}
	if (!is_ours(der, len, cert, cms, si)) {
		ret = cms_fail(err, EBADMSG, "cms-form",
			       "has versions or parameters of another kind");
		goto out;
	}
	n = BIO_get_mem_data(out, &data);
	ret = n > 0 ? take_copy(data, (size_t)n, content, content_len, err) :
		      cms_fail(err, EBADMSG, "cms-form", "has no content");
out:
	BIO_free(out);
	sk_X509_free(only);
	CMS_ContentInfo_free(cms);
	return ret;
}

/* DigestInfo of SHA-256: RFC 8017, 9.2, note 1 */
static int make_digest_info(const void *content, size_t len, uint8_t info[EROT_DIGESTINFO_SIZE])
{
	static const uint8_t prefix[] = {
		0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
		0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
	};

	_Static_assert(sizeof(prefix) + 32 == EROT_DIGESTINFO_SIZE, "prefix and SHA-256");
	memcpy(info, prefix, sizeof(prefix));
	return erot_sha256(content, len, info + sizeof(prefix));
}

int erot_cms_sign_with(X509 *cert, erot_cms_sign_fn sign, void *ctx, const void *content,
		       size_t content_len, uint8_t **der, size_t *der_len, struct erot_error *err)
{
	uint8_t info[EROT_DIGESTINFO_SIZE], sig[EROT_RSA_SIZE], *check;
	unsigned char *out = NULL;
	CMS_ContentInfo *cms;
	size_t check_len;
	int n, ret;

	*der = NULL;
	*der_len = 0;
	ret = erot_cms_signer(cert, err);
	if (ret)
		return ret;
	if (!content_len || content_len > EROT_CMS_MAX)
		return cms_fail(err, EMSGSIZE, "cms-size", "content of an impossible length");
	if (make_digest_info(content, content_len, info))
		return cms_fail(err, EIO, "cms-internal", "SHA-256 failed");
	ret = sign(ctx, info, sig, err);
	if (ret)
		return ret;
	cms = assemble(cert, content, content_len, sig);
	n = cms ? i2d_CMS_ContentInfo(cms, &out) : -1;
	CMS_ContentInfo_free(cms);
	if (n <= 0)
		return cms_fail(err, EIO, "cms-internal", "OpenSSL could not make it");
	/* A wrong key or a fault of the token is found here, not at a customer's. */
	ret = erot_cms_verify(out, (size_t)n, cert, &check, &check_len, err);
	if (!ret) {
		free(check);
		ret = take_copy(out, (size_t)n, der, der_len, err);
	}
	OPENSSL_free(out);
	return ret;
}

static int sign_here(void *ctx, const uint8_t info[EROT_DIGESTINFO_SIZE],
		     uint8_t sig[EROT_RSA_SIZE], struct erot_error *err)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ctx, NULL);
	size_t len = EROT_RSA_SIZE;
	int ok;

	/* No digest is set: the DigestInfo is padded and signed as it stands. */
	ok = c && EVP_PKEY_sign_init(c) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
	     EVP_PKEY_sign(c, sig, &len, info, EROT_DIGESTINFO_SIZE) == 1 && len == EROT_RSA_SIZE;
	EVP_PKEY_CTX_free(c);
	return ok ? 0 : cms_fail(err, EKEYREJECTED, "cms-signature", "the key cannot sign");
}

int erot_cms_sign_key(EVP_PKEY *key, X509 *cert, const void *content, size_t content_len,
		      uint8_t **der, size_t *der_len, struct erot_error *err)
{
	*der = NULL;
	*der_len = 0;
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) != EROT_RSA_BITS ||
	    X509_check_private_key(cert, key) != 1)
		return cms_fail(err, ENOKEY, "cms-signer",
				"private key is not that of the certificate");
	return erot_cms_sign_with(cert, sign_here, key, content, content_len, der, der_len, err);
}
