/* SPDX-License-Identifier: GPL-2.0-only */
/* Certificates of the receipt key and of the log's, signed by the receipt key in the HSM. */
#ifndef DERGD_CERT_H
#define DERGD_CERT_H

#include <openssl/x509.h>

#include "dergd/hsm.h"
#include "liberot/note.h"

int derg_cert_make(struct hsm *h, const char *key, const char *name, unsigned int days,
		   X509 **cert, struct erot_error *err);
int derg_cert_log(struct hsm *h, X509 *issuer, const char *key, const struct erot_note_key *log,
		  unsigned int days, X509 **cert, struct erot_error *err);
int derg_cert_signer(void *ctx, const uint8_t *info, uint8_t *sig, struct erot_error *err);

/**
 * struct derg_signer - context of derg_cert_signer(), an erot_cms_sign_fn
 * @hsm: open
 * @key: label
 */
struct derg_signer {
	struct hsm *hsm;
	const char *key;
};

#endif
