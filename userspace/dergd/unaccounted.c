// SPDX-License-Identifier: GPL-2.0-only
/*
 * A launch without an end is in the table open_launch, until it has one or moves to unaccounted: so
 * what is due is found without a look at all launches that ever were.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "dergd/unaccounted.h"

#define BATCH	64	/* launches a transaction */

/**
 * struct launch - one that is looked at
 */
struct launch {
	uint8_t receipt[EROT_DIGEST_SIZE];
	uint8_t machine[EROT_DIGEST_SIZE];
	char tenant[EROT_TENANT_MAX + 1];
};

struct sweep {
	uint64_t now;
	unsigned int count;
	struct launch batch[BATCH];
};

static int read_due(struct db *db, struct sweep *s, struct erot_error *err)
{
	struct db_rows *rows;
	struct launch *l;
	const char *tenant;
	int ret;

	s->count = 0;
	ret = db_query(db, err, &rows, "SELECT receipt, machine, tenant FROM open_launch "
		       "WHERE deadline < $1 ORDER BY deadline LIMIT 64",
		       DB_ARGS(db_int(s->now)));
	while (!ret && s->count < BATCH && db_next(rows)) {
		l = &s->batch[s->count++];
		db_get_copy(rows, 0, l->receipt, sizeof(l->receipt));
		db_get_copy(rows, 1, l->machine, sizeof(l->machine));
		tenant = db_get_text(rows, 2);
		snprintf(l->tenant, sizeof(l->tenant), "%s", tenant ?: "");
	}
	return db_end(rows, err);
}

static json_t *entry(const struct launch *l)
{
	char receipt[2 * EROT_DIGEST_SIZE + 1], machine[2 * EROT_DIGEST_SIZE + 1];

	return json_pack("{s:s,s:s}",
			 "receipt", erot_hex(l->receipt, sizeof(l->receipt), receipt),
			 "machine", erot_hex(l->machine, sizeof(l->machine), machine));
}

static int forget(struct db *db, const uint8_t *receipt, struct erot_error *err)
{
	return db_run(db, err, NULL, "DELETE FROM open_launch WHERE receipt = $1",
		      DB_ARGS(db_blob(receipt, EROT_DIGEST_SIZE)));
}

static int look_work(struct db *db, void *ctx, struct erot_error *err)
{
	return read_due(db, ctx, err);
}

static int sweep_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct sweep *s = ctx;
	const struct launch *l;
	unsigned int i;
	int ret;

	ret = read_due(db, s, err);	/* again: another process sweeps, too, and evidence comes */
	for (i = 0; !ret && i < s->count; i++) {
		l = &s->batch[i];
		ret = db_run(db, err, NULL, "INSERT INTO unaccounted "
			     "(receipt, tenant, machine, since) "
			     "VALUES ($1, $2, $3, $4)",
			     DB_ARGS(db_blob(l->receipt, sizeof(l->receipt)), db_text(l->tenant),
				     db_blob(l->machine, sizeof(l->machine)), db_int(s->now)));
		if (!ret)
			ret = forget(db, l->receipt, err);
		if (!ret)
			ret = derg_record_json(db, l->tenant, EROT_LOG_UNACCOUNTED, l->receipt,
					       s->now, entry(l), NULL, err);
	}
	return ret;
}

int unaccounted_sweep(struct derg *d, uint64_t now, unsigned int *count, struct erot_error *err)
{
	struct sweep s = { .now = now };
	unsigned int total = 0;
	int ret;

	do {
		ret = db_transaction(d->db, DB_READ, look_work, &s, err);
		if (!ret && s.count)
			ret = db_transaction(d->db, 0, sweep_work, &s, err);
		if (!ret)
			total += s.count;
	} while (!ret && s.count == BATCH);
	if (count)
		*count = total;
	return ret;
}

