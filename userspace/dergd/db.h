/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DERG's database: SQLite or PostgreSQL behind one small interface, with one SQL text for both.
 *
 * A connection belongs to one thread. All access is inside db_transaction(). Statements are kept
 * prepared, by their text: use constant texts, and values only through $1..$n.
 *
 *	ret = db_run(db, err, NULL, "UPDATE machine SET state = $2 WHERE id = $1",
 *		     DB_ARGS(db_blob(id, 32), db_text("revoked")));
 *
 *	ret = db_query(db, err, &rows, "SELECT cms, created FROM statement WHERE digest = $1",
 *		       DB_ARGS(db_blob(digest, 32)));
 *	while (!ret && db_next(rows)) {
 *		cms = db_get_blob(rows, 0, &len);
 *		created = db_get_int(rows, 1);
 *	}
 *	ret = db_end(rows, err);
 *
 * SQL that both understand: INSERT ... ON CONFLICT DO NOTHING / DO UPDATE, CASE, COALESCE,
 * count(*), LIMIT, RETURNING (read it to the end); sum() only inside CAST(... AS BIGINT).
 */
#ifndef DERGD_DB_H
#define DERGD_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"

struct db;
struct db_rows;

enum db_type { DB_NULL, DB_INT, DB_TEXT, DB_BLOB };

/**
 * struct db_value - an argument; made by one of the functions below
 * @type: of it
 * @num:  value of DB_INT
 * @data: borrowed until the statement has been run
 * @len:  bytes of DB_TEXT and DB_BLOB
 */
struct db_value {
	enum db_type type;
	int64_t num;
	const void *data;
	size_t len;
};

static inline struct db_value db_int(int64_t num)
{
	return (struct db_value) { .type = DB_INT, .num = num };
}

/* UTF-8; NULL is the SQL NULL. */
static inline struct db_value db_text(const char *text)
{
	return (struct db_value) { .type = text ? DB_TEXT : DB_NULL, .data = text,
				   .len = text ? strlen(text) : 0 };
}

/* NULL is the SQL NULL; no bytes at an address are an empty value. */
static inline struct db_value db_blob(const void *data, size_t len)
{
	return (struct db_value) { .type = data ? DB_BLOB : DB_NULL, .data = data, .len = len };
}

#define DB_ARGS(...)	(const struct db_value[]) { __VA_ARGS__ },				\
			sizeof((const struct db_value[]) { __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_NO_ARGS	NULL, 0

/**
 * db_open() - connect
 * @url: "sqlite:/absolute/path" (the file is made, mode 0600) or "postgresql://..." as libpq has it
 * @db:  to be closed with db_close()
 * @err: "db-url", "db-open", "db-unsafe" (the server would lose what it committed)
 *
 * The schema is not looked at: see db_schema().
 *
 * Return: 0 or a negative errno.
 */
int db_open(const char *url, struct db **db, struct erot_error *err);

/* Rolls back what is open. NULL is allowed. */
void db_close(struct db *db);

/**
 * db_schema() - make the tables, or bring those of an older version up to date
 * @db:  open
 * @err: "db-newer": made by a newer version of this program, nothing was touched
 *
 * Return: 0 or a negative errno; -EPROTONOSUPPORT with "db-newer".
 */
int db_schema(struct db *db, struct erot_error *err);

#define DB_SCHEMA_VERSION	3

/**
 * typedef db_work - what is done in a transaction
 *
 * It may be run several times and must not leave traces outside the database before
 * db_transaction() has returned 0. Reading first, then writing, makes it idempotent.
 *
 * Return: 0 to commit, a negative errno to roll back.
 */
typedef int (*db_work)(struct db *db, void *ctx, struct erot_error *err);

/* Only reads, from one snapshot of what is committed; a statement that writes is refused. */
#define DB_READ		(1U << 0)
/*
 * @work begins by looking for its own effect and then repeats its answer: it may run again
 * although a lost COMMIT has perhaps happened.
 */
#define DB_RESUME	(1U << 1)

/*
 * It may be committed together with those of other threads, whose connections joined the same
 * group: @work then runs in one of these threads and on its connection.
 */
#define DB_SHARED	(1U << 2)

struct db_group;

/* For connections to one database; free it when they are closed. NULL: no memory. */
struct db_group *db_group_new(void);
void db_group_free(struct db_group *g);
void db_join(struct db *db, struct db_group *g);
/* Transactions that nobody has begun yet. */
unsigned int db_group_waiting(struct db_group *g);

/**
 * db_transaction() - run @work in one serialisable transaction
 * @db:    open, no transaction running
 * @flags: DB_READ, DB_RESUME, DB_SHARED
 * @work:  see above
 * @ctx:   for it
 * @err:   also what @work said
 *
 * Writers wait for each other; a serialisation failure, a busy database or a connection that was
 * lost before COMMIT make @work run again, a bounded number of times. After 0 everything is on the
 * disk.
 *
 * Return: 0; what @work returned; -EBUSY, "db-busy": tried too often, nothing was committed;
 * -EINPROGRESS, "db-outcome-unknown": the connection broke in COMMIT (or the disk failed then), it
 * may have happened or not; else a negative errno.
 */
int db_transaction(struct db *db, unsigned int flags, db_work work, void *ctx,
		   struct erot_error *err);

/**
 * db_run() - a statement without rows
 * @db:      inside db_transaction()
 * @err:     "db-exists", "db-constraint", "db-full", "db-corrupt", "db-error"
 * @changed: rows that were inserted, updated or deleted; may be NULL
 * @sql:     one statement, a text that stays where it is
 * @args:    DB_ARGS(...) or DB_NO_ARGS
 * @n:       of them
 *
 * Without @changed nobody waits for the server: PostgreSQL may report the failure only with a later
 * statement, at the latest from db_transaction(), and before anything is committed.
 *
 * After any failure the transaction can only be rolled back, on both back ends. Where "exists
 * already" is an answer, use ON CONFLICT DO NOTHING and look at @changed.
 *
 * Return: 0; -EEXIST, "db-exists": a unique constraint; -EINVAL, "db-constraint": another one; else
 * a negative errno.
 */
int db_run(struct db *db, struct erot_error *err, int64_t *changed, const char *sql,
	   const struct db_value *args, size_t n);

/* The same for a statement with rows; @rows is to be given to db_end(), also after a failure. */
int db_query(struct db *db, struct erot_error *err, struct db_rows **rows, const char *sql,
	     const struct db_value *args, size_t n);

/* Return: true when there is a row; false behind the last one and after a failure. */
bool db_next(struct db_rows *rows);

/*
 * Of the row that db_next() went to; pointers are good until the next call of it. A column of
 * another type, or NULL, gives 0 or NULL, and db_end() reports it ("db-column").
 */
int64_t db_get_int(struct db_rows *rows, int column);
const char *db_get_text(struct db_rows *rows, int column);
const void *db_get_blob(struct db_rows *rows, int column, size_t *len);
/* Exactly @len bytes, or @out is zeroed and db_end() fails. */
void db_get_copy(struct db_rows *rows, int column, void *out, size_t len);
bool db_is_null(struct db_rows *rows, int column);

/**
 * db_end() - done with rows; must be called, NULL is allowed
 *
 * Return: 0, or the first failure since db_query(), also that of db_query() itself.
 */
int db_end(struct db_rows *rows, struct erot_error *err);

#endif
