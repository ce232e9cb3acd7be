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
};

/* Before the transaction: is the receipt ours, and what does it say? */
int release_open(struct release_case *c, struct erot_error *err);

/* Inside it, as often as it runs. @tell NULL: stop at the first that fails. */
int release_check(struct db *db, struct release_case *c, derg_verdict_fn tell, void *ctx,
		  struct erot_error *err);

void release_case_free(struct release_case *c);

#endif
