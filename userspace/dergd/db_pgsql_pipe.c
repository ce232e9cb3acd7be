// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statements go to the server without waiting for the answers to those before them, until somebody
 * needs one: then all are read. libpq copies what it sends. The server passes over everything
 * between a failure and the mark behind the last statement, so there is one failure at most, and
 * nothing was done after it.
 */
#include <errno.h>

#include "dergd/db_pgsql.h"

/* Their answers fit into any socket's buffer: the server reads on, whatever is sent to it. */
#define MOST	16

static int is_class(const char *state, const char *class)
{
	return !strncmp(state, class, 2);
}

static int lost(struct db *db, const char *text, struct erot_error *err)
{
	db->verdict = DB_LOST;
	return erot_fail(err, ENOTCONN, "db-lost", "%.*s", pgsql_first_line(text), text);
}

int pgsql_fail(struct db *db, const PGresult *res, struct erot_error *err)
{
	struct pgsql *p = db->impl;
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

	if (!text)
		text = PQerrorMessage(p->c);
	if (!state || PQstatus(p->c) != CONNECTION_OK || is_class(state, "08") ||
	    !strncmp(state, "57P", 3))
		return lost(db, text, err);
	db->verdict = DB_FAILED;
	if (!strcmp(state, "40001") || !strcmp(state, "40P01")) {
		db->verdict = DB_AGAIN;
		return erot_fail(err, EBUSY, "db-busy", "%s", text);
	}
	if (!strcmp(state, "57014"))	/* statement_timeout: also waiting for a lock */
		return erot_fail(err, EBUSY, "db-busy", "%s", text);
	if (!strcmp(state, "23505"))
		return erot_fail(err, EEXIST, "db-exists", "%s", text);
	if (is_class(state, "23"))
		return erot_fail(err, EINVAL, "db-constraint", "%s", text);
	if (!strcmp(state, "25006"))
		return erot_fail(err, EINVAL, "db-use", "%s", text);
	if (!strcmp(state, "53100"))
		return erot_fail(err, ENOSPC, "db-full", "%s", text);
	if (is_class(state, "XX"))
		return erot_fail(err, EUCLEAN, "db-corrupt", "%s", text);
	return erot_fail(err, EIO, "db-error", "%s (%s)", text, state);
}

/* Of nobody's answer the rows are looked at. */
static int judge(struct db *db, const PGresult *res, bool later, struct erot_error *err)
{
	ExecStatusType status = PQresultStatus(res);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		return pgsql_fail(db, res, err);
	if (!later || !PQntuples(res))
		return 0;
	db->verdict = DB_FAILED;
	return erot_fail(err, EINVAL, "db-use", "a statement with rows in db_run()");
}

/* Up to the mark. Where that is not reached, the connection is never idle again. */
static int answers(struct db *db, PGresult **last, struct erot_error *err)
{
	struct pgsql *p = db->impl;
	unsigned int done = 0;
	PGresult *res;
	int ret = 0;

	if (!PQpipelineSync(p->c))
		return pgsql_fail(db, NULL, err);
	while (PQstatus(p->c) == CONNECTION_OK && done < p->later + 2) {
		res = PQgetResult(p->c);
		if (!res) {	/* the end of one answer */
			done++;
			continue;
		}
		if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
			PQclear(res);
			p->later = 0;
			return ret;
		}
		if (!ret)
			ret = judge(db, res, done < p->later, err);
		if (last && done == p->later && !*last)
			*last = res;
		else
			PQclear(res);
	}
	return ret ?: pgsql_fail(db, NULL, err);
}

int pgsql_later(struct db *db, int sent, struct erot_error *err)
{
	struct pgsql *p = db->impl;

	if (!sent)
		return pgsql_fail(db, NULL, err);
	return ++p->later < MOST ? 0 : answers(db, NULL, err);
}

int pgsql_now(struct db *db, int sent, PGresult **res, struct erot_error *err)
{
	*res = NULL;
	return sent ? answers(db, res, err) : pgsql_fail(db, NULL, err);
}

int pgsql_settle(struct db *db, struct erot_error *err)
{
	struct pgsql *p = db->impl;

	return p->later ? answers(db, NULL, err) : 0;
}
