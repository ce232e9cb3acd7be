/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Epochs of a tenant's derivation root.
 *
 *	making -> active -> draining -> destroyed
 *
 * making: the root may or may not be on the token yet (a crash leaves this).
 * draining: no new statements and receipts, releases and evidence still.
 */
#ifndef DERGD_EPOCH_H
#define DERGD_EPOCH_H

#include <linux/erot_format.h>

#include "dergd/hsm.h"
#include "dergd/ledger.h"

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
void epoch_root(const struct epoch *e, char label[EPOCH_ROOT_MAX]);
int epoch_load(struct ledger *l, const uint8_t tenant[EROT_DIGEST_SIZE], uint32_t number,
	       struct epoch *e, struct erot_error *err);
int epoch_store(struct ledger *l, const struct epoch *e, struct erot_error *err);
int epoch_each(struct ledger *l, int (*each)(void *ctx, const struct epoch *e), void *ctx,
	       struct erot_error *err);
int epoch_newest(struct ledger *l, const char *tenant, int active, uint32_t *number,
		 struct erot_error *err);
int epoch_new(struct ledger *l, struct hsm *h, const char *tenant, uint32_t number, uint64_t now,
	      struct epoch *e, struct erot_error *err);
int epoch_destroy(struct ledger *l, struct hsm *h, const char *tenant, uint32_t number,
		  uint64_t now, uint64_t grace, struct erot_error *err);

#endif
