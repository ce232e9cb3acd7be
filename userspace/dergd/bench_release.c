// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_release [EACH [ROUNDS]]: what the DERG does in a second for one client and for several at
 * once, on both databases, next to what its HSM does for as many threads, measured in turns: make
 * bench BENCH=derg. HTTP, TLS and attestation are not in it: see bench_https.c. On PostgreSQL also
 * with two DERGs, each with an HSM helper. Not a test. Output as bench/lib.sh has it.
 */
#include "dergd/bench_derg.h"

#define ROUNDS	3

/* By the machine. */
static void make_request(struct side *s, unsigned int client, unsigned int i)
{
	struct item *it = &s->items[i];
	uint8_t sk[EROT_KEY_SIZE];

	(void)client;
	it->req = (struct derg_release_request) { .tenant = "default" };
	if (erot_hpke_keypair(sk, it->req.session_pk) ||
	    erot_hpke_keypair(sk, it->req.state.boot_key))
		test_bail("key");
	it->req.receipt = it->receipt.cms;
	it->req.receipt_len = it->receipt.cms_len;
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

/* ---- the HSM alone */

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

static void raw_checkpoint(struct side *s, unsigned int client, unsigned int i)
{
	uint8_t sig[64];
	struct erot_error e;

	(void)i;
	check(hsm_ed25519_sign(&s->d[client].a->hsm, LOG_KEY, manifest, sizeof(manifest), sig, &e),
	      "raw checkpoint", &e);
}

/* ---- all of it */

static void measure(struct side *s, unsigned int clients, int round)
{
	run_phase(s, s->name, "statement", make_statement, clients, round);
	run_phase(s, s->raw, "statement", raw_statement, clients, round);
	run_phase(s, NULL, NULL, make_order, 2, round);
	run_phase(s, s->name, "receipt", make_receipt, clients, round);
	run_phase(s, s->raw, "receipt", raw_sign, clients, round);
	run_phase(s, NULL, NULL, make_request, 2, round);
	run_phase(s, s->name, "release", release, clients, round);
	run_phase(s, s->raw, "release", raw_release, clients, round);
	run_phase(s, NULL, NULL, end_item, 1, round);
	run_phase(s, NULL, NULL, make_statement, 2, round);
	run_phase(s, NULL, NULL, make_order, 2, round);
	run_phase(s, NULL, NULL, make_receipt, 2, round);
	run_phase(s, NULL, NULL, make_request, 2, round);
	run_phase(s, s->name, "release-proof", release_prove, clients, round);
	run_phase(s, NULL, NULL, end_item, 1, round);
	run_phase(s, s->name, "append", append, clients, round);
	run_phase(s, s->raw, "checkpoint", raw_checkpoint, clients, round);
}

int main(int argc, char **argv)
{
	static const unsigned int clients[] = { 1, 4, 16 };
	static struct side sides[3];
	struct test_base base;
	int round, i;
	size_t c;

	bench_begin(argc, argv, ROUNDS);
	test_base_start(&base);
	open_side(&sides[0], "sqlite", base.dir, base.urls[0], false, 1);
	test_new_database(&base, "one");
	open_side(&sides[1], "postgresql", base.dir, base.urls[1], false, 1);
	test_new_database(&base, "two");
	open_side(&sides[2], "postgresql-two", base.dir, base.urls[1], false, 2);
	for (round = 1; round <= rounds; round++)
		for (c = 0; c < sizeof(clients) / sizeof(clients[0]); c++) {
			bench_count(clients[c]);
			for (i = 0; i < 3; i++)
				if (i < 2 || clients[c] > 1)
					measure(&sides[i], clients[c], round);
		}
	for (i = 0; i < 3; i++)
		close_side(&sides[i]);
	bench_end();
	test_base_stop(&base);
	return 0;
}
