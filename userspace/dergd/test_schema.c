// SPDX-License-Identifier: GPL-2.0-only
/* The tables, and what must hold in them when many write at once. */
#include "dergd/test_database.h"

#define WRITERS	8
#define ROUNDS	25

/* ---- schema */

static int make_schema(void *ctx, int i)
{
	struct db *db;

	(void)ctx;
	(void)i;
	return db_open(url, &db, &err) || db_schema(db, &err);
}

static void test_schema(void)
{
	char name[96];
	struct db *db;
	int64_t tables;
	const char *count = !strcmp(backend, "sqlite") ? "SELECT count(*) FROM sqlite_schema" :
		"SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";

	tap_ok(test_processes(WRITERS, make_schema, NULL) == WRITERS,
	       "%s: %d processes make one schema", backend, WRITERS);
	db = must_open();
	tap_ok(number(db, "SELECT version FROM erot_schema") == DB_SCHEMA_VERSION,
	       "%s: version", backend);
	tables = number(db, count);
	tap_ok(tables > 15, "%s: tables", backend);
	run(db, "UPDATE erot_schema SET version = version + 1");
	snprintf(name, sizeof(name), "%s: a newer database", backend);
	tap_refused(db_schema(db, &err), EPROTONOSUPPORT, &err, "db-newer", name);
	tap_ok(number(db, "SELECT version FROM erot_schema") == DB_SCHEMA_VERSION + 1 &&
	       number(db, count) == tables, "%s: is left alone", name);
	run(db, "UPDATE erot_schema SET version = version - 1");
	tap_ok(!db_schema(db, &err), "%s: opened again", backend);
	db_close(db);
}

/* ---- concurrency */

static int increment(struct db *db, void *ctx, struct erot_error *e)
{
	struct number n = { .sql = "SELECT v FROM t_keys WHERE k = 1" };
	int ret = read_number(db, &n, e);

	(void)ctx;
	return ret ?: db_run(db, e, NULL, "UPDATE t_keys SET v = $1 WHERE k = 1",
			     DB_ARGS(db_int(n.value + 1)));
}

static int increment_often(void *ctx, int number)
{
	struct db *db = must_open();
	int i, bad = 0;

	(void)ctx;
	(void)number;
	for (i = 0; i < ROUNDS && !bad; i++)
		bad = db_transaction(db, 0, increment, NULL, &err);
	if (bad)
		printf("# %s: %s\n", err.code, err.text);
	db_close(db);
	return bad != 0;
}

static void test_increments(struct db *db)
{
	run(db, "UPDATE t_keys SET v = 0 WHERE k = 1");
	tap_ok(test_processes(WRITERS, increment_often, NULL) == WRITERS,
	       "%s: %d writers", backend, WRITERS);
	tap_ok(number(db, "SELECT v FROM t_keys WHERE k = 1") == WRITERS * ROUNDS,
	       "%s: no increment is lost", backend);
}

/* What a receipt needs before it can be released. */
static int make_receipt(struct db *db, void *ctx, struct erot_error *e)
{
	const uint8_t *d = ctx;
	struct db_value dig = db_blob(d, 32), t = db_text("t"), one = db_int(1);

	return db_run(db, e, NULL, "INSERT INTO log_stream (stream, next, previous) "
		      "VALUES ($1, 0, $1)", DB_ARGS(dig)) ?:
	       db_run(db, e, NULL, "INSERT INTO tenant (name, digest, stream, created) "
		      "VALUES ($1, $2, $2, 1)", DB_ARGS(t, dig)) ?:
	       db_run(db, e, NULL, "INSERT INTO epoch (tenant, number, state, created, last_use) "
		      "VALUES ($1, 1, 'active', 1, 0)", DB_ARGS(t)) ?:
	       db_run(db, e, NULL, "INSERT INTO machine (tenant, id, state, software, spki, "
		      "created, enrolment, enrolment_digest) "
		      "VALUES ($1, $2, 'enrolled', 0, $2, 1, '{}', $2)", DB_ARGS(t, dig)) ?:
	       db_run(db, e, NULL, "INSERT INTO statement (digest, tenant, machine, epoch, cms, "
		      "created) VALUES ($1, $2, $1, $3, $1, $3)", DB_ARGS(dig, t, one)) ?:
	       db_run(db, e, NULL, "INSERT INTO receipt (digest, statement, tenant, machine, "
		      "epoch, order_cms, order_cert, envelope, cms, not_before, not_after, ends, "
		      "created) "
		      "VALUES ($1, $1, $2, $1, 1, $1, $1, $1, $1, 1, 2, 3, 1)", DB_ARGS(dig, t));
}

