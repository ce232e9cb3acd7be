// SPDX-License-Identifier: GPL-2.0-only
/* Audits: every check holds for a real launch, and fails when what it is about is altered. */
#include "dergd/test_audit.h"

static struct box stranger;

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
	tap_ok(!ret && s.ret[check_of("launch")] == -ENODATA &&
	       s.ret[check_of("customer")] == -ENODATA &&
	       s.ret[check_of("container")] == -ENODATA &&
	       s.ret[check_of("endorsement")] == -ENODATA &&
	       s.ret[check_of("history")] == -ENODATA,
	       "what was not given is told as missing, and fails nothing");
}

/* An order that names somebody else than who has signed it. */
static json_t *with_order_of(const uint8_t who[EROT_DIGEST_SIZE])
{
	uint8_t *content, *cms;
	struct erot_order_info o = { 0 };
	size_t len, cms_len;
	json_t *b;

	memcpy(o.customer, who, sizeof(o.customer));
	memcpy(o.statement, golden.r.statement, sizeof(o.statement));
	memcpy(o.ewc, golden.r.ewc, sizeof(o.ewc));
	must(erot_order_build(&o, &content, &len, &err));
	must(erot_cms_sign_key(customer_key, customer, content, len, &cms, &cms_len, &err));
	b = with("order", cms, cms_len);
	free(content);
	free(cms);
	return b;
}

/* A provider may answer with a launch of which all is good. */
static void test_launch(void)
{
	struct erot_audit_input in = input;
	json_t *json = bundle_of(&other);
	unsigned int i, n = 0;
	struct seen s;
	int ret;

	in.envelope = NULL;
	in.since = NULL;
	ret = audit(json, &in, &s);
	for (i = 0; i < CHECKS; i++)
		n += s.ret[i] && s.ret[i] != -ENODATA;
	tap_ok(ret && n == 1 && !strcmp(err.code, "audit-launch"),
	       "another launch of the same customer: nothing but that is bad");
	bad_with(&in, json, "launch", "audit-launch", "another launch");
	in.receipt = other.r.digest;
	bad_with(&in, copy(), "launch", "audit-launch", "the other way round");
}

static void test_documents(void)
{
	struct erot_audit_input in = input;
	json_t *json = bundle_of(&other);
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
	bad(with_order_of(two.id), "order", "order-customer", "in another customer's name");
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
	bad(with_json("destruction", json_incref(json_object_get(json, "destruction"))),
	    "destruction", "destruction-receipt", "of another launch");
	json_decref(json);
	bad(without("destruction"), "destruction", "audit-destruction", "none");
}

/* ---- the machine */
/* The record without one bit of the key's attributes, of which @byte counts from the highest. */
static json_t *with_ak_attribute(unsigned int byte, uint8_t bit)
{
	json_t *from = copy(), *record;
	uint8_t *text, *ak;
	size_t len;
	char *out;

	must(erot_base64_decode(json_string_value(json_object_get(from, "enrolment")), 1 << 20,
				&text, &len, &err));
	record = json_loadb((char *)text, len, 0, NULL);
	free(text);
	must(erot_base64_decode(json_string_value(json_object_get(record, "akPublic")), 1 << 20,
				&ak, &len, &err));
	ak[6 + byte] &= ~bit;
	put(record, "akPublic", ak, len);
	free(ak);
	out = json_dumps(record, JSON_COMPACT);
	put(from, "enrolment", out, strlen(out));
	free(out);
	json_decref(record);
	return with_enrolment(&golden, from);
}

