// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions over either back end. A statement that failed dooms its transaction on both:
 * PostgreSQL does that by itself, and code that was only tried on SQLite must not rely on the
 * contrary.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "dergd/db_priv.h"
#include "liberot/crypto.h"

#define TRIES		12
#define BACKOFF_NS	1000000U	/* doubled each time, up to 1 s */

/* There is no memory to say so in. */
static struct db_rows no_rows = {
	.ret = -ENOMEM, .err = { "no-memory", "database rows" },
};

int db_open(const char *url, struct db **db, struct erot_error *err)
{
	struct db *d;
	int ret;

	*db = NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return erot_fail(err, ENOMEM, "no-memory", "database connection");
	/* what stands in a URL may be a password: it is not repeated in messages */
	if (!strncmp(url, "sqlite:", 7))
		ret = db_sqlite_open(d, url + 7, err);
	else if (!strncmp(url, "postgresql://", 13) || !strncmp(url, "postgres://", 11))
		ret = db_pgsql_open(d, url, err);
	else
		ret = erot_fail(err, EINVAL, "db-url",
				"a database is sqlite:/path or postgresql://...");
	if (ret)
		free(d);
	else
		*db = d;
	return ret;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (db->active)
		db->ops->rollback(db);
	db->ops->close(db);
	free(db);
}

int db_slot(const char *const texts[DB_CACHE], const char *sql)
{
	int i;

	for (i = 0; i < DB_CACHE && texts[i]; i++)
		if (texts[i] == sql || !strcmp(texts[i], sql))
			return i;
	return i < DB_CACHE ? i : -1;
}

/* Random, so that those who met do not meet again. */
static void back_off(unsigned int attempt)
{
	unsigned int limit = BACKOFF_NS << (attempt < 10 ? attempt : 10), ns = 0;
	struct timespec wait;

	if (limit >= 1000000000U)
		limit = 999999999U;
	if (erot_random(&ns, sizeof(ns)))
		ns = limit;
	wait = (struct timespec) { .tv_nsec = ns % limit };
	clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
}

int db_begin(struct db *db, enum db_mode mode, struct erot_error *err)
{
	int ret;

	db->mode = mode;
	ret = db->ops->begin(db, mode, err);
	db->active = !ret;
	return ret;
}

/* The first failure is the transaction's, whatever comes of it. */
static int doom(struct db *db, int ret, const struct erot_error *why, struct erot_error *err)
{
	if (ret && err)
		*err = *why;
	if (ret && !db->failed) {
		db->failed = ret;
		db->why = *why;
	}
	return ret;
}

int db_exec(struct db *db, const char *sql, struct erot_error *err)
{
	struct erot_error why = { 0 };

	return doom(db, db->ops->exec(db, sql, &why), &why, err);
}

int db_settle(struct db *db, struct erot_error *err)
{
	struct erot_error why = { 0 };

	return doom(db, db->ops->settle ? db->ops->settle(db, &why) : 0, &why, err);
}

int db_work_run(struct db *db, db_work work, void *ctx, const char *end, struct erot_error *err)
{
	int ret;

	db->failed = 0;
	db->rows = 0;
	db->verdict = DB_FAILED;
	ret = work(db, ctx, err);
	if (end && !ret && !db->failed && !db->rows)
		db_exec(db, end, NULL);
	db_settle(db, NULL);
	if (db->rows) {
		db->verdict = DB_FAILED;
		ret = erot_fail(err, EINVAL, "db-use", "%u results were not ended", db->rows);
	} else if (db->failed) {
		/* whatever the callback made of it */
		ret = db->failed;
		*err = db->why;
	}
	return ret;
}

int db_finish(struct db *db, int ret, struct erot_error *err)
{
	if (!ret)
		ret = db->ops->commit(db, err);
	if (ret)
		db->ops->rollback(db);
	db->active = false;
	return ret;
}

/* One attempt; db->verdict says what a failure means. */
static int attempt(struct db *db, enum db_mode mode, db_work work, void *ctx,
		   struct erot_error *err)
{
	int ret = db_begin(db, mode, err);

	return ret ?: db_finish(db, db_work_run(db, work, ctx, NULL, err), err);
}

int db_alone(struct db *db, enum db_mode mode, bool resume, db_work work, void *ctx,
	     struct erot_error *err)
{
	/* what one attempt said is nothing to the caller when the next one succeeds */
	struct erot_error why = { 0 };
	bool unknown = false;
	unsigned int i;
	int ret = 0;

	if (db->active)
		return erot_fail(err, EINVAL, "db-use", "a transaction is running already");
	for (i = 0; i < TRIES; i++) {
		if (i)
			back_off(i);
		ret = attempt(db, mode, work, ctx, &why);
		if (!ret)
			return 0;
		if (ret == -EINPROGRESS && !strcmp(why.code, "db-outcome-unknown")) {
			if (!resume)
				break;
			unknown = mode != DB_MODE_READ;
		} else if (db->verdict == DB_FAILED) {
			break;
		}
	}
	/* nobody could look whether it happened, when it perhaps did */
	if (i == TRIES && ret != -EINPROGRESS && unknown)
		return erot_fail(err, EINPROGRESS, "db-outcome-unknown", "COMMIT, and then: %s",
				 why.text);
	if (i == TRIES && ret != -EINPROGRESS)
		return erot_fail(err, EBUSY, db->verdict == DB_LOST ? "db-lost" : "db-busy",
				 "tried %u times: %s", TRIES, why.text);
	if (err)
		*err = why;
	return ret;
}

