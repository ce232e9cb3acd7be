// SPDX-License-Identifier: GPL-2.0-only
/* Releases: to the machine of the quote, to its module, once; every refusal has its code. */
#include "dergd/test_attested.h"

#include <poll.h>
#include <signal.h>

#include "dergd/problem.h"

static struct box one, two;
static struct erot_release release;

static void test_granted(void)
{
	struct erot_release again;
	struct erot_release_info info;
	uint8_t key[32], other[32] = { 1 };
	struct erot_envelope_info e;
	struct launch l;

	launch_ready(&l, "granted", &one);
	must(launch_release(&l, now, &release));
	tap_ok(!launch_open(&l, &release, &info), "session and boot key open it");
	tap_ok(info.derg_time == now && info.max_runtime == 60, "it says when and for how long");
	must(erot_envelope_parse(l.env, l.env_len, &e, &err));
	tap_ok(!erot_envelope_open(&e, info.sk, l.r.statement, key, &err) &&
	       !memcmp(key, l.content_key, 32), "what is in it opens the container");
	tap_ok(erot_release_open(&release, l.r.digest, l.s_sk, other, &info, &err) &&
	       erot_release_open(&release, l.r.digest, other, one.boot_sk, &info, &err),
	       "neither key alone opens it");
	tap_ok(entries(EROT_LOG_RELEASE, l.r.digest) == 1, "it is in the log");
	memset(&again, 0, sizeof(again));
	must(launch_release(&l, now + 1, &again));
	tap_ok(!memcmp(&again, &release, sizeof(again)), "a retry gives the same bytes");
	memset(&again, 0, sizeof(again));
	launch_challenge(&l);
	launch_quote(&l);
	must(launch_release(&l, now + 2, &again));
	tap_ok(!memcmp(&again, &release, sizeof(again)), "also with a new challenge");
	tap_ok(entries(EROT_LOG_RELEASE, l.r.digest) == 1, "and is in the log once");
	must(erot_hpke_keypair(l.s_sk, l.req.session_pk));
	launch_quote(&l);
	tap_refused(launch_release(&l, now + 2, &again), EPERM, &err, "receipt-spent",
		    "another session");
	tap_ok(entries(EROT_LOG_REFUSAL, l.r.digest) == 1, "that refusal is in the log");
	launch_free(&l);
}

/* Everything about the quote and what it is bound to. */
static void test_quotes(void)
{
	struct derg_challenge old;
	struct tpm_quote before;
	uint8_t zero[32] = { 0 };
	struct launch l;

	launch_ready(&l, "quotes", &one);
	launch_quote_by(&l, &two, ALL_PCRS);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "quote-signature",
		    "quote of another TPM");
	launch_quote(&l);
	before = l.quote;
	old = l.challenge;
	launch_challenge(&l);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err,
		    "quote-qualifying-data", "quote over an older challenge");
	launch_quote(&l);
	l.req.session_pk[0] ^= 1;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err,
		    "quote-qualifying-data", "session key exchanged in the middle");
	l.req.session_pk[0] ^= 1;
	l.req.state.boot_key[31] ^= 1;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err,
		    "quote-qualifying-data", "boot key exchanged in the middle");
	l.req.state.boot_key[31] ^= 1;
	l.req.state.host ^= EROT_HOST_NO_SWAP;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err,
		    "quote-qualifying-data", "host state altered");
	l.req.state.host ^= EROT_HOST_NO_SWAP;
	l.req.state.pcrs.value[0][0] ^= 1;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "quote-pcrs",
		    "PCRs beside the quote altered");
	launch_quote_by(&l, &one, POLICY_PCRS);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "quote-selection",
		    "quote that leaves the boot PCR out");
	launch_quote_by(&l, &one, ALL_PCRS | 1 << 7);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "quote-selection",
		    "quote of more PCRs than asked");
	launch_quote(&l);
	l.quote.attest[0] ^= 1;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "quote-magic",
		    "not made inside a TPM");
	l.quote.attest[0] ^= 1;
	l.req.quote.attest_len--;
	tap_refused(launch_release(&l, now, &release), EBADMSG, &err, "quote-syntax", "quote cut");
	l.req.quote.attest_len = 0;
	tap_refused(launch_release(&l, now, &release), EBADMSG, &err, "quote-syntax", "no quote");
	l.req.quote.attest_len = l.quote.attest_len;
	l.req.challenge = zero;
	memcpy(l.challenge.challenge, zero, 32);
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "challenge-unknown",
		    "a challenge that was never given");
	l.req.challenge = NULL;
	tap_refused(launch_release(&l, now, &release), EINVAL, &err, "challenge-unknown",
		    "no challenge");
	/* the quote of before is good for its own challenge, and for that only */
	l.challenge = old;
	l.quote = before;
	l.req.challenge = l.challenge.challenge;
	l.req.state.pcrs = before.pcrs;
	l.req.quote.attest_len = before.attest_len;
	tap_ok(!launch_release(&l, now, &release), "nothing of that has spent anything");
	launch_free(&l);
}

