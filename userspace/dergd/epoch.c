// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of derivation roots. The database is written before the token is told, so that after a crash
 * the next command knows what may be on it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dergd/epoch.h"
#include "dergd/tenant.h"
#include "liberot/derive.h"

#define COLUMNS "tenant, number, state, created, last_use"

static const char *const states[] = { "making", "active", "draining", "destroyed" };

const char *epoch_state_name(enum epoch_state state)
{
	return states[state];
}

/* the epoch is all digits, so the last slash divides */
void epoch_root(const struct epoch *e, char label[EPOCH_ROOT_MAX])
{
	snprintf(label, EPOCH_ROOT_MAX, "erot-root/%s/%" PRIu32, e->tenant, e->number);
}

int epoch_seed(const struct epoch *e, const struct erot_grant_info *g,
	       uint8_t seed[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct erot_derive_input in = {
		.tenant = e->tenant,
		.epoch = e->number,
		.hwkey = g->hwkey,
		.hwkey_len = g->hwkey_len,
		.manifest = g->manifest,
		.manifest_len = g->manifest_len,
	};

	memcpy(in.nonce, g->nonce, sizeof(in.nonce));
	return erot_derive_seed(&in, seed, err);
}

static void read_row(struct db_rows *rows, struct epoch *e)
{
	const char *tenant = db_get_text(rows, 0), *state = db_get_text(rows, 2);
	int i;

	memset(e, 0, sizeof(*e));
	if (tenant)
		snprintf(e->tenant, sizeof(e->tenant), "%s", tenant);
	e->number = db_get_int(rows, 1);
	/* the schema has a list of the states; an unknown one would count as destroyed */
	for (i = 0; state && i < EPOCH_DESTROYED && strcmp(states[i], state); i++)
		;
	e->state = state ? i : EPOCH_DESTROYED;
	e->created = db_get_int(rows, 3);
	e->last_use = db_get_int(rows, 4);
}

static int unknown(const char *tenant, struct erot_error *err)
{
	return erot_fail(err, ENOENT, "epoch-unknown",
			 "tenant %s has no such epoch; dergctl epoch new makes one", tenant);
}

static int one(struct db_rows *rows, int ret, const char *tenant, struct epoch *e,
	       struct erot_error *err)
{
	bool found = !ret && db_next(rows);

	if (found)
		read_row(rows, e);
	ret = db_end(rows, err);
	return ret ?: found ? 0 : unknown(tenant, err);
}

int epoch_load(struct db *db, const char *tenant, uint32_t number, struct epoch *e,
	       struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM epoch "
		       "WHERE tenant = $1 AND number = $2",
		       DB_ARGS(db_text(tenant), db_int(number)));
	return one(rows, ret, tenant, e, err);
}

static int newest_active(struct db *db, const char *tenant, struct epoch *e,
			 struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM epoch "
		       "WHERE tenant = $1 AND state = 'active' ORDER BY number DESC LIMIT 1",
		       DB_ARGS(db_text(tenant)));
	return one(rows, ret, tenant, e, err);
}

int epoch_active(struct db *db, const char *tenant, uint32_t number, struct epoch *e,
		 struct erot_error *err)
{
	int ret;

	ret = number ? epoch_load(db, tenant, number, e, err) : newest_active(db, tenant, e, err);
	if (!ret && e->state == EPOCH_DESTROYED)
		return epoch_alive(e, err);
	if (!ret && e->state != EPOCH_ACTIVE)
		ret = erot_fail(err, EPERM, "epoch-not-active", "epoch %" PRIu32 " of %s is %s",
				e->number, tenant, states[e->state]);
	return ret;
}

int epoch_alive(const struct epoch *e, struct erot_error *err)
{
	if (e->state == EPOCH_ACTIVE || e->state == EPOCH_DRAINING)
		return 0;
	return erot_fail(err, EPERM, "epoch-destroyed", "epoch %" PRIu32 " of %s is %s", e->number,
			 e->tenant, states[e->state]);
}

int epoch_use(struct db *db, const struct epoch *e, uint64_t end, struct erot_error *err)
{
	return db_run(db, err, NULL, "UPDATE epoch SET last_use = $3 "
		      "WHERE tenant = $1 AND number = $2 AND last_use < $3",
		      DB_ARGS(db_text(e->tenant), db_int(e->number), db_int(end)));
}

