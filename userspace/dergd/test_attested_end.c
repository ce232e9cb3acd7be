// SPDX-License-Identifier: GPL-2.0-only
/* Ends of launches under attestation, and launches that nobody accounts for. */
#include "dergd/test_attested.h"

#include <pthread.h>

#include "dergd/unaccounted.h"

static struct box one, two;

static int end(struct end *e, uint64_t when)
{
	struct derg_issued record;
	int ret = derg_terminate(&derg, &e->req, when, &record, &err);

	derg_issued_free(&record);
	return ret;
}

#define REFUSED(e, num, code, name)	tap_refused(end(e, now), num, &err, code, name)

/* Released, and the machine has the key. */
static void launch_begin(struct launch *l, const char *tenant, uint8_t sk[EROT_KEY_SIZE])
{
	struct erot_release_info info;
	struct erot_release release;

	launch_make(l, tenant, &one);
	must(launch_release(l, now, &release));
	must(launch_open(l, &release, &info));
	memcpy(sk, info.sk, EROT_KEY_SIZE);
}

static void seal(struct end *e, const uint8_t sk[EROT_KEY_SIZE])
{
	uint8_t key[32];

	must(erot_evidence_key(sk, key));
	must(erot_evidence_seal(&e->ev, key));
	end_quote_by(e, &one);
}

/* The evidence says what happened, and only the key of this launch can say it. */
static void test_evidence(void)
{
	uint8_t sk[EROT_KEY_SIZE], other_sk[EROT_KEY_SIZE];
	struct launch l, other;
	struct end e;

	make_tenant("evidence");
	learn_default("evidence", &one);
	enrol("evidence", &one);
	launch_make(&l, "evidence", &one);
	must(erot_random(sk, sizeof(sk)));
	end_make(&e, &l, sk);
	REFUSED(&e, EPERM, "not-released", "a launch that was not released");
	launch_free(&l);

	launch_begin(&l, "evidence", sk);
	launch_begin(&other, "evidence", other_sk);
	end_make(&e, &l, other_sk);
	REFUSED(&e, EKEYREJECTED, "evidence-mac", "made with another launch's key");
	end_make(&e, &other, other_sk);
	e.req.receipt = l.receipt.cms;
	e.req.receipt_len = l.receipt.cms_len;
	REFUSED(&e, EKEYREJECTED, "evidence-receipt", "of another launch");
	end_make(&e, &l, sk);
	e.ev.flags = htole32(EROT_EV_RAN);
	seal(&e, sk);
	REFUSED(&e, EBADMSG, "evidence-flags", "a session that still runs");
	e.ev.flags = htole32(EROT_EV_RAN | EROT_EV_RELEASED);
	e.ev.reason = htole32(EROT_END_NONE);
	seal(&e, sk);
	REFUSED(&e, EBADMSG, "evidence-reason", "one that has no reason to have ended");
	end_make(&e, &l, sk);
	e.req.tenant = "default";
	REFUSED(&e, EPERM, "tenant-mismatch", "below another tenant's path");
	launch_free(&l);
	launch_free(&other);
}

