// SPDX-License-Identifier: GPL-2.0-only
/* Audits: every check holds for a real launch, and fails when what it is about is altered. */
#include "dergd/test_attested.h"

#include <jansson.h>

#include "common/base64.h"
#include "dergd/bundle.h"
#include "liberot/audit.h"

static const char *const names[] = {
	"bundle", "statement", "receipt", "order", "customer", "derivation", "container", "machine",
	"endorsement", "policy", "destruction", "checkpoint", "inclusion", "logged", "chain",
	"sequence", "release", "state", "evidence",
};

#define CHECKS	(sizeof(names) / sizeof(*names))

/**
 * struct seen - verdicts of one audit
 */
struct seen {
	unsigned int n;
	bool in_order;
	int ret[CHECKS];
	struct erot_error err[CHECKS];
};

static struct box one, two, stranger;
static struct launch golden, other, foreign;
static json_t *good;			/* bundle of @golden */
static struct erot_audit_input input;
static bool seen_bad[CHECKS];

/* ---- audits */

static void tell(void *ctx, const char *name, const char *what, int ret,
		 const struct erot_error *e)
{
	struct seen *s = ctx;

	(void)what;
	if (s->n == CHECKS)
		test_die("more checks than names");
	s->in_order &= !strcmp(names[s->n], name);
	s->ret[s->n] = ret;
	s->err[s->n++] = *e;
}

static int audit(const json_t *bundle, const struct erot_audit_input *in, struct seen *s)
{
	struct erot_audit_input this = *in;
	char *text = json_dumps(bundle, JSON_COMPACT);
	int ret;

	memset(s, 0, sizeof(*s));
	s->in_order = true;
	this.bundle = text;
	this.bundle_len = strlen(text);
	ret = erot_audit(&this, tell, s, &err);
	free(text);
	return ret;
}

static unsigned int check_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < CHECKS && strcmp(names[i], name); i++)
		;
	if (i == CHECKS)
		test_die(name);
	return i;
}

/* The audit fails, and so does this very check, with this code. */
static void bad_with(const struct erot_audit_input *in, json_t *bundle, const char *check,
		     const char *code, const char *name)
{
	unsigned int i = check_of(check);
	struct seen s;
	int ret;

	ret = audit(bundle, in, &s);
	if (tap_ok(ret && s.in_order && s.ret[i] && s.ret[i] != -ECANCELED &&
		   !strcmp(s.err[i].code, code), "%s: %s: %s", check, name, code))
		seen_bad[i] = true;
	else
		printf("# returned %d (%s), check %d: %s: %s\n", ret, err.code, s.ret[i],
		       s.err[i].code, s.err[i].text);
	json_decref(bundle);
}

static void bad(json_t *bundle, const char *check, const char *code, const char *name)
{
	bad_with(&input, bundle, check, code, name);
}

static json_t *bundle_of(const struct launch *l)
{
	json_t *json;

	must(derg_bundle(&derg, l->tenant, l->r.digest, &json, &err));
	return json;
}

/* ---- alterations: each gives a new bundle */

static json_t *copy(void)
{
	return json_deep_copy(good);
}

static void put(json_t *o, const char *name, const void *data, size_t len)
{
	char *text = erot_base64_encode(data, len);

	json_object_set_new(o, name, json_string(text));
	free(text);
}

static json_t *with(const char *name, const void *data, size_t len)
{
	json_t *b = copy();

	put(b, name, data, len);
	return b;
}

static json_t *with_json(const char *name, json_t *value)
{
	json_t *b = copy();

	json_object_set_new(b, name, value);
	return b;
}

static json_t *without(const char *name)
{
	json_t *b = copy();

	json_object_del(b, name);
	return b;
}

/* @at: byte; negative: from the end */
static void flip(json_t *o, const char *name, long at)
{
	uint8_t *data;
	size_t len;

	must(erot_base64_decode(json_string_value(json_object_get(o, name)), 1 << 20, &data, &len,
				&err));
	data[at < 0 ? (long)len + at : at] ^= 1;
	put(o, name, data, len);
	free(data);
}