static void test_challenges(void)
{
	struct launch l, m;
	struct derg_challenge other;

	launch_ready(&l, "challenges", &one);
	enrol("challenges", &two);
	must(derg_challenge(&derg, "challenges", two.id, now, &other, &err));
	m = l;
	l.challenge = other;
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "challenge-machine",
		    "another machine's challenge");
	l.challenge = m.challenge;
	launch_quote(&l);
	tap_refused(launch_release(&l, m.challenge.expires + 1, &release), ETIME, &err,
		    "challenge-expired", "an old challenge");
	tap_ok(!launch_release(&l, m.challenge.expires, &release), "its last second");
	tap_ok(!launch_release(&l, m.challenge.expires + 60, &release),
	       "a retry after its end: the answer was perhaps lost");
	launch_make(&m, "challenges", &one);
	m.challenge = l.challenge;
	launch_quote(&m);
	tap_refused(launch_release(&m, now, &release), EPERM, &err, "challenge-used",
		    "the challenge of another launch");
	tap_refused(derg_challenge(&derg, "default", one.id, now, &other, &err), ENOENT, &err,
		    "machine-unknown", "a challenge for another tenant's machine");
	launch_free(&l);
	launch_free(&m);
}

/* A machine that is not as the policy wants it, truthfully quoted. */
static void test_state(void)
{
	uint8_t log[2048], saved;
	struct launch l;

	launch_ready(&l, "state", &one);
	l.req.state.host = EROT_HOST_ALL & ~EROT_HOST_INIT_ON_FREE;
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "host-state",
		    "host state that the policy does not accept");
	l.req.state.host = EROT_HOST_ALL;
	launch_quote(&l);
	l.req.state.event_log_len = 0;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "event-log-missing",
		    "no event log");
	memcpy(log, one.log.data, one.log.len);
	l.req.state.event_log = log;
	l.req.state.event_log_len = one.log.len - 1;
	tap_refused(launch_release(&l, now, &release), EBADMSG, &err, "event-log-syntax",
		    "event log cut");
	l.req.state.event_log_len = one.log.len;
	saved = log[80];		/* in the first event's digest */
	log[80] ^= 1;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "event-log-replay",
		    "event log that does not replay");
	log[80] = saved;
	snprintf(l.req.state.module_version, sizeof(l.req.state.module_version), "0.2");
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "boot-key-pcr",
		    "another version of the module than was measured");
	snprintf(l.req.state.module_version, sizeof(l.req.state.module_version), MODULE_VERSION);
	tap_ok(!launch_release(&l, now, &release), "as it is");
	launch_free(&l);
}

/* The policy knows another version than the one that was truthfully measured. */
static void test_module_version(void)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_learn how = DEFAULT_LEARN;
	struct launch l;
	char *text, *at;

	make_tenant("version");
	must(erot_policy_learn(&how, &one.state, 1, &text, &err));
	at = strstr(text, "\"" MODULE_VERSION "\"");
	memcpy(at, "\"9.9\"", 5);
	must(policies_put(&derg, "version", text, strlen(text), now, digest, &err));
	free(text);
	enrol("version", &one);
	launch_make(&l, "version", &one);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "module-version",
		    "a module that the policy does not know");
	launch_free(&l);
}

/*
 * Root with the real TPM and the real AK, but a key of its own in place of the module's. What it
 * measured later, or truthfully, does not help it.
 */
static void test_impostor(void)
{
	uint8_t sk[EROT_KEY_SIZE];
	struct launch l;

	launch_ready(&l, "impostor", &one);
	must(erot_hpke_keypair(sk, l.req.state.boot_key));
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "boot-key-pcr",
		    "a boot key that is not in its PCR");
	box_extend_boot_key(&one, l.req.state.boot_key);
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "boot-key-pcr",
		    "a boot key that is the second event");
	memcpy(l.req.state.boot_key, one.state.boot_key, EROT_KEY_SIZE);
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "boot-key-pcr",
		    "nor is the module's believed behind it");
	l.req.state.has_boot_key = false;
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "boot-key-pcr",
		    "no boot key");
	launch_free(&l);
	box_reset(&one);
	launch_make(&l, "impostor", &one);
	tap_ok(!launch_release(&l, now, &release), "after a reboot all is well");
	launch_free(&l);
	box_measure(&one, 4, "another kernel");
	one.state.event_log = one.log.data;
	one.state.event_log_len = one.log.len;
	launch_make(&l, "impostor", &one);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "pcr-mismatch",
		    "something else was measured");
	launch_free(&l);
	box_reset(&one);
}

