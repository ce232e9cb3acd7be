/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Epochs of a tenant's derivation root.
 *
 *	making -> active -> draining -> destroyed
 *	   \___________________________/
 *
 * making: the root may or may not be on the token (a crash leaves this; such an epoch can only be
 * destroyed). draining: no new statements and receipts, releases and evidence still.
 */
#ifndef DERGD_EPOCH_H
#define DERGD_EPOCH_H

#include <linux/erot_format.h>

#include "dergd/authority.h"

enum epoch_state { EPOCH_MAKING, EPOCH_ACTIVE, EPOCH_DRAINING, EPOCH_DESTROYED };

#define EPOCH_ROOT_MAX	(16 + EROT_TENANT_MAX + 12)

/**
 * struct epoch - one derivation root
 * @tenant: name
 * @number: of the epoch, from 1
 * @state: see above
 * @created: seconds since 1970
 * @last_use: when the last launch that was authorised must have ended; 0: none was
 */
struct epoch {
	char tenant[EROT_TENANT_MAX + 1];
	uint32_t number;
	enum epoch_state state;
	uint64_t created;
	uint64_t last_use;
};

const char *epoch_state_name(enum epoch_state state);

/* Label of the root on the token. */
void epoch_root(const struct epoch *e, char label[EPOCH_ROOT_MAX]);

/* Seed of the ERoT that a statement or receipt of this epoch is about. */
int epoch_seed(const struct epoch *e, const struct erot_grant_info *g,
	       uint8_t seed[EROT_DIGEST_SIZE], struct erot_error *err);

/* ---- inside a transaction */

/* -ENOENT, "epoch-unknown". */
int epoch_load(struct db *db, const char *tenant, uint32_t number, struct epoch *e,
	       struct erot_error *err);

/* That of new launches; 0: the newest active. "epoch-unknown", "epoch-not-active". */
int epoch_active(struct db *db, const char *tenant, uint32_t number, struct epoch *e,
		 struct erot_error *err);

/* Its root still exists: "epoch-destroyed". */
int epoch_alive(const struct epoch *e, struct erot_error *err);

/* A launch was authorised that has ended by @end: the root must live as long. */
int epoch_use(struct db *db, const struct epoch *e, uint64_t end, struct erot_error *err);

/* ---- outside of one */

/* Calls @each in order; @tenant NULL: of all. */
int epoch_each(struct derg *d, const char *tenant, int (*each)(void *ctx, const struct epoch *e),
	       void *ctx, struct erot_error *err);

/* Makes the tenant too. @number 0: the next one. "epoch-exists". */
int epoch_new(struct derg *d, const char *tenant, uint32_t number, uint64_t now, struct epoch *e,
	      struct erot_error *err);

/* "epoch-not-active" where it is not active (draining already is no error). */
int epoch_drain(struct derg *d, const char *tenant, uint32_t number, uint64_t now,
		struct epoch *e, struct erot_error *err);

/**
 * epoch_destroy() - destroy the root of an epoch: nothing of it can be derived or checked after
 * @force: although launches may still run, whose evidence nobody can check then
 * @err:   "epoch-in-use" with the time from which on it will work, or because it has just been made
 *         by somebody else; "epoch-destroyed"
 *
 * An active epoch begins to drain. Without @force the root stays until the last receipt and
 * grace. Of one that was destroyed before, a root that is on the token all the same is destroyed,
 * and that recorded.
 *
 * Return: 0 when the root is gone, -EBUSY, -EALREADY, -ENOENT, or another negative errno.
 */
int epoch_destroy(struct derg *d, const char *tenant, uint32_t number, bool force, uint64_t now,
		  struct epoch *e, struct erot_error *err);

#endif