/* The quote says whose kernel made it. */
static void test_quotes(void)
{
	uint8_t sk[EROT_KEY_SIZE], qualifying[EROT_DIGEST_SIZE];
	struct derg_issued first, again;
	struct erot_evidence ev;
	struct launch l;
	struct end e;

	make_tenant("quotes");
	learn_default("quotes", &one);
	enrol("quotes", &one);
	launch_begin(&l, "quotes", sk);
	end_make(&e, &l, sk);
	end_quote_by(&e, &two);
	REFUSED(&e, EKEYREJECTED, "quote-signature", "by another TPM");
	e.req.quote = l.req.quote;
	REFUSED(&e, EKEYREJECTED, "quote-selection", "the quote of the release");
	end_make(&e, &l, sk);
	ev = e.ev;
	e.ev.exit_status ^= htole32(256);
	end_quote_by(&e, &one);
	e.ev = ev;
	REFUSED(&e, EKEYREJECTED, "quote-qualifying-data", "over other evidence");
	must(erot_quote_data_end(&e.ev, qualifying));
	box_quote(&one, ALL_PCRS, qualifying, &e.quote);
	e.req.quote = (struct erot_quote) { e.quote.attest, e.quote.attest_len,
					    e.quote.signature, e.quote.signature_len };
	REFUSED(&e, EKEYREJECTED, "quote-selection", "of more PCRs than the boot key's");
	e.req.quote.attest_len = 0;
	REFUSED(&e, EBADMSG, "quote-syntax", "no quote");
	tap_ok(!entries(EROT_LOG_TERMINATION, l.r.digest) &&
	       !entries(EROT_LOG_DESTRUCTION, l.r.digest), "nothing of that is an end in the log");

	/* what is extended later takes nothing from the evidence; nor does a revocation */
	box_extend(&one, BOOT_PCR, "later", 5);
	must(machine_revoke(&derg, "quotes", one.id, "stolen", now, &err));
	end_make(&e, &l, sk);
	must(derg_terminate(&derg, &e.req, now, &first, &err));
	tap_ok(entries(EROT_LOG_TERMINATION, l.r.digest) == 1 &&
	       entries(EROT_LOG_DESTRUCTION, l.r.digest) == 1,
	       "a revoked machine may report, and it is logged");
	end_quote_by(&e, &one);
	must(derg_terminate(&derg, &e.req, now + 9, &again, &err));
	tap_ok(first.cms_len == again.cms_len && !memcmp(first.cms, again.cms, again.cms_len) &&
	       entries(EROT_LOG_DESTRUCTION, l.r.digest) == 1,
	       "again: the same record, once in the log");
	e.ev.exit_status ^= htole32(256);
	seal(&e, sk);
	REFUSED(&e, EPERM, "already-ended", "other evidence");
	derg_issued_free(&first);
	derg_issued_free(&again);
	launch_free(&l);
	box_reset(&one);
}

/* ---- launches without evidence */

static uint64_t deadline_of(const struct launch *l)
{
	return (uint64_t)query("SELECT deadline FROM release WHERE receipt = $1",
			       DB_ARGS(db_blob(l->r.digest, EROT_DIGEST_SIZE)));
}

static unsigned int sweep(uint64_t when)
{
	unsigned int n;

	must(unaccounted_sweep(&derg, when, &n, &err));
	return n;
}

/* What a sweep has to look at. */
static int64_t open_launches(const struct launch *l)
{
	return query("SELECT count(*) FROM open_launch WHERE receipt = $1",
		     DB_ARGS(db_blob(l->r.digest, EROT_DIGEST_SIZE)));
}

static bool state_is(const struct launch *l, uint64_t when, const char *state)
{
	struct derg_receipt_state s;

	must(derg_receipt_state(&derg, l->tenant, l->r.digest, when, &s, &err));
	return !strcmp(s.state, state);
}

static void tenant_with_limit(const char *tenant)
{
	struct erot_learn how = DEFAULT_LEARN;

	how.max_unaccounted = 0;
	make_tenant(tenant);
	learn(tenant, &one, &how);
	enrol(tenant, &one);
}

static void test_late(void)
{
	uint64_t before = now, deadline;
	uint8_t sk[EROT_KEY_SIZE];
	struct launch l;
	struct end e;

	tenant_with_limit("late");
	launch_begin(&l, "late", sk);
	deadline = deadline_of(&l);
	tap_ok(deadline == now + 300 + 60 + 600, "valid, run, report: then it is due");
	tap_ok(!sweep(deadline) && state_is(&l, deadline, "released") && open_launches(&l) == 1,
	       "not before");
	tap_ok(sweep(deadline + 1) == 1 && state_is(&l, deadline + 1, "unaccounted") &&
	       entries(EROT_LOG_UNACCOUNTED, l.r.digest) == 1, "unaccounted, and in the log");
	tap_ok(!sweep(deadline + 2) && entries(EROT_LOG_UNACCOUNTED, l.r.digest) == 1 &&
	       !open_launches(&l), "once");
	end_make(&e, &l, sk);
	tap_ok(!end(&e, deadline + 3) && state_is(&l, deadline + 3, "ended"),
	       "its evidence may come late");
	launch_free(&l);
	now = deadline + 4;
	launch_make(&l, "late", &one);
	tap_ok(!launch_release(&l, now, &(struct erot_release) { .enc = { 0 } }),
	       "and then nothing is withheld");
	launch_free(&l);
	now = before;
}

