// SPDX-License-Identifier: GPL-2.0-only
/*
 * PostgreSQL. Values travel in binary. Every transaction that writes is SERIALIZABLE, and begins by
 * locking erot_schema against other writers: LOCK TABLE takes no snapshot, so what a writer reads
 * is what the one before it has left. All of them extend one log, and would otherwise only find out
 * at the end that they must start again.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dergd/db_pgsql.h"

/* pg_type.oid, fixed in PostgreSQL's catalogue */
#define OID_BOOL	16
#define OID_BYTEA	17
#define OID_INT8	20
#define OID_INT2	21
#define OID_INT4	23
#define OID_TEXT	25

#define SCHEMA_LOCK	"1163022164"	/* "EROT": key of the advisory lock */

static void quiet(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

/* What the server promises by 0 of COMMIT: the commit is on its disk, whole. */
static int check_server(struct db *db, struct erot_error *err)
{
	static const char *const names[] = { "fsync", "full_page_writes", "synchronous_commit",
					     "in_recovery", "server_encoding" };
	static const char *const want[] = { "on", "on", "on", "f", "UTF8" };
	struct pgsql *p = db->impl;
	PGresult *res;
	int i, ret = 0;

	res = PQexec(p->c, "SELECT current_setting('fsync'), current_setting('full_page_writes'), "
		     "current_setting('synchronous_commit'), pg_is_in_recovery(), "
		     "current_setting('server_encoding')");
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		ret = pgsql_fail(db, res, err);
	for (i = 0; i < 5 && !ret; i++) {
		const char *got = PQgetvalue(res, 0, i);

		if (!strcmp(got, want[i]) || (i == 2 && !strcmp(got, "remote_apply")))
			continue;
		db->verdict = DB_FAILED;
		ret = erot_fail(err, EIO, "db-unsafe", "PostgreSQL has %s = %s, not %s", names[i],
				got, want[i]);
	}
	PQclear(res);
	return ret;
}

static int set_up(struct db *db, struct erot_error *err)
{
	struct pgsql *p = db->impl;
	char limits[160];
	PGresult *res;
	int ret = 0;

	PQsetNoticeReceiver(p->c, quiet, NULL);
	/* a writer that is stuck, or whose machine has died, must not stop the others for good */
	snprintf(limits, sizeof(limits), "SET statement_timeout = %d; "
		 "SET idle_in_transaction_session_timeout = %d", DB_WAIT_MS, 2 * DB_WAIT_MS);
	res = PQexec(p->c, limits);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		ret = pgsql_fail(db, res, err);
	PQclear(res);
	if (!ret)
		ret = check_server(db, err);
	return ret ?: PQenterPipelineMode(p->c) ? 0 : pgsql_fail(db, NULL, err);
}

static int connect_it(struct db *db, struct erot_error *err)
{
	struct pgsql *p = db->impl;
	/* what stands before dbname are defaults that the URL may change */
	const char *const keys[] = { "connect_timeout", "keepalives_idle", "tcp_user_timeout",
				     "fallback_application_name", "dbname", "client_encoding",
				     NULL };
	const char *const values[] = { "10", "15", "30000", "dergd", p->url, "UTF8", NULL };
	int ret;

	memset(p->texts, 0, sizeof(p->texts));
	p->later = 0;
	PQfinish(p->c);
	p->c = PQconnectdbParams(keys, values, 1);
	if (PQstatus(p->c) != CONNECTION_OK) {
		const char *text = PQerrorMessage(p->c);

		db->verdict = DB_LOST;
		return erot_fail(err, ENOTCONN, "db-open", "%.*s", pgsql_first_line(text), text);
	}
	ret = set_up(db, err);
	if (ret) {	/* the next transaction would take it for a good one */
		PQfinish(p->c);
		p->c = NULL;
	}
	return ret;
}

static int send_sql(struct pgsql *p, const char *sql)
{
	return PQsendQueryParams(p->c, sql, 0, NULL, NULL, NULL, NULL, 1);
}

static int exec(struct db *db, const char *sql, struct erot_error *err)
{
	return pgsql_later(db, send_sql(db->impl, sql), err);
}

/* Its answer is of no interest but for whether there is one. */
static int wait_for(struct db *db, const char *sql, struct erot_error *err)
{
	PGresult *res;
	int ret;

	ret = pgsql_now(db, send_sql(db->impl, sql), &res, err);
	PQclear(res);
	return ret;
}

/*
 * Where it fails, or one before it that nobody has waited for, the connection is not idle, and
 * begin() makes another one.
 */
static void rollback(struct db *db)
{
	enum db_verdict verdict = db->verdict;
	struct pgsql *p = db->impl;

	if (PQstatus(p->c) == CONNECTION_OK && PQtransactionStatus(p->c) != PQTRANS_IDLE)
		wait_for(db, "ROLLBACK", NULL);
	db->verdict = verdict;	/* of why it is rolled back */
}

/* Who has got an answer to what follows is the only writer. */
static int begin(struct db *db, enum db_mode mode, struct erot_error *err)
{
	static const char *const text[] = {
		[DB_MODE_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		[DB_MODE_WRITE] = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
		[DB_MODE_SCHEMA] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
	};
	struct pgsql *p = db->impl;
	int ret = 0;

	if (PQstatus(p->c) != CONNECTION_OK || PQtransactionStatus(p->c) != PQTRANS_IDLE)
		ret = connect_it(db, err);
	if (!ret)
		ret = exec(db, text[mode], err);
	if (!ret && mode == DB_MODE_WRITE)
		ret = exec(db, "LOCK TABLE erot_schema IN EXCLUSIVE MODE", err);
	if (!ret && mode == DB_MODE_SCHEMA)
		ret = wait_for(db, "SELECT pg_advisory_xact_lock(" SCHEMA_LOCK ")", err);
	if (ret)
		rollback(db);
	return ret;
}

static int commit(struct db *db, struct erot_error *err)
{
	struct erot_error why = { 0 };
	const char *state;
	PGresult *res;
	int ret;

	ret = pgsql_now(db, send_sql(db->impl, "COMMIT"), &res, &why);
	state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	if (ret) {
		if (db->verdict == DB_LOST || (state && !strcmp(state, "40003")))
			ret = erot_fail(err, EINPROGRESS, "db-outcome-unknown", "COMMIT: %s",
					why.text);
		else if (err)
			*err = why;
	} else if (strcmp(PQcmdStatus(res), "COMMIT")) {
		/* "ROLLBACK": the transaction had failed, and nobody here knew */
		db->verdict = DB_FAILED;
		ret = erot_fail(err, EIO, "db-error", "COMMIT was answered by %s",
				PQcmdStatus(res));
	}
	PQclear(res);
	return ret;
}

/**
 * struct wire - arguments as libpq takes them
 * @types:   OID of each; 0: for the server to find out
 * @values:  addresses
 * @lengths: bytes
 * @formats: 1: binary
 * @numbers: integers, big-endian
 */
struct wire {
	Oid types[DB_ARGS_MAX];
	const char *values[DB_ARGS_MAX];
	int lengths[DB_ARGS_MAX];
	int formats[DB_ARGS_MAX];
	uint64_t numbers[DB_ARGS_MAX];
};

static void to_wire(const struct db_value *args, size_t n, struct wire *w)
{
	static const Oid types[] = { 0, OID_INT8, OID_TEXT, OID_BYTEA };
	size_t i;

	for (i = 0; i < n; i++) {
		w->types[i] = types[args[i].type];
		w->formats[i] = 1;
		w->values[i] = args[i].data;
		w->lengths[i] = (int)args[i].len;
		if (args[i].type == DB_INT) {
			w->numbers[i] = htobe64((uint64_t)args[i].num);
			w->values[i] = (const char *)&w->numbers[i];
			w->lengths[i] = sizeof(uint64_t);
		}
	}
}

/* The server would ignore an argument that no $n stands for. */
static bool takes(const char *sql, size_t n)
{
	unsigned long highest = 0, at;

	for (; (sql = strchr(sql, '$')); sql++) {
		at = strtoul(sql + 1, NULL, 10);
		if (at > highest)
			highest = at;
	}
	return highest == n;
}

static int prepare(struct db *db, int slot, const char *sql, const struct wire *w, size_t n,
		   struct erot_error *err)
{
	struct pgsql *p = db->impl;
	char name[16];
	PGresult *res;
	int ret;

	snprintf(name, sizeof(name), "s%d", slot);
	ret = pgsql_now(db, PQsendPrepare(p->c, name, sql, (int)n, w->types), &res, err);
	/* what failed was perhaps one before it, and only in our eyes */
	if (PQresultStatus(res) == PGRES_COMMAND_OK)
		p->texts[slot] = sql;
	PQclear(res);
	return ret;
}

/* @sent: by libpq, or not */
static int start(struct db *db, const char *sql, const struct db_value *args, size_t n, int *sent,
		 struct erot_error *err)
{
	struct pgsql *p = db->impl;
	char name[16];
	struct wire w;
	int slot, ret;

	db->verdict = DB_FAILED;
	if (!takes(sql, n))
		return erot_fail(err, EINVAL, "db-use", "%zu arguments are not for: %s", n, sql);
	to_wire(args, n, &w);
	slot = db_slot(p->texts, sql);
	if (slot >= 0 && !p->texts[slot]) {
		ret = prepare(db, slot, sql, &w, n, err);
		if (ret)
			return ret;
	}
	snprintf(name, sizeof(name), "s%d", slot);
	if (slot >= 0)
		*sent = PQsendQueryPrepared(p->c, name, (int)n, w.values, w.lengths, w.formats, 1);
	else
		*sent = PQsendQueryParams(p->c, sql, (int)n, w.types, w.values, w.lengths,
					  w.formats, 1);
	return 0;
}

static int run(struct db *db, const char *sql, const struct db_value *args, size_t n,
	       struct erot_error *err)
{
	int ret, sent = 0;

	ret = start(db, sql, args, n, &sent, err);
	return ret ?: pgsql_later(db, sent, err);
}

static int query(struct db_rows *rows, const char *sql, const struct db_value *args, size_t n,
		 struct erot_error *err)
{
	PGresult *res;
	int ret, sent = 0;

	ret = start(rows->db, sql, args, n, &sent, err);
	if (ret)
		return ret;
	ret = pgsql_now(rows->db, sent, &res, err);
	rows->impl = res;
	if (ret)
		return ret;
	rows->first = PQntuples(res) > 0;
	rows->row = -1;
	rows->changed = strtoll(PQcmdTuples(res), NULL, 10);
	return 0;
}

static int next(struct db_rows *rows, struct erot_error *err)
{
	(void)err;
	rows->first = false;
	if (rows->row >= PQntuples(rows->impl) - 1) {
		rows->row = PQntuples(rows->impl);
		return 0;
	}
	rows->row++;
	return 1;
}

static int number(const char *data, size_t len, struct db_value *value)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len; i++)
		v = v << 8 | (uint8_t)data[i];
	value->type = DB_INT;
	value->num = len == 4 ? (int32_t)v : len == 2 ? (int16_t)v : (int64_t)v;
	return 0;
}