static void test_receipts(void)
{
	struct erot_receipt_info r;
	uint8_t *forged, *content;
	struct launch l, m;
	size_t len, content_len;

	launch_ready(&l, "receipts", &one);
	must(erot_cms_content(l.receipt.cms, l.receipt.cms_len, &content, &content_len, &err));
	must(erot_cms_sign_key(customer_key, customer, content, content_len, &forged, &len, &err));
	l.req.receipt = forged;
	l.req.receipt_len = len;
	tap_refused(launch_release(&l, now, &release), ENOKEY, &err, "cms-signer",
		    "receipt that we did not sign");
	l.req.receipt = l.statement.cms;
	l.req.receipt_len = l.statement.cms_len;
	tap_refused(launch_release(&l, now, &release), EBADMSG, &err, "receipt-purpose",
		    "key statement instead of a receipt");
	tap_ok(!entries(EROT_LOG_REFUSAL, l.r.digest),
	       "what is not our receipt leaves nothing in the log");
	l.req.receipt = l.receipt.cms;
	l.req.receipt_len = l.receipt.cms_len;
	free(forged);
	free(content);
	tap_refused(launch_release(&l, l.r.not_before - 1, &release), EKEYEXPIRED, &err,
		    "receipt-not-yet-valid", "too early");
	launch_free(&l);

	launch_order(&m, "receipts", &one);
	must(launch_ask_receipt(&m, now - 100, now));
	launch_session(&m);
	launch_challenge(&m);
	launch_quote(&m);
	r = m.r;
	tap_refused(launch_release(&m, r.not_after + 1, &release), EKEYEXPIRED, &err,
		    "receipt-expired", "too late");
	tap_ok(!derg_receipt_revoke(&derg, "receipts", r.digest, "lost", now, &err), "taken back");
	tap_refused(launch_release(&m, r.not_after - 1, &release), EPERM, &err, "receipt-revoked",
		    "a receipt that was taken back");
	tap_ok(entries(EROT_LOG_REFUSAL, r.digest) == 2, "both refusals are in the log");
	launch_free(&m);
}

static void store_order(const struct launch *l, const void *cms, size_t len)
{
	if (query("UPDATE receipt SET order_cms = $1 WHERE digest = $2 RETURNING 1",
		  DB_ARGS(db_blob(cms, len), db_blob(l->r.digest, EROT_DIGEST_SIZE))) != 1)
		test_die("no such receipt");
}

/* The customer's consent is looked at again, whoever has written to the database meanwhile. */
static void test_stored_order(void)
{
	struct erot_order_info o = { { 0 } };
	uint8_t *content, *cms;
	size_t content_len, len;
	struct launch l, m;

	launch_ready(&l, "orders", &one);
	launch_make(&m, "orders", &one);
	l.order[l.order_len - 1] ^= 1;
	store_order(&l, l.order, l.order_len);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "cms-signature",
		    "an order that the customer did not sign");
	store_order(&l, m.order, m.order_len);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "receipt-order",
		    "the order of another launch");
	memcpy(o.statement, l.r.statement, sizeof(o.statement));
	memcpy(o.ewc, l.r.ewc, sizeof(o.ewc));
	must(erot_order_build(&o, &content, &content_len, &err));
	must(erot_cms_sign_key(customer_key, customer, content, content_len, &cms, &len, &err));
	store_order(&l, cms, len);
	tap_refused(launch_release(&l, now, &release), EKEYREJECTED, &err, "order-customer",
		    "an order in another's name");
	free(content);
	free(cms);
	l.order[l.order_len - 1] ^= 1;
	store_order(&l, l.order, l.order_len);
	tap_ok(!launch_release(&l, now, &release), "as it was");
	query("DELETE FROM receipt WHERE digest = $1 RETURNING 1",
	      DB_ARGS(db_blob(m.r.digest, EROT_DIGEST_SIZE)));
	tap_refused(launch_release(&m, now, &release), ENOENT, &err, "receipt-unknown",
		    "a receipt that nothing is known of");
	launch_free(&l);
	launch_free(&m);
}

