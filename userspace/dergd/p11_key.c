// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys on the token, found by label. Every usage attribute is given, because
 * the defaults of ENCRYPT, DECRYPT and WRAP are true in some modules.
 */
#include <errno.h>
#include <string.h>

#include "dergd/p11.h"

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define FLAG(type, value)	{ (type), &(value), sizeof(value) }
#define COUNT(a)		(sizeof(a) / sizeof((a)[0]))

static int search(struct p11 *t, CK_ATTRIBUTE *attrs, unsigned long n,
		  CK_OBJECT_HANDLE *found, unsigned long max, unsigned long *count,
		  struct erot_error *err)
{
	CK_RV rv;

	rv = t->fn->C_FindObjectsInit(t->session, attrs, n);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_FindObjectsInit");
	rv = t->fn->C_FindObjects(t->session, found, max, count);
	t->fn->C_FindObjectsFinal(t->session);
	return rv == CKR_OK ? 0 : p11_fail(err, rv, "C_FindObjects");
}

/**
 * p11_find() - the one object of a class and label
 * @t: open
 * @class: CKO_*
 * @label: exact
 * @key: filled
 * @err: reason
 *
 * By label and not by key type: other modules call the same key
 * CKK_SHA256_HMAC. Two objects of one label are refused, for nobody could say
 * which of them a derivation used.
 *
 * Return: 0, -ENOENT, -EEXIST when it is not the only one, or -EIO.
 */
int p11_find(struct p11 *t, CK_OBJECT_CLASS class, const char *label,
	     CK_OBJECT_HANDLE *key, struct erot_error *err)
{
	CK_ATTRIBUTE attrs[] = {
		FLAG(CKA_CLASS, class),
		FLAG(CKA_TOKEN, yes),
		{ CKA_LABEL, (void *)label, strlen(label) },
	};
	CK_OBJECT_HANDLE found[2];
	unsigned long count = 0;
	int ret;

	ret = search(t, attrs, COUNT(attrs), found, 2, &count, err);
	if (ret)
		return ret;
	if (!count)
		return erot_fail(err, ENOENT, "hsm-key", "no key \"%s\" on the token", label);
	if (count > 1)
		return erot_fail(err, EEXIST, "hsm-key", "more than one key \"%s\"", label);
	*key = found[0];
	return 0;
}

/**
 * p11_hmac() - HMAC-SHA-256 with a key of the token
 * @t: open
 * @label: of a secret key
 * @msg: message
 * @len: bytes
 * @mac: filled; secret where it is a derivation, the caller wipes it
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int p11_hmac(struct p11 *t, const char *label, const uint8_t *msg, size_t len,
	     uint8_t mac[32], struct erot_error *err)
{
	CK_MECHANISM mech = { CKM_SHA256_HMAC, NULL, 0 };
	CK_OBJECT_HANDLE key = 0;
	unsigned long mac_len = 32;
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_SECRET_KEY, label, &key, err);
	if (ret)
		return ret;
	rv = t->fn->C_SignInit(t->session, &mech, key);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_SignInit");
	rv = t->fn->C_Sign(t->session, (unsigned char *)msg, len, mac, &mac_len);
	if (rv == CKR_OK && mac_len == 32)
		return 0;
	explicit_bzero(mac, 32);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_Sign");
	return erot_fail(err, EIO, "hsm-error", "HMAC of %lu bytes", mac_len);
}

/**
 * p11_rsa_sign() - RSASSA-PKCS1-v1_5 over a DigestInfo that is made already
 * @t: open
 * @label: of a private key
 * @info: DigestInfo, DER
 * @len: bytes
 * @sig: filled
 * @sig_len: in: room; out: bytes
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int p11_rsa_sign(struct p11 *t, const char *label, const uint8_t *info, size_t len,
		 uint8_t *sig, size_t *sig_len, struct erot_error *err)
{
	CK_MECHANISM mech = { CKM_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE key = 0;
	unsigned long n = *sig_len;
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_PRIVATE_KEY, label, &key, err);
	if (ret)
		return ret;
	rv = t->fn->C_SignInit(t->session, &mech, key);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_SignInit");
	rv = t->fn->C_Sign(t->session, (unsigned char *)info, len, sig, &n);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_Sign");
	*sig_len = n;
	return 0;
}

/**
 * p11_rsa_modulus() - modulus of a receipt key; its exponent is 65537
 * @t: open
 * @label: of the public key
 * @n: filled, big-endian
 * @n_len: in: room; out: bytes
 * @err: reason
 *
 * Return: 0, -ENOENT, -EINVAL for another exponent, or -EIO.
 */
