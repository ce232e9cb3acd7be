// SPDX-License-Identifier: GPL-2.0-only
/* The database layer: the same cases on SQLite and on a real PostgreSQL. */
#include "dergd/test_database.h"

/* ---- values */

static const uint8_t bytes[] = { 0, 1, 0xff, 0, '\'' };

static int write_values(struct db *db, void *ctx, struct erot_error *e)
{
	/* $2 stands before $1, and $3 twice */
	return db_run(db, e, ctx, "INSERT INTO t_values (b, a, c, d, e, f) "
		      "VALUES ($2, $1, $3, $3, $4, $5)",
		      DB_ARGS(db_int(INT64_MIN), db_int(INT64_MAX), db_blob(bytes, sizeof(bytes)),
			      db_text("caf\u00e9 'quoted'"), db_blob("", 0)));
}

static int read_values(struct db *db, void *ctx, struct erot_error *e)
{
	struct db_rows *rows;
	const void *c, *d, *f;
	size_t c_len, d_len, f_len = 9;
	int *good = ctx;

	db_query(db, e, &rows, "SELECT a, b, c, d, e, f, g, g IS NULL FROM t_values WHERE a < $1",
		 DB_ARGS(db_int(0)));
	if (db_next(rows)) {
		c = db_get_blob(rows, 2, &c_len);
		d = db_get_blob(rows, 3, &d_len);
		f = db_get_blob(rows, 5, &f_len);
		*good = db_get_int(rows, 0) == INT64_MIN && db_get_int(rows, 1) == INT64_MAX &&
			c && c_len == sizeof(bytes) && !memcmp(c, bytes, c_len) &&
			d && d_len == sizeof(bytes) && !memcmp(d, bytes, d_len) &&
			!strcmp(db_get_text(rows, 4) ?: "", "caf\u00e9 'quoted'") &&
			f && !f_len && db_is_null(rows, 6) && !db_is_null(rows, 0) &&
			db_get_int(rows, 7) == 1;
	}
	if (db_next(rows))
		*good = 0;
	return db_end(rows, e);
}

static void test_values(struct db *db)
{
	const char *make = !strcmp(backend, "sqlite") ?
		"CREATE TABLE t_values (a INTEGER, b INTEGER, c BLOB, d BLOB, e TEXT, f BLOB, "
		"g BLOB) STRICT" :
		"CREATE TABLE t_values (a BIGINT, b BIGINT, c BYTEA, d BYTEA, e TEXT, f BYTEA, "
		"g BYTEA)";
	int64_t changed = 0;
	int good = 0;

	tap_ok(!run(db, make), "%s: a table", backend);
	tap_ok(!db_transaction(db, 0, write_values, &changed, &err) && changed == 1,
	       "%s: values are written", backend);
	tap_ok(!db_transaction(db, DB_READ, read_values, &good, &err) && good,
	       "%s: and read as they were", backend);
}

static int read_wrong(struct db *db, void *ctx, struct erot_error *e)
{
	struct db_rows *rows;
	uint8_t out[4] = { 1, 1, 1, 1 };
	size_t len;
	int *kind = ctx, clean = 1;

	db_query(db, e, &rows, "SELECT a, c, e, g FROM t_values", DB_NO_ARGS);
	if (db_next(rows)) {
		switch (*kind) {
		case 0:
			clean = db_get_int(rows, 1) == 0;
			break;
		case 1:
			clean = !db_get_blob(rows, 0, &len) && !len;
			break;
		case 2:
			clean = !db_get_text(rows, 3);
			break;
		case 3:
			db_get_copy(rows, 1, out, sizeof(out));
			clean = !out[0] && !out[3];
			break;
		case 4:
			clean = db_get_int(rows, 4) == 0;
			break;
		}
	}
	if (!clean)
		*kind = -1;
	db_end(rows, e);
	/* swallowed here; the transaction must fail all the same */
	return 0;
}

static void test_columns(struct db *db)
{
	static const char *const what[] = { "bytes as integer", "integer as bytes", "NULL as text",
					    "bytes of another length", "a column too many" };
	int i;

	for (i = 0; i < 5; i++) {
		char name[96];
		int kind = i;

		snprintf(name, sizeof(name), "%s: %s", backend, what[i]);
		tap_refused(db_transaction(db, 0, read_wrong, &kind, &err), EINVAL, &err,
			    "db-column", name);
		tap_ok(kind == i, "%s: gives nothing", name);
	}
}

/* ---- failures */

