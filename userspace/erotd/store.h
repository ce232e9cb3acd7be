/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state directory:
 *	receipts/ID.cms		a launch that was begun and whose end is not recorded yet
 *	records/ID.cms		destruction record
 *	records/ID.evidence	struct erot_evidence that it is about
 *	unaccounted/ID.cms	receipt of a launch of whose end the module has no evidence
 */
#ifndef EROTD_STORE_H
#define EROTD_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

#include "common/error.h"

#define EROTD_RECORD_MAX	65536	/* bytes of a destruction record */

/* Make the directories; a descriptor that locks them, or -errno. All of these: "store". */
int erotd_store_open(const char *dir, struct erot_error *err);

int erotd_store_put_receipt(const char *dir, const uint8_t id[EROT_ID_SIZE], const void *cms,
			    size_t len, struct erot_error *err);
/* -ENOENT: not a launch of this erotd. @cms is to be freed. */
int erotd_store_get_receipt(const char *dir, const uint8_t id[EROT_ID_SIZE], uint8_t **cms,
			    size_t *len, struct erot_error *err);
void erotd_store_drop_receipt(const char *dir, const uint8_t id[EROT_ID_SIZE]);
int erotd_store_unaccounted(const char *dir, const uint8_t id[EROT_ID_SIZE],
			    struct erot_error *err);

/* Evidence first, then the record: a record is never without its evidence. */
int erotd_store_put_record(const char *dir, const uint8_t id[EROT_ID_SIZE],
			   const struct erot_evidence *evidence, const void *cms, size_t len,
			   struct erot_error *err);

/* Path of a record; @out has room for @size bytes. */
void erotd_store_record_path(const char *dir, const uint8_t id[EROT_ID_SIZE], char *out,
			     size_t size);

/**
 * erotd_store_each() - call @fn for each receipt
 * @kind: "receipts" or "unaccounted"
 *
 * Files that a crash left half written are removed: nobody else may be writing. Return: 0 or
 * -errno.
 */
int erotd_store_each(const char *dir, const char *kind,
		     void (*fn)(void *ctx, const uint8_t id[EROT_ID_SIZE]), void *ctx,
		     struct erot_error *err);

#endif /* EROTD_STORE_H */
