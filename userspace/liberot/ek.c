// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "liberot/cms.h"
#include "liberot/credential.h"
#include "liberot/ek.h"

#define ROOTS_MAX	(4U << 20)
#define DEPTH_MAX	8
#define AUTH_LEVEL	2	/* 112 bits: RSA-2048, SHA-256 and better */
#define EKU_EK		"2.23.133.8.1"	/* tcg-kp-EKCertificate */

/**
 * struct erot_ek_roots - whose certificates are accepted
 * @store: without X509_V_FLAG_PARTIAL_CHAIN: only what is self-signed ends a path, the others are
 *         parts of one
 */
struct erot_ek_roots {
	X509_STORE *store;
};

static int bad_roots(struct erot_error *err, const char *why)
{
	ERR_clear_error();
	return erot_fail(err, EBADMSG, "ek-roots", "roots of endorsement keys: %s", why);
}

static int add_all(struct erot_ek_roots *roots, BIO *bio, struct erot_error *err)
{
	unsigned int n = 0;
	unsigned long why;
	X509 *cert;
	int good;

	ERR_clear_error();
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, ""))) {
		good = X509_STORE_add_cert(roots->store, cert);
		X509_free(cert);
		if (!good)
			return erot_fail(err, ENOMEM, "no-memory", "roots of endorsement keys");
		n++;
	}
	why = ERR_peek_last_error();
	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return bad_roots(err, "one is malformed");
	ERR_clear_error();
	return n ? 0 : bad_roots(err, "there is no certificate in PEM");
}

int erot_ek_roots_load(const void *pem, size_t len, struct erot_ek_roots **roots,
		       struct erot_error *err)
{
	struct erot_ek_roots *r = calloc(1, sizeof(*r));
	BIO *bio = NULL;
	int ret;

	*roots = NULL;
	if (len && len <= ROOTS_MAX)
		bio = BIO_new_mem_buf(pem, (int)len);
	if (r)
		r->store = X509_STORE_new();
	if (!bio)
		ret = bad_roots(err, "of an impossible length");
	else if (!r || !r->store)
		ret = erot_fail(err, ENOMEM, "no-memory", "roots of endorsement keys");
	else
		ret = add_all(r, bio, err);
	BIO_free(bio);
	if (ret)
		erot_ek_roots_free(r);
	else
		*roots = r;
	return ret;
}

void erot_ek_roots_free(struct erot_ek_roots *roots)
{
	if (!roots)
		return;
	X509_STORE_free(roots->store);
	free(roots);
}

/*
 * EK certificates and their issuers may mark subjectDirectoryAttributes critical (TCG EK Credential
 * Profile, 3.2.13), which OpenSSL does not know. It carries the TPM's specification, nothing that
 * limits the use of the certificate. Any other critical extension stays fatal.
 */
static int only_harmless_extensions(X509 *cert)
{
	int i, n = X509_get_ext_count(cert);

	for (i = 0; i < n; i++) {
		X509_EXTENSION *ext = X509_get_ext(cert, i);

		if (X509_EXTENSION_get_critical(ext) && !X509_supported_extension(ext) &&
		    OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_subject_directory_attributes)
			return 0;
	}
	return 1;
}

static int on_error(int good, X509_STORE_CTX *ctx)
{
	if (good || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION ||
	    !only_harmless_extensions(X509_STORE_CTX_get_current_cert(ctx)))
		return good;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static int check_chain(X509 *cert, const struct erot_ek_roots *roots, uint64_t now,
		       struct erot_error *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int why, ret = 0;

	if (!ctx || !X509_STORE_CTX_init(ctx, roots->store, cert, NULL)) {
		X509_STORE_CTX_free(ctx);
		return erot_fail(err, ENOMEM, "no-memory", "endorsement key: out of memory");
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)now);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
	if (X509_verify_cert(ctx) != 1) {
		why = X509_STORE_CTX_get_error(ctx);
		if (why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID)
			ret = erot_fail(err, EKEYEXPIRED, "ek-expired", "endorsement key: %s",
					X509_verify_cert_error_string(why));
		else
			ret = erot_fail(err, EKEYREJECTED, "ek-chain", "endorsement key: %s",
					X509_verify_cert_error_string(why));
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return ret;
}

static int is_for_ek(X509 *cert)
{
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	int i, found = 0;
	char oid[32];

	for (i = 0; list && i < sk_ASN1_OBJECT_num(list); i++)
		if (OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(list, i), 1) > 0)
			found |= !strcmp(oid, EKU_EK);
	EXTENDED_KEY_USAGE_free(list);
	return found;
}

/* The same authority may certify other keys of a machine, its platform for instance. */
static int check_usage(X509 *cert, EVP_PKEY *key, struct erot_error *err)
{
	uint32_t want = EVP_PKEY_is_a(key, "RSA") ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT;
	const char *why = NULL;

	if (X509_get_extension_flags(cert) & EXFLAG_CA)
		why = "the certificate is an authority's";
	else if (!is_for_ek(cert))
		why = "the certificate is not for an endorsement key";
	else if (!(X509_get_key_usage(cert) & want))
		why = "the key usage does not allow activation";
	ERR_clear_error();
	return why ? erot_fail(err, EKEYREJECTED, "ek-usage", "endorsement key: %s", why) : 0;
}

int erot_ek_verify(const void *cert, size_t len, const struct erot_ek_roots *roots, uint64_t now,
		   EVP_PKEY **ek, struct erot_error *err)
{
	struct erot_error why = { 0 };
	EVP_PKEY *key;
	X509 *x = NULL;
	int ret;

	*ek = NULL;
	if (now > LONG_MAX || erot_cert_parse(cert, len, &x, &why))
		return erot_fail(err, EBADMSG, "ek-certificate", "endorsement key: %s", why.text);
	key = X509_get0_pubkey(x);
	if (key)
		ret = check_chain(x, roots, now, err);
	else
		ret = erot_fail(err, EBADMSG, "ek-certificate",
				"endorsement key: its kind is unknown");
	if (!ret)
		ret = check_usage(x, key, err);
	if (!ret)
		ret = erot_ek_key_check(key, err);
	if (!ret && EVP_PKEY_up_ref(key))
		*ek = key;
	ERR_clear_error();
	X509_free(x);
	return ret;
}