int db_transaction(struct db *db, unsigned int flags, db_work work, void *ctx,
		   struct erot_error *err)
{
	if (flags & DB_SHARED && db->group && !db->active)
		return db_group_run(db, flags & DB_RESUME, work, ctx, err);
	return db_alone(db, flags & DB_READ ? DB_MODE_READ : DB_MODE_WRITE,
			flags & (DB_RESUME | DB_READ), work, ctx, err);
}

/* ---- statements */

static int fail_rows(struct db_rows *rows, int ret)
{
	if (!rows->ret)
		rows->ret = ret;
	if (rows->db)
		doom(rows->db, ret, &rows->err, NULL);
	return ret;
}

static bool bad_args(const struct db_value *args, size_t n)
{
	size_t i;

	if (n > DB_ARGS_MAX)
		return true;
	for (i = 0; i < n; i++)
		if (args[i].len > DB_VALUE_MAX)
			return true;
	return false;
}

/* Why a statement is not even begun; or 0. */
static int refuse(struct db *db, const struct db_value *args, size_t n, struct erot_error *err)
{
	if (!db->active)
		return erot_fail(err, EINVAL, "db-use", "a statement outside a transaction");
	if (db->failed) {
		*err = db->why;
		return db->failed;
	}
	if (!bad_args(args, n))
		return 0;
	db->verdict = DB_FAILED;
	return erot_fail(err, EINVAL, "db-use", "too many arguments, or too long ones");
}

int db_query(struct db *db, struct erot_error *err, struct db_rows **rows, const char *sql,
	     const struct db_value *args, size_t n)
{
	struct db_rows *r = calloc(1, sizeof(*r));
	int ret;

	*rows = r ?: &no_rows;
	if (!r) {
		db->verdict = DB_FAILED;
		return doom(db, -ENOMEM, &no_rows.err, err);
	}
	r->db = db;
	r->slot = -1;
	db->rows++;
	ret = refuse(db, args, n, &r->err);
	if (!ret)
		ret = db->ops->query(r, sql, args, n, &r->err);
	if (!ret)
		return 0;
	fail_rows(r, ret);
	if (err)
		*err = r->err;
	return ret;
}

int db_run(struct db *db, struct erot_error *err, int64_t *changed, const char *sql,
	   const struct db_value *args, size_t n)
{
	struct erot_error why = { 0 };
	struct db_rows *rows;
	int ret;

	if (!changed && db->ops->run) {
		ret = refuse(db, args, n, &why);
		if (!ret)
			ret = db->ops->run(db, sql, args, n, &why);
		return doom(db, ret, &why, err);
	}
	ret = db_query(db, err, &rows, sql, args, n);
	if (!ret && rows->first) {
		db->verdict = DB_FAILED;
		ret = fail_rows(rows, erot_fail(&rows->err, EINVAL, "db-use",
						"a statement with rows in db_run()"));
	}
	if (!ret && changed)
		*changed = rows->changed;
	return db_end(rows, err);
}

bool db_next(struct db_rows *rows)
{
	int ret;

	if (!rows || rows->ret)
		return false;
	ret = rows->db->ops->next(rows, &rows->err);
	if (ret < 0)
		fail_rows(rows, ret);
	return ret > 0;
}

int db_end(struct db_rows *rows, struct erot_error *err)
{
	int ret;

	if (!rows)
		return 0;
	ret = rows->ret;
	if (ret && err)
		*err = rows->err;
	if (rows->db) {
		rows->db->ops->end(rows);
		rows->db->rows--;
		free(rows);
	}
	return ret;
}

/* ---- columns */

static bool column(struct db_rows *rows, int column, enum db_type type, struct db_value *value)
{
	static const char *const names[] = { "NULL", "integer", "text", "bytes" };

	*value = (struct db_value) { 0 };
	if (rows->ret)
		return false;
	if (rows->db->ops->column(rows, column, value))
		erot_fail(&rows->err, EINVAL, "db-column", "no column %d, or of no known type",
			  column);
	else if (value->type != type)
		erot_fail(&rows->err, EINVAL, "db-column", "column %d is %s, not %s", column,
			  names[value->type], names[type]);
	else
		return true;
	*value = (struct db_value) { 0 };
	rows->db->verdict = DB_FAILED;
	fail_rows(rows, -EINVAL);
	return false;
}

int64_t db_get_int(struct db_rows *rows, int index)
{
	struct db_value value;

	return column(rows, index, DB_INT, &value) ? value.num : 0;
}

const char *db_get_text(struct db_rows *rows, int index)
{
	struct db_value value;

	return column(rows, index, DB_TEXT, &value) ? value.data : NULL;
}

const void *db_get_blob(struct db_rows *rows, int index, size_t *len)
{
	struct db_value value;

	column(rows, index, DB_BLOB, &value);
	*len = value.len;
	return value.data;
}

void db_get_copy(struct db_rows *rows, int index, void *out, size_t len)
{
	struct db_value value;

	memset(out, 0, len);
	if (!column(rows, index, DB_BLOB, &value))
		return;
	if (value.len == len) {
		memcpy(out, value.data, len);
		return;
	}
	rows->db->verdict = DB_FAILED;
	fail_rows(rows, erot_fail(&rows->err, EINVAL, "db-column",
				  "column %d has %zu bytes, not %zu", index, value.len, len));
}

bool db_is_null(struct db_rows *rows, int index)
{
	struct db_value value = { 0 };

	return !rows->ret && !rows->db->ops->column(rows, index, &value) && value.type == DB_NULL;
}
