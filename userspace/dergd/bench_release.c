// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the DERG does in a second for one client and for several at once, on both databases, next to
 * what its HSM does for as many threads, measured in turns: make bench BENCH=derg. Each client is a
 * thread with a connection of its own, as dergd's workers are; HTTP and TLS are not in it. On
 * PostgreSQL also with two DERGs, each with an HSM helper. Not a test. Output as bench/lib.sh has
 * it.
 */
#include "dergd/test_database.h"

#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>

#include "dergd/bench.h"
#include "dergd/derg_init.h"
#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/release.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/hpke.h"

#define ROUNDS	3
#define COUNT	160	/* of each operation, each round */
#define CLIENTS	16	/* at most */
#define MODULE	"/usr/lib/softhsm/libsofthsm2.so"

static const char manifest[] =
	"{\"process\":{\"args\":[\"/bin/app\"]},\"erot\":{\"maxRuntime\":60,"
	"\"requireHost\":[],\"codeHash\":\"sha256:"
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}";

/**
 * struct item - what one client asks for
 * @in:   for the receipt, with what is freed after it
 * @session_pk: of the machine, for a release, and @boot_pk
 */
struct item {
	uint8_t session_pk[EROT_KEY_SIZE], boot_pk[EROT_KEY_SIZE];
	struct derg_issued statement, receipt;
	struct derg_receipt_request in;
};

/**
 * struct side - one database, or two DERGs on one
 * @a: of both; with one the second is not opened
 * @n: DERGs
 * @d: of each client
 * @pk: of the key that is released without a DERG
 */
struct side {
	const char *name;
	char raw[32];
	char dir[128];
	struct authority a[2];
	unsigned int n;
	struct derg d[CLIENTS];
	uint8_t pk[EROT_KEY_SIZE];
	struct item items[COUNT];
};

static EVP_PKEY *customer_key;
static X509 *customer_cert;
static uint8_t *customer_spki, customer_id[EROT_DIGEST_SIZE];
static size_t customer_spki_len;

static void check(int ret, const char *what, const struct erot_error *e)
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

struct client {
	struct phase *phase;
	unsigned int number;
};

