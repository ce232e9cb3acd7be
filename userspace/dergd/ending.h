/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends of launches: evidence in, destruction record out. */
#ifndef DERGD_ENDING_H
#define DERGD_ENDING_H

#include "dergd/issue.h"
#include "liberot/quote.h"

/**
 * struct derg_end_request - what a machine reports
 * @tenant: name; NULL: the receipt's
 * @receipt: CMS of the launch
 * @receipt_len: bytes
 * @evidence: struct erot_evidence
 * @evidence_len: bytes
 * @quote: of a TPM, its qualifying data is that of the evidence; attest_len 0: none
 * @signature: of a software key, instead of a quote, over the same
 * @signature_len: bytes
 */
struct derg_end_request {
	const char *tenant;
	const void *receipt;
	size_t receipt_len;
	const void *evidence;
	size_t evidence_len;
	struct erot_quote quote;
	const void *signature;
	size_t signature_len;
};

/**
 * derg_check_evidence() - is evidence genuine?
 * @err: in this order: "cms-...", "receipt-...", "evidence-..." (form), "tenant-unknown",
 *	 "tenant-mismatch", "machine-unknown", "epoch-...", "not-released", "key-mismatch",
 *	 "evidence-receipt", "evidence-mac"
 *
 * Return: 0 or a negative errno.
 */
int derg_check_evidence(struct derg *d, const struct derg_end_request *in, struct erot_error *err);

/**
 * derg_terminate() - check evidence and sign the destruction record
 * @now: seconds since 1970
 * @out: the record; free it in any case
 * @err: as of derg_check_evidence(), then with attestation "quote-..." or "softkey-signature" (a
 *	 revoked machine may still report), then "already-ended": other evidence was given before
 *
 * Return: 0 or a negative errno.
 */
int derg_terminate(struct derg *d, const struct derg_end_request *in, uint64_t now,
		   struct derg_issued *out, struct erot_error *err);

/* The record that was made: -ENOENT, "destruction-unknown". */
int derg_destruction_get(struct derg *d, const char *tenant,
			 const uint8_t receipt[EROT_DIGEST_SIZE], struct derg_issued *out,
			 struct erot_error *err);

#endif