static int set_state(struct db *db, struct epoch *e, enum epoch_state state, bool forced,
		     uint64_t now, struct erot_error *err)
{
	int ret;

	ret = db_run(db, err, NULL, "UPDATE epoch SET state = $3 WHERE tenant = $1 AND number = $2",
		     DB_ARGS(db_text(e->tenant), db_int(e->number), db_text(states[state])));
	if (!ret)
		ret = derg_record_json(db, e->tenant, EROT_LOG_EPOCH, NULL, now,
				       json_pack("{s:I,s:s,s:b}", "epoch", (json_int_t)e->number,
						 "state", states[state], "forced", forced),
				       NULL, err);
	if (!ret)
		e->state = state;
	return ret;
}

/**
 * struct work - argument of the transactions below
 */
struct work {
	const char *tenant;
	uint32_t number;
	uint64_t now;
	struct epoch *e;
	bool forced;
	bool again;	/* is told of, though it was destroyed before */
	bool no_root;	/* the token had none, while it was being made */
	int (*each)(void *ctx, const struct epoch *e);
	void *ctx;
};

static int each_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	struct db_rows *rows;
	struct epoch e;
	int ret, stop = 0;

	ret = w->tenant ? tenant_check(db, w->tenant, err) : 0;
	if (ret)
		return ret;
	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM epoch "
		       "WHERE tenant = $1 OR $1 IS NULL ORDER BY tenant, number",
		       DB_ARGS(db_text(w->tenant)));
	while (!ret && !stop && db_next(rows)) {
		read_row(rows, &e);
		stop = w->each(w->ctx, &e);
	}
	return db_end(rows, err) ?: stop;
}

int epoch_each(struct derg *d, const char *tenant, int (*each)(void *ctx, const struct epoch *e),
	       void *ctx, struct erot_error *err)
{
	struct work w = { .tenant = tenant, .each = each, .ctx = ctx };

	return db_transaction(d->db, DB_READ, each_work, &w, err);
}

static int next_number(struct db *db, const char *tenant, uint32_t *number, struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	ret = db_query(db, err, &rows, "SELECT COALESCE(max(number), 0) + 1 FROM epoch "
		       "WHERE tenant = $1", DB_ARGS(db_text(tenant)));
	if (!ret && db_next(rows))
		*number = db_get_int(rows, 0);
	return db_end(rows, err);
}

static int begin_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	uint32_t number = w->number;
	struct epoch *e = w->e;
	int64_t made = 0;
	int ret;

	ret = tenant_make(db, w->tenant, w->now, err);
	if (!ret && !number)
		ret = next_number(db, w->tenant, &number, err);
	if (!ret)
		ret = db_run(db, err, &made, "INSERT INTO epoch (" COLUMNS ") "
			     "VALUES ($1, $2, 'making', $3, 0) ON CONFLICT DO NOTHING",
			     DB_ARGS(db_text(w->tenant), db_int(number), db_int(w->now)));
	if (!ret && !made)
		ret = erot_fail(err, EEXIST, "epoch-exists", "epoch %" PRIu32 " of %s exists",
				number, w->tenant);
	if (ret)
		return ret;
	memset(e, 0, sizeof(*e));
	snprintf(e->tenant, sizeof(e->tenant), "%s", w->tenant);
	e->number = number;
	e->state = EPOCH_MAKING;
	e->created = w->now;
	return 0;
}

/* Nobody else writes an epoch that this process makes: its number was free. */
static int activate_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	int ret;

	ret = epoch_load(db, w->e->tenant, w->e->number, w->e, err);
	if (!ret && w->e->state == EPOCH_MAKING)
		ret = set_state(db, w->e, EPOCH_ACTIVE, false, w->now, err);
	return ret ?: epoch_alive(w->e, err);
}

int epoch_new(struct derg *d, const char *tenant, uint32_t number, uint64_t now, struct epoch *e,
	      struct erot_error *err)
{
	struct work w = { .tenant = tenant, .number = number, .now = now, .e = e };
	char label[EPOCH_ROOT_MAX];
	int ret;