static int swallow(struct db *db, void *ctx, struct erot_error *e)
{
	struct erot_error inner;
	int64_t changed;
	int *second = ctx;

	db_run(db, e, NULL, "INSERT INTO t_keys (k, v) VALUES (2, 2)", DB_NO_ARGS);
	db_run(db, &inner, &changed, "INSERT INTO t_keys (k, v) VALUES (1, 2)", DB_NO_ARGS);
	*second = db_run(db, &inner, NULL, "INSERT INTO t_keys (k, v) VALUES (3, 2)", DB_NO_ARGS);
	return 0;
}

static int refuse(struct db *db, void *ctx, struct erot_error *e)
{
	int ret = db_run(db, e, NULL, "INSERT INTO t_keys (k, v) VALUES (4, 4)", DB_NO_ARGS);

	(*(int *)ctx)++;
	return ret ?: erot_fail(e, EACCES, "test-refused", "no");
}

static int leave_rows(struct db *db, void *ctx, struct erot_error *e)
{
	db_run(db, e, NULL, "INSERT INTO t_keys (k, v) VALUES (5, 5)", DB_NO_ARGS);
	return db_query(db, e, ctx, "SELECT k FROM t_keys", DB_NO_ARGS);
}

static int insert_or_not(struct db *db, void *ctx, struct erot_error *e)
{
	return db_run(db, e, ctx, "INSERT INTO t_keys (k, v) VALUES ($1, $2) "
		      "ON CONFLICT DO NOTHING", DB_ARGS(db_int(1), db_int(9)));
}

static int nested(struct db *db, void *ctx, struct erot_error *e)
{
	struct db_rows *outer, *inner;

	db_query(db, e, &outer, "SELECT k FROM t_keys WHERE k < 100", DB_NO_ARGS);
	db_query(db, e, &inner, "SELECT k FROM t_keys WHERE k < 100", DB_NO_ARGS);
	if (db_next(outer) && db_next(inner) && !db_next(inner))
		*(int64_t *)ctx = db_get_int(outer, 0);
	return db_end(inner, e) ?: db_end(outer, e);
}

static void test_failures(struct db *db)
{
	char name[96];
	int64_t changed = 9;
	struct db_rows *rows = NULL;
	int second = 0, calls = 0;
	struct step s = { .sql = "INSERT INTO t_keys (k, v) VALUES (1, 1)" };

	tap_ok(!run(db, "CREATE TABLE t_keys (k BIGINT PRIMARY KEY, "
			"v BIGINT NOT NULL CHECK (v < 1000), "
			"parent BIGINT REFERENCES t_keys (k))"), "%s: keys", backend);
	tap_ok(!db_transaction(db, 0, run_step, &s, &err) && s.changed == 1 && s.attempts == 1,
	       "%s: a row", backend);
	snprintf(name, sizeof(name), "%s: a second row of the key", backend);
	tap_refused(db_transaction(db, 0, run_step, &s, &err), EEXIST, &err, "db-exists", name);
	tap_ok(s.attempts == 2, "%s: is not tried twice", name);
	snprintf(name, sizeof(name), "%s: a failure that was swallowed", backend);
	tap_refused(db_transaction(db, 0, swallow, &second, &err), EEXIST, &err, "db-exists", name);
	tap_ok(second == -EEXIST, "%s: what follows it is refused", name);
	tap_ok(number(db, "SELECT count(*) FROM t_keys") == 1, "%s: nothing is left of it", name);
	snprintf(name, sizeof(name), "%s: refused by the callback", backend);
	tap_refused(db_transaction(db, 0, refuse, &calls, &err), EACCES, &err, "test-refused",
		    name);
	tap_ok(calls == 1 && number(db, "SELECT count(*) FROM t_keys") == 1,
	       "%s: once, and nothing is left of it", name);
	tap_ok(!db_transaction(db, 0, insert_or_not, &changed, &err) && !changed,
	       "%s: ON CONFLICT DO NOTHING says that it did nothing", backend);
	snprintf(name, sizeof(name), "%s: rows that were not ended", backend);
	tap_refused(db_transaction(db, 0, leave_rows, &rows, &err), EINVAL, &err, "db-use", name);
	db_end(rows, NULL);
	tap_ok(number(db, "SELECT count(*) FROM t_keys") == 1, "%s: nothing is left of it", name);
	changed = 0;
	tap_ok(!db_transaction(db, DB_READ, nested, &changed, &err) && changed == 1,
	       "%s: one text twice at once", backend);
}

static int inside(struct db *db, void *ctx, struct erot_error *e)
{
	(void)ctx;
	return db_transaction(db, 0, run_step, NULL, e);
}