static int spend(struct db *db, void *ctx, struct erot_error *e)
{
	const uint8_t *d = ctx, *challenge = d + 32;
	struct db_value dig = db_blob(d, 32), ch = db_blob(challenge, 32), t = db_text("t");
	struct db_value idx = db_int(challenge[0]);

	return db_run(db, e, NULL, "INSERT INTO challenge (challenge, tenant, machine, expires) "
		      "VALUES ($1, $2, $3, 1)", DB_ARGS(ch, t, dig)) ?:
	       db_run(db, e, NULL, "INSERT INTO log_entry (idx, stream, number, kind, entry, salt, "
		      "content) VALUES ($1, $2, $1, 5, $2, $2, $2)", DB_ARGS(idx, dig)) ?:
	       db_run(db, e, NULL, "INSERT INTO release (receipt, tenant, machine, challenge, "
		      "session_pk, boot_pk, host_state, attestation, answer, log_idx, created, "
		      "deadline) VALUES ($1, $2, $1, $3, $1, $1, 0, $1, $1, $4, 1, 2)",
		      DB_ARGS(dig, t, ch, idx));
}

static int spend_once(void *ctx, int number)
{
	struct db *db = must_open();
	uint8_t both[64];
	int ret;

	memcpy(both, ctx, 32);
	memset(both + 32, number + 1, 32);
	ret = db_transaction(db, 0, spend, both, &err);
	db_close(db);
	return ret == 0 ? 0 : ret == -EEXIST ? 1 : 2;
}

static void test_spending(struct db *db)
{
	uint8_t digest[32] = "a receipt of the test, 32 bytes";

	tap_ok(!db_transaction(db, 0, make_receipt, digest, &err), "%s: a receipt", backend);
	tap_ok(test_processes(WRITERS, spend_once, digest) == 1,
	       "%s: of %d, one spends it", backend, WRITERS);
	tap_ok(number(db, "SELECT count(*) FROM release") == 1 &&
	       number(db, "SELECT count(*) FROM challenge") == 1 &&
	       number(db, "SELECT count(*) FROM log_entry") == 1,
	       "%s: and nothing is left of the others", backend);
}