int p11_rsa_modulus(struct p11 *t, const char *label, uint8_t *n, size_t *n_len,
		    struct erot_error *err)
{
	static const uint8_t f4[] = { 1, 0, 1 };
	CK_OBJECT_HANDLE key = 0;
	uint8_t e[8];
	CK_ATTRIBUTE attrs[] = {
		{ CKA_MODULUS, n, *n_len },
		{ CKA_PUBLIC_EXPONENT, e, sizeof(e) },
	};
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_PUBLIC_KEY, label, &key, err);
	if (ret)
		return ret;
	rv = t->fn->C_GetAttributeValue(t->session, key, attrs, COUNT(attrs));
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_GetAttributeValue");
	if (attrs[1].ulValueLen != sizeof(f4) || memcmp(e, f4, sizeof(f4)))
		return erot_fail(err, EINVAL, "hsm-key", "exponent of \"%s\" is not 65537", label);
	*n_len = attrs[0].ulValueLen;
	return 0;
}

static int absent(struct p11 *t, CK_OBJECT_CLASS class, const char *label,
		  struct erot_error *err)
{
	CK_OBJECT_HANDLE key;
	int ret;

	ret = p11_find(t, class, label, &key, err);
	if (ret == -ENOENT)
		return 0;
	if (!ret)
		ret = -EEXIST;
	if (ret == -EEXIST)
		return erot_fail(err, EEXIST, "hsm-key", "key \"%s\" exists", label);
	return ret;
}

/**
 * p11_generate_root() - makes a derivation root of 32 bytes
 * @t: open
 * @label: must not exist
 * @err: reason
 *
 * It signs (HMAC) and does nothing else, and never leaves the token.
 *
 * Return: 0, -EEXIST, or another negative errno.
 */
int p11_generate_root(struct p11 *t, const char *label, struct erot_error *err)
{
	CK_MECHANISM mech = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	unsigned long bytes = 32;
	CK_ATTRIBUTE attrs[] = {
		FLAG(CKA_CLASS, class),
		FLAG(CKA_KEY_TYPE, type),
		FLAG(CKA_VALUE_LEN, bytes),
		{ CKA_LABEL, (void *)label, strlen(label) },
		FLAG(CKA_TOKEN, yes),
		FLAG(CKA_PRIVATE, yes),
		FLAG(CKA_SENSITIVE, yes),
		FLAG(CKA_EXTRACTABLE, no),
		FLAG(CKA_SIGN, yes),
		FLAG(CKA_VERIFY, no),
		FLAG(CKA_ENCRYPT, no),
		FLAG(CKA_DECRYPT, no),
		FLAG(CKA_WRAP, no),
		FLAG(CKA_UNWRAP, no),
		FLAG(CKA_DERIVE, no),
		FLAG(CKA_MODIFIABLE, no),
	};
	CK_OBJECT_HANDLE key;
	CK_RV rv;
	int ret;

	ret = absent(t, class, label, err);
	if (ret)
		return ret;
	rv = t->fn->C_GenerateKey(t->session, &mech, attrs, COUNT(attrs), &key);
	return rv == CKR_OK ? 0 : p11_fail(err, rv, "C_GenerateKey");
}

/**
 * p11_generate_rsa() - makes an RSA-3072 key pair for signing
 * @t: open
 * @label: must not exist
 * @err: reason
 *
 * Return: 0, -EEXIST, or another negative errno.
 */
