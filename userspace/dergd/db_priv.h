/* SPDX-License-Identifier: GPL-2.0-only */
/* Between db.c and the two back ends. */
#ifndef DERGD_DB_PRIV_H
#define DERGD_DB_PRIV_H

#include "dergd/db.h"

#define DB_ARGS_MAX	72	/* $1..$72 */
#define DB_CACHE	192	/* statements kept prepared */
#define DB_VALUE_MAX	(64U << 20)	/* bytes of an argument */
#define DB_WAIT_MS	5000	/* for others, where the database takes a limit */

/**
 * enum db_verdict - what a failure means for the transaction
 * @DB_FAILED: it cannot succeed by being tried again
 * @DB_AGAIN:  it lost against another one; nothing was committed
 * @DB_LOST:   the connection is gone; before COMMIT nothing was committed
 */
enum db_verdict { DB_FAILED, DB_AGAIN, DB_LOST };

/* DB_MODE_SCHEMA: the tables may not be there yet, one at a time makes them */
enum db_mode { DB_MODE_READ, DB_MODE_WRITE, DB_MODE_SCHEMA };

/**
 * struct db_ops - a back end
 *
 * Functions return 0 or a negative errno with @err filled, and then have set db->verdict.
 *
 * @close:    frees db->impl
 * @begin:    also connects again where the connection is lost
 * @commit:   behind @settle; -EINPROGRESS where nobody knows
 * @rollback: cannot fail: a connection on which it does is lost
 * @exec:     a statement without arguments and rows that is not worth keeping; perhaps later
 * @run:      a statement without rows, perhaps later; NULL: @query does
 * @settle:   waits for what @begin, @exec and @run have left for later; the first failure of that
 *	      is its failure, or that of an earlier @query; NULL: nothing ever is
 * @query:    starts a statement, to its first row; fills rows->changed
 * @next:     1: a row, 0: the end
 * @column:   type and value in the current row; -EINVAL where there is no such column or type
 * @end:      gives back what @query took, also after it failed
 * @postgres: the dialect
 */
struct db_ops {
	void (*close)(struct db *db);
	int (*begin)(struct db *db, enum db_mode mode, struct erot_error *err);
	int (*commit)(struct db *db, struct erot_error *err);
	void (*rollback)(struct db *db);
	int (*exec)(struct db *db, const char *sql, struct erot_error *err);
	int (*run)(struct db *db, const char *sql, const struct db_value *args, size_t n,
		   struct erot_error *err);
	int (*settle)(struct db *db, struct erot_error *err);
	int (*query)(struct db_rows *rows, const char *sql, const struct db_value *args, size_t n,
		     struct erot_error *err);
	int (*next)(struct db_rows *rows, struct erot_error *err);
	int (*column)(struct db_rows *rows, int column, struct db_value *value);
	void (*end)(struct db_rows *rows);
	bool postgres;
};

/**
 * struct db - a connection
 * @ops:     of its back end
 * @impl:    the back end's
 * @active:  inside db_transaction()
 * @mode:    of the transaction
 * @failed:  0, or the errno of the first statement that failed: what follows is refused, and there
 *	     is no COMMIT
 * @verdict: of the last failure
 * @why:     what @failed was
 * @rows:    results not ended yet
 * @group:   with whom it commits, or NULL
 */
struct db {
	const struct db_ops *ops;
	void *impl;
	bool active;
	enum db_mode mode;
	int failed;
	enum db_verdict verdict;
	struct erot_error why;
	unsigned int rows;
	struct db_group *group;
};

/**
 * struct db_rows - a result
 * @db:      of it; NULL: there was no memory for it
 * @impl:    the back end's
 * @row:     the back end's: where it is
 * @slot:    the back end's
 * @first:   the first row is there and was not asked for yet
 * @changed: rows written
 * @ret:     first failure
 * @err:     what it was
 */
struct db_rows {
	struct db *db;
	void *impl;
	int row;
	int slot;
	bool first;
	int64_t changed;
	int ret;
	struct erot_error err;
};

int db_sqlite_open(struct db *db, const char *path, struct erot_error *err);
int db_pgsql_open(struct db *db, const char *url, struct erot_error *err);

/*
 * What a transaction is made of. db_work_run() ends with @end, unless that is NULL or @work failed,
 * and has waited for everything. db_finish() commits after 0, else rolls back.
 */
int db_begin(struct db *db, enum db_mode mode, struct erot_error *err);
int db_work_run(struct db *db, db_work work, void *ctx, const char *end, struct erot_error *err);
int db_finish(struct db *db, int ret, struct erot_error *err);

/* ops->exec() and ops->settle() inside a transaction, which their failure dooms. */
int db_exec(struct db *db, const char *sql, struct erot_error *err);
int db_settle(struct db *db, struct erot_error *err);

/* A transaction that is nobody else's, tried again where that helps; and one of a group. */
int db_alone(struct db *db, enum db_mode mode, bool resume, db_work work, void *ctx,
	     struct erot_error *err);
int db_group_run(struct db *db, bool resume, db_work work, void *ctx, struct erot_error *err);

/* Slot of a text in a list of kept ones: where it is, else the first free one, else -1. */
int db_slot(const char *const texts[DB_CACHE], const char *sql);

/**
 * struct db_step - from one version of the schema to the next, in this order
 * @sql:  statements, ended by NULL
 * @move: what no statement can do, or NULL
 * @end:  statements, ended by NULL, or NULL
 */
struct db_step {
	const char *const *sql;
	int (*move)(struct db *db, struct erot_error *err);
	const char *const *end;
};

/* schema.c */
const struct db_step *db_schema_step(int from);

#endif
