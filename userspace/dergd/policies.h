/* SPDX-License-Identifier: GPL-2.0-only */
/* PCR policies of tenants: the newest is in force, the others stay for audits. */
#ifndef DERGD_POLICIES_H
#define DERGD_POLICIES_H

#include "dergd/authority.h"
#include "liberot/policy.h"

/* "policy-..." as of erot_policy_parse(), "tenant-unknown". The same text again changes nothing. */
int policies_put(struct derg *d, const char *tenant, const void *text, size_t len, uint64_t now,
		 uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err);

/* Inside a transaction: the text in force, to be freed. -ENOENT, "policy-none". */
int policies_text(struct db *db, const char *tenant, uint8_t **text, size_t *len,
		  struct erot_error *err);

/* The same of any that ever was in force, by its digest. -ENOENT, "policy-none". */
int policies_find(struct db *db, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
		  uint8_t **text, size_t *len, struct erot_error *err);

/* The one in force, parsed; erot_policy_free() it after success. */
int policies_load(struct db *db, const char *tenant, struct erot_policy *policy,
		  struct erot_error *err);

#endif
