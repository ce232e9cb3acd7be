/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CMS SignedData (RFC 5652) of one kind: content attached, RSA with 3072 bits, PKCS#1 v1.5,
 * SHA-256, one signer by key identifier, no signed attributes, no certificates; algorithm
 * parameters as RFC 5754 has them made. The kernel's PKCS#7 code and `openssl cms -verify` read it.
 */
#ifndef EROT_LIBEROT_CMS_H
#define EROT_LIBEROT_CMS_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/error.h"

#define EROT_RSA_BITS		3072
#define EROT_RSA_SIZE		(EROT_RSA_BITS / 8)
#define EROT_DIGESTINFO_SIZE	51	/* DER prefix of SHA-256, then the digest */

/**
 * erot_cms_verify() - check the signature by one certificate, and get the content
 * @der:         SignedData, DER, at most EROT_CMS_MAX bytes; bytes behind it are an error
 * @len:         bytes
 * @cert:        the only signer accepted; its own dates and chain are not looked at
 * @content:     to be freed
 * @content_len: bytes
 * @err:         "cms-size", "cms-syntax", "cms-trailing-bytes", "cms-form" (not the kind described
 *               above), "cms-signer" (another key), "cms-signature"
 *
 * Return: 0, -EMSGSIZE, -EBADMSG, -ENOKEY, -EKEYREJECTED or -ENOMEM.
 */
int erot_cms_verify(const void *der, size_t len, X509 *cert, uint8_t **content, size_t *content_len,
		    struct erot_error *err);

/* The content without any check of the signature: to show it, or to find out whom to ask. */
int erot_cms_content(const void *der, size_t len, uint8_t **content, size_t *content_len,
		     struct erot_error *err);

/**
 * typedef erot_cms_sign_fn - raw RSA PKCS#1 v1.5 signature, as C_Sign with CKM_RSA_PKCS makes it
 * @ctx:  of the caller
 * @info: DigestInfo
 * @sig:  gets EROT_RSA_SIZE bytes
 *
 * Return: 0 or -errno, and then @err is filled.
 */
typedef int (*erot_cms_sign_fn)(void *ctx, const uint8_t info[EROT_DIGESTINFO_SIZE],
				uint8_t sig[EROT_RSA_SIZE], struct erot_error *err);

/**
 * erot_cms_sign_with() - sign with a key that is elsewhere
 * @cert:        of the signer; must have a subject key identifier and an RSA-3072 key
 * @sign:        called once; its signature is verified before it is used
 * @ctx:         for @sign
 * @content:     what is signed
 * @content_len: bytes
 * @der:         to be freed
 * @der_len:     bytes, at most EROT_CMS_MAX
 * @err:         "cms-signer", "cms-signature", "cms-size", "cms-internal", or as @sign says
 *
 * Return: 0 or -errno.
 */
int erot_cms_sign_with(X509 *cert, erot_cms_sign_fn sign, void *ctx, const void *content,
		       size_t content_len, uint8_t **der, size_t *der_len, struct erot_error *err);

/* The same with a private key in this process. */
int erot_cms_sign_key(EVP_PKEY *key, X509 *cert, const void *content, size_t content_len,
		      uint8_t **der, size_t *der_len, struct erot_error *err);

/* The same with a key in PEM. @pem is not encrypted. */
int erot_cms_sign_pem(const void *pem, size_t pem_len, X509 *cert, const void *content,
		      size_t content_len, uint8_t **der, size_t *der_len, struct erot_error *err);

/*
 * Can it sign for us, with an RSA-3072 key and a subject key identifier? "cms-signer": -ENOKEY,
 * also where no memory was left to decode them: OpenSSL keeps a certificate without a readable key.
 */
int erot_cms_signer(X509 *cert, struct erot_error *err);

/* Certificate, PEM or DER. To be freed with X509_free(). "certificate": -EBADMSG. */
int erot_cert_parse(const void *data, size_t len, X509 **cert, struct erot_error *err);
int erot_cert_read(const char *path, X509 **cert, struct erot_error *err);

/* SHA-256 of a certificate's SubjectPublicKeyInfo, by which an order names its customer. */
int erot_cert_spki_digest(X509 *cert, uint8_t digest[32], struct erot_error *err);

/*
 * The same of a certificate in DER, as it lies in there: nothing is decoded or checked, which takes
 * a hundredth of the time. -EBADMSG: it is none.
 */
int erot_cert_spki_digest_in(const void *der, size_t len, uint8_t digest[32]);

/* SubjectPublicKeyInfo in DER of a certificate, and its SHA-256. @spki is to be freed. */
int erot_cert_spki(X509 *cert, uint8_t **spki, size_t *len, uint8_t digest[32],
		   struct erot_error *err);

/**
 * erot_cert_unsigned() - all of a self-signed certificate but its signature
 * @key:  public half of RSA-3072
 * @name: common name
 * @days: until it expires; the kernel does not look at that
 *
 * The kernel finds a key by its subject key identifier, hence that extension.
 *
 * Return: to be freed with X509_free(), or NULL.
 */
X509 *erot_cert_unsigned(EVP_PKEY *key, const char *name, unsigned int days);

/**
 * erot_cert_self_signed() - RSA-3072 certificate that names itself, for customers and tests
 * @key:  private key
 * @name: common name
 * @days: valid from now
 * @cert: to be freed with X509_free()
 */
int erot_cert_self_signed(EVP_PKEY *key, const char *name, unsigned int days, X509 **cert,
			  struct erot_error *err);

/* A new RSA-3072 key; to be freed with EVP_PKEY_free(). */
int erot_rsa_generate(EVP_PKEY **key, struct erot_error *err);

#endif /* EROT_LIBEROT_CMS_H */
