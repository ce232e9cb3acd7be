/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Enrolment of a TPM (TPM 2.0 Part 1, 24 and annexes B.10.3, B.10.4, C.6.1): is this public area an
 * attestation key's, and is it in the TPM that has this endorsement key (EK)?
 */
#ifndef EROT_LIBEROT_CREDENTIAL_H
#define EROT_LIBEROT_CREDENTIAL_H

#include <openssl/evp.h>

#include "common/error.h"
#include "liberot/crypto.h"

#define EROT_TPM_PUBLIC_MAX	1024	/* bytes of TPM2B_PUBLIC */
#define EROT_TPM_NAME_SIZE	34	/* of a name: algorithm, SHA-256 */
#define EROT_TPM_BLOB_MAX	768	/* TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET */

/**
 * struct erot_ak - an attestation key
 * @name:     of the object, SHA-256
 * @spki:     SubjectPublicKeyInfo, DER: the machine's hardware key
 * @spki_len: bytes
 * @digest:   SHA-256 of @spki: the machine's id
 */
struct erot_ak {
	uint8_t name[EROT_TPM_NAME_SIZE];
	uint8_t spki[EROT_HWKEY_MAX];
	size_t spki_len;
	uint8_t digest[EROT_DIGEST_SIZE];
};

/**
 * erot_ak_check() - is this the public area of an attestation key?
 * @public: TPM2B_PUBLIC, as `tpm2_createak -f tss -u` writes it
 * @len:    bytes, all of which must be used
 * @ak:     filled on success
 * @err:    in this order: "ak-syntax", "ak-type" (neither P-256 nor RSA of 2048 to 4096 bits, or
 *          not named with SHA-256), "ak-attributes" (not restricted, sign, fixedTPM, fixedParent,
 *          sensitiveDataOrigin; or decrypt; expected and actual have the bits), "ak-scheme" (not
 *          ECDSA or RSASSA with SHA-256), "ak-key" (no such point or modulus)
 *
 * The attributes say nothing until the name has been through erot_credential_make(): only a TPM
 * whose object they belong to can open that.
 *
 * Return: 0, -EBADMSG (syntax), -EKEYREJECTED or -EIO.
 */
int erot_ak_check(const void *public, size_t len, struct erot_ak *ak, struct erot_error *err);

/* Is there a template for such a key: RSA-2048, RSA-3072, P-256, P-384? -EKEYREJECTED: "ek-key". */
int erot_ek_key_check(EVP_PKEY *ek, struct erot_error *err);

/**
 * struct erot_credential - a secret sealed to (EK, name of the AK)
 * @blob:       TPM2B_ID_OBJECT, for TPM2_ActivateCredential
 * @blob_len:   bytes
 * @secret:     TPM2B_ENCRYPTED_SECRET
 * @secret_len: bytes
 */
struct erot_credential {
	uint8_t blob[EROT_TPM_BLOB_MAX];
	size_t blob_len;
	uint8_t secret[EROT_TPM_BLOB_MAX];
	size_t secret_len;
};

/**
 * erot_credential_make() - TPM2_MakeCredential without a TPM
 * @ek:   from erot_ek_verify()
 * @name: of the AK
 * @data: what only that TPM shall learn, and only while it has that AK
 * @len:  1 to 32 bytes
 * @out:  filled on success
 * @err:  "ek-key" (of a kind that no EK template has), "credential-size", "credential-internal"
 *
 * Return: 0, -EKEYREJECTED, -EINVAL or -EIO.
 */
int erot_credential_make(EVP_PKEY *ek, const uint8_t name[EROT_TPM_NAME_SIZE], const void *data,
			 size_t len, struct erot_credential *out, struct erot_error *err);

#endif /* EROT_LIBEROT_CREDENTIAL_H */
