// SPDX-License-Identifier: GPL-2.0-only
/*
 * Releases a second on both databases, next to the raw rate of what the HSM does for one, by one
 * client, measured in turns: make bench BENCH=derg. Not a test. Output as bench/lib.sh has it.
 */
#include "dergd/test_database.h"

#include <openssl/x509.h>

#include "dergd/bench.h"
#include "dergd/derg_init.h"
#include "dergd/epoch.h"
#include "dergd/issue.h"
#include "dergd/release.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/hpke.h"

#define ROUNDS	3
#define COUNT	200	/* releases a round */
#define MODULE	"/usr/lib/softhsm/libsofthsm2.so"


static const char manifest[] =
	"{\"process\":{\"args\":[\"/bin/app\"]},\"erot\":{\"maxRuntime\":60,"
	"\"requireHost\":[],\"codeHash\":\"sha256:"
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}";

/**
 * struct side - one database
 */
struct side {
	const char *name;
	char dir[128];
	struct authority a;
	struct derg d;
	struct derg_issued receipts[COUNT];
};

static void check(int ret, const char *what)
{
	if (!ret)
		return;
	printf("# %s: %s (%s)\n", what, err.text, err.code);
	test_bail(what);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* @each: seconds of COUNT operations, sorted here */
static void tell_all(const char *side, const char *metric, int round, double each[COUNT])
{
	char slow[64];
	double sum = 0;

	for (int i = 0; i < COUNT; i++)
		sum += each[i];
	qsort(each, COUNT, sizeof(each[0]), by_size);
	snprintf(slow, sizeof(slow), "%s-p99", metric);
	bench_tell("derg", side, metric, "1/s", round, COUNT / sum);
	bench_tell("derg", side, slow, "ms", round, 1000 * each[COUNT * 99 / 100]);
}

static void open_side(struct side *s, const char *name, const char *base, const char *url)
{
	struct derg_init init = { .dir = s->dir, .module = MODULE, .database = url,
				  .open_mode = true, .name = "bench", .log_name = "bench/log" };

	s->name = name;
	snprintf(s->dir, sizeof(s->dir), "%s/derg-%s", base, name);
	check(derg_init(&init, &err), "derg_init");
	check(authority_open(&s->a, s->dir, &err), "authority_open");
	check(derg_open(&s->d, &s->a, &err), "derg_open");
}

/* Everything before the release, which is not what is measured. */
static void make_receipt(struct side *s, EVP_PKEY *key, X509 *cert, unsigned int i)
{
	struct derg_statement_request want = { .tenant = "default", .manifest = manifest,
					       .manifest_len = sizeof(manifest) - 1 };
	uint8_t *spki = NULL, *content = NULL, *env = NULL, *order = NULL, *cms = NULL;
	uint8_t content_key[32] = { 1 }, salt[EROT_SALT_SIZE] = { 2 };
	struct derg_receipt_request in = { .customer = cert };
	struct erot_order_info o = { .digest = { 0 } };
	struct erot_payload_shape shape;
	struct erot_statement_info info;
	struct derg_issued statement;
	size_t len, spki_len;

	check(erot_cert_spki(cert, &spki, &spki_len, o.customer, &err), "spki");
	want.spki = spki;
	want.spki_len = spki_len;
	check(derg_statement(&s->d, &want, time(NULL), &statement, &err), "statement");
	check(erot_cms_content(statement.cms, statement.cms_len, &content, &len, &err), "content");
	check(erot_statement_parse(content, len, &info, &err), "parse");
	check(erot_payload_shape(4096, &shape, &err), "shape");
	check(erot_envelope_build(&shape, false, manifest, sizeof(manifest) - 1, content_key, salt,
				  info.grant.erot_pk, info.digest, &env, &in.envelope_len, &err),
	      "envelope");
	check(erot_sha256(env, in.envelope_len, o.ewc), "digest");
	memcpy(o.statement, info.digest, sizeof(o.statement));
	check(erot_order_build(&o, &order, &len, &err), "order");
	check(erot_cms_sign_key(key, cert, order, len, &cms, &in.order_len, &err), "sign");
	in.statement = statement.cms;
	in.statement_len = statement.cms_len;
	in.envelope = env;
	in.order = cms;
	check(derg_receipt(&s->d, &in, time(NULL), &s->receipts[i], &err), "receipt");
	derg_issued_free(&statement);
	free(spki);
	free(content);
	free(env);
	free(order);
	free(cms);
}

static int newest(struct db *db, void *ctx, struct erot_error *e)
{
	return log_size(db, ctx, e);
}

/* Releases alone, or with the proof that an answer carries. */
static void release_all(struct side *s, bool prove, int round)
{
	double each[COUNT], start;
	struct derg_release_request in = { .tenant = "default" };
	struct erot_release out;
	uint8_t sk[32];
	int i;

	check(erot_hpke_keypair(sk, in.session_pk), "key");
	check(erot_hpke_keypair(sk, in.state.boot_key), "key");
	for (i = 0; i < COUNT; i++) {
		start = bench_now();
		in.receipt = s->receipts[i].cms;
		in.receipt_len = s->receipts[i].cms_len;
		check(derg_release(&s->d, &in, time(NULL), &out, &err), "release");
		if (prove) {
			struct erot_buf proof = { 0 };
			uint64_t size = 0;

			check(db_transaction(s->d.db, DB_READ, newest, &size, &err), "size");
			check(log_prove(s->a.log, s->d.db, size - 1, &proof, &err), "proof");
			erot_buf_free(&proof);
		}
		each[i] = bench_now() - start;
	}
	tell_all(s->name, prove ? "release-proof" : "release", round, each);
	for (i = 0; i < COUNT; i++)
		derg_issued_free(&s->receipts[i]);
}

static void raw(struct side *s, int round)
{
	double each[COUNT], start;
	uint8_t seed[EROT_DIGEST_SIZE] = { 3 };
	struct epoch e = { .tenant = "default", .number = 1 };
	struct hsm_release req = { .derg_time = 1, .valid_seconds = 1, .max_runtime = 1 };
	struct erot_release out;
	char label[EPOCH_ROOT_MAX];
	uint8_t sk[32];
	int i;

	epoch_root(&e, label);
	check(erot_hpke_keypair(sk, req.session_pk), "key");
	check(erot_hpke_keypair(sk, req.boot_pk), "key");
	check(hsm_derive(&s->a.hsm, label, seed, req.pk, &err), "derive");
	for (i = 0; i < COUNT; i++) {
		start = bench_now();
		check(hsm_release(&s->a.hsm, label, seed, &req, &out, &err), "raw release");
		each[i] = bench_now() - start;
	}
	tell_all("hsm", "release", round, each);
}

int main(void)
{
	static struct side sides[2];
	struct test_base base;
	EVP_PKEY *key;
	X509 *cert;
	int round, i, j, prove;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_base_start(&base);
	check(erot_rsa_generate(&key, &err), "key");
	check(erot_cert_self_signed(key, "bench", 1, &cert, &err), "certificate");
	for (i = 0; i < 2; i++)
		open_side(&sides[i], test_backends[i], base.dir, base.urls[i]);
	for (round = 1; round <= ROUNDS; round++) {
		for (prove = 0; prove < 2; prove++) {
			for (i = 0; i < 2; i++) {
				for (j = 0; j < COUNT; j++)
					make_receipt(&sides[i], key, cert, j);
				release_all(&sides[i], prove, round);
			}
		}
		raw(&sides[round % 2], round);
	}
	for (i = 0; i < 2; i++) {
		derg_close(&sides[i].d);
		authority_close(&sides[i].a);
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	test_base_stop(&base);
	return 0;
}