static void *work(void *ctx)
{
	struct client *c = ctx;
	struct phase *p = c->phase;
	unsigned int i;
	double start;

	while ((i = atomic_fetch_add(&p->next, 1)) < COUNT) {
		start = bench_now();
		p->fn(p->side, c->number, i);
		p->each[i] = bench_now() - start;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void tell_all(const char *side, const char *metric, unsigned int clients, int round,
		     double wall, double each[COUNT])
{
	char name[64];

	qsort(each, COUNT, sizeof(each[0]), by_size);
	snprintf(name, sizeof(name), "%s-%u", metric, clients);
	bench_tell("derg", side, name, "1/s", round, COUNT / wall);
	snprintf(name, sizeof(name), "%s-%u-p50", metric, clients);
	bench_tell("derg", side, name, "ms", round, 1000 * each[COUNT / 2]);
	snprintf(name, sizeof(name), "%s-%u-p99", metric, clients);
	bench_tell("derg", side, name, "ms", round, 1000 * each[COUNT * 99 / 100]);
}

/* @metric NULL: it is not told. */
static void run_phase(struct side *s, const char *name, const char *metric, operation *fn,
		      unsigned int clients, int round)
{
	struct phase p = { .side = s, .fn = fn };
	struct client c[CLIENTS];
	pthread_t threads[CLIENTS];
	double start = bench_now();
	unsigned int i;

	for (i = 0; i < clients; i++) {
		c[i] = (struct client) { &p, i };
		if (pthread_create(&threads[i], NULL, work, &c[i]))
			test_bail("thread");
	}
	for (i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	if (metric)
		tell_all(name, metric, clients, round, bench_now() - start, p.each);
}

/* ---- what they ask for */

static void make_statement(struct side *s, unsigned int client, unsigned int i)
{
	struct derg_statement_request want = { .tenant = "default", .manifest = manifest,
					       .manifest_len = sizeof(manifest) - 1,
					       .spki = customer_spki,
					       .spki_len = customer_spki_len };
	struct erot_error e;

	check(derg_statement(&s->d[client], &want, time(NULL), &s->items[i].statement, &e),
	      "statement", &e);
}

/* By the customer. */
static void make_order(struct side *s, unsigned int client, unsigned int i)
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
	it->in = (struct derg_receipt_request) { .customer = customer_cert };
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

static void make_receipt(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];
	struct erot_error e;

	check(derg_receipt(&s->d[client], &it->in, time(NULL), &it->receipt, &e), "receipt", &e);
}

/* By the machine. */
static void make_keys(struct side *s, unsigned int client, unsigned int i)
{
	uint8_t sk[EROT_KEY_SIZE];

	(void)client;
	if (erot_hpke_keypair(sk, s->items[i].session_pk) ||
	    erot_hpke_keypair(sk, s->items[i].boot_pk))
		test_bail("key");
}

static void release(struct side *s, unsigned int client, unsigned int i)
{
	struct derg_release_request in = { .tenant = "default" };
	struct erot_release out;
	struct erot_error e;

	memcpy(in.session_pk, s->items[i].session_pk, sizeof(in.session_pk));
	memcpy(in.state.boot_key, s->items[i].boot_pk, sizeof(in.state.boot_key));
	in.receipt = s->items[i].receipt.cms;
	in.receipt_len = s->items[i].receipt.cms_len;
	check(derg_release(&s->d[client], &in, time(NULL), &out, &e), "release", &e);
}

static int newest(struct db *db, void *ctx, struct erot_error *e)
{
	return log_size(db, ctx, e);
}

/* With the proof that an answer carries. */
static void release_prove(struct side *s, unsigned int client, unsigned int i)
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

static int append_work(struct db *db, void *ctx, struct erot_error *e)
{
	uint8_t subject[EROT_DIGEST_SIZE] = { 0 };

	memcpy(subject, ctx, sizeof(unsigned int));
	return derg_record(db, "default", EROT_LOG_REFUSAL, subject, 1, "{}", 2, NULL, e);
}

static void append(struct side *s, unsigned int client, unsigned int i)
{
	struct erot_error e;

	check(db_transaction(s->d[client].db, DB_SHARED, append_work, &i, &e), "append", &e);
}

static void end_item(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];

	(void)client;
	free((void *)it->in.envelope);
	free((void *)it->in.order);
	derg_issued_free(&it->statement);
	derg_issued_free(&it->receipt);
}

/* ---- the HSM alone */

static void raw_label(char label[EPOCH_ROOT_MAX])
{
	struct epoch e = { .tenant = "default", .number = 1 };

	epoch_root(&e, label);
}

static const uint8_t seed[EROT_DIGEST_SIZE] = { 3 };

static void raw_derive(struct side *s, unsigned int client, unsigned int i)
{
	char label[EPOCH_ROOT_MAX];
	uint8_t pk[EROT_KEY_SIZE];
	struct erot_error e;

	(void)i;
	raw_label(label);
	check(hsm_derive(&s->d[client].a->hsm, label, seed, pk, &e), "raw derivation", &e);
}

/* A DigestInfo of SHA-256, as the signature of a statement or receipt has it. */
static void raw_sign(struct side *s, unsigned int client, unsigned int i)
{
	static const uint8_t info[51] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
					  0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
					  0x20 };
	uint8_t sig[384];
	struct erot_error e;

	(void)i;
	check(hsm_sign(&s->d[client].a->hsm, DERG_RECEIPT_KEY, info, sizeof(info), sig,
		       sizeof(sig), &e), "raw signature", &e);
}

static void raw_statement(struct side *s, unsigned int client, unsigned int i)
{
	raw_derive(s, client, i);
	raw_sign(s, client, i);
}