static void test_machine(void)
{
	struct erot_audit_input in = input;
	struct erot_ek_roots *roots;
	json_t *json = bundle_of(&foreign);
	uint8_t *pem;
	size_t len;

	bad(with_blank("enrolment"), "machine", "audit-enrolment", "record altered");
	bad(without("enrolment"), "machine", "audit-enrolment", "no record");
	bad(with_enrolment(&golden, bundle_of(&other)), "machine", "audit-hardware-key",
	    "of another machine");
	bad(with_enrolment(&golden, bundle_of(&foreign)), "machine", "audit-tenant",
	    "of another tenant");
	bad(with_ak_attribute(1, 0x01), "machine", "ak-attributes", "a key that is not restricted");
	bad(with_ak_attribute(3, 0x02), "machine", "ak-attributes", "a key that may leave its TPM");
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

/* A log that says something else about itself than was signed. */
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

/* A certificate as good as the log's, but for who has signed it. */
static json_t *with_own_log(void)
{
	X509 *cert = X509_dup(authority.log_cert);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t *der = NULL;
	json_t *b;
	int len;

	if (!key || !cert || X509_set_pubkey(cert, key) != 1 ||
	    !X509_sign(cert, customer_key, EVP_sha256()))
		test_die("no certificate");
	len = i2d_X509(cert, &der);
	b = with("logCertificate", der, (size_t)len);
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return b;
}

static void test_log(void)
{
	static const uint32_t kinds[] = { EROT_LOG_STATEMENT, EROT_LOG_ORDER, EROT_LOG_RECEIPT,
		EROT_LOG_RELEASE, EROT_LOG_ENROLMENT, EROT_LOG_DESTRUCTION, EROT_LOG_TERMINATION };
	size_t links = json_array_size(json_object_get(good, "chain"));
	uint8_t zero[EROT_DIGEST_SIZE] = { 0 };
	json_t *b, *json;
	unsigned int i;

	bad(with_checkpoint(1), "checkpoint", "note-signature", "another size");
	bad(with_checkpoint(2), "checkpoint", "note-signature", "another root");
	bad(with("logCertificate", customer_der, customer_der_len), "checkpoint",
	    "log-certificate", "no certificate of a log");
	bad(with_own_log(), "checkpoint", "log-certificate",
	    "a log that the provider did not certify");
	b = bundle_of(&golden);
	json = bundle_of(&foreign);
	json_array_append(json_object_get(b, "entries"), entry_of(json, EROT_LOG_ENROLMENT));
	json_decref(json);
	bad(b, "chain", "audit-chain", "an older entry of another tenant");
	b = bundle_of(&golden);
	json = bundle_of(&other);
	json_array_set(json_object_get(b, "entries"), entry_at(b, EROT_LOG_RECEIPT),
		       entry_of(json, EROT_LOG_RECEIPT));
	json_decref(json);
	bad(b, "logged", "audit-not-in-log", "another launch's receipt");
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

/* ---- a provider that has rewritten the log */
/* Of a tree of that size which never was, but signed by the log. */
static void forge_checkpoint(uint64_t size, struct erot_buf *note)
{
	struct erot_checkpoint cp = checkpoint_of(good);
	uint8_t sig[EROT_ED25519_SIZE];
	struct erot_buf text = { 0 };

	cp.size = size;
	cp.root[0] ^= 1;
	must(erot_checkpoint_format(&cp, &text, &err));
	must(hsm_ed25519_sign(&authority.hsm, LOG_KEY, text.data, text.len, sig, &err));
	memset(note, 0, sizeof(*note));
	must(erot_note_format(text.data, text.len, &authority.log_key, sig, note, &err));
	erot_buf_free(&text);
}

static void bad_since(const char *note, size_t len, json_t *bundle, const char *code,
		      const char *name)
{
	struct erot_audit_input in = input;

	in.since = note;
	in.since_len = len;
	bad_with(&in, bundle, "history", code, name);
}

static void bad_forged(uint64_t size, const char *name)
{
	struct erot_buf note;

	forge_checkpoint(size, &note);
	bad_since((char *)note.data, note.len, copy(), "log-consistency", name);
	erot_buf_free(&note);
}

static void test_history(void)
{
	const char *note = json_string_value(json_object_get(good, "checkpoint"));
	uint64_t then = checkpoint_of(before).size, size = checkpoint_of(good).size;
	struct erot_audit_input in = input;
	json_t *history, *b = copy();
	struct seen s;
	char *other_note;

	json_array_remove(json_object_get(json_object_get(b, "history"), "proof"), 0);
	bad(b, "history", "log-consistency", "proof cut");
	b = copy();
	json_array_set_new(json_object_get(json_object_get(b, "history"), "proof"), 0,
			   json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
	bad(b, "history", "log-consistency", "proof altered");
	bad(without("history"), "history", "audit-history", "no proof");
	b = copy();
	history = json_object_get(b, "history");
	json_object_set_new(history, "size", json_integer((json_int_t)then - 1));
	bad(json_incref(b), "history", "audit-history", "proof from another checkpoint on");
	json_object_set_new(history, "more", json_true());
	bad(json_incref(b), "bundle", "bundle-unknown", "a member more in the history");
	json_object_del(history, "more");
	json_object_del(history, "size");
	bad(b, "bundle", "bundle-missing", "a history of no size");

	bad_forged(then, "rewritten: the earlier tree was another one");
	bad_forged(size, "rewritten: two trees of one size");
	bad_since(note, strlen(note), json_deep_copy(before), "log-consistency",
		  "cut: the earlier tree was larger");
	other_note = strdup(note);
	*strchr(other_note, '\n') = '2';
	bad_since(other_note, strlen(other_note), copy(), "note-signature",
		  "an earlier checkpoint that the log did not sign");
	free(other_note);
	in.since = note;
	in.since_len = strlen(note);
	tap_ok(!audit(good, &in, &s) && !s.ret[check_of("history")],
	       "the same checkpoint again is no contradiction");
}

/* ---- clocks of the provider */

/* A DERG whose clock is behind takes up what another one began: the log's times do not go back. */
static void test_clocks(void)
{
	struct erot_audit_input in = { .cert = input.cert };
	struct erot_release release;
	struct launch l, late;
	struct seen s;
	json_t *b;

	launch_order(&l, "audit", &two);
	must(launch_ask_receipt(&l, now - 100, now + 100));
	launch_session(&l);
	launch_challenge(&l);
	launch_quote(&l);
	launch_run(&l, now - 50);
	b = bundle_of(&l);
	tap_ok(!audit(b, &in, &s), "a clock that went back spoils no audit");
	json_decref(b);
	launch_order(&late, "audit", &two);
	must(launch_ask_receipt(&late, now - 100, now - 20));
	launch_session(&late);
	launch_challenge(&late);
	launch_quote(&late);
	tap_refused(launch_release(&late, now - 50, &release), EKEYEXPIRED, &err,
		    "receipt-expired", "a receipt that has expired by the log's time");
	tap_ok(!entries(EROT_LOG_RELEASE, late.r.digest) &&
	       entries(EROT_LOG_REFUSAL, late.r.digest) == 1, "which would be found out later");
	launch_free(&l);
	launch_free(&late);
}

int main(void)
{
	audit_begin();
	test_authority("elsewhere");
	box_make(&stranger, "stranger", "elsewhere");
	test_golden();
	test_launch();
	test_documents();
	test_machine();
	test_log();
	test_history();
	test_clocks();
	audit_seen("bundle", "chain");
	audit_end();
	return tap_done();
}