/* An enrolment that was begun gives nothing yet. */
static void test_pending(void)
{
	struct derg_statement_request in = {
		.tenant = "pending", .manifest = manifest, .manifest_len = sizeof(manifest) - 1,
	};
	struct derg_challenge challenge;
	struct derg_issued statement;
	struct enrol_answer a;
	struct box_keys k;

	make_tenant("pending");
	learn_default("pending", &one);
	box_keys(&one, &k);
	must(machine_enrol(&derg, "pending", &k.request, now, &a, &err));
	tap_refused(derg_challenge(&derg, "pending", a.id, now, &challenge, &err), EPERM, &err,
		    "machine-pending", "no challenge");
	in.machine = a.id;
	tap_refused(derg_statement(&derg, &in, now, &statement, &err), EPERM, &err,
		    "machine-pending", "and no key");
	derg_issued_free(&statement);
}

static void test_tenants(void)
{
	struct launch l, m;

	launch_ready(&l, "mine", &one);
	launch_ready(&m, "theirs", &one);
	l.tenant = "theirs";
	tap_refused(launch_ask_receipt(&l, 0, 0), EPERM, &err, "tenant-mismatch",
		    "a receipt for another tenant's key");
	l.tenant = "mine";
	must(launch_ask_receipt(&l, 0, 0));
	l.req.receipt = l.receipt.cms;
	l.req.tenant = "theirs";
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "tenant-mismatch",
		    "another tenant's receipt");
	l.req.tenant = "mine";
	l.challenge = m.challenge;
	launch_quote(&l);
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "challenge-machine",
		    "another tenant's challenge of the same machine");
	launch_challenge(&l);
	l.req.machine = two.id;
	tap_refused(launch_release(&l, now, &release), ENOENT, &err, "machine-unknown",
		    "a machine of nobody");
	enrol("mine", &two);
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "machine-mismatch",
		    "a receipt for another machine");
	l.req.machine = one.id;
	launch_quote(&l);
	must(machine_revoke(&derg, "mine", one.id, "stolen", now, &err));
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "machine-revoked",
		    "a machine that was revoked");
	tap_refused(derg_challenge(&derg, "mine", one.id, now, &l.challenge, &err), EPERM, &err,
		    "machine-revoked", "which gets no challenge either");
	tap_ok(!launch_release(&m, now, &release), "the other tenant's trust is its own");
	launch_free(&l);
	launch_free(&m);
}

/* What broke in the DERG is not held against a receipt, and not said in the log for ever. */
static void test_own_failures(void)
{
	static const struct {
		int num;
		const char *code;
	} ours[] = {
		{ EPIPE, "msg-peer-gone" }, { EBADMSG, "msg-fd" }, { EMSGSIZE, "msg-size" },
		{ ENOSPC, "db-full" }, { EUCLEAN, "db-corrupt" }, { EINVAL, "db-constraint" },
		{ EEXIST, "db-exists" }, { EBUSY, "db-busy" },
		{ EINPROGRESS, "db-outcome-unknown" },
		{ EACCES, "hsm-pin" }, { ENOENT, "hsm-key" }, { EOPNOTSUPP, "hsm-mechanism" },
		{ ENOMEM, "no-memory" }, { EPERM, "secret-memory" }, { EIO, "crypto" },
		{ ENOSPC, "log-full" }, { EUCLEAN, "log-rewritten" },
	};
	struct pollfd gone = { .events = POLLIN };
	char root[EPOCH_ROOT_MAX];
	struct epoch e = { .number = 1 };
	struct launch l;
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		tap_ok(problem_is_ours(-ours[i].num, ours[i].code), "%s is the DERG's own",
		       ours[i].code);
	tap_ok(!problem_is_ours(-EPERM, "receipt-spent"), "receipt-spent is not");
	launch_ready(&l, "failures", &one);
	snprintf(e.tenant, sizeof(e.tenant), "failures");
	epoch_root(&e, root);
	must(hsm_destroy(&authority.hsm, root, &err));
	tap_refused(launch_release(&l, now, &release), ENOENT, &err, "hsm-key",
		    "a root that is gone");
	tap_ok(!entries(EROT_LOG_REFUSAL, l.r.digest), "is not in the log");
	kill(authority.hsm.pid, SIGKILL);
	gone.fd = authority.hsm.sock;
	poll(&gone, 1, 10000);
	tap_refused(launch_release(&l, now, &release), EPIPE, &err, "msg-peer-gone",
		    "a helper that is gone");
	tap_ok(!entries(EROT_LOG_REFUSAL, l.r.digest), "is not in the log either");
	launch_free(&l);
}

int main(void)
{
	test_begin();
	test_authority("maker");
	box_make(&one, "one", "maker");
	box_make(&two, "two", "maker");
	derg_begin("maker", NULL);
	test_granted();
	test_quotes();
	test_challenges();
	test_state();
	test_module_version();
	test_impostor();
	test_receipts();
	test_stored_order();
	test_pending();
	test_tenants();
	test_own_failures();	/* the last one: the HSM's helper is gone */
	derg_end();
	return tap_done();
}
