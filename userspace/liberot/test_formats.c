// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents: key statement, receipt, order, envelope, release, evidence, destruction record. Each
 * altered byte is refused, or changes the digest that identifies the content.
 */
#include <errno.h>
#include <stddef.h>

#include "common/secret.h"
#include "common/tap.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"
#include "liberot/hpke.h"
#include "liberot/manifest.h"
#include "liberot/release.h"

static const char manifest[] =
	"{\"process\":{\"args\":[\"/bin/true\"]},\"erot\":{\"codeHash\":"
	"\"sha256:0101010101010101010101010101010101010101010101010101010101010101\"}}";
static uint8_t sk[32], pk[32];

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static struct erot_grant_info make_grant(void)
{
	struct erot_grant_info g = { .epoch = 7 };

	memset(g.id, 1, sizeof(g.id));
	memset(g.tenant, 2, sizeof(g.tenant));
	memset(g.nonce, 3, sizeof(g.nonce));
	memcpy(g.erot_pk, pk, sizeof(g.erot_pk));
	memset(g.policy, 4, sizeof(g.policy));
	memset(g.enrolment, 5, sizeof(g.enrolment));
	memset(g.code_hash, 1, sizeof(g.code_hash));
	g.hwkey = (const uint8_t *)"hardware key";
	g.hwkey_len = 12;
	g.manifest = (const uint8_t *)manifest;
	g.manifest_len = strlen(manifest);
	return g;
}

static struct erot_receipt_info make_receipt(void)
{
	struct erot_receipt_info r = { .grant = make_grant(), .not_before = 1000,
				       .not_after = 2000, .memory_max = 1 << 20, .max_runtime = 60,
				       .pids_max = 10, .isolation = EROT_ISO_ALL };

	memset(r.statement, 6, sizeof(r.statement));
	memset(r.ewc, 7, sizeof(r.ewc));
	memset(r.order, 8, sizeof(r.order));
	return r;
}

/* Gives the digest of a content: 0 or -errno. */
typedef int (*digest_fn)(const void *content, size_t len, uint8_t digest[32],
			 struct erot_error *err);

static int statement_digest(const void *c, size_t len, uint8_t d[32], struct erot_error *err)
{
	struct erot_statement_info s;
	int ret = erot_statement_parse(c, len, &s, err);

	memcpy(d, s.digest, 32);
	return ret;
}

static int receipt_digest(const void *c, size_t len, uint8_t d[32], struct erot_error *err)
{
	struct erot_receipt_info r;
	int ret = erot_receipt_parse(c, len, &r, err);

	memcpy(d, r.digest, 32);
	return ret;
}

static int order_digest(const void *c, size_t len, uint8_t d[32], struct erot_error *err)
{
	struct erot_order_info o;
	int ret = erot_order_parse(c, len, &o, err);

	memcpy(d, o.digest, 32);
	return ret;
}

static int envelope_digest(const void *c, size_t len, uint8_t d[32], struct erot_error *err)
{
	struct erot_envelope_info e;
	int ret = erot_envelope_parse(c, len, &e, err);

	memcpy(d, e.digest, 32);
	return ret;
}

static int destruction_digest(const void *c, size_t len, uint8_t d[32], struct erot_error *err)
{
	struct erot_destruction_info i;
	int ret = erot_destruction_parse(c, len, &i, err);

	memcpy(d, i.digest, 32);
	return ret;
}

/* What holds for all of them. @content is at least a head. */
static void check_content(const char *kind, digest_fn fn, uint8_t *content, size_t len)
{
	uint8_t want[32], got[32], *more;
	struct erot_error err = { 0 };
	size_t i, wrong = 0, codeless = 0;
	char code[40];
	int ret;

	tap_ok(!fn(content, len, want, &err), "%s: parses: %s", kind, err.text);
	for (i = 0; i < len; i++) {
		int bit;

		for (bit = 0; bit < 8; bit++) {
			memset(&err, 0, sizeof(err));
			content[i] ^= 1 << bit;
			ret = fn(content, len, got, &err);
			wrong += ret ? ret != -EBADMSG : !memcmp(want, got, 32);
			codeless += ret && !err.code[0];
			content[i] ^= 1 << bit;
		}
	}
	tap_ok(!wrong && !codeless, "%s: each altered bit is refused or changes the digest", kind);
	for (i = 0; i < len; i++) {
		/* A copy of the exact size, for the address sanitizer. */
		more = malloc(i + 1);
		memcpy(more, content, i);
		wrong += fn(more, i, got, &err) != -EBADMSG;
		free(more);
	}
	tap_ok(!wrong, "%s: cut anywhere: EBADMSG", kind);
	more = malloc(len + 1);
	memcpy(more, content, len);
	more[len] = 0;
	snprintf(code, sizeof(code), "%s-length", kind);
	tap_refused(fn(more, len + 1, got, &err), EBADMSG, &err, code, "a byte more");
	free(more);
	content[0] ^= 1;
	snprintf(code, sizeof(code), "%s-magic", kind);
	tap_refused(fn(content, len, got, &err), EBADMSG, &err, code, "another magic");
	content[0] ^= 1;
	content[8]++;
	snprintf(code, sizeof(code), "%s-version", kind);
	tap_refused(fn(content, len, got, &err), EBADMSG, &err, code, "another version");
	content[8]--;
	content[10] ^= 64;
	snprintf(code, sizeof(code), "%s-purpose", kind);
	tap_refused(fn(content, len, got, &err), EBADMSG, &err, code, "another purpose");
	content[10] ^= 64;
}

