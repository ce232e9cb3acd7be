/* SPDX-License-Identifier: GPL-2.0-only */
/* A DERG that demands attestation, and launches on machines of test_machine.h. */
#ifndef DERGD_TEST_ATTESTED_H
#define DERGD_TEST_ATTESTED_H

#include "dergd/test_machine.h"

#include <time.h>

#include "dergd/client.h"
#include "dergd/derg_init.h"
#include "dergd/ending.h"
#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/policies.h"
#include "dergd/release.h"
#include "dergd/test_documents.h"
#include "liberot/release.h"

static const char manifest[] =
	"{\"process\":{\"args\":[\"/bin/app\"]},\"erot\":{\"maxRuntime\":60,"
	"\"requireHost\":[\"lockdown\"],\"codeHash\":\"sha256:"
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}";

/* ---- one of each a program; the DERG is in "derg" of the test's directory */

static struct authority authority;
static struct derg derg;
static struct erot_error err;
static uint64_t now;		/* the certificates of the TPMs are of today */
static EVP_PKEY *customer_key;
static X509 *customer;
static uint8_t *customer_der;
static size_t customer_der_len;

#define must(call) do {								\
	if (call) {								\
		printf("# %s: %s\n", err.code, err.text);			\
		test_die(#call);						\
	}									\
} while (0)

static inline void derg_dir(char dir[64])
{
	snprintf(dir, 64, "%s/derg", test_dir);
}

/* @maker: whose TPMs it accepts. @database: NULL: SQLite. */
static inline void derg_begin(const char *maker, const char *database)
{
	char dir[64], roots[64];
	struct derg_init init = {
		.dir = dir, .module = "/usr/lib/softhsm/libsofthsm2.so", .database = database,
		.ek_roots = roots, .attested = true, .name = "test", .log_name = "example.org/test",
	};
	struct erot_buf pem = { 0 };
	uint8_t *root, *issuer;
	size_t len, more;
	int der_len;

	snprintf(roots, sizeof(roots), "%s/swtpm-localca-rootca-cert.pem", maker);
	root = test_read(roots, &len);
	snprintf(roots, sizeof(roots), "%s/issuercert.pem", maker);
	issuer = test_read(roots, &more);
	erot_buf_add(&pem, root, len);
	erot_buf_add(&pem, issuer, more);
	test_write("roots.pem", pem.data, pem.len);
	erot_buf_free(&pem);
	free(issuer);
	free(root);
	snprintf(roots, sizeof(roots), "%s/roots.pem", test_dir);
	derg_dir(dir);
	must(derg_init(&init, &err));
	must(authority_open(&authority, dir, &err));
	must(derg_open(&derg, &authority, &err));
	must(erot_rsa_generate(&customer_key, &err));
	must(erot_cert_self_signed(customer_key, "customer", 1, &customer, &err));
	der_len = i2d_X509(customer, &customer_der);
	customer_der_len = (size_t)der_len;
	now = (uint64_t)time(NULL);
}

static inline void derg_end(void)
{
	derg_close(&derg);
	authority_close(&authority);
	X509_free(customer);
	EVP_PKEY_free(customer_key);
	OPENSSL_free(customer_der);
}

/* ---- the database, behind the DERG's back */

struct query {
	const char *sql;
	const struct db_value *args;
	size_t n;
	int64_t value;
};

static inline int query_work(struct db *db, void *ctx, struct erot_error *e)
{
	struct query *q = ctx;
	struct db_rows *rows;

	q->value = -1;
	db_query(db, e, &rows, q->sql, q->args, q->n);
	if (db_next(rows))
		q->value = db_get_int(rows, 0);
	return db_end(rows, e);
}

/* A number that @sql selects or returns; -1: no row. */
static inline int64_t query(const char *sql, const struct db_value *args, size_t n)
{
	struct query q = { sql, args, n, 0 };

	must(db_transaction(derg.db, 0, query_work, &q, &err));
	return q.value;
}

static inline int64_t entries(uint32_t kind, const uint8_t subject[EROT_DIGEST_SIZE])
{
	return query("SELECT count(*) FROM log_entry WHERE kind = $1 AND subject = $2",
		     DB_ARGS(db_int(kind), db_blob(subject, EROT_DIGEST_SIZE)));
}

static inline int64_t all_entries(void)
{
	return query("SELECT count(*) FROM log_entry", DB_NO_ARGS);
}

