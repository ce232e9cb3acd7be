// SPDX-License-Identifier: GPL-2.0-only
/* Audits of launches whose provider has signed and logged what did not happen. */
#include "dergd/test_audit.h"

#include "liberot/softkey.h"

struct forging {
	const struct launch *l;
	uint32_t kind;
	json_t *content;
};

static int forge_work(struct db *db, void *ctx, struct erot_error *e)
{
	struct forging *f = ctx;

	return derg_record_json(db, f->l->tenant, f->kind, f->l->r.digest, now,
				json_incref(f->content), NULL, e);
}

static void forge(const struct launch *l, uint32_t kind, json_t *content)
{
	struct forging f = { l, kind, content };

	must(db_transaction(derg.db, 0, forge_work, &f, &err));
	json_decref(content);
}

/* As release.c makes it. */
static json_t *release_record(const struct launch *l)
{
	char *state = erot_machine_state_build(&l->req.state), hex[2 * EROT_DIGEST_SIZE + 1];
	json_t *json = json_object();

	json_object_set_new(json, "receipt",
			    json_string(erot_hex(l->r.digest, EROT_DIGEST_SIZE, hex)));
	put(json, "sessionKey", l->req.session_pk, EROT_KEY_SIZE);
	put(json, "challenge", l->challenge.challenge, DERG_CHALLENGE_SIZE);
	put(json, "quote", l->quote.attest, l->quote.attest_len);
	put(json, "signature", l->quote.signature, l->quote.signature_len);
	json_object_set_new(json, "state", json_loads(state, 0, NULL));
	free(state);
	return json;
}

static json_t *termination_record(const struct end *e)
{
	json_t *json = json_object();

	put(json, "evidence", &e->ev, sizeof(e->ev));
	put(json, "quote", e->quote.attest, e->quote.attest_len);
	put(json, "signature", e->quote.signature, e->quote.signature_len);
	return json;
}

static json_t *revocation_record(const char *what, const uint8_t id[EROT_DIGEST_SIZE])
{
	char hex[2 * EROT_DIGEST_SIZE + 1];

	return json_pack("{s:s,s:s}", what, erot_hex(id, EROT_DIGEST_SIZE, hex), "reason", "late");
}

/* Audits @l, and is done with it. */
static void bad_launch(struct launch *l, const char *check, const char *code, const char *name)
{
	struct erot_audit_input in = input;

	in.receipt = l->r.digest;
	in.envelope = l->env;
	in.envelope_len = l->env_len;
	bad_with(&in, bundle_of(l), check, code, name);
	launch_free(l);
}

static void test_release(void)
{
	uint64_t then = now;
	struct launch l;
	json_t *json;

	launch_make(&l, "audit", &one);
	json = release_record(&l);
	flip(json, "sessionKey", 0);
	forge(&l, EROT_LOG_RELEASE, json);
	bad_launch(&l, "release", "quote-qualifying-data", "to another session");
	launch_make(&l, "audit", &one);
	forge(&l, EROT_LOG_RELEASE, release_record(&golden));
	bad_launch(&l, "release", "audit-release", "of another receipt");
	launch_make(&l, "audit", &one);
	launch_quote_by(&l, &two, ALL_PCRS);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "release", "quote-signature", "to another TPM");
	launch_make(&l, "audit", &one);
	bad_launch(&l, "release", "audit-release", "there was none");
	launch_make(&l, "audit", &one);
	now = l.r.not_after + 1;
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	now = then;
	bad_launch(&l, "release", "receipt-expired", "after the receipt's time");

	launch_make(&l, "audit", &one);
	l.req.state.host &= ~EROT_HOST_NO_SWAP;
	launch_quote(&l);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "state", "host-state", "not as the policy demands");
	launch_make(&l, "theirs", &one);
	l.req.state.host &= ~EROT_HOST_LOCKDOWN;
	launch_quote(&l);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "state", "host-state", "not as the receipt demands");
	launch_make(&l, "audit", &one);
	must(erot_hpke_keypair(l.s_sk, l.req.state.boot_key));
	launch_quote(&l);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "state", "boot-key-pcr", "an impostor's boot key");
}

/* A launch that was released and has ended; its end is not reported. */
static void launch_until_end(struct launch *l, struct end *e)
{
	struct erot_release_info info;
	struct erot_release release;

	launch_make(l, "audit", &one);
	must(launch_release(l, now, &release));
	must(launch_open(l, &release, &info));
	end_make(e, l, info.sk);
}

static void report(struct end *e)
{
	struct derg_issued record;

	must(derg_terminate(&derg, &e->req, now + 5, &record, &err));
	derg_issued_free(&record);
}

/* Whoever keeps the log can call an older entry one of this launch. */
static void adopt(uint32_t kind, const uint8_t from[EROT_DIGEST_SIZE],
		  const uint8_t to[EROT_DIGEST_SIZE])
{
	if (query("UPDATE log_entry SET subject = $1 WHERE kind = $2 AND subject = $3 RETURNING 1",
		  DB_ARGS(db_blob(to, EROT_DIGEST_SIZE), db_int(kind),
			  db_blob(from, EROT_DIGEST_SIZE))) != 1)
		test_die("no such entry");
}