static json_t *flipped(const char *name, long at)
{
	json_t *b = copy();

	flip(b, name, at);
	return b;
}

static uint32_t kind_of(const json_t *entry)
{
	struct erot_log_entry_info info;
	uint8_t *data;
	size_t len;

	must(erot_base64_decode(json_string_value(json_object_get(entry, "entry")), 4096, &data,
				&len, &err));
	must(erot_log_entry_parse(data, len, &info, &err));
	free(data);
	return info.kind;
}

/* Place of the first entry of a kind. */
static size_t entry_at(const json_t *bundle, uint32_t kind)
{
	json_t *list = json_object_get(bundle, "entries");
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (kind_of(json_array_get(list, i)) == kind)
			return i;
	test_die("no such entry");
	return 0;
}

static json_t *entry_of(json_t *bundle, uint32_t kind)
{
	return json_array_get(json_object_get(bundle, "entries"), entry_at(bundle, kind));
}

/* ---- documents */

static void test_golden(void)
{
	struct erot_audit_input bare = { .cert = input.cert };
	struct seen s;
	unsigned int i;
	int ret;

	ret = audit(good, &input, &s);
	for (i = 0; i < s.n && !s.ret[i]; i++)
		;
	if (!tap_ok(!ret && s.in_order && i == CHECKS, "every check holds"))
		printf("# %s: %s: %s\n", names[i % CHECKS], s.err[i % CHECKS].code,
		       s.err[i % CHECKS].text);
	ret = audit(good, &bare, &s);
	tap_ok(!ret && s.ret[check_of("customer")] == -ENODATA &&
	       s.ret[check_of("container")] == -ENODATA &&
	       s.ret[check_of("endorsement")] == -ENODATA,
	       "what was not given is told as missing, and fails nothing");
}

static void test_documents(void)
{
	struct erot_audit_input in = input;
	X509 *cert;

	bad(with_json("more", json_true()), "bundle", "bundle-unknown", "a member more");
	bad(with_json("version", json_integer(2)), "bundle", "bundle-value", "another version");
	bad(with_json("receipt", json_string("!")), "bundle", "bundle-value", "no base64");
	bad(without("checkpoint"), "bundle", "bundle-missing", "no checkpoint");
	bad(flipped("statement", -1), "statement", "cms-signature", "signature altered");
	bad(with("statement", golden.receipt.cms, golden.receipt.cms_len), "statement",
	    "statement-purpose", "a receipt in its place");
	bad(flipped("receipt", -1), "receipt", "cms-signature", "signature altered");
	bad(with("receipt", golden.statement.cms, golden.statement.cms_len), "receipt",
	    "receipt-purpose", "a statement in its place");
	in.cert = customer;
	bad_with(&in, copy(), "receipt", "cms-signer", "another provider");
	in = input;
	bad(flipped("order", -1), "order", "cms-signature", "signature altered");
	bad(with("order", golden.receipt.cms, golden.receipt.cms_len), "order", "cms-signer",
	    "signed by the provider");
	bad(flipped("orderCertificate", 300), "order", "cms-signature", "certificate altered");
	must(erot_cert_self_signed(customer_key, "another", 1, &cert, &err));
	in.customer = cert;
	bad_with(&in, copy(), "customer", "audit-customer", "another one was expected");
	X509_free(cert);
	bad(with("receipt", other.receipt.cms, other.receipt.cms_len), "derivation",
	    "receipt-statement", "receipt of another launch");
	bad(with_json("tenant", json_string("theirs")), "derivation", "audit-tenant",
	    "of another tenant");
	in = input;
	in.envelope = other.env;
	in.envelope_len = other.env_len;
	bad_with(&in, copy(), "container", "receipt-ewc", "container of another launch");
	bad(flipped("destruction", -1), "destruction", "cms-signature", "signature altered");
	bad(with("destruction", golden.receipt.cms, golden.receipt.cms_len), "destruction",
	    "destruction-purpose", "a receipt in its place");
	bad(without("destruction"), "destruction", "audit-destruction", "none");
}

