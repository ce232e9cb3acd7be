/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmarks of launches share: DERGs, what their clients ask for, and what the HSM alone
 * does in its place. Each client is a thread with a connection of its own, as dergd's workers are.
 */
#ifndef DERGD_BENCH_DERG_H
#define DERGD_BENCH_DERG_H

#include "dergd/test_database.h"

#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/io.h"
#include "dergd/bench.h"
#include "dergd/derg_init.h"
#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/release.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/hpke.h"

#define CLIENTS	16	/* at most */
#define EACH	80	/* of each operation by each client, each round; see bench_count() */
#define COUNT	(EACH * CLIENTS)
#define MODULE	"/usr/lib/softhsm/libsofthsm2.so"

static unsigned int per_client = EACH, count;
static int rounds;

static const char manifest[] =
	"{\"process\":{\"args\":[\"/bin/app\"]},\"erot\":{\"maxRuntime\":60,"
	"\"requireHost\":[],\"codeHash\":\"sha256:"
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}";

/**
 * struct item - what one client asks for
 * @in:  for the receipt, with what is freed after it
 * @req: for the release, by the machine
 */
struct item {
	struct derg_issued statement, receipt;
	struct derg_receipt_request in;
	struct derg_release_request req;
};

/**
 * struct side - one database, or two DERGs on one
 * @a: of both; with one the second is not opened
 * @n: DERGs
 * @d: of each client
 * @pk: of the key that is released without a DERG
 * @machine: whose launches they are: its id; NULL: no attestation, and of the customer's own key
 */
struct side {
	const char *name;
	char raw[32];
	char dir[128];
	struct authority a[2];
	unsigned int n;
	struct derg d[CLIENTS];
	uint8_t pk[EROT_KEY_SIZE];
	const uint8_t *machine;
	struct item items[COUNT];
};

static EVP_PKEY *customer_key;
static X509 *customer_cert;
static uint8_t *customer_spki, customer_id[EROT_DIGEST_SIZE];
static size_t customer_spki_len;

static inline void check(int ret, const char *what, const struct erot_error *e)
{
	if (!ret)
		return;
	printf("# %s: %s (%s)\n", what, e->text, e->code);
	test_bail(what);
}

/* ---- clients */

typedef void operation(struct side *s, unsigned int client, unsigned int i);

/**
 * struct phase - one operation by all clients
 * @next: that nobody has begun
 * @each: seconds of each
 */
struct phase {
	struct side *side;
	operation *fn;
	atomic_uint next;
	double each[COUNT];
};

struct worker {
	struct phase *phase;
	unsigned int number;
};

static inline void *work(void *ctx)
{
	struct worker *c = ctx;
	struct phase *p = c->phase;
	unsigned int i;
	double start;

	while ((i = atomic_fetch_add(&p->next, 1)) < count) {
		start = bench_now();
		p->fn(p->side, c->number, i);
		p->each[i] = bench_now() - start;
	}
	return NULL;
}

static inline int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static inline void tell_all(const char *side, const char *metric, unsigned int clients,
			    int round, double wall, double each[COUNT])
{
	char name[64];

	qsort(each, count, sizeof(each[0]), by_size);
	snprintf(name, sizeof(name), "%s-%u", metric, clients);
	bench_tell("derg", side, name, "1/s", round, count / wall);
	snprintf(name, sizeof(name), "%s-%u-p50", metric, clients);
	bench_tell("derg", side, name, "ms", round, 1000 * each[count / 2]);
	snprintf(name, sizeof(name), "%s-%u-p99", metric, clients);
	bench_tell("derg", side, name, "ms", round, 1000 * each[count * 99 / 100]);
}

/*
 * Of what is done next. Before all of them have something to do, and when the first have no more,
 * the HSM has not enough: with more clients it must last longer. One has as many as four.
 */
static inline void bench_count(unsigned int clients)
{
	count = per_client * (clients < 4 ? 4 : clients);
}

/* @metric NULL: it is not told. */
static inline void run_phase(struct side *s, const char *name, const char *metric, operation *fn,
			     unsigned int clients, int round)
{
	struct phase p = { .side = s, .fn = fn };
	struct worker c[CLIENTS];
	pthread_t threads[CLIENTS];
	double start = bench_now();
	unsigned int i;

	for (i = 0; i < clients; i++) {
		c[i] = (struct worker) { &p, i };
		if (pthread_create(&threads[i], NULL, work, &c[i]))
			test_bail("thread");
	}
	for (i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	if (metric)
		tell_all(name, metric, clients, round, bench_now() - start, p.each);
}

/* ---- what they ask for */

static inline void make_statement(struct side *s, unsigned int client, unsigned int i)
{
	struct derg_statement_request want = { .tenant = "default", .manifest = manifest,
					       .manifest_len = sizeof(manifest) - 1,
					       .machine = s->machine };
	struct erot_error e;

	if (!s->machine) {
		want.spki = customer_spki;
		want.spki_len = customer_spki_len;
	}
	check(derg_statement(&s->d[client], &want, time(NULL), &s->items[i].statement, &e),
	      "statement", &e);
}

/* By the customer. */
static inline void make_order(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];
	uint8_t *content = NULL, *env = NULL, *order = NULL, *cms = NULL;
	uint8_t content_key[32] = { 1 }, salt[EROT_SALT_SIZE] = { 2 };
	struct erot_order_info o = { .digest = { 0 } };
	struct erot_payload_shape shape;
	struct erot_statement_info info;
	struct erot_error e;
	size_t len;

	(void)client;
	check(erot_cms_content(it->statement.cms, it->statement.cms_len, &content, &len, &e),
	      "content", &e);
	check(erot_statement_parse(content, len, &info, &e), "parse", &e);
	check(erot_payload_shape(4096, &shape, &e), "shape", &e);
	it->in = (struct derg_receipt_request) { .customer = s->machine ? NULL : customer_cert };
	check(erot_envelope_build(&shape, false, manifest, sizeof(manifest) - 1, content_key, salt,
				  info.grant.erot_pk, info.digest, &env, &it->in.envelope_len, &e),
	      "envelope", &e);
	memcpy(o.customer, customer_id, sizeof(o.customer));
	memcpy(o.statement, info.digest, sizeof(o.statement));
	check(erot_sha256(env, it->in.envelope_len, o.ewc), "digest", &e);
	check(erot_order_build(&o, &order, &len, &e), "order", &e);
	check(erot_cms_sign_key(customer_key, customer_cert, order, len, &cms, &it->in.order_len,
				&e), "sign", &e);
	it->in.statement = it->statement.cms;
	it->in.statement_len = it->statement.cms_len;
	it->in.envelope = env;
	it->in.order = cms;
	free(content);
	free(order);
}

