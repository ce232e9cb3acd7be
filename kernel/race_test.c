// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each step of a session while it dies, in each way: the step ends as if it had come before or
 * after, the keys are gone, and the end is complete and told once.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "secret.h"
#include "fixture_test.h"

#define ROUNDS 6

static void by_destroy(struct test_launch *l)
{
	erot_session_die(l->s, EROT_END_DESTROYED);
}

static void by_gate(struct test_launch *l)
{
	erot_session_die(l->s, EROT_END_EXEC_GATE);
}

/* As the exit probe and its task work. */
static void by_exit(struct test_launch *l)
{
	if (!xchg(&l->s->exited, 1))
		erot_session_doom(l->s, EROT_END_EXIT);
	erot_session_wipe(l->s);
}

static void by_close(struct test_launch *l)
{
	erot_test_close(&l->fd);
	/* for who dies by it a second time: as if there had been another descriptor */
	erot_session_die(l->s, EROT_END_CLOSED);
}

/* The first exec moves the deadline, once: what came before it is made up for. */
static void by_deadline(struct test_launch *l)
{
	do {
		down_write(&l->s->keys);
		if (!l->s->wiped)
			erot_session_set_deadline(l->s, 0);
		up_write(&l->s->keys);
		flush_delayed_work(&l->s->deadline);
	} while (!READ_ONCE(l->s->end));
}

static void by_suspend(struct test_launch *l)
{
	erot_session_close(EROT_END_SUSPEND);
	erot_session_reopen();
}

static void by_reboot(struct test_launch *l)
{
	erot_session_close(EROT_END_REBOOT);
	erot_session_reopen();
}

const struct test_way erot_test_ways[] = {
	{ "destroy", by_destroy, EROT_END_DESTROYED },
	{ "exec gate", by_gate, EROT_END_EXEC_GATE },
	{ "exit", by_exit, EROT_END_EXIT },
	{ "last close", by_close, EROT_END_CLOSED },
	{ "deadline", by_deadline, EROT_END_DEADLINE },
	{ "suspend", by_suspend, EROT_END_SUSPEND },
	{ "reboot", by_reboot, EROT_END_REBOOT },
	{}
};

static int provision(struct test_launch *l)
{
	return erot_test_take(l);
}

static int open(struct test_launch *l)
{
	return erot_test_open(l);
}

static int start(struct test_launch *l)
{
	int err = -ESHUTDOWN;

	/* as gate_work() does */
	down_write(&l->s->keys);
	if (l->s->state == EROT_STATE_BOUND && !l->s->end) {
		erot_session_set_deadline(l->s, 600);
		erot_session_set_state(l->s, EROT_STATE_RUNNING);
		err = 0;
	}
	up_write(&l->s->keys);
	return err;
}

static int let_go(struct test_launch *l)
{
	erot_test_close(&l->payload);
	return 0;
}

static int lookup(struct test_launch *l)
{
	struct erot_session *s = erot_session_find(l->s->id);

	erot_session_put(s);
	return 0;
}

static int die_too(struct test_launch *l)
{
	erot_session_die(l->s, EROT_END_FAILED);
	return 0;
}

static const struct step {
	const char *name;
	enum erot_state state;
	int (*step)(struct test_launch *l);
} steps[] = {
	{ "PROVISION", EROT_STATE_NEW, provision },
	{ "open", EROT_STATE_BOUND, open },
	{ "exec", EROT_STATE_BOUND, start },
	{ "unmount", EROT_STATE_RUNNING, let_go },
	{ "find", EROT_STATE_RUNNING, lookup },
	{ "another death, new", EROT_STATE_NEW, die_too },
	{ "another death, provisioned", EROT_STATE_PROVISIONED, die_too },
	{ "another death, attached", EROT_STATE_ATTACHED, die_too },
	{ "another death, bound", EROT_STATE_BOUND, die_too },
	{ "another death, running", EROT_STATE_RUNNING, die_too },
};

struct killer {
	struct test_launch *l;
	const struct test_way *way;
	unsigned int delay;	/* in turns of a loop */
	atomic_t ready;
	struct completion done;
};

/* Both at once, to some turns of a loop. */
static void meet(struct killer *k)
{
	atomic_inc(&k->ready);
	while (atomic_read(&k->ready) < 2)
		cond_resched();
}

static int kill(void *arg)
{
	struct killer *k = arg;
	unsigned int i;

	meet(k);
	for (i = 0; i < k->delay; i++)
		cpu_relax();
	k->way->die(k->l);
	complete(&k->done);
	return 0;
}

static void one(struct kunit *test, const struct step *step, const struct test_way *way,
		unsigned int delay, unsigned int *lost)
{
	struct killer k = { .way = way, .delay = delay, .ready = ATOMIC_INIT(0) };
	struct task_struct *task;
	struct erot_session *s;
	struct test_launch l;
	int err, end;

	k.l = &l;
	init_completion(&k.done);
	erot_test_begin(test, &l, step->state);
	s = l.s;
	task = kthread_run(kill, &k, "erot_test_kill");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	meet(&k);
	err = step->step(&l);
	wait_for_completion(&k.done);

	KUNIT_EXPECT_TRUE_MSG(test, !err || err == -ESHUTDOWN, "%s by %s: %d", step->name,
			      way->name, err);
	*lost += err != 0;
	end = READ_ONCE(s->end);
	KUNIT_EXPECT_TRUE_MSG(test, end == (int)way->end ||
			      (step->step == die_too && end == EROT_END_FAILED),
			      "%s by %s: end %d", step->name, way->name, end);
	down_read(&s->keys);
	KUNIT_EXPECT_TRUE(test, s->wiped);
	KUNIT_EXPECT_TRUE(test, !s->secret ||
			  (!memchr_inv(s->secret->session_sk, 0, EROT_KEY_SIZE) &&
			   !memchr_inv(s->secret->sk, 0, EROT_KEY_SIZE)));
	/* not RELEASED before the payload was let go of */
	KUNIT_EXPECT_TRUE(test, !l.payload || s->state == EROT_STATE_DEAD);
	up_read(&s->keys);
	erot_test_close(&l.payload);
	KUNIT_EXPECT_TRUE(test, erot_session_wait_released(10));
	flush_work(&s->finish);
	if (s->started_ns)
		KUNIT_EXPECT_EQ(test, le32_to_cpu(s->evidence.reason), (u32)end);
	erot_test_end(test, &l);
}

static void step_name(const struct step *step, char *desc)
{
	strscpy(desc, step->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(step, steps, step_name);

static void every_way(struct kunit *test)
{
	const struct step *step = test->param_value;
	const struct test_way *way;
	unsigned int i, lost = 0, tried = 0;

	for (way = erot_test_ways; way->name; way++) {
		for (i = 0; i < ROUNDS; i++, tried++)
			one(test, step, way, i * i * 256, &lost);
	}
	kunit_info(test, "%s: %u of %u came too late", step->name, lost, tried);
}

static int sessions, secrets;

static int begin(struct kunit *test)
{
	sessions = atomic_read(&erot_stats.sessions);
	secrets = erot_secret_live();
	return 0;
}

static void end(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, sessions, atomic_read(&erot_stats.sessions));
	KUNIT_EXPECT_EQ(test, secrets, (int)erot_secret_live());
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM_ATTR(every_way, step_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite suite = {
	.name = "erot_race", .init = begin, .exit = end, .test_cases = cases,
};

kunit_test_suite(suite);
