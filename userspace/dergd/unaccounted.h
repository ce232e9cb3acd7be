/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Launches whose evidence did not come by their deadline. They stay unaccounted until it comes,
 * late, or a quote shows that the machine was reset since: then its memory is gone.
 */
#ifndef DERGD_UNACCOUNTED_H
#define DERGD_UNACCOUNTED_H

#include "dergd/authority.h"

/*
 * Records those that are due, a bounded number at a time. @count: of them, may be NULL. Nobody
 * waits for it while nothing is due.
 */
int unaccounted_sweep(struct derg *d, uint64_t now, unsigned int *count, struct erot_error *err);

/* ---- inside a transaction */

/* A launch is released: its evidence is due by @deadline. */
int unaccounted_begin(struct db *db, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		      const uint8_t receipt[EROT_DIGEST_SIZE], uint64_t deadline,
		      struct erot_error *err);

/* Its evidence is there, in time or late: which accounts for it as well as a reset does. */
int unaccounted_end(struct db *db, const uint8_t receipt[EROT_DIGEST_SIZE], uint64_t now,
		    struct erot_error *err);

/*
 * Launches of a machine without evidence after their deadline, recorded or not yet; without those
 * that a quote with @reset_count closes.
 */
int unaccounted_count(struct db *db, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		      uint32_t reset_count, uint64_t now, uint64_t *count,
		      struct erot_error *err);

/* A verified quote of the machine says @reset_count: closes what it accounts for. */
int unaccounted_close(struct db *db, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		      uint32_t reset_count, const void *quote, size_t quote_len, uint64_t now,
		      struct erot_error *err);

#endif
