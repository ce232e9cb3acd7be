// SPDX-License-Identifier: GPL-2.0-only
/* Certificates and keys of those who sign. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/io.h"
#include "common/secret.h"
#include "liberot/cms.h"
#include "liberot/crypto.h"

#define CERT_MAX	65536

static int cert_fail(struct erot_error *err, int num, const char *why)
{
	ERR_clear_error();
	return erot_fail(err, num, "certificate", "certificate: %s", why);
}

int erot_cms_sign_pem(const void *pem, size_t pem_len, X509 *cert, const void *content,
		      size_t content_len, uint8_t **der, size_t *der_len, struct erot_error *err)
{
	EVP_PKEY *key = NULL;
	BIO *bio = NULL;
	int ret;

	*der = NULL;
	*der_len = 0;
	if (pem_len && pem_len <= CERT_MAX)
		bio = BIO_new_mem_buf(pem, (int)pem_len);
	if (bio)
		/* An empty passphrase: without one OpenSSL would ask at the terminal. */
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, "");
	BIO_free(bio);
	if (!key) {
		ERR_clear_error();
		return erot_fail(err, EBADMSG, "private-key",
				 "private key: not an unencrypted PEM");
	}
	ret = erot_cms_sign_key(key, cert, content, content_len, der, der_len, err);
	EVP_PKEY_free(key);
	return ret;
}

int erot_cert_parse(const void *data, size_t len, X509 **cert, struct erot_error *err)
{
	const unsigned char *p = data;
	BIO *bio;

	*cert = NULL;
	if (!len || len > CERT_MAX)
		return cert_fail(err, EBADMSG, "of an impossible length");
	if (p[0] == 0x30) {
		*cert = d2i_X509(NULL, &p, (long)len);
		if (*cert && p != (const unsigned char *)data + len) {
			X509_free(*cert);
			*cert = NULL;
			return cert_fail(err, EBADMSG, "has bytes behind its end");
		}
	} else {
		bio = BIO_new_mem_buf(data, (int)len);
		*cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, "") : NULL;
		BIO_free(bio);
	}
	return *cert ? 0 : cert_fail(err, EBADMSG, "neither PEM nor DER");
}

int erot_cert_read(const char *path, X509 **cert, struct erot_error *err)
{
	uint8_t *data;
	size_t len;
	int ret;

	*cert = NULL;
	ret = erot_read_file(path, CERT_MAX, &data, &len, err);
	if (ret)
		return ret;
	ret = erot_cert_parse(data, len, cert, err);
	if (ret)
		erot_error_prefix(err, "%s", path);
	free(data);
	return ret;
}

/* What begins at @p has this tag: its contents. NULL: it has another one, or does not fit. */
static const unsigned char *inside(const unsigned char *p, const unsigned char **end, int want)
{
	int tag, class, form;
	long len;

	form = ASN1_get_object(&p, &len, &tag, &class, *end - p);
	if ((form != V_ASN1_CONSTRUCTED && form) || class != V_ASN1_UNIVERSAL || tag != want) {
		ERR_clear_error();
		return NULL;
	}
	*end = p + len;
	return p;
}

/* RFC 5280, 4.1 */
int erot_cert_spki_digest_in(const void *der, size_t len, uint8_t digest[32])
{
	static const int before[] = { V_ASN1_INTEGER, V_ASN1_SEQUENCE, V_ASN1_SEQUENCE,
				      V_ASN1_SEQUENCE, V_ASN1_SEQUENCE };
	const unsigned char *p = der, *end = p + len, *next;
	size_t i;

	for (i = 0; p && i < 2; i++)
		p = inside(p, &end, V_ASN1_SEQUENCE);
	/* [0] version of five bytes: DER has none of version 1 */
	if (p && end - p > 5 && *p == 0xa0)
		p += 5;
	for (i = 0; p && i < sizeof(before) / sizeof(before[0]); i++) {
		next = end;
		if (!inside(p, &next, before[i]))
			return -EBADMSG;
		p = next;
	}
	next = end;
	if (!p || !inside(p, &next, V_ASN1_SEQUENCE))
		return -EBADMSG;
	return erot_sha256(p, (size_t)(next - p), digest);
}

int erot_cert_spki(X509 *cert, uint8_t **spki, size_t *len, uint8_t digest[32],
		   struct erot_error *err)
{
	unsigned char *der = NULL;
	int n, ret = 0;

	*spki = NULL;
	*len = 0;
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n <= 0)
		return cert_fail(err, EBADMSG, "its public key cannot be encoded");
	*spki = malloc((size_t)n);
	if (!*spki) {
		ret = erot_fail(err, ENOMEM, "no-memory", "out of memory");
	} else {
		memcpy(*spki, der, (size_t)n);
		*len = (size_t)n;
		if (digest && erot_sha256(der, (size_t)n, digest)) {
			free(*spki);
			*spki = NULL;
			*len = 0;
			ret = erot_fail(err, EIO, "crypto", "SHA-256 failed");
		}
	}
	OPENSSL_free(der);
	return ret;
}

int erot_cert_spki_digest(X509 *cert, uint8_t digest[32], struct erot_error *err)
{
	uint8_t *spki;
	size_t len;
	int ret;

	ret = erot_cert_spki(cert, &spki, &len, digest, err);
	free(spki);
	return ret;
}

static int add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int ok;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

X509 *erot_cert_unsigned(EVP_PKEY *key, const char *name, unsigned int days)
{
	uint8_t serial[16];
	X509 *x = X509_new();
	X509_NAME *subject;
	BIGNUM *bn = NULL;
	int ok = 0;

	if (!x || erot_random(serial, sizeof(serial)))
		goto out;
	serial[0] = (serial[0] & 0x7f) | 0x40;	/* positive, and always of the same length */
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	subject = X509_get_subject_name(x);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) &&
	     X509_set_version(x, X509_VERSION_3) &&
	     X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
					-1, -1, 0) &&
	     X509_set_issuer_name(x, subject) && X509_set_pubkey(x, key) &&
	     X509_gmtime_adj(X509_getm_notBefore(x), -300) &&
	     X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL) &&
	     add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	     add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	     add_extension(x, NID_subject_key_identifier, "hash");
out:
	BN_free(bn);
	if (!ok) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

int erot_cert_self_signed(EVP_PKEY *key, const char *name, unsigned int days, X509 **cert,
			  struct erot_error *err)
{
	X509 *x = erot_cert_unsigned(key, name, days);

	*cert = NULL;
	if (!x || X509_sign(x, key, EVP_sha256()) <= 0) {
		X509_free(x);
		return cert_fail(err, EIO, "could not be made");
	}
	*cert = x;
	return 0;
}

int erot_rsa_generate(EVP_PKEY **key, struct erot_error *err)
{
	*key = EVP_RSA_gen(EROT_RSA_BITS);
	if (*key)
		return 0;
	ERR_clear_error();
	return erot_fail(err, EIO, "crypto", "no RSA key could be made");
}
