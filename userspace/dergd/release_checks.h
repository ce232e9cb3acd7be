/* SPDX-License-Identifier: GPL-2.0-only */
/* The checks before a release, one function each; shared by release.c only. */
#ifndef DERGD_RELEASE_CHECKS_H
#define DERGD_RELEASE_CHECKS_H

#include "dergd/epoch.h"
#include "dergd/machine.h"
#include "dergd/release.h"
#include "liberot/policy.h"

#define RELEASE_CHECKS_MAX	13

/**
 * struct release_case - a request and what the checks found out about it
 * @d: whose
 * @in: request
 * @now: seconds since 1970
 * @content: of the receipt; owned
 * @content_len: bytes
 * @r: parsed
 * @tenant: name
 * @machine: that asks
 * @policy: in force; has_policy
 * @quote: of a TPM, verified
 * @epoch: of the receipt
 * @again: this very session has its answer, @answer
 * @sealed: by the HSM, to become the answer
 * @order_seen: digest of an order and its certificate that were verified; order_verified
 * @order: what that order says
 * @quote_seen: digest of the key and the selection that the quote was verified with; quote_verified
 */
struct release_case {
	struct derg *d;
	const struct derg_release_request *in;
	uint64_t now;
	uint8_t *content;
	size_t content_len;
	struct erot_receipt_info r;
	char tenant[EROT_TENANT_MAX + 1];
	struct machine machine;
	struct erot_policy policy;
	bool has_policy;
	struct erot_quote_info quote;
	struct epoch epoch;
	bool again;
	struct erot_release answer;
	struct erot_release sealed;
	bool order_verified, quote_verified;
	uint8_t order_seen[EROT_DIGEST_SIZE];
	struct erot_order_info order;
	uint8_t quote_seen[EROT_DIGEST_SIZE];
};

/* Before the transaction: is the receipt ours, and what does it say? */
int release_open(struct release_case *c, struct erot_error *err);

/*
 * Inside it, as often as it runs. A signature that was good is not computed again over the same
 * bytes with the same key; what the database says is read each time. @tell NULL: stop at the first
 * that fails.
 */
int release_check(struct db *db, struct release_case *c, derg_verdict_fn tell, void *ctx,
		  struct erot_error *err);

void release_case_free(struct release_case *c);

#endif
