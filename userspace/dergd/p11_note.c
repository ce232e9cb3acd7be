// SPDX-License-Identifier: GPL-2.0-only
/*
 * The note key of the log: Ed25519 on the token. SoftHSM2 2.6.1 loses about 65 bytes of memory with
 * each of these signatures; one signature therefore serves as many answers as it can (log_sign.c).
 */
#include <errno.h>
#include <string.h>

#include "dergd/p11.h"

/* PKCS#11 3.0, which p11-kit's header is not; SoftHSM2 2.6 has the mechanism. */
#define EC_EDWARDS_KEY_PAIR_GEN	0x1055UL

#define FLAG(type, value)	{ (type), &(value), sizeof(value) }
#define COUNT(a)		(sizeof(a) / sizeof((a)[0]))

#define OCTET_STRING	0x04

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/**
 * p11_generate_ed25519() - makes an Ed25519 key pair for signing
 * @t: open
 * @label: must not exist
 * @err: "hsm-key" where it does, "hsm-mechanism" where the token cannot
 *
 * Return: 0, -EEXIST, or another negative errno.
 */
int p11_generate_ed25519(struct p11 *t, const char *label, struct erot_error *err)
{
	CK_MECHANISM mech = { EC_EDWARDS_KEY_PAIR_GEN, NULL, 0 };
	uint8_t oid[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };	/* id-Ed25519, RFC 8410 */
	CK_ATTRIBUTE public[] = {
		{ CKA_EC_PARAMS, oid, sizeof(oid) },
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
	struct erot_error none;
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_PRIVATE_KEY, label, &priv, &none);
	if (!ret || ret == -EEXIST)
		return erot_fail(err, EEXIST, "hsm-key", "key \"%s\" exists", label);
	if (ret != -ENOENT)
		return erot_fail(err, -ret, none.code, "%s", none.text);
	rv = t->fn->C_GenerateKeyPair(t->session, &mech, public, COUNT(public), private,
				      COUNT(private), &pub, &priv);
	return rv == CKR_OK ? 0 : p11_fail(err, rv, "C_GenerateKeyPair");
}

/**
 * p11_ed25519_public() - public key, as RFC 8032 has it
 * @t: open
 * @label: of the public key
 * @pk: filled
 * @err: reason
 *
 * Return: 0, -ENOENT, -EINVAL for a key of another kind, or -EIO.
 */
int p11_ed25519_public(struct p11 *t, const char *label, uint8_t pk[32], struct erot_error *err)
{
	CK_OBJECT_HANDLE key = 0;
	uint8_t point[34];
	CK_ATTRIBUTE attr = { CKA_EC_POINT, point, sizeof(point) };
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_PUBLIC_KEY, label, &key, err);
	if (ret)
		return ret;
	rv = t->fn->C_GetAttributeValue(t->session, key, &attr, 1);
	if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL && rv != CKR_ATTRIBUTE_TYPE_INVALID)
		return p11_fail(err, rv, "C_GetAttributeValue");
	/* in an OCTET STRING as PKCS#11 2.40 wants it, or bare as some tokens give it */
	if (rv == CKR_OK && attr.ulValueLen == 32) {
		memcpy(pk, point, 32);
		return 0;
	}
	if (rv != CKR_OK || attr.ulValueLen != 34 || point[0] != OCTET_STRING || point[1] != 32)
		return erot_fail(err, EINVAL, "hsm-key", "\"%s\" is no Ed25519 key", label);
	memcpy(pk, point + 2, 32);
	return 0;
}

/**
 * p11_ed25519_sign() - pure Ed25519
 * @t: open
 * @label: of a private key
 * @msg: whole message
 * @len: bytes
 * @sig: filled
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int p11_ed25519_sign(struct p11 *t, const char *label, const uint8_t *msg, size_t len,
		     uint8_t sig[64], struct erot_error *err)
{
	CK_MECHANISM mech = { CKM_EDDSA, NULL, 0 };
	CK_OBJECT_HANDLE key = 0;
	unsigned long n = 64;
	CK_RV rv;
	int ret;

	ret = p11_find(t, CKO_PRIVATE_KEY, label, &key, err);
	if (ret)
		return ret;
	rv = t->fn->C_SignInit(t->session, &mech, key);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_SignInit");
	rv = t->fn->C_Sign(t->session, (unsigned char *)msg, len, sig, &n);
	if (rv != CKR_OK)
		return p11_fail(err, rv, "C_Sign");
	return n == 64 ? 0 : erot_fail(err, EIO, "hsm-error", "signature of %lu bytes", n);
}