static void test_statement(void)
{
	struct erot_statement_info s = { .grant = make_grant() }, out;
	struct erot_error err = { 0 };
	struct erot_receipt_info r;
	uint8_t *c, *d;
	size_t len;

	if (erot_statement_build(&s, &c, &len, &err))
		die(err.text);
	check_content("statement", statement_digest, c, len);
	tap_ok(!erot_statement_parse(c, len, &out, &err) && out.grant.epoch == 7 &&
	       out.grant.hwkey_len == 12 && !memcmp(out.grant.hwkey, "hardware key", 12) &&
	       out.grant.manifest_len == strlen(manifest) &&
	       !memcmp(out.grant.manifest, manifest, strlen(manifest)) &&
	       !memcmp(out.grant.erot_pk, pk, 32), "statement: fields come back");
	tap_refused(erot_receipt_parse(c, len, &r, &err), EBADMSG, &err, "receipt-purpose",
		    "a statement is no receipt");
	c[offsetof(struct erot_grant, reserved)] = 1;
	tap_refused(erot_statement_parse(c, len, &out, &err), EBADMSG, &err, "statement-reserved",
		    "reserved field");
	c[offsetof(struct erot_grant, reserved)] = 0;
	c[offsetof(struct erot_grant, code_hash)] ^= 1;
	tap_refused(erot_statement_parse(c, len, &out, &err), EBADMSG, &err, "statement-code-hash",
		    "code hash apart from the manifest");
	free(c);
	s.grant.hwkey_len = EROT_HWKEY_MAX + 1;
	tap_refused(erot_statement_build(&s, &d, &len, &err), EBADMSG, &err, "statement-hwkey",
		    "long hardware key");
	s = (struct erot_statement_info){ .grant = make_grant() };
	s.grant.manifest_len--;
	tap_refused(erot_statement_build(&s, &d, &len, &err), EBADMSG, &err, "statement-manifest",
		    "broken manifest");
}

static void refuse_receipt(struct erot_receipt_info r, const char *code)
{
	struct erot_error err = { 0 };
	uint8_t *c;
	size_t len;

	tap_refused(erot_receipt_build(&r, &c, &len, &err), EBADMSG, &err, code, "receipt");
}

