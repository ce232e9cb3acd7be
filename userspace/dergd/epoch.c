// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of derivation roots. The ledger is written before the token is told, so
 * that after a crash the next command knows what may be on it.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/epoch.h"
#include "liberot/derive.h"

static const char *const states[] = { "making", "active", "draining", "destroyed" };

/* Name of a state, for people and JSON. */
const char *epoch_state_name(enum epoch_state state)
{
	return states[state];
}

/* Label of the root on the token; the epoch is all digits, so the last slash divides. */
void epoch_root(const struct epoch *e, char label[EPOCH_ROOT_MAX])
{
	snprintf(label, EPOCH_ROOT_MAX, "erot-root/%s/%" PRIu32, e->tenant, e->number);
}

static void file_name(const uint8_t tenant[EROT_DIGEST_SIZE], uint32_t number,
		      char name[LEDGER_NAME_MAX])
{
	size_t len;

	ledger_name(name, tenant);
	len = strlen(name);
	snprintf(name + len, LEDGER_NAME_MAX - len, "-%" PRIu32, number);
}

static int parse(const char *text, size_t len, struct epoch *e, struct erot_error *err)
{
	const char *tenant, *state;
	json_int_t number, created, last_use;
	int i, version, ret = 0;
	json_t *json;

	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json || json_unpack_ex(json, NULL, JSON_STRICT, "{s:i,s:s,s:I,s:s,s:I,s:I}",
				    "version", &version, "tenant", &tenant, "epoch", &number,
				    "state", &state, "created", &created, "lastUse", &last_use) ||
	    version != 1 || strlen(tenant) > EROT_TENANT_MAX || number < 1 ||
	    number > UINT32_MAX || created < 0 || last_use < 0)
		goto bad;
	for (i = EPOCH_DESTROYED; i >= 0 && strcmp(states[i], state); i--)
		;
	if (i < 0)
		goto bad;
	memset(e, 0, sizeof(*e));
	strncpy(e->tenant, tenant, sizeof(e->tenant) - 1);
	e->number = number;
	e->state = i;
	e->created = created;
	e->last_use = last_use;
	goto out;
bad:
	ret = erot_fail(err, EIO, "ledger", "record of an epoch is damaged");
out:
	json_decref(json);
	return ret;
}

static int load_name(struct ledger *l, const char *name, struct epoch *e, struct erot_error *err)
{
	void *data;
	size_t len;
	int ret;

	ret = ledger_get(l, LEDGER_EPOCH, name, &data, &len, err);
	if (ret)
		return ret;
	ret = parse(data, len, e, err);
	free(data);
	return ret;
}

/**
 * epoch_load() - reads the record of an epoch
 * @l: opened
 * @tenant: digest of the tenant's name
 * @number: of the epoch
 * @e: filled
 * @err: "epoch-unknown"
 *
 * Return: 0, -ENOENT, or another negative errno.
 */
int epoch_load(struct ledger *l, const uint8_t tenant[EROT_DIGEST_SIZE], uint32_t number,
	       struct epoch *e, struct erot_error *err)
{
	char name[LEDGER_NAME_MAX];
	int ret;

	file_name(tenant, number, name);
	ret = load_name(l, name, e, err);
	if (ret == -ENOENT)
		return erot_fail(err, ENOENT, "epoch-unknown",
				 "no epoch %" PRIu32 " of this tenant; dergctl epoch new makes one",
				 number);
	return ret;
}

/**
 * epoch_store() - records a state
 * @l: locked
 * @e: epoch
 * @err: reason
 *
 * Return: 0 when it is on the disk, or a negative errno.
 */
int epoch_store(struct ledger *l, const struct epoch *e, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	char name[LEDGER_NAME_MAX], *text;
	json_t *json;
	int ret;

	ret = erot_tenant_digest(e->tenant, digest, err);
	if (ret)
		return ret;
	file_name(digest, e->number, name);
	json = json_pack("{s:i,s:s,s:I,s:s,s:I,s:I}", "version", 1, "tenant", e->tenant,
			 "epoch", (json_int_t)e->number, "state", states[e->state],
			 "created", (json_int_t)e->created, "lastUse", (json_int_t)e->last_use);
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	if (!text)
		return erot_fail(err, ENOMEM, "no-memory", "epoch");
	ret = ledger_replace(l, LEDGER_EPOCH, name, text, strlen(text), err);
	free(text);
	return ret;
}

struct walk {
	struct ledger *ledger;
	int (*each)(void *ctx, const struct epoch *e);
	void *ctx;
	struct erot_error *err;
};

static int visit(void *ctx, const char *name)
{
	struct walk *w = ctx;
	struct epoch e;

	return load_name(w->ledger, name, &e, w->err) ?: w->each(w->ctx, &e);
}

