// SPDX-License-Identifier: GPL-2.0-only
/* Receipts: permission for one launch, made of a key statement, an envelope and an order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "dergd/client.h"
#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/machine.h"
#include "dergd/policies.h"
#include "dergd/tenant.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/manifest.h"

/**
 * struct making - a receipt being made
 * @in: request
 * @now: seconds since 1970
 * @d: whose
 * @tenant: name, of the statement
 * @customer: certificate of the order; owned
 * @statement: its content; owned
 * @s: parsed
 * @e: envelope
 * @o: order
 * @order: its content; owned
 * @order_len: bytes
 * @r: what the receipt will say
 * @out: result
 */
struct making {
	const struct derg_receipt_request *in;
	uint64_t now;
	struct derg *d;
	char tenant[EROT_TENANT_MAX + 1];
	X509 *customer;
	uint8_t *statement;
	struct erot_statement_info s;
	struct erot_envelope_info e;
	struct erot_order_info o;
	uint8_t *order;
	size_t order_len;
	struct erot_receipt_info r;
	struct derg_issued *out;
};

static void free_making(struct making *w)
{
	X509_free(w->customer);
	free(w->statement);
	free(w->order);
}

static int open_statement(struct making *w, struct erot_error *err)
{
	const struct derg_receipt_request *in = w->in;
	size_t len;
	int ret;

	ret = derg_verify(w->d, in->statement, in->statement_len, &w->statement, &len, err);
	if (ret) {
		erot_error_prefix(err, "key statement");
		return ret;
	}
	return erot_statement_parse(w->statement, len, &w->s, err);
}

static int open_envelope(struct making *w, struct erot_error *err)
{
	int ret;

	ret = erot_envelope_parse(w->in->envelope, w->in->envelope_len, &w->e, err);
	if (ret)
		return ret;
	if (w->e.manifest_len != w->s.grant.manifest_len ||
	    memcmp(w->e.manifest, w->s.grant.manifest, w->e.manifest_len))
		return erot_fail(err, EKEYREJECTED, "ewc-manifest",
				 "container has another manifest than the key statement");
	return 0;
}

/* Whose key is it? Read from the order before its signature is checked, as a key id is. */
static int customer_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct making *w = ctx;
	int ret;

	ret = tenant_name(db, w->s.grant.tenant, w->tenant, err);
	if (!ret && w->in->tenant && strcmp(w->in->tenant, w->tenant))
		ret = erot_fail(err, EPERM, "tenant-mismatch",
				"the key statement is another tenant's");
	if (ret)
		return ret;
	X509_free(w->customer);
	w->customer = NULL;
	if (w->in->customer)
		w->customer = X509_up_ref(w->in->customer) ? w->in->customer : NULL;
	else
		ret = client_order_cert(db, w->d->a->certs, w->tenant, w->o.customer,
					&w->customer, err);
	return ret;
}

static int find_customer(struct making *w, struct erot_error *err)
{
	uint8_t *content = NULL;
	size_t len;
	int ret = 0;

	if (!w->in->customer) {
		ret = erot_cms_content(w->in->order, w->in->order_len, &content, &len, err);
		if (!ret)
			ret = erot_order_parse(content, len, &w->o, err);
	}
	free(content);
	return ret ?: db_transaction(w->d->db, DB_READ, customer_work, w, err);
}

/* The customer's consent: signature, and that it is about this statement and container. */
static int check_order(struct making *w, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret;

	ret = erot_cms_verify(w->in->order, w->in->order_len, w->customer, &w->order,
			      &w->order_len, err);
	if (ret) {
		erot_error_prefix(err, "order");
		return ret;
	}
	ret = erot_order_parse(w->order, w->order_len, &w->o, err);
	if (!ret)
		ret = erot_cert_spki_digest(w->customer, digest, err);
	if (!ret && memcmp(w->o.customer, digest, sizeof(digest)))
		ret = erot_fail_digests(err, EKEYREJECTED, "order-customer", digest, w->o.customer,
					"order names another customer than the certificate");
	if (!ret && memcmp(w->o.statement, w->s.digest, sizeof(w->s.digest)))
		ret = erot_fail_digests(err, EKEYREJECTED, "order-statement", w->s.digest,
					w->o.statement, "order is for another key statement");
	if (!ret && memcmp(w->o.ewc, w->e.digest, sizeof(w->e.digest)))
		ret = erot_fail_digests(err, EKEYREJECTED, "order-ewc", w->e.digest, w->o.ewc,
					"order is for another container");
	return ret;
}