/* ---- a tenant a case: what one does is not in another's way */

static inline void make_client(const char *tenant, const void *order_cert, size_t len)
{
	struct client c = { .label = "customer", .order_cert = (uint8_t *)order_cert,
			    .order_cert_len = len };

	erot_sha256(tenant, strlen(tenant), c.fingerprint);
	snprintf(c.tenant, sizeof(c.tenant), "%s", tenant);
	must(client_add(&derg, &c, now, &err));
}

static inline void make_tenant(const char *tenant)
{
	struct epoch e;

	must(epoch_new(&derg, tenant, 0, now, &e, &err));
	make_client(tenant, customer_der, customer_der_len);
}

/* Accepts @box as it is. */
static inline void learn(const char *tenant, const struct box *box, const struct erot_learn *how)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	char *text;

	must(erot_policy_learn(how, &box->state, 1, &text, &err));
	must(policies_put(&derg, tenant, text, strlen(text), now, digest, &err));
	free(text);
}

#define DEFAULT_LEARN	{ .mask = POLICY_PCRS, .boot_pcr = BOOT_PCR, .host = EROT_HOST_ALL, \
			  .max_unaccounted = EROT_UNACCOUNTED_ANY }

static inline void learn_default(const char *tenant, const struct box *box)
{
	static const struct erot_learn how = DEFAULT_LEARN;

	learn(tenant, box, &how);
}

static inline void enrol(const char *tenant, struct box *box)
{
	uint8_t secret[32], enrolment[EROT_DIGEST_SIZE];
	struct enrol_answer a;
	struct box_keys k;

	box_keys(box, &k);
	must(machine_enrol(&derg, tenant, &k.request, now, &a, &err));
	must(box_activate(box, &a, secret, &err));
	must(machine_activate(&derg, tenant, a.id, secret, sizeof(secret), now, enrolment, &err));
	memcpy(box->id, a.id, sizeof(box->id));
}

/* ---- launches */

/**
 * struct launch - one, as customer and machine have it; all owned
 * @content: of the receipt, for @r
 * @s_sk: of the session
 * @req: as it is sent; points into the others
 */
struct launch {
	const char *tenant;
	struct box *box;
	struct derg_issued statement, receipt;
	uint8_t *env, *order, *content;
	size_t env_len, order_len;
	uint8_t content_key[32], s_sk[32];
	struct erot_receipt_info r;
	struct derg_challenge challenge;
	struct tpm_quote quote;
	struct derg_release_request req;
};

static inline void launch_free(struct launch *l)
{
	derg_issued_free(&l->statement);
	derg_issued_free(&l->receipt);
	free(l->env);
	free(l->order);
	free(l->content);
}

/* The customer's part: statement, envelope, order. */
static inline void launch_order(struct launch *l, const char *tenant, struct box *box)
{
	struct derg_statement_request in = {
		.tenant = tenant, .machine = box->id, .manifest = manifest,
		.manifest_len = sizeof(manifest) - 1,
	};

	memset(l, 0, sizeof(*l));
	l->tenant = tenant;
	l->box = box;
	memset(l->content_key, 3, sizeof(l->content_key));
	must(derg_statement(&derg, &in, now, &l->statement, &err));
	must(make_envelope(l->statement.cms, l->statement.cms_len, l->content_key, &l->env,
			   &l->env_len, &err));
	must(make_order(customer_key, customer, l->statement.cms, l->statement.cms_len, l->env,
			l->env_len, &l->order, &l->order_len, &err));
}

static inline int launch_ask_receipt(struct launch *l, uint64_t not_before, uint64_t not_after)
{
	struct derg_receipt_request in = {
		.tenant = l->tenant, .statement = l->statement.cms,
		.statement_len = l->statement.cms_len, .order = l->order,
		.order_len = l->order_len, .envelope = l->env, .envelope_len = l->env_len,
		.not_before = not_before, .not_after = not_after,
	};

	derg_issued_free(&l->receipt);
	return derg_receipt(&derg, &in, now, &l->receipt, &err);
}

/* The receipt is there: the machine begins a session. */
static inline void launch_session(struct launch *l)
{
	must(receipt_of(l->receipt.cms, l->receipt.cms_len, &l->r, &l->content));
	l->req.tenant = l->tenant;
	l->req.machine = l->box->id;
	l->req.receipt = l->receipt.cms;
	l->req.receipt_len = l->receipt.cms_len;
	l->req.state = l->box->state;
	must(erot_hpke_keypair(l->s_sk, l->req.session_pk));
}