static inline void make_receipt(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];
	struct erot_error e;

	check(derg_receipt(&s->d[client], &it->in, time(NULL), &it->receipt, &e), "receipt", &e);
}

static inline void release(struct side *s, unsigned int client, unsigned int i)
{
	struct erot_release out;
	struct erot_error e;

	check(derg_release(&s->d[client], &s->items[i].req, time(NULL), &out, &e), "release", &e);
}

static inline int newest(struct db *db, void *ctx, struct erot_error *e)
{
	return log_size(db, ctx, e);
}

/* With the proof that an answer carries. */
static inline void release_prove(struct side *s, unsigned int client, unsigned int i)
{
	struct derg *d = &s->d[client];
	struct erot_buf proof = { 0 };
	struct erot_error e;
	uint64_t size = 0;

	release(s, client, i);
	check(db_transaction(d->db, DB_READ, newest, &size, &e), "size", &e);
	check(log_prove(d->a->log, d->db, size - 1, &proof, &e), "proof", &e);
	erot_buf_free(&proof);
}

static inline void end_item(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];

	(void)client;
	free((void *)it->in.envelope);
	free((void *)it->in.order);
	derg_issued_free(&it->statement);
	derg_issued_free(&it->receipt);
}

/* ---- the HSM alone */

static inline void raw_label(char label[EPOCH_ROOT_MAX])
{
	struct epoch e = { .tenant = "default", .number = 1 };

	epoch_root(&e, label);
}

static const uint8_t seed[EROT_DIGEST_SIZE] = { 3 };

static inline void raw_release(struct side *s, unsigned int client, unsigned int i)
{
	struct hsm_release req = { .derg_time = 1, .valid_seconds = 1, .max_runtime = 1 };
	char label[EPOCH_ROOT_MAX];
	struct erot_release out;
	struct erot_error e;

	raw_label(label);
	memcpy(req.pk, s->pk, sizeof(req.pk));
	memcpy(req.session_pk, s->items[i].req.session_pk, sizeof(req.session_pk));
	memcpy(req.boot_pk, s->items[i].req.state.boot_key, sizeof(req.boot_pk));
	check(hsm_release(&s->d[client].a->hsm, label, seed, &req, &out, &e), "raw release", &e);
}

/* ---- all of it */

static inline void open_side(struct side *s, const char *name, const char *base, const char *url,
			     bool attested, unsigned int n)
{
	struct derg_init init = { .dir = s->dir, .module = MODULE, .database = url,
				  .attested = attested, .open_mode = !attested,
				  .name = "bench", .log_name = "bench/log" };
	char label[EPOCH_ROOT_MAX];
	unsigned int i;

	s->name = name;
	snprintf(s->raw, sizeof(s->raw), "hsm-%s", name);
	s->n = n;
	snprintf(s->dir, sizeof(s->dir), "%s/derg-%s", base, name);
	check(derg_init(&init, &err), "derg_init", &err);
	for (i = 0; i < n; i++)
		check(authority_open(&s->a[i], s->dir, &err), "authority_open", &err);
	for (i = 0; i < CLIENTS; i++)
		check(derg_open(&s->d[i], &s->a[i % n], &err), "derg_open", &err);
	raw_label(label);
	check(hsm_derive(&s->a[0].hsm, label, seed, s->pk, &err), "derive", &err);
}

static inline void close_side(struct side *s)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		derg_close(&s->d[i]);
	for (i = 0; i < s->n; i++)
		authority_close(&s->a[i]);
}

/* [EACH [ROUNDS]]: not as many of each client, nor @most rounds, to see that it works. */
static inline void bench_begin(int argc, char **argv, int most)
{
	uint64_t n = EACH, r = most;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3 || (argc > 1 && erot_parse_u64(argv[1], EACH, &n)) ||
	    (argc > 2 && erot_parse_u64(argv[2], most, &r)) || !n || !r) {
		fprintf(stderr, "usage: %s [EACH (1 to %d) [ROUNDS (1 to %d)]]\n", argv[0],
			EACH, most);
		exit(2);
	}
	per_client = n;
	rounds = r;
	check(erot_rsa_generate(&customer_key, &err), "key", &err);
	check(erot_cert_self_signed(customer_key, "bench", 1, &customer_cert, &err), "certificate",
	      &err);
	check(erot_cert_spki(customer_cert, &customer_spki, &customer_spki_len, customer_id, &err),
	      "spki", &err);
}

static inline void bench_end(void)
{
	free(customer_spki);
	X509_free(customer_cert);
	EVP_PKEY_free(customer_key);
}

#endif
