/* SPDX-License-Identifier: GPL-2.0-only */
/* Tenants: each has its own roots, machines, policies, clients and stream in the log. */
#ifndef DERGD_TENANT_H
#define DERGD_TENANT_H

#include <linux/erot_format.h>

#include "dergd/db.h"

/* All inside a transaction. */

/* Makes it where it is not there. "tenant": no name that a tenant can have. */
int tenant_make(struct db *db, const char *name, uint64_t now, struct erot_error *err);

/* 0; -ENOENT, "tenant-unknown". */
int tenant_check(struct db *db, const char *name, struct erot_error *err);

/* The name that statements and receipts have only a digest of: -ENOENT, "tenant-unknown". */
int tenant_name(struct db *db, const uint8_t digest[EROT_DIGEST_SIZE],
		char name[EROT_TENANT_MAX + 1], struct erot_error *err);

#endif
