// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is decided between the checks of a release and its transaction, while the HSM seals: it
 * counts. Releases wait in the group behind a writer that does the deciding, and then go on.
 */
#include "dergd/test_attested.h"

#include <pthread.h>
#include <sched.h>

static struct box one;

/**
 * struct decider - a writer that everybody waits for
 * @sql:  what it does in the end, with @args; NULL: nothing
 * @open: it may go on
 */
struct decider {
	struct derg d;
	const char *sql;
	struct db_value args[2];
	int reached, open;
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	int ret;
};

/**
 * struct racer - a session that asks, in a thread
 */
struct racer {
	struct derg d;
	struct launch *l;
	struct erot_release out;
	struct erot_error err;
	pthread_t thread;
	int ret;
};

static int decide_work(struct db *db, void *ctx, struct erot_error *e)
{
	struct decider *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->reached = 1;
	pthread_cond_broadcast(&w->change);
	while (!w->open)
		pthread_cond_wait(&w->change, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->sql ? db_run(db, e, NULL, w->sql, w->args, 2) : 0;
}

static void *decide(void *ctx)
{
	struct decider *w = ctx;
	struct erot_error e;

	w->ret = db_transaction(w->d.db, DB_SHARED, decide_work, w, &e);
	return NULL;
}

static void *ask(void *ctx)
{
	struct racer *r = ctx;

	r->ret = derg_release(&r->d, &r->l->req, now, &r->out, &r->err);
	return NULL;
}

/* All of @r have passed the checks, and wait with what was sealed, when the decision is made. */
static void race(struct decider *w, struct racer *r, unsigned int n)
{
	unsigned int i;

	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->change, NULL);
	/* before anybody writes, for whom an opening waits */
	must(derg_open(&w->d, &authority, &err));
	for (i = 0; i < n; i++)
		must(derg_open(&r[i].d, &authority, &err));
	if (pthread_create(&w->thread, NULL, decide, w))
		test_die("thread");
	pthread_mutex_lock(&w->lock);
	while (!w->reached)
		pthread_cond_wait(&w->change, &w->lock);
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < n; i++) {
		if (pthread_create(&r[i].thread, NULL, ask, &r[i]))
			test_die("thread");
		while (db_group_waiting(authority.group) <= i)
			sched_yield();
	}
	pthread_mutex_lock(&w->lock);
	w->open = 1;
	pthread_cond_broadcast(&w->change);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	derg_close(&w->d);
	for (i = 0; i < n; i++) {
		pthread_join(r[i].thread, NULL);
		derg_close(&r[i].d);
	}
}

static int64_t releases(const struct launch *l)
{
	return query("SELECT count(*) FROM release WHERE receipt = $1",
		     DB_ARGS(db_blob(l->r.digest, EROT_DIGEST_SIZE)));
}

static void test_revoked(void)
{
	struct decider w = { .sql = "INSERT INTO revocation (tenant, kind, subject, reason, "
			     "created) VALUES ($1, 'receipt', $2, 'race', 1)" };
	struct launch l;
	struct racer r = { .l = &l };

	launch_ready(&l, "revoked", &one);
	w.args[0] = db_text("revoked");
	w.args[1] = db_blob(l.r.digest, EROT_DIGEST_SIZE);
	race(&w, &r, 1);
	tap_ok(!w.ret, "a receipt is revoked while the HSM seals");
	tap_refused(r.ret, EPERM, &r.err, "receipt-revoked", "what was sealed does not leave");
	tap_ok(!releases(&l) && !entries(EROT_LOG_RELEASE, l.r.digest) &&
	       entries(EROT_LOG_REFUSAL, l.r.digest) == 1, "and is not in the log; the refusal is");
	launch_free(&l);
}

/* A signature that was good for one order is not good for another one. */
static void test_order(void)
{
	struct decider w = { .sql = "UPDATE receipt SET order_cms = (SELECT order_cms FROM receipt "
			     "WHERE digest = $1) WHERE digest = $2" };
	struct launch l, other;
	struct racer r = { .l = &l };

	launch_ready(&l, "order", &one);
	launch_make(&other, "order", &one);
	w.args[0] = db_blob(other.r.digest, EROT_DIGEST_SIZE);
	w.args[1] = db_blob(l.r.digest, EROT_DIGEST_SIZE);
	race(&w, &r, 1);
	tap_ok(!w.ret, "an order is exchanged for another one meanwhile");
	tap_refused(r.ret, EKEYREJECTED, &r.err, "receipt-order", "it is looked at again");
	launch_free(&l);
	launch_free(&other);
}

static void test_machine(void)
{
	struct decider w = { .sql = "UPDATE machine SET state = 'revoked' "
			     "WHERE tenant = $1 AND id = $2" };
	struct launch l;
	struct racer r = { .l = &l };

	launch_ready(&l, "machine", &one);
	w.args[0] = db_text("machine");
	w.args[1] = db_blob(one.id, sizeof(one.id));
	race(&w, &r, 1);
	tap_refused(r.ret, EPERM, &r.err, "machine-revoked", "a machine is revoked meanwhile");
	launch_free(&l);
}

static void test_two_sessions(void)
{
	struct decider w = { .sql = NULL };
	struct launch l, m;
	struct racer r[2] = { { .l = &l }, { .l = &m } };

	launch_ready(&l, "two", &one);
	m = l;
	must(erot_hpke_keypair(m.s_sk, m.req.session_pk));
	launch_challenge(&m);
	launch_quote(&m);
	race(&w, r, 2);
	tap_ok(!r[0].ret, "two sessions with one receipt, both sealed for: one has it");
	tap_refused(r[1].ret, EPERM, &r[1].err, "receipt-spent", "the other one not");
	tap_ok(releases(&l) == 1 && entries(EROT_LOG_RELEASE, l.r.digest) == 1 &&
	       entries(EROT_LOG_REFUSAL, l.r.digest) == 1, "as the log says");
	launch_free(&l);
}

static void test_twice(void)
{
	struct decider w = { .sql = NULL };
	struct launch l;
	struct racer r[2] = { { .l = &l }, { .l = &l } };

	launch_ready(&l, "twice", &one);
	race(&w, r, 2);
	tap_ok(!r[0].ret && !r[1].ret && !memcmp(&r[0].out, &r[1].out, sizeof(r[0].out)),
	       "one session that asks twice at once has the same bytes twice");
	tap_ok(releases(&l) == 1 && entries(EROT_LOG_RELEASE, l.r.digest) == 1,
	       "of one release");
	launch_free(&l);
}

int main(void)
{
	test_begin();
	test_authority("maker");
	box_make(&one, "one", "maker");
	derg_begin("maker", NULL);
	test_revoked();
	test_order();
	test_machine();
	test_two_sessions();
	test_twice();
	derg_end();
	return tap_done();
}