/* A quote over whatever the request says now. */
static inline void launch_quote_by(struct launch *l, const struct box *box, uint32_t mask)
{
	struct erot_quote_release q = { .host = l->req.state.host };
	uint8_t qualifying[EROT_DIGEST_SIZE];

	memcpy(q.challenge, l->challenge.challenge, sizeof(q.challenge));
	memcpy(q.session_pk, l->req.session_pk, sizeof(q.session_pk));
	memcpy(q.boot_pk, l->req.state.boot_key, sizeof(q.boot_pk));
	memcpy(q.receipt, l->r.digest, sizeof(q.receipt));
	must(erot_quote_data_release(&q, qualifying));
	box_quote(box, mask, qualifying, &l->quote);
	l->req.state.pcrs = l->quote.pcrs;
	l->req.quote = (struct erot_quote) { l->quote.attest, l->quote.attest_len,
					     l->quote.signature, l->quote.signature_len };
}

static inline void launch_quote(struct launch *l)
{
	launch_quote_by(l, l->box, ALL_PCRS);
}

static inline void launch_challenge(struct launch *l)
{
	must(derg_challenge(&derg, l->tenant, l->box->id, now, &l->challenge, &err));
	l->req.challenge = l->challenge.challenge;
}

/* Everything up to the release. */
static inline void launch_make(struct launch *l, const char *tenant, struct box *box)
{
	launch_order(l, tenant, box);
	must(launch_ask_receipt(l, 0, 0));
	launch_session(l);
	launch_challenge(l);
	launch_quote(l);
}

/* A tenant with one launch on one machine, ready for release. */
static inline void launch_ready(struct launch *l, const char *tenant, struct box *box)
{
	make_tenant(tenant);
	learn_default(tenant, box);
	enrol(tenant, box);
	launch_make(l, tenant, box);
}

static inline int launch_release(struct launch *l, uint64_t when, struct erot_release *out)
{
	return derg_release(&derg, &l->req, when, out, &err);
}

/* What the module does with the answer. */
static inline int launch_open(struct launch *l, const struct erot_release *release,
			      struct erot_release_info *info)
{
	uint8_t pk[EROT_KEY_SIZE];
	int ret;

	ret = erot_release_open(release, l->r.digest, l->s_sk, l->box->boot_sk, info, &err);
	if (ret)
		return ret;
	return erot_x25519_public(info->sk, pk) ?: memcmp(pk, l->r.grant.erot_pk, sizeof(pk));
}

/**
 * struct end - of a launch
 * @req: as it is sent; points into @ev and @quote
 */
struct end {
	struct erot_evidence ev;
	struct tpm_quote quote;
	struct derg_end_request req;
};

static inline void end_quote_by(struct end *e, const struct box *box)
{
	uint8_t qualifying[EROT_DIGEST_SIZE];

	must(erot_quote_data_end(&e->ev, qualifying));
	box_quote(box, 1 << BOOT_PCR, qualifying, &e->quote);
	e->req.quote = (struct erot_quote) { e->quote.attest, e->quote.attest_len,
					     e->quote.signature, e->quote.signature_len };
}

static inline void end_make(struct end *e, struct launch *l, const uint8_t sk[EROT_KEY_SIZE])
{
	memset(e, 0, sizeof(*e));
	make_evidence(&l->r, sk, l->req.state.host, &e->ev);
	e->req.tenant = l->tenant;
	e->req.receipt = l->receipt.cms;
	e->req.receipt_len = l->receipt.cms_len;
	e->req.evidence = &e->ev;
	e->req.evidence_len = sizeof(e->ev);
	end_quote_by(e, l->box);
}

/* Release, run, end: a launch of which everything is there. */
static inline void launch_run(struct launch *l, uint64_t when)
{
	struct erot_release_info info;
	struct erot_release release;
	struct derg_issued record;
	struct end e;

	must(launch_release(l, when, &release));
	must(launch_open(l, &release, &info));
	end_make(&e, l, info.sk);
	must(derg_terminate(&derg, &e.req, when + 5, &record, &err));
	derg_issued_free(&record);
}

#endif
