/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the statements of PostgreSQL and their answers. */
#ifndef DERGD_DB_PGSQL_H
#define DERGD_DB_PGSQL_H

#include <libpq-fe.h>

#include "dergd/db_priv.h"

/**
 * struct pgsql - a connection
 * @c:     libpq's, in its pipeline mode
 * @url:   where to
 * @texts: of the statements prepared on @c, named by their place here
 * @later: statements whose answers nobody has waited for
 */
struct pgsql {
	PGconn *c;
	char *url;
	const char *texts[DB_CACHE];
	unsigned int later;
};

/* libpq's messages have several lines; the first says what it is. */
static inline int pgsql_first_line(const char *text)
{
	return (int)strcspn(text, "\n");
}

/* What a result says of a failure; NULL: what libpq does. Sets the verdict. */
int pgsql_fail(struct db *db, const PGresult *res, struct erot_error *err);

/*
 * @sent is what PQsend...() has returned. pgsql_later() leaves the answer for the next one that is
 * waited for; pgsql_now() waits, and then @res is to be cleared, also after a failure. Either fails
 * with the first failure of all that were not answered yet, its own being the last.
 */
int pgsql_later(struct db *db, int sent, struct erot_error *err);
int pgsql_now(struct db *db, int sent, PGresult **res, struct erot_error *err);

/* Waits for what is left. */
int pgsql_settle(struct db *db, struct erot_error *err);

#endif