/* What has happened once cannot be written a second time, whatever the code above believes. */
static void test_once(struct db *db)
{
	static const struct {
		const char *what, *sql;
	} cases[] = {
		{ "a second receipt of a statement",
		  "INSERT INTO receipt (digest, statement, tenant, machine, epoch, order_cms, "
		  "order_cert, envelope, cms, not_before, not_after, ends, created) "
		  "SELECT $1, statement, tenant, machine, epoch, order_cms, order_cert, envelope, "
		  "cms, not_before, not_after, ends, created FROM receipt" },
		{ "a second release by a challenge",
		  "INSERT INTO release (receipt, tenant, machine, challenge, session_pk, boot_pk, "
		  "host_state, attestation, answer, log_idx, created, deadline) "
		  "SELECT $1, tenant, machine, challenge, session_pk, boot_pk, host_state, "
		  "attestation, answer, log_idx + 1, created, deadline FROM release" },
		{ "a second release with a log entry",
		  "INSERT INTO release (receipt, tenant, machine, challenge, session_pk, boot_pk, "
		  "host_state, attestation, answer, log_idx, created, deadline) "
		  "SELECT $1, tenant, machine, $1, session_pk, boot_pk, host_state, "
		  "attestation, answer, log_idx, created, deadline FROM release" },
		{ "a challenge twice",
		  "INSERT INTO challenge (challenge, tenant, machine, expires) "
		  "SELECT challenge, tenant, machine, length($1) FROM challenge" },
		{ "a second end of a launch",
		  "INSERT INTO ending (receipt, evidence, attestation, cms, log_idx, created) "
		  "SELECT receipt, $1, evidence, cms, log_idx, created FROM ending" },
		{ "a place in the log twice",
		  "INSERT INTO log_entry (idx, stream, number, kind, entry, salt, content) "
		  "SELECT idx, stream, number + 1, kind, entry, salt, $1 FROM log_entry" },
		{ "a number of a stream twice",
		  "INSERT INTO log_entry (idx, stream, number, kind, entry, salt, content) "
		  "SELECT idx + 1, stream, number, kind, entry, salt, $1 FROM log_entry" },
		{ "a tenant twice", "INSERT INTO tenant (name, digest, stream, created) "
		  "SELECT name, $1, $1, created FROM tenant" },
		{ "a tenant's stream twice", "INSERT INTO tenant (name, digest, stream, created) "
		  "SELECT 'u', $1, stream, created FROM tenant" },
		{ "a revocation twice", "INSERT INTO revocation (tenant, kind, subject, reason, "
		  "created) SELECT tenant, kind, subject, reason, length($1) FROM revocation" },
		{ "an epoch twice", "INSERT INTO epoch (tenant, number, state, created, last_use) "
		  "SELECT tenant, number, state, length($1), last_use FROM epoch" },
	};
	uint8_t other[32] = "another digest";
	char name[96];
	size_t i;

	run(db, "INSERT INTO ending (receipt, evidence, attestation, cms, log_idx, created) "
		"SELECT receipt, receipt, receipt, receipt, log_idx, 1 FROM release");
	run(db, "INSERT INTO revocation (tenant, kind, subject, reason, created) "
		"SELECT tenant, 'receipt', receipt, '', 1 FROM release");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct step s = { .sql = cases[i].sql, .n = 1, .args = { db_blob(other, 32) } };

		snprintf(name, sizeof(name), "%s: %s", backend, cases[i].what);
		tap_refused(db_transaction(db, 0, run_step, &s, &err), EEXIST, &err, "db-exists",
			    name);
	}
}

/* ---- an older version, with a long history */

struct plan {
	const char *sql, *index;
	bool used;
};

static int read_plan(struct db *db, void *ctx, struct erot_error *e)
{
	int column = !strcmp(backend, "sqlite") ? 3 : 0;
	struct plan *p = ctx;
	struct db_rows *rows;
	const char *line;

	p->used = false;
	db_query(db, e, &rows, p->sql, DB_NO_ARGS);
	while (db_next(rows)) {
		line = db_get_text(rows, column);
		p->used |= line && strstr(line, p->index);
	}
	return db_end(rows, e);
}

/* Does the database find the rows of a statement by this index? */
static bool by_index(const char *sql, const char *index)
{
	struct db *db = must_open();	/* of its own: texts are told apart by their address */
	struct plan p = { .index = index };
	char text[512];

	snprintf(text, sizeof(text), "%s %s",
		 !strcmp(backend, "sqlite") ? "EXPLAIN QUERY PLAN" : "EXPLAIN", sql);
	p.sql = text;
	if (db_transaction(db, 0, read_plan, &p, &err))
		printf("# %s: %s\n", err.code, err.text);
	db_close(db);
	return p.used;
}

#define HISTORY	20000

/* Challenges that were used, all of them long ago, and one that was not. */
static int make_history(struct db *db, void *ctx, struct erot_error *e)
{
	uint8_t id[32] = { 1 };
	int ret = 0;
	uint32_t i;

	(void)ctx;
	for (i = 1; i <= HISTORY && !ret; i++) {
		memcpy(id + 4, &i, sizeof(i));
		ret = db_run(db, e, NULL, "INSERT INTO challenge (challenge, tenant, machine, "
			     "expires, used) SELECT $1, tenant, id, $2, $3 FROM machine",
			     DB_ARGS(db_blob(id, sizeof(id)), db_int(i),
				     i == HISTORY ? db_text(NULL) : db_int(1)));
	}
	return ret;
}