/* An entry of an older launch, in front of what must come before it. */
static void out_of_order(uint32_t kind, const char *name)
{
	struct launch old, l;
	bool order = kind == EROT_LOG_ORDER;

	launch_make(&old, "audit", &one);
	forge(&old, EROT_LOG_RELEASE, release_record(&old));
	launch_make(&l, "audit", &one);
	adopt(kind, order ? old.r.order : old.r.digest, order ? l.r.order : l.r.digest);
	launch_free(&old);
	bad_launch(&l, "sequence", "audit-order", name);
}

static void test_sequence(void)
{
	struct launch l;
	struct end e;

	out_of_order(EROT_LOG_ORDER, "the order before the statement");
	out_of_order(EROT_LOG_RECEIPT, "the receipt before the order");
	out_of_order(EROT_LOG_RELEASE, "the release before the receipt");
	launch_until_end(&l, &e);
	forge(&l, EROT_LOG_DESTRUCTION, json_pack("{s:s}", "what", "nothing"));
	report(&e);
	bad_launch(&l, "sequence", "audit-order", "the destruction record before the end");
	launch_make(&l, "audit", &one);
	now += LOG_AHEAD_MAX + 10;	/* further than the log's time follows */
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	now -= LOG_AHEAD_MAX + 10;
	forge(&l, EROT_LOG_TERMINATION, json_pack("{s:s}", "what", "nothing"));
	bad_launch(&l, "sequence", "audit-order", "the end at a time before the release");
}

static void test_end(void)
{
	struct launch l;
	struct end e, forged;

	launch_make(&l, "audit", &one);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "sequence", "audit-released-twice", "two releases");
	launch_until_end(&l, &e);
	forge(&l, EROT_LOG_TERMINATION, termination_record(&e));
	report(&e);
	launch_free(&l);
	launch_make(&l, "audit", &one);
	forge(&l, EROT_LOG_TERMINATION, termination_record(&e));
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "sequence", "audit-order", "the end before the release");

	launch_until_end(&l, &e);
	forged = e;
	forged.ev.exit_status ^= htole32(256);
	forge(&l, EROT_LOG_TERMINATION, termination_record(&forged));
	report(&e);
	bad_launch(&l, "evidence", "audit-termination", "other evidence than in the record");
	launch_until_end(&l, &e);
	forged = e;
	end_quote_by(&forged, &two);
	forge(&l, EROT_LOG_TERMINATION, termination_record(&forged));
	report(&e);
	bad_launch(&l, "evidence", "quote-signature", "by another TPM");
	launch_until_end(&l, &e);
	bad_launch(&l, "destruction", "audit-destruction", "a launch that runs");
	launch_until_end(&l, &e);
	box_reset(&one);
	end_quote_by(&e, &one);
	report(&e);
	bad_launch(&l, "evidence", "audit-reset", "the machine was reset in between");
}

/* ---- a machine without a TPM */

static EVP_PKEY *soft_key;

static void soft_sign(const uint8_t digest[EROT_DIGEST_SIZE], struct tpm_quote *q)
{
	must(erot_softkey_sign(soft_key, digest, q->signature, &q->signature_len, &err));
}

static void soft_enrol(struct box *b)
{
	struct erot_learn how = DEFAULT_LEARN;
	uint8_t *spki = NULL, digest[EROT_DIGEST_SIZE], enrolment[EROT_DIGEST_SIZE];
	struct enrol_request in = { 0 };
	struct enrol_answer a;
	struct tpm_quote proof;

	how.allow_software = true;
	if (!soft_key) {
		make_tenant("software");
		learn("software", &one, &how);
	}
	EVP_PKEY_free(soft_key);
	soft_key = EVP_EC_gen("P-256");
	in.spki_len = (size_t)i2d_PUBKEY(soft_key, &spki);
	in.spki = spki;
	must(machine_enrol(&derg, "software", &in, now, &a, &err));
	must(erot_softkey_enrol_data(a.secret, digest));
	soft_sign(digest, &proof);
	must(machine_activate(&derg, "software", a.id, proof.signature, proof.signature_len, now,
			      enrolment, &err));
	OPENSSL_free(spki);
	memset(b, 0, sizeof(*b));
	memcpy(b->id, a.id, sizeof(b->id));
	must(erot_hpke_keypair(b->boot_sk, b->state.boot_key));
	b->state.has_boot_key = true;
	b->state.host = EROT_HOST_ALL;
	snprintf(b->state.module_version, sizeof(b->state.module_version), MODULE_VERSION);
}

static void soft_launch(struct launch *l, struct box *b)
{
	struct erot_quote_release q = { .host = b->state.host };
	uint8_t digest[EROT_DIGEST_SIZE];

	launch_order(l, "software", b);
	must(launch_ask_receipt(l, 0, 0));
	launch_session(l);
	launch_challenge(l);
	memcpy(q.challenge, l->challenge.challenge, sizeof(q.challenge));
	memcpy(q.session_pk, l->req.session_pk, sizeof(q.session_pk));
	memcpy(q.boot_pk, l->req.state.boot_key, sizeof(q.boot_pk));
	memcpy(q.receipt, l->r.digest, sizeof(q.receipt));
	must(erot_quote_data_release(&q, digest));
	soft_sign(digest, &l->quote);
	l->req.signature = l->quote.signature;
	l->req.signature_len = l->quote.signature_len;
}

