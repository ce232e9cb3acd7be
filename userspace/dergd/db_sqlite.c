// SPDX-License-Identifier: GPL-2.0-only
/*
 * SQLite. Write-ahead log with synchronous=FULL: one fsync() a commit, which is the commit, and
 * readers do not stop writers. A rollback journal would need three to five, and with DELETE also
 * EXTRA, or a commit is lost where the power fails before the directory is on the disk.
 *
 * Versions before 3.51.3 can corrupt a database in this mode when a checkpoint meets a commit of
 * another connection (https://sqlite.org/wal.html#walresetbug). Here they cannot meet: whoever
 * writes holds flock() on "<database>-lock" from BEGIN until COMMIT has returned, checkpoints are
 * made inside COMMIT only, and none when a connection closes. The lock also queues writers instead
 * of letting them poll. It must be a file of its own: closing any descriptor of the database itself
 * would drop SQLite's own locks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "dergd/db_priv.h"

/**
 * struct sqlite - a connection
 * @h:     handle
 * @lock:  descriptor of the lock file
 * @texts: of the statements kept
 * @stmts: kept
 * @plain: their $1, $2, ... first appear in this order
 * @busy:  in use by a result
 */
struct sqlite {
	sqlite3 *h;
	int lock;
	const char *texts[DB_CACHE];
	sqlite3_stmt *stmts[DB_CACHE];
	bool plain[DB_CACHE];
	bool busy[DB_CACHE];
};

static int fail(struct db *db, int rc, const char *what, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	const char *text = s->h ? sqlite3_errmsg(s->h) : sqlite3_errstr(rc);

	db->verdict = DB_FAILED;
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		/* a plain one has waited already, for a program that does not know the lock file */
		if (rc != SQLITE_BUSY)
			db->verdict = DB_AGAIN;
		return erot_fail(err, EBUSY, "db-busy", "%s: %s", what, text);
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
		    rc == SQLITE_CONSTRAINT_ROWID)
			return erot_fail(err, EEXIST, "db-exists", "%s: %s", what, text);
		return erot_fail(err, EINVAL, "db-constraint", "%s: %s", what, text);
	case SQLITE_FULL:
		return erot_fail(err, ENOSPC, "db-full", "%s: %s", what, text);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return erot_fail(err, EUCLEAN, "db-corrupt", "%s: %s", what, text);
	case SQLITE_NOMEM:
		return erot_fail(err, ENOMEM, "no-memory", "%s", what);
	default:
		return erot_fail(err, EIO, "db-error", "%s: %s", what, text);
	}
}