/* Launches as the first one, of which one has not ended, and one is unaccounted. */
static int make_launches(struct db *db, void *ctx, struct erot_error *e)
{
	static const char *const copies[] = {
		"INSERT INTO statement (digest, tenant, machine, epoch, cms, created) "
		"SELECT $1, tenant, machine, epoch, cms, created FROM statement LIMIT 1",
		"INSERT INTO receipt (digest, statement, tenant, machine, epoch, order_cms, "
		"order_cert, envelope, cms, not_before, not_after, ends, created) SELECT $1, $1, "
		"tenant, machine, epoch, order_cms, order_cert, envelope, cms, not_before, "
		"not_after, ends, created FROM receipt LIMIT 1",
		"INSERT INTO challenge (challenge, tenant, machine, expires, used) "
		"SELECT $1, tenant, machine, expires, 1 FROM challenge LIMIT 1",
		"INSERT INTO log_entry (idx, stream, number, kind, entry, salt, content) "
		"SELECT 100 + count(*), (SELECT stream FROM log_stream), 100 + count(*), 5, $1, "
		"$1, $1 FROM log_entry",
		"INSERT INTO release (receipt, tenant, machine, challenge, session_pk, boot_pk, "
		"host_state, attestation, answer, log_idx, created, deadline) SELECT $1, tenant, "
		"machine, $1, session_pk, boot_pk, host_state, attestation, answer, "
		"(SELECT max(idx) FROM log_entry), created, 77 FROM release LIMIT 1",
	};
	uint8_t digest[32] = { 0 };
	unsigned int i, launch;
	int ret = 0;

	(void)ctx;
	for (launch = 2; launch < 4; launch++) {
		digest[0] = (uint8_t)launch;
		for (i = 0; i < sizeof(copies) / sizeof(copies[0]) && !ret; i++)
			ret = db_run(db, e, NULL, copies[i], DB_ARGS(db_blob(digest, 32)));
	}
	return ret ?: db_run(db, e, NULL, "INSERT INTO unaccounted (receipt, tenant, machine, "
			     "since) SELECT receipt, tenant, machine, 78 FROM release "
			     "WHERE receipt = $1", DB_ARGS(db_blob(digest, 32)));
}

static void test_history(struct db *db)
{
	const char *count = !strcmp(backend, "sqlite") ? "SELECT count(*) FROM sqlite_schema" :
		"SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
	int64_t objects = number(db, count);

	tap_ok(!db_transaction(db, 0, make_history, NULL, &err) &&
	       !db_transaction(db, 0, make_launches, NULL, &err), "%s: a history", backend);
	make_version_2(db);
	tap_ok(!db_schema(db, &err) &&
	       number(db, "SELECT version FROM erot_schema") == DB_SCHEMA_VERSION &&
	       number(db, count) == objects, "%s: version 2 is brought up to date", backend);
	tap_ok(number(db, "SELECT count(*) FROM release") == 3 &&
	       number(db, "SELECT count(*) FROM open_launch") == 1 &&
	       number(db, "SELECT count(*) FROM open_launch o JOIN release l "
		      "ON l.receipt = o.receipt AND l.tenant = o.tenant AND "
		      "l.machine = o.machine AND l.deadline = o.deadline "
		      "LEFT JOIN ending e ON e.receipt = o.receipt "
		      "LEFT JOIN unaccounted u ON u.receipt = o.receipt "
		      "WHERE o.deadline = 77 AND e.receipt IS NULL AND u.receipt IS NULL") == 1,
	       "%s: which knows the launch that has not ended", backend);
	run(db, "ANALYZE");
	tap_ok(by_index("DELETE FROM challenge WHERE used IS NULL AND expires < 30000",
			"challenge_unused"), "%s: unused challenges are found among all", backend);
	tap_ok(by_index("SELECT 1 FROM challenge WHERE tenant = 'u' AND length(machine) = 32",
			"challenge_machine"), "%s: and those of a machine", backend);
}

static void test_backend(void)
{
	struct db *db;

	test_schema();
	db = must_open();
	run(db, "CREATE TABLE t_keys (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)");
	run(db, "INSERT INTO t_keys (k, v) VALUES (1, 1)");
	test_increments(db);
	test_spending(db);
	test_once(db);
	test_history(db);
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