static int fill_receipt(struct making *w, struct erot_error *err)
{
	const struct derg_config *c = &w->d->a->config;
	struct erot_receipt_info *r = &w->r;
	struct erot_manifest m;
	int ret;

	ret = erot_manifest_parse(w->s.grant.manifest, w->s.grant.manifest_len, &m, err);
	if (ret)
		return ret;
	r->grant = w->s.grant;
	memcpy(r->statement, w->s.digest, sizeof(r->statement));
	memcpy(r->ewc, w->e.digest, sizeof(r->ewc));
	memcpy(r->order, w->o.digest, sizeof(r->order));
	r->not_before = w->in->not_before ?: w->now;
	r->not_after = w->in->not_after ?: r->not_before + c->receipt_seconds;
	r->memory_max = m.memory_limit;
	r->max_runtime = m.max_runtime;
	r->pids_max = m.pids_limit;
	r->isolation = m.isolation;
	r->host = m.require_host | c->require_host;
	erot_manifest_free(&m);
	/* the database has signed numbers, and the end must not wrap */
	if (r->not_after <= r->not_before || r->not_after > INT64_MAX / 2)
		return erot_fail(err, EINVAL, "receipt-validity",
				 "receipt would end before it begins, or never");
	return erot_receipt_match(r, &w->s, &w->o, err);
}