static void test_receipt(void)
{
	struct erot_receipt_info r = make_receipt(), out;
	struct erot_statement_info s = { .grant = make_grant() }, sp;
	struct erot_order_info o, op;
	struct erot_error err = { 0 };
	uint8_t *c, *sc, *oc, longer[sizeof(struct erot_order) + 1];
	size_t len, slen, olen;

	if (erot_receipt_build(&r, &c, &len, &err))
		die(err.text);
	check_content("receipt", receipt_digest, c, len);
	tap_ok(!erot_receipt_parse(c, len, &out, &err) && out.not_before == 1000 &&
	       out.not_after == 2000 && out.memory_max == 1 << 20 && out.max_runtime == 60 &&
	       out.pids_max == 10 && out.isolation == EROT_ISO_ALL && !out.host,
	       "receipt: fields come back");
	tap_refused(erot_statement_parse(c, len, &sp, &err), EBADMSG, &err, "statement-purpose",
		    "a receipt is no statement");
	tap_ok(!erot_receipt_valid_at(&out, 1000, &err) && !erot_receipt_valid_at(&out, 2000, &err),
	       "receipt: valid from its first second to its last");
	tap_refused(erot_receipt_valid_at(&out, 999, &err), EKEYEXPIRED, &err,
		    "receipt-not-yet-valid", "too early");
	tap_refused(erot_receipt_valid_at(&out, 2001, &err), EKEYEXPIRED, &err, "receipt-expired",
		    "too late");
	free(c);
	r.not_after = r.not_before;
	refuse_receipt(r, "receipt-validity");
	r = make_receipt();
	r.memory_max = 0;
	refuse_receipt(r, "receipt-memory");
	r = make_receipt();
	r.max_runtime = 0;
	refuse_receipt(r, "receipt-runtime");
	r.max_runtime = EROT_RUNTIME_MAX + 1;
	refuse_receipt(r, "receipt-runtime");
	r = make_receipt();
	r.pids_max = 0;
	refuse_receipt(r, "receipt-pids");
	r = make_receipt();
	r.isolation = EROT_ISO_ALL + 1;
	refuse_receipt(r, "receipt-isolation");
	r = make_receipt();
	r.host = EROT_HOST_ALL + 1;
	refuse_receipt(r, "receipt-host");

	/* A chain: statement, order, receipt. */
	if (erot_statement_build(&s, &sc, &slen, &err) ||
	    erot_statement_parse(sc, slen, &sp, &err))
		die(err.text);
	memset(&o, 9, sizeof(o));
	memcpy(o.statement, sp.digest, 32);
	if (erot_order_build(&o, &oc, &olen, &err) || erot_order_parse(oc, olen, &op, &err))
		die(err.text);
	check_content("order", order_digest, oc, olen);
	/* Longer, and saying so. */
	memset(longer, 0, sizeof(longer));
	memcpy(longer, oc, olen);
	erot_head_fill((struct erot_head *)longer, EROT_PURPOSE_ORDER, sizeof(longer));
	tap_refused(erot_order_parse(longer, sizeof(longer), &op, &err), EBADMSG, &err,
		    "order-length", "a longer order");
	if (erot_order_parse(oc, olen, &op, &err))
		die(err.text);
	r = make_receipt();
	memcpy(r.statement, sp.digest, 32);
	memcpy(r.order, op.digest, 32);
	memcpy(r.ewc, op.ewc, 32);
	tap_ok(!erot_receipt_match(&r, &sp, &op, &err), "receipt follows: %s", err.text);
	r.grant.epoch++;
	tap_refused(erot_receipt_match(&r, &sp, &op, &err), EKEYREJECTED, &err, "receipt-grant",
		    "another epoch");
	r.grant.epoch--;
	r.ewc[0]++;
	tap_refused(erot_receipt_match(&r, &sp, &op, &err), EKEYREJECTED, &err, "receipt-ewc",
		    "another container");
	r.ewc[0]--;
	r.order[0]++;
	tap_refused(erot_receipt_match(&r, &sp, &op, &err), EKEYREJECTED, &err, "receipt-order",
		    "another order");
	r.order[0]--;
	r.statement[0]++;
	tap_refused(erot_receipt_match(&r, &sp, &op, &err), EKEYREJECTED, &err,
		    "receipt-statement", "another statement");
	free(sc);
	free(oc);
}

