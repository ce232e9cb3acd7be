// SPDX-License-Identifier: GPL-2.0-only
/* Making the tables of schema.c, on either back end. */
#include <errno.h>

#include "common/buf.h"
#include "dergd/db_priv.h"

/* The three words in which the dialects differ. */
static int translate(const char *sql, struct erot_buf *out, struct erot_error *err)
{
	static const char *const words[][2] = {
		{ "INTEGER", "BIGINT" }, { "BLOB", "BYTEA" }, { " STRICT", "" },
	};
	size_t i;

	out->len = 0;
	while (*sql) {
		for (i = 0; i < 3; i++)
			if (!strncmp(sql, words[i][0], strlen(words[i][0])))
				break;
		if (i < 3) {
			erot_buf_add(out, words[i][1], strlen(words[i][1]));
			sql += strlen(words[i][0]);
		} else {
			erot_buf_add(out, sql++, 1);
		}
	}
	erot_buf_u8(out, 0);
	return erot_buf_done(out, err);
}

static int ddl(struct db *db, const char *sql, struct erot_error *err)
{
	struct erot_buf text = { 0 };
	int ret = 0;

	if (db->ops->postgres) {
		ret = translate(sql, &text, err);
		sql = (const char *)text.data;
	}
	if (!ret)
		ret = db_exec(db, sql, err);
	erot_buf_free(&text);
	return ret;
}

static int read_version(struct db *db, int64_t *version, struct erot_error *err)
{
	struct db_rows *rows;

	*version = 0;
	db_query(db, err, &rows, "SELECT version FROM erot_schema", DB_NO_ARGS);
	if (db_next(rows))
		*version = db_get_int(rows, 0);
	return db_end(rows, err);
}

static int next_version(struct db *db, const struct db_step *step, struct erot_error *err)
{
	const char *const *sql;
	int ret = 0;

	for (sql = step->sql; *sql && !ret; sql++)
		ret = ddl(db, *sql, err);
	if (!ret && step->move)
		ret = step->move(db, err);
	for (sql = step->end; sql && *sql && !ret; sql++)
		ret = ddl(db, *sql, err);
	return ret;
}

static int make_tables(struct db *db, void *ctx, struct erot_error *err)
{
	int64_t version;
	int ret;

	(void)ctx;
	ret = ddl(db, "CREATE TABLE IF NOT EXISTS erot_schema ("
		  "one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT", err);
	if (!ret)
		ret = read_version(db, &version, err);
	if (ret)
		return ret;
	if (version > DB_SCHEMA_VERSION)
		return erot_fail(err, EPROTONOSUPPORT, "db-newer",
				 "the database has version %lld, this program knows %d",
				 (long long)version, DB_SCHEMA_VERSION);
	if (version < 0)
		return erot_fail(err, EINVAL, "db-corrupt", "database version %lld",
				 (long long)version);
	if (version == DB_SCHEMA_VERSION)
		return 0;
	for (; version < DB_SCHEMA_VERSION && !ret; version++)
		ret = next_version(db, db_schema_step((int)version), err);
	if (ret)
		return ret;
	return db_run(db, err, NULL, "INSERT INTO erot_schema (one, version) VALUES (1, $1) "
		      "ON CONFLICT (one) DO UPDATE SET version = excluded.version",
		      DB_ARGS(db_int(DB_SCHEMA_VERSION)));
}

int db_schema(struct db *db, struct erot_error *err)
{
	return db_alone(db, DB_MODE_SCHEMA, true, make_tables, NULL, err);
}