	ret = db_transaction(d->db, 0, begin_work, &w, err);
	if (ret)
		return ret;
	epoch_root(e, label);
	ret = hsm_new_root(&d->a->hsm, label, err);
	if (ret)
		return ret;
	ret = db_transaction(d->db, DB_RESUME, activate_work, &w, err);
	if (!ret || e->state != EPOCH_DESTROYED)
		return ret;
	/* by somebody else, who found no root yet */
	ret = hsm_destroy(&d->a->hsm, label, err);
	return ret && ret != -ENOENT ? ret : epoch_alive(e, err);
}

static int drain_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	int ret;

	ret = epoch_load(db, w->tenant, w->number, w->e, err);
	if (ret)
		return ret;
	if (w->e->state == EPOCH_DESTROYED)
		return erot_fail(err, EALREADY, "epoch-destroyed",
				 "epoch %" PRIu32 " of %s is gone", w->number, w->tenant);
	if (w->e->state == EPOCH_ACTIVE)
		return set_state(db, w->e, EPOCH_DRAINING, false, w->now, err);
	return 0;
}

int epoch_drain(struct derg *d, const char *tenant, uint32_t number, uint64_t now,
		struct epoch *e, struct erot_error *err)
{
	struct work w = { .tenant = tenant, .number = number, .now = now, .e = e };
	int ret;

	ret = db_transaction(d->db, DB_RESUME, drain_work, &w, err);
	if (!ret && e->state == EPOCH_MAKING)
		ret = erot_fail(err, EPERM, "epoch-not-active",
				"epoch %" PRIu32 " of %s was never finished; destroy it", number,
				tenant);
	return ret;
}

/* What had no root when the token was asked may have got one, and be in use, since then. */
static int gone_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	int ret;

	ret = epoch_load(db, w->tenant, w->number, w->e, err);
	if (ret || (w->e->state == EPOCH_DESTROYED && !w->again))
		return ret;
	if (w->no_root && w->e->state != EPOCH_MAKING)
		return erot_fail(err, EBUSY, "epoch-in-use",
				 "epoch %" PRIu32 " of %s has just been finished, and is %s",
				 w->number, w->tenant, states[w->e->state]);
	return set_state(db, w->e, EPOCH_DESTROYED, w->forced, w->now, err);
}

/*
 * Whoever made it while it was destroyed may have died, or had no answer of its helper, before the
 * root was taken back.
 */
static int destroy_again(struct derg *d, struct work *w, const char *label, struct erot_error *err)
{
	struct erot_error why;
	int ret;

	ret = hsm_destroy(&d->a->hsm, label, &why);
	if (ret == -ENOENT)
		return -EALREADY;	/* which *err says already */
	if (ret && err)
		*err = why;
	w->again = true;
	return ret;
}

int epoch_destroy(struct derg *d, const char *tenant, uint32_t number, bool force, uint64_t now,
		  struct epoch *e, struct erot_error *err)
{
	struct work w = { .tenant = tenant, .number = number, .now = now, .e = e, .forced = force };
	uint64_t free_at, grace = d->a->config.grace_seconds;
	char label[EPOCH_ROOT_MAX];
	int ret;

	/* from here on no receipt is made any more, so that last_use stands still */
	ret = db_transaction(d->db, DB_RESUME, drain_work, &w, err);
	if (ret == -EALREADY) {
		epoch_root(e, label);
		return destroy_again(d, &w, label, err) ?:
		       db_transaction(d->db, DB_RESUME, gone_work, &w, err);
	}
	if (ret)
		return ret;
	free_at = e->last_use + grace;
	if (!force && e->last_use && now <= free_at)
		return erot_fail(err, EBUSY, "epoch-in-use",
				 "epoch %" PRIu32 " of %s drains; destroy it in %" PRIu64 " s",
				 number, tenant, free_at - now + 1);
	/* the token first: a record that claims too much is worse than one that lags behind */
	epoch_root(e, label);
	ret = hsm_destroy(&d->a->hsm, label, err);
	if (ret && ret != -ENOENT)
		return ret;
	w.no_root = ret && e->state == EPOCH_MAKING;
	return db_transaction(d->db, DB_RESUME, gone_work, &w, err);
}