static void raw_release(struct side *s, unsigned int client, unsigned int i)
{
	struct hsm_release req = { .derg_time = 1, .valid_seconds = 1, .max_runtime = 1 };
	char label[EPOCH_ROOT_MAX];
	struct erot_release out;
	struct erot_error e;

	raw_label(label);
	memcpy(req.pk, s->pk, sizeof(req.pk));
	memcpy(req.session_pk, s->items[i].session_pk, sizeof(req.session_pk));
	memcpy(req.boot_pk, s->items[i].boot_pk, sizeof(req.boot_pk));
	check(hsm_release(&s->d[client].a->hsm, label, seed, &req, &out, &e), "raw release", &e);
}

static void raw_checkpoint(struct side *s, unsigned int client, unsigned int i)
{
	uint8_t sig[64];
	struct erot_error e;

	(void)i;
	check(hsm_ed25519_sign(&s->d[client].a->hsm, LOG_KEY, manifest, sizeof(manifest), sig, &e),
	      "raw checkpoint", &e);
}

/* ---- all of it */

static void open_side(struct side *s, const char *name, const char *base, const char *url,
		      unsigned int n)
{
	struct derg_init init = { .dir = s->dir, .module = MODULE, .database = url,
				  .open_mode = true, .name = "bench", .log_name = "bench/log" };
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

static void close_side(struct side *s)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		derg_close(&s->d[i]);
	for (i = 0; i < s->n; i++)
		authority_close(&s->a[i]);
}

static void measure(struct side *s, unsigned int clients, int round)
{
	run_phase(s, s->name, "statement", make_statement, clients, round);
	run_phase(s, s->raw, "statement", raw_statement, clients, round);
	run_phase(s, NULL, NULL, make_order, 2, round);
	run_phase(s, NULL, NULL, make_keys, 2, round);
	run_phase(s, s->name, "receipt", make_receipt, clients, round);
	run_phase(s, s->raw, "receipt", raw_sign, clients, round);
	run_phase(s, s->name, "release", release, clients, round);
	run_phase(s, s->raw, "release", raw_release, clients, round);
	run_phase(s, NULL, NULL, end_item, 1, round);
	run_phase(s, NULL, NULL, make_statement, 2, round);
	run_phase(s, NULL, NULL, make_order, 2, round);
	run_phase(s, NULL, NULL, make_receipt, 2, round);
	run_phase(s, s->name, "release-proof", release_prove, clients, round);
	run_phase(s, NULL, NULL, end_item, 1, round);
	run_phase(s, s->name, "append", append, clients, round);
	run_phase(s, s->raw, "checkpoint", raw_checkpoint, clients, round);
}

int main(void)
{
	static const unsigned int clients[] = { 1, 4, 16 };
	static struct side sides[3];
	struct test_base base;
	int round, i;
	size_t c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_base_start(&base);
	check(erot_rsa_generate(&customer_key, &err), "key", &err);
	check(erot_cert_self_signed(customer_key, "bench", 1, &customer_cert, &err), "certificate",
	      &err);
	check(erot_cert_spki(customer_cert, &customer_spki, &customer_spki_len, customer_id, &err),
	      "spki", &err);
	open_side(&sides[0], "sqlite", base.dir, base.urls[0], 1);
	test_new_database(&base, "one");
	open_side(&sides[1], "postgresql", base.dir, base.urls[1], 1);
	test_new_database(&base, "two");
	open_side(&sides[2], "postgresql-two", base.dir, base.urls[1], 2);
	for (round = 1; round <= ROUNDS; round++)
		for (c = 0; c < sizeof(clients) / sizeof(clients[0]); c++)
			for (i = 0; i < 3; i++)
				if (i < 2 || clients[c] > 1)
					measure(&sides[i], clients[c], round);
	for (i = 0; i < 3; i++)
		close_side(&sides[i]);
	free(customer_spki);
	X509_free(customer_cert);
	EVP_PKEY_free(customer_key);
	test_base_stop(&base);
	return 0;
}
