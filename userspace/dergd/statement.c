// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key statements. What the HSM does (derive, sign) happens between two transactions; the second one
 * looks again at whatever could have changed meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/machine.h"
#include "dergd/policies.h"
#include "dergd/tenant.h"
#include "liberot/cms.h"
#include "liberot/derive.h"
#include "liberot/manifest.h"

/**
 * struct making - a statement being made
 * @in: request
 * @now: seconds since 1970
 * @s: what it will say
 * @machine: of it
 * @epoch: of it
 * @attested: see derg.conf
 * @out: result
 */
struct making {
	const struct derg_statement_request *in;
	uint64_t now;
	bool attested;
	struct erot_statement_info s;
	struct machine machine;
	struct epoch epoch;
	struct derg_issued *out;
};

void derg_issued_free(struct derg_issued *out)
{
	free(out->cms);
	memset(out, 0, sizeof(*out));
}

static int find_machine(struct db *db, struct making *w, struct erot_error *err)
{
	const struct derg_statement_request *in = w->in;
	int ret;

	if (in->machine)
		ret = machine_load(db, in->tenant, in->machine, &w->machine, err);
	else
		ret = machine_name(db, in->tenant, in->spki, in->spki_len, w->now, &w->machine,
				   err);
	return ret ?: machine_usable(&w->machine, w->attested, err);
}

static int find_policy(struct db *db, struct making *w, struct erot_error *err)
{
	struct erot_policy policy;
	int ret;

	if (!w->attested)
		return 0;
	ret = policies_load(db, w->in->tenant, &policy, err);
	if (ret)
		return ret;
	memcpy(w->s.grant.policy, policy.digest, sizeof(policy.digest));
	erot_policy_free(&policy);
	return 0;
}

/* Who, under which policy, from which root: also what is looked at again before it is recorded. */
static int find_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct making *w = ctx;
	int ret;

	ret = tenant_check(db, w->in->tenant, err);
	if (!ret)
		ret = find_machine(db, w, err);
	if (!ret)
		ret = find_policy(db, w, err);
	return ret ?: epoch_active(db, w->in->tenant, w->in->epoch, &w->epoch, err);
}

static int store_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct making *w = ctx;
	struct machine m;
	struct epoch e;
	int ret;

	ret = machine_load(db, w->in->tenant, w->machine.id, &m, err);
	if (!ret)
		ret = machine_usable(&m, w->attested, err);
	if (!ret)
		ret = epoch_active(db, w->in->tenant, w->epoch.number, &e, err);
	if (!ret)
		ret = db_run(db, err, NULL, "INSERT INTO statement "
			     "(digest, tenant, machine, epoch, cms, created) "
			     "VALUES ($1, $2, $3, $4, $5, $6)",
			     DB_ARGS(db_blob(w->out->digest, EROT_DIGEST_SIZE),
				     db_text(w->in->tenant), db_blob(m.id, sizeof(m.id)),
				     db_int(e.number), db_blob(w->out->cms, w->out->cms_len),
				     db_int(w->now)));
	return ret;
}

static int record_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct making *w = ctx;
	uint8_t *content;
	size_t len;
	int ret;

	ret = store_work(db, w, err);
	if (!ret)
		ret = erot_cms_content(w->out->cms, w->out->cms_len, &content, &len, err);
	if (ret)
		return ret;
	ret = derg_record(db, w->in->tenant, EROT_LOG_STATEMENT, w->out->digest, w->now, content,
			  len, NULL, err);
	free(content);
	return ret;
}

static int make(struct derg *d, struct making *w, struct erot_error *err)
{
	struct erot_grant_info *g = &w->s.grant;
	uint8_t seed[EROT_DIGEST_SIZE], *content = NULL;
	char label[EPOCH_ROOT_MAX];
	size_t len;
	int ret;

	g->epoch = w->epoch.number;
	g->hwkey = w->machine.spki;
	g->hwkey_len = w->machine.spki_len;
	memcpy(g->enrolment, w->machine.enrolment, sizeof(g->enrolment));
	if (erot_random(g->id, sizeof(g->id)) || erot_random(g->nonce, sizeof(g->nonce)))
		return erot_fail(err, EIO, "crypto", "no random numbers");
	epoch_root(&w->epoch, label);
	ret = epoch_seed(&w->epoch, g, seed, err);
	if (!ret)
		ret = hsm_derive(&d->a->hsm, label, seed, g->erot_pk, err);
	if (!ret)
		ret = erot_statement_build(&w->s, &content, &len, err);
	if (ret)
		return ret;
	if (erot_sha256(content, len, w->out->digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		ret = derg_sign(d, content, len, &w->out->cms, &w->out->cms_len, err);
	free(content);
	return ret;
}

int derg_statement(struct derg *d, const struct derg_statement_request *in, uint64_t now,
		   struct derg_issued *out, struct erot_error *err)
{
	struct making w = { .in = in, .now = now, .attested = d->a->config.attested, .out = out };
	struct erot_manifest m;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = erot_tenant_digest(in->tenant, w.s.grant.tenant, err);
	if (!ret && !in->machine)
		ret = machine_check_key(in->spki, in->spki_len, err);
	if (!ret)
		ret = erot_manifest_parse(in->manifest, in->manifest_len, &m, err);
	if (ret)
		return ret;
	memcpy(w.s.grant.code_hash, m.code_hash, sizeof(m.code_hash));
	erot_manifest_free(&m);
	w.s.grant.manifest = in->manifest;
	w.s.grant.manifest_len = in->manifest_len;
	ret = db_transaction(d->db, DB_SHARED, find_work, &w, err);
	if (!ret)
		ret = make(d, &w, err);
	if (!ret)
		ret = db_transaction(d->db, DB_SHARED, record_work, &w, err);
	if (ret)
		derg_issued_free(out);
	return ret;
}

struct getting {
	const char *tenant;
	const uint8_t *digest;
	struct derg_issued *out;
};

static int get_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct getting *g = ctx;
	struct db_rows *rows;
	const void *cms;
	int ret, end;

	derg_issued_free(g->out);
	ret = db_query(db, err, &rows, "SELECT cms FROM statement "
		       "WHERE digest = $1 AND tenant = $2",
		       DB_ARGS(db_blob(g->digest, EROT_DIGEST_SIZE), db_text(g->tenant)));
	if (!ret && db_next(rows)) {
		cms = db_get_blob(rows, 0, &g->out->cms_len);
		g->out->cms = malloc(g->out->cms_len ?: 1);
		if (g->out->cms && cms)
			memcpy(g->out->cms, cms, g->out->cms_len);
		else
			ret = erot_fail(err, ENOMEM, "no-memory", "key statement");
	} else if (!ret) {
		ret = erot_fail(err, ENOENT, "statement-unknown",
				"tenant %s has no such key statement", g->tenant);
	}
	end = db_end(rows, ret ? NULL : err);
	memcpy(g->out->digest, g->digest, EROT_DIGEST_SIZE);
	return ret ?: end;
}

int derg_statement_get(struct derg *d, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
		       struct derg_issued *out, struct erot_error *err)
{
	struct getting g = { tenant, digest, out };
	int ret;

	memset(out, 0, sizeof(*out));
	ret = db_transaction(d->db, DB_READ, get_work, &g, err);
	if (ret)
		derg_issued_free(out);
	return ret;
}
