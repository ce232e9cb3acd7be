/* SPDX-License-Identifier: GPL-2.0-only */
/* Endorsement key (EK) certificates: TCG EK Credential Profile 2.x. */
#ifndef EROT_LIBEROT_EK_H
#define EROT_LIBEROT_EK_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct erot_ek_roots;

/**
 * erot_ek_roots_load() - whose EK certificates are accepted
 * @pem:   certificates in PEM, one after the other: those that are self-signed are trusted, the
 *         others are intermediates
 * @len:   bytes, at most 4 MiB
 * @roots: to be freed with erot_ek_roots_free()
 * @err:   "ek-roots" (none, or one that is malformed), "no-memory"
 *
 * Return: 0, -EBADMSG or -ENOMEM.
 */
int erot_ek_roots_load(const void *pem, size_t len, struct erot_ek_roots **roots,
		       struct erot_error *err);

void erot_ek_roots_free(struct erot_ek_roots *roots);

/**
 * erot_ek_verify() - check an EK certificate
 * @cert:  DER or PEM, nothing behind its end (a TPM's NV index may be larger: cut it)
 * @len:   bytes
 * @roots: accepted
 * @now:   seconds since 1970
 * @ek:    its public key, to be freed with EVP_PKEY_free()
 * @err:   in this order: "ek-certificate" (malformed), "ek-chain" (no path to a root, bad
 *         signature, unknown critical extension), "ek-expired" (or not yet valid; also of an
 *         issuer), "ek-usage" (a CA's, no tcg-kp-EKCertificate, or key usage that fits no EK),
 *         "ek-key" (neither RSA-2048, RSA-3072, P-256 nor P-384)
 *
 * Revocation lists are not looked at.
 *
 * Return: 0, -EBADMSG, -EKEYEXPIRED, -EKEYREJECTED, -ENOMEM or -EIO.
 */
int erot_ek_verify(const void *cert, size_t len, const struct erot_ek_roots *roots, uint64_t now,
		   EVP_PKEY **ek, struct erot_error *err);

#endif /* EROT_LIBEROT_EK_H */
