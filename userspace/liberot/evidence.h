/* SPDX-License-Identifier: GPL-2.0-only */
/* Evidence, and the content of a destruction record. */
#ifndef EROT_LIBEROT_EVIDENCE_H
#define EROT_LIBEROT_EVIDENCE_H

#include "common/error.h"
#include "liberot/crypto.h"
#include "liberot/names.h"
#include "liberot/quote.h"	/* EROT_QUOTE_MAX */

/* HKDF-Expand-SHA-256(sk, EROT_LABEL_EVIDENCE, 32). */
int erot_evidence_key(const uint8_t sk[EROT_KEY_SIZE], uint8_t key[EROT_KEY_SIZE]);

/* Fills @ev->mac. */
int erot_evidence_seal(struct erot_evidence *ev, const uint8_t key[EROT_KEY_SIZE]);

/**
 * erot_evidence_check_form() - everything that can be checked without the key
 * @data: struct erot_evidence
 * @len:  bytes, exactly
 * @err:  "evidence-length", "evidence-magic", "evidence-version", "evidence-purpose",
 *        "evidence-reserved", "evidence-flags" (unknown, or not exactly one of released and
 *        pinned), "evidence-reason", "evidence-bits", "evidence-clock" (ends before it starts)
 *
 * Return: 0 or -EBADMSG.
 */
int erot_evidence_check_form(const void *data, size_t len, struct erot_error *err);

/**
 * erot_evidence_verify() - form, receipt and MAC
 * @key:     from erot_evidence_key()
 * @receipt: digest of the receipt it must be about
 * @err:     also "evidence-receipt", "evidence-mac"
 *
 * Return: 0, -EBADMSG, or -EKEYREJECTED for receipt and MAC.
 */
int erot_evidence_verify(const void *data, size_t len, const uint8_t key[EROT_KEY_SIZE],
			 const uint8_t receipt[EROT_DIGEST_SIZE], struct erot_error *err);

/**
 * struct erot_destruction_info - a destruction record
 * @time:      seconds since 1970
 * @evidence:  as checked
 * @quote:     TPM quote, or NULL; after a parse it points into the content
 * @quote_len: bytes, at most EROT_QUOTE_MAX
 * @digest:    SHA-256 of the content; filled by parse
 */
struct erot_destruction_info {
	uint64_t time;
	struct erot_evidence evidence;
	const uint8_t *quote;
	size_t quote_len;
	uint8_t digest[EROT_DIGEST_SIZE];
};

/* Codes "destruction-..." for the record, "evidence-..." for what it carries: -EBADMSG. */
int erot_destruction_build(const struct erot_destruction_info *in, uint8_t **content, size_t *len,
			   struct erot_error *err);
int erot_destruction_parse(const void *content, size_t len, struct erot_destruction_info *out,
			   struct erot_error *err);

#endif /* EROT_LIBEROT_EVIDENCE_H */