static void soft_end(struct launch *l, const uint8_t sk[EROT_KEY_SIZE])
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct end e = { .req = { .tenant = l->tenant } };

	make_evidence(&l->r, sk, l->req.state.host, &e.ev);
	e.req.receipt = l->receipt.cms;
	e.req.receipt_len = l->receipt.cms_len;
	e.req.evidence = &e.ev;
	e.req.evidence_len = sizeof(e.ev);
	must(erot_quote_data_end(&e.ev, digest));
	soft_sign(digest, &e.quote);
	e.req.signature = e.quote.signature;
	e.req.signature_len = e.quote.signature_len;
	report(&e);
}

static void test_software(void)
{
	struct erot_audit_input in = input;
	struct erot_release_info info;
	struct erot_release release;
	struct launch l, other_soft;
	struct seen s;
	struct box b;
	json_t *json;

	soft_enrol(&b);
	soft_launch(&l, &b);
	must(launch_release(&l, now, &release));
	must(launch_open(&l, &release, &info));
	soft_end(&l, info.sk);
	in.receipt = l.r.digest;
	in.envelope = l.env;
	in.envelope_len = l.env_len;
	in.since = NULL;
	json = bundle_of(&l);
	tap_ok(!audit(json, &in, &s) && s.ret[check_of("endorsement")] == -ENODATA &&
	       !strcmp(s.err[check_of("endorsement")].code, "software-key"),
	       "a software key: the chain holds, and is told to be endorsed by nobody");
	json_decref(json);
	launch_free(&l);
	soft_launch(&l, &b);
	json = release_record(&l);
	flip(json, "sessionKey", 0);
	forge(&l, EROT_LOG_RELEASE, json);
	bad_launch(&l, "release", "softkey-signature", "a software key's, to another session");
	soft_launch(&l, &b);
	soft_enrol(&b);
	soft_launch(&other_soft, &b);
	in.receipt = l.r.digest;
	in.envelope = l.env;
	in.envelope_len = l.env_len;
	bad_with(&in, with_enrolment(&l, bundle_of(&other_soft)), "machine", "audit-hardware-key",
		 "of another software key");
	launch_free(&l);
	launch_free(&other_soft);
	EVP_PKEY_free(soft_key);
}

static void holds(const struct launch *l, const char *name)
{
	struct erot_audit_input in = input;
	struct seen s;
	json_t *json;

	in.receipt = l->r.digest;
	in.envelope = l->env;
	in.envelope_len = l->env_len;
	in.since = NULL;
	json = bundle_of(l);
	if (!tap_ok(!audit(json, &in, &s), "the chain holds %s", name))
		printf("# %s: %s\n", err.code, err.text);
	json_decref(json);
}

static void take_back(const struct launch *l)
{
	must(derg_receipt_revoke(&derg, l->tenant, l->r.digest, "a mistake", now, &err));
}

/* What was revoked must not be released; afterwards it takes nothing from the launch. */
static void test_revoked(void)
{
	struct launch l, old;

	launch_make(&l, "audit", &one);
	take_back(&l);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "sequence", "audit-revoked", "a receipt that was revoked");
	launch_make(&l, "audit", &one);
	launch_run(&l, now);
	forge(&l, EROT_LOG_RECEIPT_REVOKED, revocation_record("receipt", l.r.digest));
	holds(&l, "after the receipt was revoked");
	launch_free(&l);

	launch_make(&old, "audit", &one);
	launch_make(&l, "audit", &one);
	take_back(&old);
	adopt(EROT_LOG_RECEIPT_REVOKED, old.r.digest, l.r.digest);
	launch_run(&l, now);
	holds(&l, "after another receipt was revoked");
	launch_free(&old);
	launch_free(&l);

	launch_make(&l, "audit", &one);
	forge(&l, EROT_LOG_RECEIPT_REVOKED, json_pack("{s:s}", "reason", "of what?"));
	launch_run(&l, now);
	bad_launch(&l, "sequence", "audit-revoked", "a revocation that does not say of what");

	/* made before, released after: as a provider can who lets a revoked machine go on */
	launch_make(&l, "audit", &two);
	launch_make(&old, "audit", &one);
	must(machine_revoke(&derg, "audit", two.id, "sold", now, &err));
	holds(&other, "after the machine was revoked");
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "sequence", "audit-revoked", "a machine that was revoked");
	adopt(EROT_LOG_MACHINE_REVOKED, two.id, old.r.digest);
	launch_run(&old, now);
	holds(&old, "after another machine was revoked");
	launch_free(&old);
}

int main(void)
{
	audit_begin();
	test_release();
	test_end();
	test_sequence();
	test_software();
	test_revoked();
	audit_seen("sequence", "evidence");
	audit_end();
	return tap_done();
}