static int column(struct db_rows *rows, int column, struct db_value *value)
{
	PGresult *res = rows->impl;
	size_t len;

	if (rows->row < 0 || rows->row >= PQntuples(res) || column < 0 ||
	    column >= PQnfields(res))
		return -EINVAL;
	if (PQgetisnull(res, rows->row, column)) {
		value->type = DB_NULL;
		return 0;
	}
	value->data = PQgetvalue(res, rows->row, column);
	value->len = len = (size_t)PQgetlength(res, rows->row, column);
	switch (PQftype(res, column)) {
	case OID_BYTEA:
		value->type = DB_BLOB;
		return 0;
	case OID_TEXT:
		value->type = DB_TEXT;
		return 0;
	case OID_INT8:
		return len == 8 ? number(value->data, len, value) : -EINVAL;
	case OID_INT4:
		return len == 4 ? number(value->data, len, value) : -EINVAL;
	case OID_INT2:
		return len == 2 ? number(value->data, len, value) : -EINVAL;
	case OID_BOOL:
		return len == 1 ? number(value->data, len, value) : -EINVAL;
	}
	return -EINVAL;
}

static void end(struct db_rows *rows)
{
	PQclear(rows->impl);
}

static void close_it(struct db *db)
{
	struct pgsql *p = db->impl;

	PQfinish(p->c);
	if (p->url)
		explicit_bzero(p->url, strlen(p->url));
	free(p->url);
	free(p);
}

static const struct db_ops ops = {
	.close = close_it, .begin = begin, .commit = commit, .rollback = rollback, .exec = exec,
	.run = run, .settle = pgsql_settle, .query = query, .next = next, .column = column,
	.end = end, .postgres = true,
};

int db_pgsql_open(struct db *db, const char *url, struct erot_error *err)
{
	struct pgsql *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return erot_fail(err, ENOMEM, "no-memory", "database connection");
	db->impl = p;
	db->ops = &ops;
	p->url = strdup(url);
	ret = p->url ? connect_it(db, err) : erot_fail(err, ENOMEM, "no-memory", "URL");
	if (ret)
		close_it(db);
	return ret;
}