static void test_refusals(struct db *db)
{
	static const struct {
		const char *what, *sql, *code;
		unsigned int flags;
		int num;
		size_t n;
	} cases[] = {
		{ "CHECK", "INSERT INTO t_keys (k, v) VALUES (7, 1000)", "db-constraint", 0,
		  EINVAL, 0 },
		{ "NOT NULL", "INSERT INTO t_keys (k) VALUES (7)", "db-constraint", 0, EINVAL, 0 },
		{ "foreign key", "INSERT INTO t_keys (k, v, parent) VALUES (7, 7, 6)",
		  "db-constraint", 0, EINVAL, 0 },
		{ "a write while reading", "INSERT INTO t_keys (k, v) VALUES (7, 7)", "db-use",
		  DB_READ, EINVAL, 0 },
		{ "no such table", "INSERT INTO nothing (k) VALUES (7)", "db-error", 0, EIO, 0 },
		{ "rows in db_run()", "SELECT k FROM t_keys", "db-use", 0, EINVAL, 0 },
	};
	struct db_rows *rows;
	char name[96];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct step s = { .sql = cases[i].sql, .n = cases[i].n };

		snprintf(name, sizeof(name), "%s: %s", backend, cases[i].what);
		tap_refused(db_transaction(db, cases[i].flags, run_step, &s, &err), cases[i].num,
			    &err, cases[i].code, name);
	}
	snprintf(name, sizeof(name), "%s: a transaction in a transaction", backend);
	tap_refused(db_transaction(db, 0, inside, NULL, &err), EINVAL, &err, "db-use", name);
	snprintf(name, sizeof(name), "%s: a statement outside", backend);
	tap_refused(db_query(db, &err, &rows, "SELECT 1", DB_NO_ARGS), EINVAL, &err, "db-use",
		    name);
	db_end(rows, NULL);
	snprintf(name, sizeof(name), "%s: an argument too many", backend);
	struct step s = { .sql = "INSERT INTO t_keys (k, v) VALUES (8, $1)", .n = 2,
			  .args = { db_int(1), db_int(2) } };
	tap_refused(db_transaction(db, 0, run_step, &s, &err), EINVAL, &err, "db-use", name);
	s = (struct step) { .sql = "INSERT INTO t_keys (k, v, parent) VALUES (8, $1, $2)", .n = 1,
			    .args = { db_int(1) } };
	snprintf(name, sizeof(name), "%s: an argument too few", backend);
	tap_refused(db_transaction(db, 0, run_step, &s, &err), EINVAL, &err, "db-use", name);
	tap_ok(number(db, "SELECT count(*) FROM t_keys") == 1, "%s: change nothing", name);
}

/* ---- failures that nobody waits for */

#define PUT	"INSERT INTO t_keys (k, v) VALUES ($1, $2)"
#define NEW	"SELECT 3 + count(*) FROM t_keys"
#define ROWS	"SELECT k FROM t_keys WHERE k = $1 AND k < $2"

enum behind { A_QUERY, A_TEXT, A_CHANGE, MORE, THE_END, A_REFUSAL, BEHINDS };

/**
 * struct late - a statement of which nobody looks at the failure
 * @sql:    it, and its arguments
 * @behind: what comes then
 * @seen:   that failed with what
 */
struct late {
	const char *sql;
	int64_t k, v;
	enum behind behind;
	int seen;
};

static int put(struct db *db, int64_t *changed, int64_t k, struct erot_error *e)
{
	return db_run(db, e, changed, PUT, DB_ARGS(db_int(k), db_int(1)));
}

static int fail_late(struct db *db, void *ctx, struct erot_error *e)
{
	struct number n = { .sql = "SELECT count(*) FROM t_keys" };
	struct late *l = ctx;
	int64_t changed;
	int i;

	/* prepared: it is for the failure that nobody waits */
	if (put(db, &changed, 10, e) || read_number(db, &n, e))
		return -EIO;
	db_run(db, e, NULL, l->sql, DB_ARGS(db_int(l->k), db_int(l->v)));
	switch (l->behind) {
	case A_QUERY:
		l->seen = read_number(db, &n, e);
		break;
	case A_TEXT:
		n.sql = NEW;
		l->seen = read_number(db, &n, e);
		break;
	case A_CHANGE:
		l->seen = put(db, &changed, 11, e);
		break;
	case MORE:
		for (i = 0; i < 50 && !l->seen; i++)
			l->seen = put(db, NULL, 11 + i, e);
		break;
	case A_REFUSAL:
		return erot_fail(e, EACCES, "test-refused", "no");
	default:
		break;
	}
	return 0;
}

