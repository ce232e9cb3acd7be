/* SPDX-License-Identifier: GPL-2.0-only */
/* Between db.c and the two back ends. */
#ifndef DERGD_DB_PRIV_H
#define DERGD_DB_PRIV_H

#include "dergd/db.h"

#define DB_ARGS_MAX	72	/* $1..$72 */
#define DB_CACHE	192	/* statements kept prepared */

/**
 * enum db_verdict - what a failure means for the transaction
 * @DB_FAILED: it cannot succeed by being tried again
 * @DB_AGAIN:  it lost against another one; nothing was committed
 * @DB_LOST:   the connection is gone; before COMMIT nothing was committed
 */
enum db_verdict { DB_FAILED, DB_AGAIN, DB_LOST };

/**
 * struct db_ops - a back end
 *
 * Functions return 0 or a negative errno, with @err filled and db->verdict set.
 *
 * @close:    frees db->impl
 * @begin:    also connects again where the connection is lost
 * @commit:   -EINPROGRESS where nobody knows
 * @rollback: cannot fail: a connection on which it does is lost
 * @query:    runs a statement; rows->impl is the back end's
 * @next:     1 row, 0 end
 * @column:   type and value of a column of the current row
 * @end:      frees rows->impl
 * @schema_lock: one at a time makes tables; inside a transaction
 */
struct db_ops {
	void (*close)(struct db *db);
	int (*begin)(struct db *db, bool read, struct erot_error *err);
	int (*commit)(struct db *db, struct erot_error *err);
	void (*rollback)(struct db *db);
	int (*query)(struct db *db, struct db_rows *rows, const char *sql,
		     const struct db_value *args, size_t n, struct erot_error *err);
	int (*next)(struct db_rows *rows, struct erot_error *err);
	int (*column)(struct db_rows *rows, int column, struct db_value *value);
	void (*end)(struct db_rows *rows);
	int (*schema_lock)(struct db *db, struct erot_error *err);
	bool postgres;
};

/**
 * struct db - a connection
 * @ops:     of its back end
 * @impl:    the back end's
 * @active:  inside db_transaction()
 * @read:    of the kind DB_READ
 * @failed:  a statement has failed: what follows is refused, and there is no COMMIT
 * @verdict: of the first failure
 * @open_rows: results not ended yet
 */
struct db {
	const struct db_ops *ops;
	void *impl;
	bool active;
	bool read;
	bool failed;
	enum db_verdict verdict;
	unsigned int open_rows;
};

/**
 * struct db_rows - a result
 * @db:      of it
 * @impl:    the back end's
 * @changed: rows written, where the statement has none to return
 * @ret:     first failure
 * @err:     what it was
 * @has_row: db_next() said true
 */
struct db_rows {
	struct db *db;
	void *impl;
	int64_t changed;
	int ret;
	struct erot_error err;
	bool has_row;
};

int db_sqlite_open(struct db *db, const char *path, struct erot_error *err);
int db_pgsql_open(struct db *db, const char *url, struct erot_error *err);

/* schema.c: statements that lead from version @from to the next one, ended by NULL. */
const char *const *db_schema_steps(int from);

#endif