/* ---- the machine */

/* A receipt that names this enrolment: what a provider could sign that lies. */
static json_t *with_enrolment(json_t *from)
{
	const char *text = json_string_value(json_object_get(from, "enrolment"));
	struct erot_receipt_info r = golden.r;
	uint8_t *record, *content, *cms;
	size_t len, content_len, cms_len;
	json_t *b;

	must(erot_base64_decode(text, 1 << 20, &record, &len, &err));
	erot_sha256(record, len, r.grant.enrolment);
	must(erot_receipt_build(&r, &content, &content_len, &err));
	must(derg_sign(&derg, content, content_len, &cms, &cms_len, &err));
	b = with("receipt", cms, cms_len);
	put(b, "enrolment", record, len);
	free(record);
	free(content);
	free(cms);
	json_decref(from);
	return b;
}

static void test_machine(void)
{
	struct erot_audit_input in = input;
	struct erot_ek_roots *roots;
	json_t *json = bundle_of(&foreign);
	uint8_t *pem;
	size_t len;

	bad(flipped("enrolment", 20), "machine", "audit-enrolment", "record altered");
	bad(without("enrolment"), "machine", "audit-enrolment", "no record");
	bad(with_enrolment(bundle_of(&other)), "machine", "audit-hardware-key",
	    "of another machine");
	bad(with_enrolment(bundle_of(&foreign)), "machine", "audit-tenant", "of another tenant");
	pem = test_read("elsewhere/swtpm-localca-rootca-cert.pem", &len);
	must(erot_ek_roots_load(pem, len, &roots, &err));
	free(pem);
	in.roots = roots;
	bad_with(&in, copy(), "endorsement", "ek-chain", "another maker's TPM");
	erot_ek_roots_free(roots);
	bad(with_json("policy", json_incref(json_object_get(json, "policy"))), "policy",
	    "audit-policy", "another policy");
	bad(with("policy", "{}", 2), "policy", "policy-missing", "an empty policy");
	bad(without("policy"), "policy", "policy-none", "none");
	json_decref(json);
}

/* ---- the log */

static json_t *with_checkpoint(size_t line)
{
	json_t *b = copy();
	char *text = strdup(json_string_value(json_object_get(b, "checkpoint"))), *at = text;

	while (line--)
		at = strchr(at, '\n') + 1;
	*at = *at == '9' || *at == 'Z' ? '1' : *at + 1;
	json_object_set_new(b, "checkpoint", json_string(text));
	free(text);
	return b;
}

static json_t *without_entry(uint32_t kind)
{
	json_t *b = copy();

	json_array_remove(json_object_get(b, "entries"), entry_at(b, kind));
	return b;
}

static json_t *with_chain_of(size_t remove)
{
	json_t *b = copy();

	json_array_remove(json_object_get(b, "chain"), remove);
	return b;
}

