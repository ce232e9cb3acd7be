// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/buf.h"
#include "liberot/softkey.h"

int erot_softkey_enrol_data(const uint8_t secret[32], uint8_t out[EROT_DIGEST_SIZE])
{
	struct erot_buf b = { 0 };
	int ret;

	erot_buf_lp_str(&b, EROT_LABEL_ENROL);
	erot_buf_lp(&b, secret, 32);
	ret = erot_buf_done(&b, NULL);
	if (!ret)
		ret = erot_sha256(b.data, b.len, out);
	erot_buf_free(&b);
	return ret;
}

static int is_p256(EVP_PKEY *key)
{
	char group[32] = "";

	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       !strcmp(group, "prime256v1");
}

int erot_softkey_sign(EVP_PKEY *key, const uint8_t digest[EROT_DIGEST_SIZE],
		      uint8_t sig[EROT_SOFTKEY_SIGNATURE_MAX], size_t *sig_len,
		      struct erot_error *err)
{
	EVP_PKEY_CTX *ctx;
	int ok;

	if (!is_p256(key))
		return erot_fail(err, EINVAL, "softkey", "a software key is an ECDSA P-256 key");
	*sig_len = EROT_SOFTKEY_SIGNATURE_MAX;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
	     EVP_PKEY_sign(ctx, sig, sig_len, digest, EROT_DIGEST_SIZE) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : erot_fail(err, EIO, "softkey", "cannot sign with the software key");
}

int erot_softkey_verify(const void *spki, size_t spki_len, const uint8_t digest[EROT_DIGEST_SIZE],
			const void *sig, size_t sig_len, struct erot_error *err)
{
	const unsigned char *p = spki;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key;
	int ok;

	key = d2i_PUBKEY(NULL, &p, spki_len);
	ok = key && p == (const unsigned char *)spki + spki_len && is_p256(key) &&
	     sig_len <= EROT_SOFTKEY_SIGNATURE_MAX;
	if (ok)
		ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	     EVP_PKEY_verify(ctx, sig, sig_len, digest, EROT_DIGEST_SIZE) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok ? 0 : erot_fail(err, EKEYREJECTED, "softkey-signature",
				  "not signed by this software key");
}

int erot_softkey_verify_enrol(const void *spki, size_t spki_len, const uint8_t secret[32],
			      const void *sig, size_t sig_len, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	if (erot_softkey_enrol_data(secret, digest))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	return erot_softkey_verify(spki, spki_len, digest, sig, sig_len, err);
}
