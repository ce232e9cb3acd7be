/* SPDX-License-Identifier: GPL-2.0-only */
/* What the DERG signs before a launch: key statements (statement.c) and receipts (receipt.c). */
#ifndef DERGD_ISSUE_H
#define DERGD_ISSUE_H

#include "dergd/authority.h"

/**
 * struct derg_statement_request - what a key statement is made of
 * @tenant: name
 * @epoch: number, or 0 for the tenant's newest active one
 * @machine: id of an enrolled machine; or NULL, and then @spki (only without attestation)
 * @spki: hardware key, SubjectPublicKeyInfo in DER
 * @spki_len: bytes
 * @manifest: complete, with the code hash
 * @manifest_len: bytes
 */
struct derg_statement_request {
	const char *tenant;
	uint32_t epoch;
	const uint8_t *machine;
	const void *spki;
	size_t spki_len;
	const void *manifest;
	size_t manifest_len;
};

/**
 * struct derg_issued - something signed
 * @digest: of its content
 * @cms: owned
 * @cms_len: bytes
 */
struct derg_issued {
	uint8_t digest[EROT_DIGEST_SIZE];
	uint8_t *cms;
	size_t cms_len;
};

void derg_issued_free(struct derg_issued *out);

/**
 * derg_statement() - derive a fresh ERoT and state its public key
 * @err: in this order: "tenant", "hwkey", "manifest-...", "tenant-unknown", "machine-unknown",
 *	 "machine-revoked", "machine-pending", "policy-none", "epoch-unknown", "epoch-not-active"
 *
 * Return: 0 or a negative errno; free @out in any case.
 */
int derg_statement(struct derg *d, const struct derg_statement_request *in, uint64_t now,
		   struct derg_issued *out, struct erot_error *err);

/* One that was made: -ENOENT, "statement-unknown" (also of another tenant). */
int derg_statement_get(struct derg *d, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
		       struct derg_issued *out, struct erot_error *err);

/**
 * struct derg_receipt_request - what a receipt is made of
 * @tenant: that asks; NULL: whose statement it is
 * @statement: CMS
 * @order: CMS
 * @customer: certificate that the order is checked with; NULL: the tenant's client of that key
 * @envelope: whole
 * @not_before: seconds since 1970; 0: now
 * @not_after: seconds since 1970; 0: derg.conf's receipt_seconds later
 */
struct derg_receipt_request {
	const char *tenant;
	const void *statement;
	size_t statement_len;
	const void *order;
	size_t order_len;
	X509 *customer;
	const void *envelope;
	size_t envelope_len;
	uint64_t not_before;
	uint64_t not_after;
};

/**
 * derg_receipt() - authorise one launch
 * @err: in this order: "cms-..." of the statement, "statement-...", "envelope-...",
 *	 "ewc-manifest", "tenant-mismatch", "order-customer" (unknown key), "cms-..." of the order,
 *	 "order-...", "receipt-validity", "statement-unknown", "statement-spent", "machine-revoked",
 *	 "machine-pending", "policy-changed", "epoch-..."
 *
 * One key statement, one receipt: asking again with the same order gives the receipt that was made,
 * whatever dates are asked for.
 *
 * Return: 0 or a negative errno; free @out in any case.
 */
int derg_receipt(struct derg *d, const struct derg_receipt_request *in, uint64_t now,
		 struct derg_issued *out, struct erot_error *err);

/**
 * struct derg_receipt_state - what has become of a receipt
 * @state: "ready", "released", "ended", "unaccounted", "revoked", "expired"
 * @not_before: seconds since 1970
 * @not_after: seconds since 1970
 * @statement: digest
 * @machine: id
 */
struct derg_receipt_state {
	const char *state;
	uint64_t not_before;
	uint64_t not_after;
	uint8_t statement[EROT_DIGEST_SIZE];
	uint8_t machine[EROT_DIGEST_SIZE];
};

/* -ENOENT, "receipt-unknown" (also of another tenant). */
int derg_receipt_state(struct derg *d, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
		       uint64_t now, struct derg_receipt_state *out, struct erot_error *err);

/* No release any more. "receipt-unknown", "receipt-spent" (too late). Again: nothing happens. */
int derg_receipt_revoke(struct derg *d, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
			const char *reason, uint64_t now, struct erot_error *err);

#endif
