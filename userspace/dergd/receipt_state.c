// SPDX-License-Identifier: GPL-2.0-only
/* What has become of a receipt, and taking one back. */
#include <errno.h>
#include <string.h>

#include "common/io.h"
#include "dergd/issue.h"

struct asking {
	const char *tenant;
	const uint8_t *digest;
	const char *reason;
	uint64_t now;
	struct derg_receipt_state *out;
};

static const char *state(struct db_rows *rows, const struct derg_receipt_state *r, uint64_t now)
{
	bool released = !db_is_null(rows, 4), ended = !db_is_null(rows, 5);
	bool unaccounted = !db_is_null(rows, 6), revoked = !db_is_null(rows, 7);

	if (ended)
		return "ended";
	if (unaccounted)
		return "unaccounted";
	if (released)
		return "released";
	if (revoked)
		return "revoked";
	return now >= r->not_after ? "expired" : "ready";
}

static int state_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct asking *a = ctx;
	struct derg_receipt_state *out = a->out;
	struct db_rows *rows;
	bool found;
	int ret;

	ret = db_query(db, err, &rows, "SELECT r.not_before, r.not_after, r.statement, r.machine, "
		       "l.created, e.created, u.since, v.created FROM receipt r "
		       "LEFT JOIN release l ON l.receipt = r.digest "
		       "LEFT JOIN ending e ON e.receipt = r.digest "
		       "LEFT JOIN unaccounted u ON u.receipt = r.digest "
		       "LEFT JOIN revocation v ON v.tenant = r.tenant AND v.kind = 'receipt' "
		       "AND v.subject = r.digest WHERE r.digest = $1 AND r.tenant = $2",
		       DB_ARGS(db_blob(a->digest, EROT_DIGEST_SIZE), db_text(a->tenant)));
	found = !ret && db_next(rows);
	if (found) {
		out->not_before = db_get_int(rows, 0);
		out->not_after = db_get_int(rows, 1);
		db_get_copy(rows, 2, out->statement, sizeof(out->statement));
		db_get_copy(rows, 3, out->machine, sizeof(out->machine));
		out->state = state(rows, out, a->now);
	}
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, ENOENT, "receipt-unknown", "tenant %s has no such receipt",
				a->tenant);
	return ret;
}

int derg_receipt_state(struct derg *d, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
		       uint64_t now, struct derg_receipt_state *out, struct erot_error *err)
{
	struct asking a = { .tenant = tenant, .digest = digest, .now = now, .out = out };

	return db_transaction(d->db, DB_READ, state_work, &a, err);
}

static int revoke_work(struct db *db, void *ctx, struct erot_error *err)
{
	char hex[2 * EROT_DIGEST_SIZE + 1];
	struct derg_receipt_state now = { 0 };
	struct asking *a = ctx;
	int ret;

	a->out = &now;
	ret = state_work(db, a, err);
	if (ret || !strcmp(now.state, "revoked"))
		return ret;
	if (strcmp(now.state, "ready") && strcmp(now.state, "expired"))
		return erot_fail(err, EPERM, "receipt-spent",
				 "too late: this receipt was released already");
	ret = db_run(db, err, NULL, "INSERT INTO revocation "
		     "(tenant, kind, subject, reason, created) "
		     "VALUES ($1, 'receipt', $2, $3, $4)",
		     DB_ARGS(db_text(a->tenant), db_blob(a->digest, EROT_DIGEST_SIZE),
			     db_text(a->reason), db_int(a->now)));
	erot_hex(a->digest, EROT_DIGEST_SIZE, hex);
	return ret ?: derg_record_json(db, a->tenant, EROT_LOG_RECEIPT_REVOKED, a->digest, a->now,
				       json_pack("{s:s,s:s}", "receipt", hex, "reason", a->reason),
				       NULL, err);
}

int derg_receipt_revoke(struct derg *d, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
			const char *reason, uint64_t now, struct erot_error *err)
{
	struct asking a = { .tenant = tenant, .digest = digest, .reason = reason, .now = now };

	return db_transaction(d->db, DB_RESUME, revoke_work, &a, err);
}