static void test_log(void)
{
	static const uint32_t kinds[] = { EROT_LOG_STATEMENT, EROT_LOG_ORDER, EROT_LOG_RECEIPT,
		EROT_LOG_RELEASE, EROT_LOG_ENROLMENT, EROT_LOG_DESTRUCTION, EROT_LOG_TERMINATION };
	size_t links = json_array_size(json_object_get(good, "chain"));
	uint8_t zero[EROT_DIGEST_SIZE] = { 0 };
	unsigned int i;
	json_t *b;

	bad(with_checkpoint(1), "checkpoint", "note-signature", "another size");
	bad(with_checkpoint(2), "checkpoint", "note-signature", "another root");
	bad(with("logCertificate", customer_der, customer_der_len), "checkpoint",
	    "log-certificate", "a log that the provider did not certify");
	b = copy();
	flip(entry_of(b, EROT_LOG_RELEASE), "content", 3);
	bad(b, "inclusion", "log-commitment", "content altered");
	b = copy();
	flip(entry_of(b, EROT_LOG_RELEASE), "salt", 0);
	bad(b, "inclusion", "log-commitment", "salt altered");
	b = copy();
	flip(entry_of(b, EROT_LOG_RELEASE), "entry", -1);
	bad(b, "inclusion", "log-inclusion", "entry altered");
	b = copy();
	json_array_set_new(json_object_get(entry_of(b, EROT_LOG_RELEASE), "proof"), 0,
			   json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
	bad(b, "inclusion", "log-inclusion", "proof altered");
	b = copy();
	json_object_set_new(entry_of(b, EROT_LOG_RELEASE), "index", json_integer(0));
	bad(b, "inclusion", "log-inclusion", "at another place");
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		bad(without_entry(kinds[i]), "logged", "audit-not-in-log",
		    erot_log_kind_name(kinds[i]));
	bad(with_chain_of(links / 2), "chain", "log-gap", "an entry left out");
	bad(with_chain_of(links - 1), "chain", "audit-chain", "cut at its end");
	bad(with_chain_of(0), "chain", "audit-chain", "cut at its begin");
	bad(without("chain"), "chain", "audit-chain", "none");
	b = copy();
	put(json_array_get(json_object_get(b, "entries"), 0), "salt", zero, sizeof(zero));
	bad(b, "inclusion", "log-commitment", "a commitment to something else");
}

/* ---- a provider that logs what did not happen */

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

/* Audits @l, and is done with it. */
static void bad_launch(struct launch *l, const char *check, const char *code, const char *name)
{
	struct erot_audit_input in = input;

	in.envelope = l->env;
	in.envelope_len = l->env_len;
	bad_with(&in, bundle_of(l), check, code, name);
	launch_free(l);
}

static void test_release(void)
{
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
	l.req.state.host &= ~EROT_HOST_NO_SWAP;
	launch_quote(&l);
	forge(&l, EROT_LOG_RELEASE, release_record(&l));
	bad_launch(&l, "state", "host-state", "not as the policy demands");
	launch_make(&l, "audit", &one);
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

/* What happens to the machine afterwards takes nothing from the launch. */
static void test_afterwards(void)
{
	struct erot_audit_input in = input;
	struct seen s;
	json_t *json;

	must(machine_revoke(&derg, "audit", two.id, "sold", now, &err));
	in.envelope = other.env;
	in.envelope_len = other.env_len;
	json = bundle_of(&other);
	tap_ok(!audit(json, &in, &s), "the chain holds after the machine was revoked");
	json_decref(json);
}

static void begin(void)
{
	struct erot_learn how = DEFAULT_LEARN;
	uint8_t *pem;
	size_t len;

	derg_begin("maker", NULL);
	launch_ready(&golden, "audit", &one);
	launch_run(&golden, now);
	enrol("audit", &two);
	launch_make(&other, "audit", &two);
	launch_run(&other, now);
	/* another tenant with the same machine and another policy */
	make_tenant("theirs");
	how.optional_log = true;
	learn("theirs", &one, &how);
	enrol("theirs", &one);
	launch_make(&foreign, "theirs", &one);
	launch_run(&foreign, now);
	good = bundle_of(&golden);
	input.cert = authority.cert;
	input.customer = customer;
	input.envelope = golden.env;
	input.envelope_len = golden.env_len;
	pem = test_read("roots.pem", &len);
	must(erot_ek_roots_load(pem, len, (struct erot_ek_roots **)&input.roots, &err));
	free(pem);
}

int main(void)
{
	unsigned int i, rows = 0;

	test_begin();
	test_authority("maker");
	test_authority("elsewhere");
	box_make(&one, "one", "maker");
	box_make(&two, "two", "maker");
	box_make(&stranger, "stranger", "elsewhere");
	begin();
	test_golden();
	test_documents();
	test_machine();
	test_log();
	test_release();
	test_end();
	test_afterwards();
	for (i = 0; i < CHECKS; i++)
		rows += seen_bad[i];
	tap_ok(rows == CHECKS, "%u of %zu checks were seen to fail", rows, CHECKS);
	json_decref(good);
	erot_ek_roots_free((struct erot_ek_roots *)input.roots);
	launch_free(&golden);
	launch_free(&other);
	launch_free(&foreign);
	derg_end();
	return tap_done();
}