int p11_generate_rsa(struct p11 *t, const char *label, struct erot_error *err)
{
	CK_MECHANISM mech = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	unsigned long bits = P11_RSA_BITS;
	uint8_t f4[] = { 1, 0, 1 };
	CK_ATTRIBUTE public[] = {
		FLAG(CKA_MODULUS_BITS, bits),
		{ CKA_PUBLIC_EXPONENT, f4, sizeof(f4) },
		{ CKA_LABEL, (void *)label, strlen(label) },
		FLAG(CKA_TOKEN, yes),
		FLAG(CKA_PRIVATE, no),
		FLAG(CKA_VERIFY, yes),
		FLAG(CKA_VERIFY_RECOVER, no),
		FLAG(CKA_ENCRYPT, no),
		FLAG(CKA_WRAP, no),
		FLAG(CKA_DERIVE, no),
		FLAG(CKA_MODIFIABLE, no),
	};
	CK_ATTRIBUTE private[] = {
		{ CKA_LABEL, (void *)label, strlen(label) },
		FLAG(CKA_TOKEN, yes),
		FLAG(CKA_PRIVATE, yes),
		FLAG(CKA_SENSITIVE, yes),
		FLAG(CKA_EXTRACTABLE, no),
		FLAG(CKA_SIGN, yes),
		FLAG(CKA_SIGN_RECOVER, no),
		FLAG(CKA_DECRYPT, no),
		FLAG(CKA_UNWRAP, no),
		FLAG(CKA_DERIVE, no),
		FLAG(CKA_MODIFIABLE, no),
	};
	CK_OBJECT_HANDLE pub, priv;
	CK_RV rv;
	int ret;

	ret = absent(t, CKO_PRIVATE_KEY, label, err);
	if (ret)
		return ret;
	rv = t->fn->C_GenerateKeyPair(t->session, &mech, public, COUNT(public), private,
				      COUNT(private), &pub, &priv);
	return rv == CKR_OK ? 0 : p11_fail(err, rv, "C_GenerateKeyPair");
}

/**
 * p11_destroy() - destroys a derivation root
 * @t: open
 * @label: of a secret key
 * @err: reason
 *
 * Return: 0 once the token no longer has it, or a negative errno.
 */
int p11_destroy(struct p11 *t, const char *label, struct erot_error *err)
{
	CK_OBJECT_HANDLE key = 0;
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_SECRET_KEY, label, &key, err);
	if (ret)
		return ret;
	rv = t->fn->C_DestroyObject(t->session, key);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_DestroyObject");
	return absent(t, CKO_SECRET_KEY, label, err);
}

/**
 * p11_list() - calls @each with the label of every secret key of the token
 * @t: open
 * @each: returns 0, or a negative errno to end the list
 * @ctx: for @each
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int p11_list(struct p11 *t, int (*each)(void *ctx, const char *label), void *ctx,
	     struct erot_error *err)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_ATTRIBUTE attrs[] = { FLAG(CKA_CLASS, class), FLAG(CKA_TOKEN, yes) };
	char label[P11_LABEL_MAX];
	CK_ATTRIBUTE want = { CKA_LABEL, label, sizeof(label) - 1 };
	CK_OBJECT_HANDLE key;
	unsigned long count;
	CK_RV rv;
	int ret = 0;

	rv = t->fn->C_FindObjectsInit(t->session, attrs, COUNT(attrs));
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_FindObjectsInit");
	while (!ret && t->fn->C_FindObjects(t->session, &key, 1, &count) == CKR_OK && count) {
		want.ulValueLen = sizeof(label) - 1;
		if (t->fn->C_GetAttributeValue(t->session, key, &want, 1) != CKR_OK ||
		    want.ulValueLen >= sizeof(label))
			continue;	/* not one of ours: those fit */
		label[want.ulValueLen] = '\0';
		ret = each(ctx, label);
	}
	t->fn->C_FindObjectsFinal(t->session);
	return ret;
}