int unaccounted_begin(struct db *db, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		      const uint8_t receipt[EROT_DIGEST_SIZE], uint64_t deadline,
		      struct erot_error *err)
{
	return db_run(db, err, NULL, "INSERT INTO open_launch "
		      "(receipt, tenant, machine, deadline) VALUES ($1, $2, $3, $4)",
		      DB_ARGS(db_blob(receipt, EROT_DIGEST_SIZE), db_text(tenant),
			      db_blob(machine, EROT_DIGEST_SIZE), db_int((int64_t)deadline)));
}

int unaccounted_end(struct db *db, const uint8_t receipt[EROT_DIGEST_SIZE], uint64_t now,
		    struct erot_error *err)
{
	int ret = forget(db, receipt, err);

	return ret ?: db_run(db, err, NULL, "UPDATE unaccounted SET closed = $2 "
			     "WHERE receipt = $1 AND closed IS NULL",
			     DB_ARGS(db_blob(receipt, EROT_DIGEST_SIZE), db_int((int64_t)now)));
}

int unaccounted_count(struct db *db, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		      uint32_t reset_count, uint64_t now, uint64_t *count,
		      struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	*count = 0;
	ret = db_query(db, err, &rows, "SELECT (SELECT count(*) FROM open_launch o "
		       "JOIN release l ON l.receipt = o.receipt "
		       "WHERE o.tenant = $1 AND o.machine = $2 AND o.deadline < $3 "
		       "AND (l.reset_count IS NULL OR l.reset_count >= $4)) + "
		       "(SELECT count(*) FROM unaccounted u "
		       "JOIN release l ON l.receipt = u.receipt "
		       "WHERE u.tenant = $1 AND u.machine = $2 AND u.closed IS NULL "
		       "AND (l.reset_count IS NULL OR l.reset_count >= $4))",
		       DB_ARGS(db_text(tenant), db_blob(machine, EROT_DIGEST_SIZE), db_int(now),
			       db_int(reset_count)));
	if (!ret && db_next(rows))
		*count = db_get_int(rows, 0);
	return db_end(rows, err);
}

/* A quote accounts for every launch before the reset; only overdue ones are recorded. */
static int read_open(struct db *db, const char *tenant, const uint8_t *machine,
		     uint32_t reset_count, struct sweep *s, struct erot_error *err)
{
	struct db_rows *rows;
	struct launch *l;
	int ret;

	s->count = 0;
	ret = db_query(db, err, &rows, "SELECT u.receipt FROM unaccounted u "
		       "JOIN release l ON l.receipt = u.receipt "
		       "WHERE u.tenant = $1 AND u.machine = $2 AND u.closed IS NULL "
		       "AND l.reset_count < $3 ORDER BY u.since LIMIT 64",
		       DB_ARGS(db_text(tenant), db_blob(machine, EROT_DIGEST_SIZE),
			       db_int(reset_count)));
	while (!ret && s->count < BATCH && db_next(rows)) {
		l = &s->batch[s->count++];
		db_get_copy(rows, 0, l->receipt, sizeof(l->receipt));
		memcpy(l->machine, machine, EROT_DIGEST_SIZE);
	}
	return db_end(rows, err);
}

int unaccounted_close(struct db *db, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		      uint32_t reset_count, const void *quote, size_t quote_len, uint64_t now,
		      struct erot_error *err)
{
	struct sweep s = { .now = now };
	const struct launch *l;
	unsigned int i;
	json_t *json;
	char *text;
	int ret;

	ret = read_open(db, tenant, machine, reset_count, &s, err);
	for (i = 0; !ret && i < s.count; i++) {
		l = &s.batch[i];
		ret = db_run(db, err, NULL, "UPDATE unaccounted SET closed = $2, attestation = $3 "
			     "WHERE receipt = $1",
			     DB_ARGS(db_blob(l->receipt, sizeof(l->receipt)), db_int(now),
				     db_blob(quote, quote_len)));
		if (ret)
			break;
		text = erot_base64_encode(quote, quote_len);
		json = entry(l);
		if (json && text)
			json_object_set_new(json, "quote", json_string(text));
		free(text);
		ret = derg_record_json(db, tenant, EROT_LOG_ACCOUNTED, l->receipt, now, json, NULL,
				       err);
	}
	return ret;
}