static void test_envelope(void)
{
	static const uint8_t key[32] = "the content key of this payload!", salt[24] = { 1 };
	uint8_t statement[32] = { 2 }, got[32], *env, *other;
	struct erot_payload_shape shape;
	struct erot_error err = { 0 };
	struct erot_envelope_info e;
	size_t len, i, opened = 0;

	erot_payload_shape(40960, &shape, &err);
	if (erot_envelope_build(&shape, true, manifest, strlen(manifest), key, salt, pk, statement,
				&env, &len, &err))
		die(err.text);
	check_content("envelope", envelope_digest, env, len);
	tap_ok(!erot_envelope_parse(env, len, &e, &err) && e.payload_off == 4096 &&
	       !memcmp(&e.shape, &shape, sizeof(shape)) && e.code_hash[0] == 1,
	       "envelope: fields come back");
	tap_ok(!erot_envelope_open(&e, sk, statement, got, &err) && !memcmp(got, key, 32),
	       "envelope opens: %s", err.text);
	/* Whatever still parses after an alteration must not open. */
	for (i = 0; i < len; i++) {
		env[i] ^= 4;
		if (!erot_envelope_parse(env, len, &e, NULL) &&
		    !erot_envelope_open(&e, sk, statement, got, NULL))
			opened++;
		env[i] ^= 4;
	}
	tap_ok(!opened, "envelope: no altered byte leaves it one that opens");
	erot_envelope_parse(env, len, &e, &err);
	statement[0]++;
	tap_refused(erot_envelope_open(&e, sk, statement, got, &err), EBADMSG, &err,
		    "envelope-seal", "another key statement");
	statement[0]--;
	tap_refused(erot_envelope_open(&e, key, statement, got, &err), EBADMSG, &err,
		    "envelope-seal", "another private key");
	e.seal.commitment[0]++;
	tap_refused(erot_envelope_open(&e, sk, statement, got, &err), EBADMSG, &err,
		    "envelope-commitment", "another commitment");
	memset(e.seal.enc, 0, 32);
	tap_refused(erot_envelope_open(&e, sk, statement, got, &err), EKEYREJECTED, &err,
		    "envelope-seal", "an encapsulated key of zeros");

	env[offsetof(struct erot_ewc_header, chunk_count)]++;
	tap_refused(erot_envelope_parse(env, len, &e, &err), EBADMSG, &err, "envelope-shape",
		    "one chunk more");
	env[offsetof(struct erot_ewc_header, chunk_count)]--;
	env[offsetof(struct erot_ewc_header, payload_off) + 1] = 0x20;
	tap_refused(erot_envelope_parse(env, len, &e, &err), EBADMSG, &err, "envelope-offset",
		    "payload further off");
	env[offsetof(struct erot_ewc_header, payload_off) + 1] = 0x10;
	env[offsetof(struct erot_ewc_header, reserved)] = 1;
	tap_refused(erot_envelope_parse(env, len, &e, &err), EBADMSG, &err, "envelope-reserved",
		    "reserved field");

	if (erot_envelope_build(&shape, false, manifest, strlen(manifest), key, salt, pk, statement,
				&other, &len, &err) ||
	    erot_envelope_parse(other, len, &e, &err))
		die(err.text);
	tap_ok(!e.payload_off, "payload in a file of its own");
	env[offsetof(struct erot_ewc_header, reserved)] = 0;
	tap_ok(memcmp(env + len - 136, other + len - 136, 80), "a fresh envelope is sealed afresh");
	free(env);
	free(other);
}

static void test_release(void)
{
	uint8_t session_sk[32], session_pk[32], boot_sk[32], boot_pk[32], receipt[32] = { 3 };
	struct erot_release_info in = { .derg_time = 5, .valid_seconds = 6, .max_runtime = 7 }, out;
	struct erot_error err = { 0 };
	struct erot_release rel;
	size_t i, wrong = 0;

	erot_hpke_keypair(session_sk, session_pk);
	erot_hpke_keypair(boot_sk, boot_pk);
	memcpy(in.sk, sk, 32);
	if (erot_release_seal(&in, receipt, session_pk, boot_pk, &rel, &err))
		die(err.text);
	tap_ok(!erot_release_open(&rel, receipt, session_sk, boot_sk, &out, &err) &&
	       !memcmp(out.sk, sk, 32) && out.derg_time == 5 && out.valid_seconds == 6 &&
	       out.max_runtime == 7, "release opens: %s", err.text);
	for (i = 0; i < sizeof(rel); i++) {
		((uint8_t *)&rel)[i] ^= 1;
		wrong += erot_release_open(&rel, receipt, session_sk, boot_sk, &out, NULL) !=
			 -EBADMSG;
		((uint8_t *)&rel)[i] ^= 1;
	}
	tap_ok(!wrong, "release: every altered byte: EBADMSG");
	tap_refused(erot_release_open(&rel, receipt, boot_sk, boot_sk, &out, &err), EBADMSG, &err,
		    "release-session", "another session key");
	tap_refused(erot_release_open(&rel, receipt, session_sk, session_sk, &out, &err), EBADMSG,
		    &err, "release-boot", "another boot key");
	receipt[0]++;
	tap_refused(erot_release_open(&rel, receipt, session_sk, boot_sk, &out, &err), EBADMSG,
		    &err, "release-session", "another receipt");
	memset(boot_pk, 0, 32);
	tap_refused(erot_release_seal(&in, receipt, session_pk, boot_pk, &rel, &err), EKEYREJECTED,
		    &err, "release-key", "boot key of zeros");
	in.valid_seconds = 0;
	tap_refused(erot_release_seal(&in, receipt, session_pk, session_pk, &rel, &err), EINVAL,
		    &err, "release-value", "valid for no time");
}

static void refuse_evidence(struct erot_evidence ev, const char *code)
{
	struct erot_error err = { 0 };

	tap_refused(erot_evidence_check_form(&ev, sizeof(ev), &err), EBADMSG, &err, code,
		    "evidence");
}

