// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/random.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "common/secret.h"
#include "liberot/crypto.h"

int erot_random(void *out, size_t len)
{
	uint8_t *p = out;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int erot_sha256(const void *data, size_t len, uint8_t out[EROT_DIGEST_SIZE])
{
	unsigned int n = 0;

	if (EVP_Digest(data, len, out, &n, EVP_sha256(), NULL) != 1 || n != EROT_DIGEST_SIZE)
		return -EIO;
	return 0;
}

int erot_hmac_sha256(const void *key, size_t key_len, const void *msg, size_t msg_len,
		     uint8_t out[EROT_DIGEST_SIZE])
{
	size_t n = 0;

	if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key_len ? key : "", key_len, msg,
		       msg_len, out, EROT_DIGEST_SIZE, &n) || n != EROT_DIGEST_SIZE)
		return -EIO;
	return 0;
}

int erot_hkdf_extract_sha256(const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
			     uint8_t prk[EROT_DIGEST_SIZE])
{
	return erot_hmac_sha256(salt, salt_len, ikm, ikm_len, prk);
}

static int hkdf_expand(const char *hash, size_t hash_len, const void *prk, size_t prk_len,
		       const void *info, size_t info_len, void *out, size_t out_len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, ret = -EIO;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)hash, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)prk, prk_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *ctx = NULL;
	EVP_KDF *kdf;

	if (!out_len || out_len > 255 * hash_len)
		return -EINVAL;
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (kdf)
		ctx = EVP_KDF_CTX_new(kdf);
	if (ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1)
		ret = 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	if (ret)
		erot_wipe(out, out_len);
	return ret;
}

int erot_hkdf_expand_sha256(const void *prk, size_t prk_len, const void *info, size_t info_len,
			    void *out, size_t out_len)
{
	return hkdf_expand("SHA256", 32, prk, prk_len, info, info_len, out, out_len);
}

int erot_hkdf_expand_sha512(const void *prk, size_t prk_len, const void *info, size_t info_len,
			    void *out, size_t out_len)
{
	return hkdf_expand("SHA512", 64, prk, prk_len, info, info_len, out, out_len);
}

int erot_x25519_public(const uint8_t sk[EROT_KEY_SIZE], uint8_t pk[EROT_KEY_SIZE])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, sk, EROT_KEY_SIZE);
	size_t len = EROT_KEY_SIZE;
	int ret = -EIO;

	if (key && EVP_PKEY_get_raw_public_key(key, pk, &len) == 1 && len == EROT_KEY_SIZE)
		ret = 0;
	EVP_PKEY_free(key);
	return ret;
}

int erot_x25519(const uint8_t sk[EROT_KEY_SIZE], const uint8_t pk[EROT_KEY_SIZE],
		uint8_t shared[EROT_KEY_SIZE])
{
	static const uint8_t zero[EROT_KEY_SIZE];
	size_t len = EROT_KEY_SIZE;
	EVP_PKEY *mine, *theirs;
	EVP_PKEY_CTX *ctx = NULL;
	int ret = -EIO;

	memset(shared, 0, EROT_KEY_SIZE);
	mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, sk, EROT_KEY_SIZE);
	theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, pk, EROT_KEY_SIZE);
	if (mine && theirs)
		ctx = EVP_PKEY_CTX_new(mine, NULL);
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, theirs) != 1)
		goto out;
	/*
	 * RFC 9180, 7.1.4. OpenSSL refuses by itself, and says no more than "failed"; with keys of
	 * the right length there is no other reason, and the comparison does not rely on that.
	 */
	ret = -EKEYREJECTED;
	if (EVP_PKEY_derive(ctx, shared, &len) == 1 && len == EROT_KEY_SIZE &&
	    !erot_secret_equal(shared, zero, sizeof(zero)))
		ret = 0;
out:
	if (ret)
		erot_wipe(shared, EROT_KEY_SIZE);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(mine);
	return ret;
}

int erot_gcm_seal(const uint8_t key[EROT_KEY_SIZE], const uint8_t nonce[EROT_NONCE_SIZE],
		  const void *aad, size_t aad_len, const void *pt, size_t pt_len, uint8_t *ct)
{
	EVP_CIPHER_CTX *ctx;
	int n, ret = -EIO;

	if (aad_len > INT_MAX || pt_len > INT_MAX - EROT_TAG_SIZE)
		return -EINVAL;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1)
		goto out;
	if (aad_len && EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) != 1)
		goto out;
	if (pt_len && (EVP_EncryptUpdate(ctx, ct, &n, pt, (int)pt_len) != 1 || n != (int)pt_len))
		goto out;
	if (EVP_EncryptFinal_ex(ctx, ct + pt_len, &n) != 1 || n)
		goto out;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, EROT_TAG_SIZE, ct + pt_len) == 1)
		ret = 0;
out:
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}

int erot_gcm_open(const uint8_t key[EROT_KEY_SIZE], const uint8_t nonce[EROT_NONCE_SIZE],
		  const void *aad, size_t aad_len, const uint8_t *ct, size_t ct_len, uint8_t *pt)
{
	uint8_t tag[EROT_TAG_SIZE], none;
	EVP_CIPHER_CTX *ctx;
	int n, ret = -EIO;
	size_t len;

	if (ct_len < EROT_TAG_SIZE)
		return -EBADMSG;
	len = ct_len - EROT_TAG_SIZE;
	if (aad_len > INT_MAX || len > INT_MAX)
		return -EINVAL;
	memcpy(tag, ct + len, sizeof(tag));
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1)
		goto out;
	if (aad_len && EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len) != 1)
		goto out;
	if (len && (EVP_DecryptUpdate(ctx, pt, &n, ct, (int)len) != 1 || n != (int)len))
		goto out;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, EROT_TAG_SIZE, tag) != 1)
		goto out;
	ret = EVP_DecryptFinal_ex(ctx, &none, &n) == 1 ? 0 : -EBADMSG;
out:
	if (ret)
		erot_wipe(pt, len);
	EVP_CIPHER_CTX_free(ctx);
	return ret;
}
