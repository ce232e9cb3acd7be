// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io.h"
#include "dergd/machine.h"
#include "dergd/tenant.h"
#include "liberot/crypto.h"

#define COLUMNS "tenant, id, state, software, spki, enrolment_digest, created"

static const char *const states[] = { "pending", "enrolled", "revoked" };

const char *machine_state_name(enum machine_state state)
{
	return states[state];
}

int machine_check_key(const void *spki, size_t len, struct erot_error *err)
{
	const unsigned char *p = spki;
	X509_PUBKEY *key;
	int ok;

	if (!len || len > EROT_HWKEY_MAX)
		return erot_fail(err, EINVAL, "hwkey", "hardware key has %zu bytes, at most %d",
				 len, EROT_HWKEY_MAX);
	key = d2i_X509_PUBKEY(NULL, &p, len);
	ok = key && p == (const unsigned char *)spki + len && X509_PUBKEY_get0(key);
	X509_PUBKEY_free(key);
	if (!ok)
		return erot_fail(err, EINVAL, "hwkey",
				 "hardware key is not a SubjectPublicKeyInfo in DER");
	return 0;
}

static void read_row(struct db_rows *rows, struct machine *m)
{
	const char *tenant = db_get_text(rows, 0), *state = db_get_text(rows, 2);
	const void *spki;
	int i;

	memset(m, 0, sizeof(*m));
	if (tenant)
		snprintf(m->tenant, sizeof(m->tenant), "%s", tenant);
	db_get_copy(rows, 1, m->id, sizeof(m->id));
	/* the schema has a list of the states; an unknown one would count as revoked */
	for (i = 0; state && i < MACHINE_REVOKED && strcmp(states[i], state); i++)
		;
	m->state = state ? i : MACHINE_REVOKED;
	m->software = db_get_int(rows, 3);
	spki = db_get_blob(rows, 4, &m->spki_len);
	if (spki && m->spki_len <= sizeof(m->spki))
		memcpy(m->spki, spki, m->spki_len);
	else
		m->spki_len = 0;
	if (!db_is_null(rows, 5))
		db_get_copy(rows, 5, m->enrolment, sizeof(m->enrolment));
	m->created = db_get_int(rows, 6);
}

int machine_load(struct db *db, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		 struct machine *m, struct erot_error *err)
{
	struct db_rows *rows;
	bool found;
	int ret;

	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM machine "
		       "WHERE tenant = $1 AND id = $2",
		       DB_ARGS(db_text(tenant), db_blob(id, EROT_DIGEST_SIZE)));
	found = !ret && db_next(rows);
	if (found)
		read_row(rows, m);
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, ENOENT, "machine-unknown", "tenant %s has no such machine",
				tenant);
	return ret;
}

int machine_usable(const struct machine *m, bool attested, struct erot_error *err)
{
	if (m->state == MACHINE_REVOKED)
		return erot_fail(err, EPERM, "machine-revoked", "this machine was revoked");
	if (m->state == MACHINE_PENDING && attested)
		return erot_fail(err, EPERM, "machine-pending",
				 "this machine's enrolment was not finished");
	return 0;
}

int machine_name(struct db *db, const char *tenant, const void *spki, size_t len, uint64_t now,
		 struct machine *m, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];
	int ret;

	if (erot_sha256(spki, len, id))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	ret = db_run(db, err, NULL, "INSERT INTO machine "
		     "(tenant, id, state, software, spki, created) "
		     "VALUES ($1, $2, 'pending', 0, $3, $4) ON CONFLICT DO NOTHING",
		     DB_ARGS(db_text(tenant), db_blob(id, sizeof(id)), db_blob(spki, len),
			     db_int(now)));
	return ret ?: machine_load(db, tenant, id, m, err);
}

struct work {
	const char *tenant;
	const uint8_t *id;
	struct machine *m;
	const char *reason;
	uint64_t now;
	int (*each)(void *ctx, const struct machine *m);
	void *ctx;
};

static int get_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;

	return machine_load(db, w->tenant, w->id, w->m, err);
}

int machine_get(struct derg *d, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		struct machine *m, struct erot_error *err)
{
	struct work w = { .tenant = tenant, .id = id, .m = m };

	return db_transaction(d->db, DB_READ, get_work, &w, err);
}

static int each_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	struct db_rows *rows;
	struct machine m;
	int ret, end;

	ret = tenant_check(db, w->tenant, err);
	if (ret)
		return ret;
	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM machine WHERE tenant = $1 "
		       "ORDER BY created, id", DB_ARGS(db_text(w->tenant)));
	while (!ret && db_next(rows)) {
		read_row(rows, &m);
		ret = w->each(w->ctx, &m);
	}
	end = db_end(rows, err);
	return ret ?: end;
}

int machine_each(struct derg *d, const char *tenant,
		 int (*each)(void *ctx, const struct machine *m), void *ctx,
		 struct erot_error *err)
{
	struct work w = { .tenant = tenant, .each = each, .ctx = ctx };

	return db_transaction(d->db, DB_READ, each_work, &w, err);
}

static int revoke_work(struct db *db, void *ctx, struct erot_error *err)
{
	char hex[2 * EROT_DIGEST_SIZE + 1];
	struct work *w = ctx;
	struct machine m;
	int ret;

	ret = machine_load(db, w->tenant, w->id, &m, err);
	if (ret || m.state == MACHINE_REVOKED)
		return ret;
	ret = db_run(db, err, NULL, "UPDATE machine "
		     "SET state = 'revoked', revoked = $3, secret = NULL "
		     "WHERE tenant = $1 AND id = $2",
		     DB_ARGS(db_text(w->tenant), db_blob(w->id, EROT_DIGEST_SIZE),
			     db_int(w->now)));
	if (!ret)
		ret = db_run(db, err, NULL, "INSERT INTO revocation "
			     "(tenant, kind, subject, reason, created) "
			     "VALUES ($1, 'machine', $2, $3, $4)",
			     DB_ARGS(db_text(w->tenant), db_blob(w->id, EROT_DIGEST_SIZE),
				     db_text(w->reason), db_int(w->now)));
	erot_hex(w->id, EROT_DIGEST_SIZE, hex);
	return ret ?: derg_record_json(db, w->tenant, EROT_LOG_MACHINE_REVOKED, w->id, w->now,
				       json_pack("{s:s,s:s}", "machine", hex, "reason", w->reason),
				       NULL, err);
}

int machine_revoke(struct derg *d, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		   const char *reason, uint64_t now, struct erot_error *err)
{
	struct work w = { .tenant = tenant, .id = id, .reason = reason, .now = now };

	return db_transaction(d->db, DB_RESUME, revoke_work, &w, err);
}