/* One that was made before of the same order goes to @out; else @out stays empty. */
static int made_before(struct db *db, struct making *w, struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content = NULL;
	struct db_rows *rows;
	const void *cms = NULL;
	int ret, end;
	size_t len;

	derg_issued_free(w->out);
	ret = db_query(db, err, &rows, "SELECT cms FROM receipt WHERE statement = $1",
		       DB_ARGS(db_blob(w->s.digest, sizeof(w->s.digest))));
	if (!ret && db_next(rows)) {
		cms = db_get_blob(rows, 0, &w->out->cms_len);
		w->out->cms = malloc(w->out->cms_len ?: 1);
		if (!w->out->cms || !cms)
			ret = erot_fail(err, ENOMEM, "no-memory", "receipt");
		else
			memcpy(w->out->cms, cms, w->out->cms_len);
	}
	end = db_end(rows, ret ? NULL : err);
	if (ret || end || !w->out->cms)
		return ret ?: end;
	ret = erot_cms_content(w->out->cms, w->out->cms_len, &content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(content, len, &r, err);
	if (!ret && memcmp(r.order, w->o.digest, sizeof(r.order)))
		ret = erot_fail(err, EPERM, "statement-spent",
				"another receipt was made of this key statement; derive again");
	if (!ret)
		memcpy(w->out->digest, r.digest, sizeof(r.digest));
	free(content);
	return ret;
}

/* Is it still as it was when the statement was made? */
static int check_standing(struct db *db, struct making *w, struct epoch *e,
			  uint8_t machine[EROT_DIGEST_SIZE], struct erot_error *err)
{
	bool attested = w->d->a->config.attested;
	struct erot_policy policy = { .mask = 0 };
	struct machine m;
	int ret;

	if (erot_sha256(w->s.grant.hwkey, w->s.grant.hwkey_len, machine))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	ret = machine_load(db, w->tenant, machine, &m, err);
	if (!ret)
		ret = machine_usable(&m, attested, err);
	if (!ret && attested) {
		ret = policies_load(db, w->tenant, &policy, err);
		if (!ret && memcmp(policy.digest, w->s.grant.policy, sizeof(policy.digest)))
			ret = erot_fail_digests(err, EPERM, "policy-changed", policy.digest,
						w->s.grant.policy,
						"the policy has changed since the key statement; "
						"derive again");
		erot_policy_free(&policy);
	}
	return ret ?: epoch_active(db, w->tenant, w->s.grant.epoch, e, err);
}

/* Its signature is ours, but a database that was restored may be older than it. */
static int check_known(struct db *db, const struct making *w, struct erot_error *err)
{
	struct db_rows *rows;
	bool known;
	int ret;

	db_query(db, err, &rows, "SELECT 1 FROM statement WHERE digest = $1",
		 DB_ARGS(db_blob(w->s.digest, sizeof(w->s.digest))));
	known = db_next(rows);
	ret = db_end(rows, err);
	if (!ret && !known)
		ret = erot_fail(err, ENOENT, "statement-unknown",
				"tenant %s has no such key statement", w->tenant);
	return ret;
}

static int find_work(struct db *db, void *ctx, struct erot_error *err)
{
	uint8_t machine[EROT_DIGEST_SIZE];
	struct making *w = ctx;
	struct epoch e;
	int ret;

	ret = made_before(db, w, err);
	if (ret || w->out->cms)
		return ret;
	return check_known(db, w, err) ?: check_standing(db, w, &e, machine, err);
}

/**
 * struct recording - second transaction
 * @content: of the receipt
 * @len: bytes
 * @made: by us; @w->out is for one that somebody faster made
 */
struct recording {
	struct making *w;
	uint8_t *content;
	size_t len;
	struct derg_issued made;
};

static int insert(struct db *db, struct recording *rec, const struct epoch *e,
		  const uint8_t machine[EROT_DIGEST_SIZE], struct erot_error *err)
{
	const struct making *w = rec->w;
	const struct erot_receipt_info *r = &w->r;
	uint64_t ends = r->not_after + r->max_runtime;
	unsigned char *cert = NULL;
	int len, ret;

	len = i2d_X509(w->customer, &cert);
	if (len <= 0)
		return erot_fail(err, EIO, "crypto", "cannot encode the customer's certificate");
	ret = db_run(db, err, NULL, "INSERT INTO receipt "
		     "(digest, statement, tenant, machine, epoch, order_cms, order_cert, envelope, "
		     "cms, not_before, not_after, ends, created) "
		     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		     DB_ARGS(db_blob(rec->made.digest, EROT_DIGEST_SIZE),
			     db_blob(w->s.digest, EROT_DIGEST_SIZE), db_text(w->tenant),
			     db_blob(machine, EROT_DIGEST_SIZE), db_int(e->number),
			     db_blob(w->in->order, w->in->order_len), db_blob(cert, len),
			     db_blob(w->in->envelope, w->in->envelope_len),
			     db_blob(rec->made.cms, rec->made.cms_len), db_int(r->not_before),
			     db_int(r->not_after), db_int(ends), db_int(w->now)));
	OPENSSL_free(cert);
	/* the root must outlive the receipt: written before the receipt leaves */
	return ret ?: epoch_use(db, e, ends, err);
}

static int record_work(struct db *db, void *ctx, struct erot_error *err)
{
	uint8_t machine[EROT_DIGEST_SIZE];
	struct recording *rec = ctx;
	struct making *w = rec->w;
	struct epoch e;
	int ret;

	ret = made_before(db, w, err);
	if (ret || w->out->cms)
		return ret;
	ret = check_standing(db, w, &e, machine, err);
	if (!ret)
		ret = insert(db, rec, &e, machine, err);
	if (!ret)
		ret = derg_record(db, w->tenant, EROT_LOG_ORDER, w->o.digest, w->now, w->order,
				  w->order_len, NULL, err);
	if (!ret)
		ret = derg_record(db, w->tenant, EROT_LOG_RECEIPT, rec->made.digest, w->now,
				  rec->content, rec->len, NULL, err);
	return ret;
}

static int issue(struct making *w, struct erot_error *err)
{
	struct recording rec = { .w = w };
	int ret;

	ret = erot_receipt_build(&w->r, &rec.content, &rec.len, err);
	if (!ret && erot_sha256(rec.content, rec.len, rec.made.digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		ret = derg_sign(w->d, rec.content, rec.len, &rec.made.cms, &rec.made.cms_len, err);
	if (!ret)
		ret = db_transaction(w->d->db, DB_RESUME | DB_SHARED, record_work, &rec, err);
	free(rec.content);
	if (!ret && !w->out->cms)
		*w->out = rec.made;
	else
		derg_issued_free(&rec.made);
	return ret;
}

int derg_receipt(struct derg *d, const struct derg_receipt_request *in, uint64_t now,
		 struct derg_issued *out, struct erot_error *err)
{
	struct making w = { .in = in, .now = now, .d = d, .out = out };
	int ret;

	memset(out, 0, sizeof(*out));
	ret = open_statement(&w, err);
	if (!ret)
		ret = open_envelope(&w, err);
	if (!ret)
		ret = find_customer(&w, err);
	if (!ret)
		ret = check_order(&w, err);
	if (!ret)
		ret = fill_receipt(&w, err);
	if (!ret)
		ret = db_transaction(d->db, DB_READ, find_work, &w, err);
	if (!ret && !out->cms)
		ret = issue(&w, err);
	free_making(&w);
	if (ret)
		derg_issued_free(out);
	return ret;
}