static void test_evidence(void)
{
	struct erot_evidence ev = { .started_ns = 1, .ended_ns = 2, .released_ns = 3,
				    .reason = EROT_END_EXIT, .flags = EROT_EV_RELEASED }, bad;
	struct erot_destruction_info d = { .time = 99 }, out;
	uint8_t key[32], receipt[32] = { 4 }, *c;
	struct erot_error err = { 0 };
	size_t i, len, wrong = 0;

	erot_head_fill(&ev.head, EROT_PURPOSE_EVIDENCE, sizeof(ev));
	memcpy(ev.receipt, receipt, 32);
	erot_evidence_key(sk, key);
	erot_evidence_seal(&ev, key);
	tap_ok(!erot_evidence_verify(&ev, sizeof(ev), key, receipt, &err), "evidence: %s",
	       err.text);
	for (i = 0; i < sizeof(ev); i++) {
		((uint8_t *)&ev)[i] ^= 1;
		wrong += !erot_evidence_verify(&ev, sizeof(ev), key, receipt, NULL);
		((uint8_t *)&ev)[i] ^= 1;
	}
	tap_ok(!wrong, "evidence: every altered byte is refused");
	ev.exit_status ^= 1;
	tap_refused(erot_evidence_verify(&ev, sizeof(ev), key, receipt, &err), EKEYREJECTED, &err,
		    "evidence-mac", "another exit status");
	ev.exit_status ^= 1;
	receipt[0]++;
	tap_refused(erot_evidence_verify(&ev, sizeof(ev), key, receipt, &err), EKEYREJECTED, &err,
		    "evidence-receipt", "another receipt");
	tap_refused(erot_evidence_check_form(&ev, sizeof(ev) - 1, &err), EBADMSG, &err,
		    "evidence-length", "cut");
	bad = ev;
	bad.flags = EROT_EV_RELEASED | EROT_EV_PINNED;
	refuse_evidence(bad, "evidence-flags");
	bad.flags = EROT_EV_RAN;
	refuse_evidence(bad, "evidence-flags");
	bad = ev;
	bad.reason = EROT_END_NONE;
	refuse_evidence(bad, "evidence-reason");
	bad = ev;
	bad.reserved = 1;
	refuse_evidence(bad, "evidence-reserved");
	bad = ev;
	bad.ended_ns = 4;
	refuse_evidence(bad, "evidence-clock");
	bad = ev;
	bad.host = EROT_HOST_ALL + 1;
	refuse_evidence(bad, "evidence-bits");

	d.evidence = ev;
	d.quote = (const uint8_t *)"quote";
	d.quote_len = 5;
	if (erot_destruction_build(&d, &c, &len, &err))
		die(err.text);
	check_content("destruction", destruction_digest, c, len);
	tap_ok(!erot_destruction_parse(c, len, &out, &err) && out.time == 99 &&
	       out.quote_len == 5 &&
	       !memcmp(out.quote, "quote", 5) && !memcmp(&out.evidence, &ev, sizeof(ev)),
	       "destruction: fields come back");
	free(c);
	d.quote_len = 0;
	d.quote = NULL;
	tap_ok(!erot_destruction_build(&d, &c, &len, &err) &&
	       len == sizeof(struct erot_destruction),
	       "destruction: without a quote");
	free(c);
}

static void test_names(void)
{
	char text[200];

	tap_ok(!strcmp(erot_end_name(EROT_END_EXEC_GATE), "exec-gate") &&
	       !strcmp(erot_end_name(99), "unknown"), "names of ends");
	tap_ok(erot_isolation_bit("swap-zero") == EROT_ISO_SWAP_ZERO && !erot_isolation_bit("x"),
	       "isolation by name");
	erot_host_format(EROT_HOST_ATTESTED | EROT_HOST_NO_SWAP | 1U << 9, text, sizeof(text));
	tap_ok(!strcmp(text, "attested,no-swap,0x200"), "unknown bits show");
	tap_ok(!strcmp(erot_isolation_format(0, text, sizeof(text)), "none"), "no bits");
	tap_ok(strlen(erot_isolation_format(EROT_ISO_ALL, text, 12)) == 11, "cut to size");
}

int main(void)
{
	if (erot_hpke_keypair(sk, pk))
		die("no key");
	test_statement();
	test_receipt();
	test_envelope();
	test_release();
	test_evidence();
	test_names();
	return tap_done();
}