static void test_late(struct db *db)
{
	static const struct {
		const char *what, *sql, *code;
		int64_t k, v;
		int num;
	} cases[] = {
		{ "a key twice", PUT, "db-exists", 1, 1, EEXIST },
		{ "CHECK", PUT, "db-constraint", 12, 1000, EINVAL },
		{ "rows in db_run()", ROWS, "db-use", 1, 2, EINVAL },
	};
	static const char *const behind[] = { "a query", "a new text", "a change",
					      "more of its kind", "the end", "a refusal" };
	char name[96];
	size_t i;
	int b;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (b = 0; b < BEHINDS; b++) {
			struct late l = { cases[i].sql, cases[i].k, cases[i].v, b, 0 };

			snprintf(name, sizeof(name), "%s: %s, then %s", backend, cases[i].what,
				 behind[b]);
			tap_refused(db_transaction(db, 0, fail_late, &l, &err), cases[i].num, &err,
				    cases[i].code, name);
			tap_ok(l.seen == (b >= THE_END ? 0 : -cases[i].num), "%s: is told", name);
		}
	}
	tap_ok(number(db, "SELECT count(*) FROM t_keys") == 1 && number(db, NEW) == 4,
	       "%s: nothing is left of them", backend);
}

/* More bytes than all that is between client and server can hold, in both directions. */
static int many_bytes(struct db *db, void *ctx, struct erot_error *e)
{
	static uint8_t big[300000];
	int i, ret = 0;

	(void)ctx;
	for (i = 0; i < 100 && !ret; i++) {
		/* theirs once more, before they have arrived: it must have been copied */
		memset(big, i, sizeof(big));
		ret = db_run(db, e, NULL, "INSERT INTO t_big (k, c) VALUES ($1, $2)",
			     DB_ARGS(db_int(i), db_blob(big, sizeof(big))));
	}
	return ret;
}

static int count_bytes(struct db *db, void *ctx, struct erot_error *e)
{
	struct db_rows *rows;
	const uint8_t *c;
	int *good = ctx;
	size_t len;

	db_query(db, e, &rows, "SELECT k, c FROM t_big", DB_NO_ARGS);
	while (db_next(rows)) {
		c = db_get_blob(rows, 1, &len);
		*good += c && len == 300000 && c[0] == db_get_int(rows, 0) &&
			 !memcmp(c, c + 1, len - 1);
	}
	return db_end(rows, e);
}

static void test_many_bytes(struct db *db)
{
	int good = 0;

	run(db, !strcmp(backend, "sqlite") ? "CREATE TABLE t_big (k INTEGER, c BLOB)" :
	    "CREATE TABLE t_big (k BIGINT, c BYTEA)");
	tap_ok(!db_transaction(db, 0, many_bytes, NULL, &err) &&
	       !db_transaction(db, DB_READ, count_bytes, &good, &err) && good == 100,
	       "%s: 30 MB that nobody waits for", backend);
}

/* More statements than are kept prepared. */
static int many_texts(struct db *db, void *ctx, struct erot_error *e)
{
	static char texts[300][48];
	struct db_rows *rows;
	int64_t *sum = ctx;
	int i, ret = 0;

	for (i = 0; i < 300 && !ret; i++) {
		snprintf(texts[i], sizeof(texts[i]), "SELECT %d + v FROM t_keys", i);
		db_query(db, e, &rows, texts[i], DB_NO_ARGS);
		if (db_next(rows))
			*sum += db_get_int(rows, 0);
		ret = db_end(rows, e);
	}
	return ret;
}

static void test_many_texts(struct db *db)
{
	int64_t sum = 0;
	int i;

	for (i = 0; i < 2; i++)
		tap_ok(!db_transaction(db, DB_READ, many_texts, &sum, &err) &&
		       sum == (i + 1) * (300 * 299 / 2 + 300), "%s: 300 texts, round %d", backend,
		       i);
}

static void test_backend(void)
{
	struct db *db;

	db = must_open();
	test_values(db);
	test_columns(db);
	test_failures(db);
	test_refusals(db);
	test_late(db);
	test_many_bytes(db);
	test_many_texts(db);
	db_close(db);
}

int main(void)
{
	struct test_base base;

	test_base_start(&base);
	test_new_database(&base, "first");
	test_on_both(&base, test_backend);
	test_base_stop(&base);
	return tap_done();
}
