/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that an auditor needs about one launch, in one JSON object:
 *
 *	{
 *	  "version": 1,
 *	  "tenant": "...",
 *	  "logCertificate": base64 DER, by the receipt key,
 *	  "checkpoint": "signed note",
 *	  "statement": base64 CMS, "order": base64 CMS, "orderCertificate": base64 DER,
 *	  "receipt": base64 CMS,
 *	  "policy": base64,			absent without attestation
 *	  "enrolment": base64,			likewise
 *	  "destruction": base64 CMS,		absent before the end
 *	  "entries": [{"index", "entry": base64, "salt": base64, "content": base64,
 *		       "proof": [base64, ...]}, ...],
 *	  "chain": [base64, ...],		absent where it has more than EROT_BUNDLE_CHAIN_MAX
 *	  "history": {"size": n, "proof": [base64, ...]}, where it was asked for
 *	}
 *
 * entries: everything in the log about the statement, the order and the receipt but for refusals,
 * and what was in it about the machine by the last of those; of the refusals before that the first
 * ones, while there are no more than EROT_BUNDLE_ENTRIES_MAX in all. They are in the log's order;
 * every proof is of inclusion in the checkpoint's tree. chain: every entry of the tenant's stream
 * from the statement's to the last of those. history: of consistency, from the tree of n entries,
 * which the auditor has seen before, to the checkpoint's.
 */
#ifndef DERGD_BUNDLE_H
#define DERGD_BUNDLE_H

#include <jansson.h>

#include "dergd/authority.h"

/*
 * @since: entries of the tree that the auditor knows; 0: no history. @out: a new reference.
 * -ENOENT, "receipt-unknown" (also of another tenant); -EINVAL, "log-index": no such tree.
 */
int derg_bundle(struct derg *d, const char *tenant, const uint8_t receipt[EROT_DIGEST_SIZE],
		uint64_t since, json_t **out, struct erot_error *err);

#endif