static void test_withheld(void)
{
	struct erot_release release;
	uint8_t sk[EROT_KEY_SIZE];
	struct launch lost, l, third;
	uint64_t before = now;

	tenant_with_limit("withheld");
	launch_begin(&lost, "withheld", sk);
	now = deadline_of(&lost) + 1;
	launch_make(&l, "withheld", &one);
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "machine-unaccounted",
		    "withheld before anybody has swept");
	tap_ok(sweep(now) == 1, "swept");
	tap_refused(launch_release(&l, now, &release), EPERM, &err, "machine-unaccounted",
		    "and behind that");
	launch_free(&l);
	box_reset(&one);
	launch_make(&l, "withheld", &one);
	tap_ok(!launch_release(&l, now, &release), "a quote with a higher reset count closes it");
	tap_ok(entries(EROT_LOG_ACCOUNTED, lost.r.digest) == 1 &&
	       query("SELECT count(*) FROM unaccounted WHERE receipt = $1 AND closed IS NOT NULL",
		     DB_ARGS(db_blob(lost.r.digest, EROT_DIGEST_SIZE))) == 1,
	       "which is in the log");
	tap_ok(!entries(EROT_LOG_ACCOUNTED, l.r.digest), "of that launch, and of no other");
	launch_make(&third, "withheld", &one);
	now = deadline_of(&l) + 1;
	sweep(now);
	launch_challenge(&third);
	launch_quote(&third);
	tap_refused(launch_release(&third, now, &release), EPERM, &err, "machine-unaccounted",
		    "the launch of this start of the machine is not closed by its own quotes");
	launch_free(&lost);
	launch_free(&l);
	launch_free(&third);
	now = before;
}

/* ---- and what a sweep does to others */

/**
 * struct writer - whom all other writers wait for
 * @late: nobody let it go
 */
struct writer {
	struct derg d;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool reached, open, late;
};

static int write_work(struct db *db, void *ctx, struct erot_error *e)
{
	struct writer *w = ctx;
	struct timespec until;

	(void)db;
	(void)e;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&w->lock);
	w->reached = true;
	pthread_cond_broadcast(&w->change);
	while (!w->open && !w->late)
		w->late = pthread_cond_timedwait(&w->change, &w->lock, &until);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

static void *write_on(void *ctx)
{
	struct writer *w = ctx;
	struct erot_error e;

	db_transaction(w->d.db, 0, write_work, w, &e);
	return NULL;
}

/* A launch that ends leaves nothing to look at, and a sweep with nothing to do is no writer. */
static void test_idle(void)
{
	struct writer w = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };
	uint8_t sk[EROT_KEY_SIZE];
	pthread_t thread;
	struct launch l;
	unsigned int n;
	struct end e;

	make_tenant("idle");
	learn_default("idle", &one);
	enrol("idle", &one);
	launch_begin(&l, "idle", sk);
	end_make(&e, &l, sk);
	tap_ok(open_launches(&l) == 1 && !end(&e, now) && !open_launches(&l), "an end in time");
	launch_free(&l);
	must(derg_open(&w.d, &authority, &err));
	if (pthread_create(&thread, NULL, write_on, &w))
		test_die("thread");
	pthread_mutex_lock(&w.lock);
	while (!w.reached)
		pthread_cond_wait(&w.change, &w.lock);
	pthread_mutex_unlock(&w.lock);
	n = sweep(now);
	pthread_mutex_lock(&w.lock);
	tap_ok(!n && !w.late, "a sweep that finds nothing waits for no writer");
	w.open = true;
	pthread_cond_broadcast(&w.change);
	pthread_mutex_unlock(&w.lock);
	pthread_join(thread, NULL);
	derg_close(&w.d);
}

int main(void)
{
	test_begin();
	test_authority("maker");
	box_make(&one, "one", "maker");
	box_make(&two, "two", "maker");
	derg_begin("maker", NULL);
	test_idle();
	test_late();		/* early: a sweep counts what all of them have left */
	test_withheld();
	test_evidence();
	test_quotes();
	derg_end();
	return tap_done();
}
