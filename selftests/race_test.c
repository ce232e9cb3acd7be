// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * A session that is destroyed while PROVISION or ATTACH works on it, or its image is read: the step
 * ends as if it had come before or after, and nothing is left. The moments of
 * the DESTROYs are spread over the time that the step takes.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <pthread.h>
#include <time.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

#define ROUNDS	60
#define READ_ROUNDS 12
#define READERS	3

FIXTURE(race) {
	struct fx_session s;
};

FIXTURE_VARIANT(race) {
	int (*until)(struct fx_session *s, const struct fx_knobs *k);
	int (*step)(struct fx_session *s);
};

static int until_provision(struct fx_session *s, const struct fx_knobs *k)
{
	return fx_new(s) ?: fx_grant(s, k) ?: fx_release(s);
}

FIXTURE_VARIANT_ADD(race, provision) = { .until = until_provision, .step = fx_provision };
FIXTURE_VARIANT_ADD(race, attach) = { .until = fx_until_attach, .step = fx_attach };

FIXTURE_SETUP(race)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(race)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

struct destroyer {
	pthread_barrier_t start;
	struct erot_nl *nl;
	const uint8_t *id;
	uint64_t after_ns;
	int ret;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *destroy(void *arg)
{
	struct destroyer *d = arg;
	struct erot_error err;
	uint64_t start;

	pthread_barrier_wait(&d->start);
	start = now_ns();
	while (now_ns() - start < d->after_ns)
		;	/* to the microsecond */
	d->ret = erot_nl_destroy(d->nl, d->id, &err);
	return NULL;
}

TEST_F_TIMEOUT(race, with_destroy, 120)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;
	struct destroyer d = { 0 };
	int i, ret, refused = 0;
	pthread_t thread;
	uint64_t took;

	WORKS(erot_nl_open(&d.nl, &fx_err));
	ASSERT_EQ(0, pthread_barrier_init(&d.start, NULL, 2));
	WORKS(variant->until(s, &k));
	took = now_ns();
	WORKS(variant->step(s));
	took = now_ns() - took;
	fx_end(s);

	for (i = 0; i < ROUNDS; i++) {
		WORKS(variant->until(s, &k));
		d.id = s->n.id;
		d.after_ns = took * (uint64_t)i / ROUNDS;
		ASSERT_EQ(0, pthread_create(&thread, NULL, destroy, &d));
		pthread_barrier_wait(&d.start);
		ret = variant->step(s);
		pthread_join(thread, NULL);
		ASSERT_EQ(0, d.ret);
		/* unprovisioned it leaves nothing, and may be gone before it is looked for */
		ASSERT_TRUE(!ret || ret == -ESHUTDOWN || ret == -ENOENT) {
			TH_LOG("round %d: %d %s", i, ret, fx_err.text);
		}
		refused += ret != 0;
		ret = erot_nl_get(fx.nl, s->n.id, &got, &fx_err);
		ASSERT_TRUE(ret == -ENOENT || got.state >= EROT_STATE_DEAD) {
			TH_LOG("round %d: state %u", i, got.state);
		}
		fx_end(s);
	}
	ASSERT_LT(0, refused);
	erot_nl_close(d.nl);
	WORKS(fx_nothing_left());
}

FIXTURE(read_race) {
	struct fx_session s;
};

FIXTURE_SETUP(read_race)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(read_race)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* Chunks that are decrypted on every processor; those that come too late are no damage. */
TEST_F_TIMEOUT(read_race, with_destroy, 240)
{
	struct agent_request churn = { .op = AGENT_CHURN, .len = READERS, .path = FX_BIG };
	static struct agent_answer a;
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_nl_stats was, is;
	struct erot_evidence ev;
	int i, status;

	for (i = 0; i < READ_ROUNDS; i++) {
		uint64_t end;

		WORKS(fx_launch(s, &k, &box));
		WORKS(erot_nl_stats(fx.nl, &was, &fx_err));
		WORKS(fx_ask(s, &churn, &a));
		ASSERT_EQ(0, a.err);
		end = fx_end_ms(30);
		do {	/* all of the file, once */
			ASSERT_LT(0, fx_left_ms(end));
			WORKS(erot_nl_stats(fx.nl, &is, &fx_err));
		} while (is.chunks - was.chunks < FX_BIG_SIZE / EROT_CHUNK_SIZE);
		end = now_ns() + (uint64_t)i * 300000;
		while (now_ns() < end)
			;	/* to the microsecond */
		WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
		WORKS(fx_wait(s, 20, &status));
		WORKS(fx_evidence(s, 20, &ev));
		ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
		fx_end(s);
	}
}

FX_MAIN