static int exec(struct db *db, const char *sql, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	int rc = sqlite3_exec(s->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(db, rc, "sqlite", err);
}

static int take_lock(struct sqlite *s, struct erot_error *err)
{
	while (flock(s->lock, LOCK_EX))
		if (errno != EINTR)
			return erot_fail(err, errno, "db-open", "lock of the database: %s",
					 strerror(errno));
	return 0;
}

static int begin(struct db *db, enum db_mode mode, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	int ret;

	db->verdict = DB_FAILED;
	if (mode == DB_MODE_READ)
		return exec(db, "BEGIN", err);
	ret = take_lock(s, err);
	if (ret)
		return ret;
	ret = exec(db, "BEGIN IMMEDIATE", err);
	if (ret)
		flock(s->lock, LOCK_UN);
	return ret;
}

static void rollback(struct db *db)
{
	struct sqlite *s = db->impl;

	/* SQLite has done it by itself after some errors */
	if (!sqlite3_get_autocommit(s->h))
		sqlite3_exec(s->h, "ROLLBACK", NULL, NULL, NULL);
	flock(s->lock, LOCK_UN);
}

static int commit(struct db *db, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	int rc, ret;

	rc = sqlite3_exec(s->h, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK) {
		flock(s->lock, LOCK_UN);
		return 0;
	}
	ret = fail(db, rc, "COMMIT", err);
	/*
	 * A commit record that was written but not synced may be found again after a crash, or not.
	 * Without room the record is not whole.
	 */
	if ((rc & 0xff) == SQLITE_IOERR)
		ret = erot_fail(err, EINPROGRESS, "db-outcome-unknown", "COMMIT: %s",
				sqlite3_errmsg(s->h));
	return ret;
}

static void parameter(unsigned int number, char name[16])
{
	snprintf(name, 16, "$%u", number);
}

static bool in_order(sqlite3_stmt *stmt)
{
	unsigned int i, n = (unsigned int)sqlite3_bind_parameter_count(stmt);
	const char *got;
	char name[16];

	for (i = 1; i <= n; i++) {
		parameter(i, name);
		got = sqlite3_bind_parameter_name(stmt, (int)i);
		if (!got || strcmp(got, name))
			return false;
	}
	return true;
}

static int prepare(struct db_rows *rows, const char *sql, struct erot_error *err)
{
	struct sqlite *s = rows->db->impl;
	sqlite3_stmt *stmt;
	const char *rest;
	int rc, slot;

	slot = db_slot(s->texts, sql);
	if (slot >= 0 && s->texts[slot] && !s->busy[slot]) {
		rows->impl = s->stmts[slot];
		rows->slot = slot;
		s->busy[slot] = true;
		return 0;
	}
	rc = sqlite3_prepare_v3(s->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &rest);
	if (rc != SQLITE_OK)
		return fail(rows->db, rc, "sqlite", err);
	rows->impl = stmt;
	if (!stmt || rest[strspn(rest, " \t\n;")]) {
		rows->db->verdict = DB_FAILED;
		return erot_fail(err, EINVAL, "db-use", "not one statement");
	}
	if (slot >= 0 && !s->texts[slot]) {
		s->texts[slot] = sql;
		s->stmts[slot] = stmt;
		s->plain[slot] = in_order(stmt);
		s->busy[slot] = true;
		rows->slot = slot;
	}
	return 0;
}

/* By name: SQLite numbers $n in the order in which they first appear. */
static int bind(sqlite3_stmt *stmt, bool plain, const struct db_value *args, size_t n)
{
	char name[16];
	unsigned int i;
	int at, rc;

	if (sqlite3_bind_parameter_count(stmt) != (int)n)
		return SQLITE_RANGE;
	for (i = 0; i < n; i++) {
		at = (int)i + 1;
		if (!plain) {
			parameter(i + 1, name);
			at = sqlite3_bind_parameter_index(stmt, name);
		}
		if (!at)
			return SQLITE_RANGE;
		switch (args[i].type) {
		case DB_INT:
			rc = sqlite3_bind_int64(stmt, at, args[i].num);
			break;
		case DB_TEXT:
			rc = sqlite3_bind_text64(stmt, at, args[i].data, args[i].len,
						 SQLITE_TRANSIENT, SQLITE_UTF8);
			break;
		case DB_BLOB:
			rc = sqlite3_bind_blob64(stmt, at, args[i].data, args[i].len,
						 SQLITE_TRANSIENT);
			break;
		default:
			rc = sqlite3_bind_null(stmt, at);
		}
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

static int query(struct db_rows *rows, const char *sql, const struct db_value *args, size_t n,
		 struct erot_error *err)
{
	struct db *db = rows->db;
	struct sqlite *s = db->impl;
	int rc, ret;

	ret = prepare(rows, sql, err);
	if (ret)
		return ret;
	db->verdict = DB_FAILED;
	if (db->mode == DB_MODE_READ && !sqlite3_stmt_readonly(rows->impl))
		return erot_fail(err, EINVAL, "db-use", "a statement that writes, while reading");
	rc = bind(rows->impl, rows->slot >= 0 && s->plain[rows->slot], args, n);
	if (rc == SQLITE_RANGE)
		return erot_fail(err, EINVAL, "db-use", "%zu arguments are not for: %s", n, sql);
	if (rc != SQLITE_OK)
		return fail(db, rc, "sqlite", err);
	rc = sqlite3_step(rows->impl);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(db, rc, "sqlite", err);
	rows->first = rc == SQLITE_ROW;
	rows->row = rows->first ? 0 : -1;
	rows->changed = sqlite3_stmt_readonly(rows->impl) ? 0 : sqlite3_changes64(s->h);
	return 0;
}

static int next(struct db_rows *rows, struct erot_error *err)
{
	int rc;

	if (rows->row < 0)
		return 0;
	if (rows->first) {
		rows->first = false;
		return 1;
	}
	rc = sqlite3_step(rows->impl);
	if (rc == SQLITE_ROW)
		return 1;
	rows->row = -1;
	return rc == SQLITE_DONE ? 0 : fail(rows->db, rc, "sqlite", err);
}

static int column(struct db_rows *rows, int column, struct db_value *value)
{
	sqlite3_stmt *stmt = rows->impl;

	if (rows->row < 0 || rows->first || column < 0 || column >= sqlite3_data_count(stmt))
		return -EINVAL;
	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		value->type = DB_INT;
		value->num = sqlite3_column_int64(stmt, column);
		return 0;
	case SQLITE_TEXT:
		value->type = DB_TEXT;
		value->data = sqlite3_column_text(stmt, column);
		break;
	case SQLITE_BLOB:
		value->type = DB_BLOB;
		value->data = sqlite3_column_blob(stmt, column);
		break;
	case SQLITE_NULL:
		value->type = DB_NULL;
		return 0;
	default:
		return -EINVAL;
	}
	value->len = (size_t)sqlite3_column_bytes(stmt, column);
	if (!value->data && value->len)
		return -EINVAL;
	if (!value->data)
		value->data = "";	/* no bytes are not NULL */
	return 0;
}

static void end(struct db_rows *rows)
{
	struct sqlite *s = rows->db->impl;

	if (rows->slot < 0) {
		sqlite3_finalize(rows->impl);
		return;
	}
	sqlite3_reset(rows->impl);
	sqlite3_clear_bindings(rows->impl);
	s->busy[rows->slot] = false;
}

static void close_it(struct db *db)
{
	struct sqlite *s = db->impl;
	int i;

	for (i = 0; i < DB_CACHE; i++)
		sqlite3_finalize(s->stmts[i]);
	if (s->h)
		sqlite3_close(s->h);
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}

static const struct db_ops ops = {
	.close = close_it, .begin = begin, .commit = commit, .rollback = rollback, .exec = exec,
	.query = query, .next = next, .column = column, .end = end,
};

/* A setting that is asked for must be what the connection then has. */
static int pragma_is(struct db *db, const char *sql, const char *want, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	sqlite3_stmt *stmt = NULL;
	const char *got = NULL;
	int rc, ret = 0;

	rc = sqlite3_prepare_v2(s->h, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		ret = fail(db, rc, sql, err);
	else
		got = (const char *)sqlite3_column_text(stmt, 0);
	if (!ret && (!got || strcmp(got, want)))
		ret = erot_fail(err, EIO, "db-unsafe", "%s gives \"%s\", not \"%s\"", sql,
				got ?: "", want);
	sqlite3_finalize(stmt);
	return ret;
}

static int settings(struct db *db, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	int ret;

	sqlite3_busy_timeout(s->h, DB_WAIT_MS);
	if (sqlite3_db_config(s->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(s->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK)
		return erot_fail(err, EIO, "db-unsafe", "SQLite is too old");
	ret = pragma_is(db, "PRAGMA journal_mode = WAL", "wal", err);
	/* 8 MiB: the inner pages of a log of ten million entries, which every proof goes through */
	if (!ret)
		ret = exec(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
			   "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; "
			   "PRAGMA cache_size = -8192", err);
	if (!ret)
		ret = pragma_is(db, "PRAGMA synchronous", "2", err);
	if (!ret)
		ret = pragma_is(db, "PRAGMA foreign_keys", "1", err);
	return ret;
}

/* Others shall not read it; what SQLite puts beside it gets the same mode. */
static int make_file(const char *path, struct erot_error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : erot_fail(err, errno, "db-open", "%s: %s", path,
						       strerror(errno));
	close(fd);
	return 0;
}

static int open_it(struct db *db, const char *path, struct erot_error *err)
{
	struct sqlite *s = db->impl;
	char lock[4096];
	int n, rc, ret;

	n = snprintf(lock, sizeof(lock), "%s-lock", path);
	if (n < 0 || (size_t)n >= sizeof(lock))
		return erot_fail(err, ENAMETOOLONG, "db-url", "path of the database is too long");
	s->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return erot_fail(err, errno, "db-open", "%s: %s", lock, strerror(errno));
	ret = take_lock(s, err);
	if (!ret)
		ret = make_file(path, err);
	if (ret)
		return ret;
	rc = sqlite3_open_v2(path, &s->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			     SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK) {
		erot_fail(err, EIO, "db-open", "%s: %s", path,
			  s->h ? sqlite3_errmsg(s->h) : sqlite3_errstr(rc));
		return -EIO;
	}
	ret = settings(db, err);
	flock(s->lock, LOCK_UN);
	return ret;
}

int db_sqlite_open(struct db *db, const char *path, struct erot_error *err)
{
	struct sqlite *s;
	int ret;

	if (path[0] != '/')
		return erot_fail(err, EINVAL, "db-url", "sqlite: wants an absolute path");
	s = calloc(1, sizeof(*s));
	if (!s)
		return erot_fail(err, ENOMEM, "no-memory", "database connection");
	s->lock = -1;
	db->impl = s;
	db->ops = &ops;
	ret = open_it(db, path, err);
	if (ret)
		close_it(db);
	return ret;
}