/**
 * epoch_each() - calls @each with every epoch, in no order
 * @l: opened
 * @each: returns 0, or a negative errno to stop
 * @ctx: for @each
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int epoch_each(struct ledger *l, int (*each)(void *ctx, const struct epoch *e), void *ctx,
	       struct erot_error *err)
{
	struct walk w = { l, each, ctx, err };

	return ledger_each(l, LEDGER_EPOCH, visit, &w, err);
}

struct newest {
	const char *tenant;
	int active;
	uint32_t number;
};

static int is_newest(void *ctx, const struct epoch *e)
{
	struct newest *n = ctx;

	if (!strcmp(e->tenant, n->tenant) && e->number > n->number &&
	    (!n->active || e->state == EPOCH_ACTIVE))
		n->number = e->number;
	return 0;
}

/**
 * epoch_newest() - highest number that a tenant has
 * @l: opened
 * @tenant: name
 * @active: only among the active
 * @number: filled; 0 where there is none
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int epoch_newest(struct ledger *l, const char *tenant, int active, uint32_t *number,
		 struct erot_error *err)
{
	struct newest n = { tenant, active, 0 };
	int ret;

	ret = epoch_each(l, is_newest, &n, err);
	*number = n.number;
	return ret;
}

/* The root of an epoch that is being made or unmade: gone is as good as destroyed. */
static int drop_root(struct hsm *h, const struct epoch *e, struct erot_error *err)
{
	char label[EPOCH_ROOT_MAX];
	int ret;

	epoch_root(e, label);
	ret = hsm_destroy(h, label, err);
	return ret == -ENOENT ? 0 : ret;
}

/**
 * epoch_new() - makes a derivation root
 * @l: locked
 * @h: open
 * @tenant: name
 * @number: of the epoch, from 1
 * @now: seconds since 1970
 * @e: filled
 * @err: "epoch-exists"
 *
 * Return: 0, -EEXIST, or another negative errno.
 */
int epoch_new(struct ledger *l, struct hsm *h, const char *tenant, uint32_t number, uint64_t now,
	      struct epoch *e, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	char label[EPOCH_ROOT_MAX];
	int ret;

	ret = erot_tenant_digest(tenant, digest, err);
	if (ret)
		return ret;
	ret = epoch_load(l, digest, number, e, err);
	if (!ret && e->state != EPOCH_MAKING)
		return erot_fail(err, EEXIST, "epoch-exists", "epoch %" PRIu32 " of %s is %s",
				 number, tenant, states[e->state]);
	if (ret && ret != -ENOENT)
		return ret;
	if (!ret) {	/* a crash left it: nothing was derived from that root yet */
		ret = drop_root(h, e, err);
		if (ret)
			return ret;
	}
	memset(e, 0, sizeof(*e));
	strncpy(e->tenant, tenant, sizeof(e->tenant) - 1);
	e->number = number;
	e->state = EPOCH_MAKING;
	e->created = now;
	epoch_root(e, label);
	ret = epoch_store(l, e, err);
	if (!ret)
		ret = hsm_new_root(h, label, err);
	if (ret)
		return ret;
	e->state = EPOCH_ACTIVE;
	return epoch_store(l, e, err);
}

/**
 * epoch_destroy() - lets an epoch drain, and destroys its root when it has
 * @l: locked
 * @h: open
 * @tenant: name
 * @number: of the epoch
 * @now: seconds since 1970
 * @grace: seconds after the last launch in which evidence is waited for
 * @err: "epoch-in-use" with the time from which on it will work, "epoch-destroyed"
 *
 * The first call ends the making of statements and receipts. The root itself is
 * needed until the last receipt is spent and its evidence checked.
 *
 * Return: 0 when the root is gone, -EBUSY, -EALREADY, -ENOENT, or another
 * negative errno.
 */
int epoch_destroy(struct ledger *l, struct hsm *h, const char *tenant, uint32_t number,
		  uint64_t now, uint64_t grace, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct epoch e;
	int ret;

	ret = erot_tenant_digest(tenant, digest, err);
	if (!ret)
		ret = epoch_load(l, digest, number, &e, err);
	if (ret)
		return ret;
	if (e.state == EPOCH_DESTROYED)
		return erot_fail(err, EALREADY, "epoch-destroyed",
				 "epoch %" PRIu32 " of %s is gone", number, tenant);
	if (e.state == EPOCH_ACTIVE) {
		e.state = EPOCH_DRAINING;
		ret = epoch_store(l, &e, err);
		if (ret)
			return ret;
	}
	if (e.last_use && now <= e.last_use + grace)
		return erot_fail(err, EBUSY, "epoch-in-use",
				 "epoch %" PRIu32 " of %s drains; destroy it in %" PRIu64 " s",
				 number, tenant, e.last_use + grace - now + 1);
	ret = drop_root(h, &e, err);
	if (ret)
		return ret;
	e.state = EPOCH_DESTROYED;
	return epoch_store(l, &e, err);
}
