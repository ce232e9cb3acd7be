// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine: every operation in every state, and every way to die out of every state. The
 * states are real; what only a process of its own can do (BIND that succeeds, exec) is left to
 * bind_test and exec_test of selftests/.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include <linux/erot_ioctl.h>

#include "fixture_test.h"
#include "secret.h"

#define STATES		EROT_STATE_RELEASED
#define NO_SUCH_FILE	1	/* there is none in that state */

static int provision(struct kunit *test, struct test_launch *l)
{
	static const u8 not_cms[16];
	const char *why = NULL;

	return erot_session_provision(l->s, not_cms, sizeof(not_cms), &l->release, &why);
}

static int take(struct kunit *test, struct test_launch *l)
{
	return erot_test_take(l);
}

/* By the descriptor, with an argument that is right but for what it says. */
static int ioctl(struct kunit *test, struct test_launch *l, unsigned int cmd, void *arg,
		 size_t size)
{
	void __user *u = (void __user *)kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
						      PROT_READ | PROT_WRITE,
						      MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, (void __force *)u);
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(u, arg, size));
	return l->fd->f_op->unlocked_ioctl(l->fd, cmd, (unsigned long)u);
}

static int attach(struct kunit *test, struct test_launch *l)
{
	struct erot_attach arg = { .size = sizeof(arg), .envelope_fd = -1, .payload_fd = -1 };

	return ioctl(test, l, EROT_IOC_ATTACH, &arg, sizeof(arg));
}

static int bind(struct kunit *test, struct test_launch *l)
{
	struct erot_bind arg = { .size = sizeof(arg) };

	return ioctl(test, l, EROT_IOC_BIND, &arg, sizeof(arg));
}

static int open(struct kunit *test, struct test_launch *l)
{
	return l->handle ? erot_test_open(l) : NO_SUCH_FILE;
}

static int find(struct kunit *test, struct test_launch *l)
{
	struct erot_session *s = erot_session_find(l->s->id);
	int ret = s == l->s ? 0 : -ENOENT;

	erot_session_put(s);
	return ret;
}

static int forget(struct kunit *test, struct test_launch *l)
{
	return erot_session_forget(l->s);
}

static const struct {
	const char *name;
	int (*call)(struct kunit *test, struct test_launch *l);
	int want[STATES];	/* NEW, PROVISIONED, ATTACHED, BOUND, RUNNING, DEAD, RELEASED */
} operations[] = {
	/* in its state it gets as far as the receipt, which is none */
	{ "PROVISION", provision, { -EBADMSG, -EBADFD, -EBADFD, -EBADFD, -EBADFD, -ESHUTDOWN,
				    -ESHUTDOWN } },
	{ "its second half", take, { 0, -EBADFD, -EBADFD, -EBADFD, -EBADFD, -ESHUTDOWN,
				     -ESHUTDOWN } },
	/* ... as the files, which are none */
	{ "ATTACH", attach, { -EBADFD, -EBADF, -EBADFD, -EBADFD, -EBADFD, -ESHUTDOWN,
			      -ESHUTDOWN } },
	/* ... as the isolation, of which a thread of the kernel has none */
	{ "BIND", bind, { -EBADFD, -EBADFD, -EPERM, -EBADFD, -EBADFD, -ESHUTDOWN, -ESHUTDOWN } },
	{ "open", open, { NO_SUCH_FILE, NO_SUCH_FILE, -EACCES, 0, -EACCES, -ESHUTDOWN,
			  -ESHUTDOWN } },
	{ "find", find, { 0, 0, 0, 0, 0, 0, 0 } },
	{ "forget", forget, { -EBUSY, -EBUSY, -EBUSY, -EBUSY, -EBUSY, -EBUSY, 0 } },
};

static void every_pair(struct kunit *test)
{
	struct test_launch l;
	int state, i;

	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		for (state = EROT_STATE_NEW; state <= STATES; state++) {
			int want = operations[i].want[state - EROT_STATE_NEW], before, after;

			erot_test_begin(test, &l, state);
			before = READ_ONCE(l.s->state);
			KUNIT_EXPECT_EQ_MSG(test, want, operations[i].call(test, &l), "%s in %d",
					    operations[i].name, state);
			after = READ_ONCE(l.s->state);
			/* what is refused leaves the state as it was; PROVISION moves it by one */
			KUNIT_EXPECT_EQ_MSG(test, after - before,
					    operations[i].call == take && !want ? 1 : 0,
					    "%s in %d", operations[i].name, state);
			erot_test_end(test, &l);
		}
	}
}

/* The payload is opened once, also when it was closed again meanwhile. */
static void open_twice(struct kunit *test)
{
	struct test_launch l;
	struct file *first;

	erot_test_begin(test, &l, EROT_STATE_BOUND);
	KUNIT_EXPECT_EQ(test, 0, erot_test_open(&l));
	first = l.payload;
	KUNIT_EXPECT_EQ(test, -EBUSY, erot_test_open(&l));
	erot_test_close(&first);
	l.payload = NULL;
	KUNIT_EXPECT_EQ(test, -EBUSY, erot_test_open(&l));
	erot_test_end(test, &l);
}

static void check_dead(struct kunit *test, struct test_launch *l, enum erot_state from,
		       enum erot_end end)
{
	struct erot_session *s = l->s;

	KUNIT_EXPECT_EQ_MSG(test, (int)end, READ_ONCE(s->end), "from %d", from);
	down_read(&s->keys);
	KUNIT_EXPECT_TRUE(test, s->wiped);
	KUNIT_EXPECT_GE(test, s->state, EROT_STATE_DEAD);
	KUNIT_EXPECT_TRUE(test, !s->secret ||
			  !memchr_inv(s->secret->session_sk, 0, sizeof(s->secret->session_sk)));
	KUNIT_EXPECT_TRUE(test, !s->secret || !memchr_inv(s->secret->sk, 0, sizeof(s->secret->sk)));
	/* while the payload is open the end is not complete */
	if (l->payload)
		KUNIT_EXPECT_EQ(test, s->state, EROT_STATE_DEAD);
	up_read(&s->keys);
}

static void check_evidence(struct kunit *test, struct test_launch *l, enum erot_state from,
			   enum erot_end end)
{
	const struct erot_evidence *ev = &l->s->evidence;
	struct erot_session *found;

	KUNIT_EXPECT_TRUE(test, erot_session_wait_released(10));
	flush_work(&l->s->finish);
	KUNIT_EXPECT_NULL(test, l->s->secret);
	if (from == EROT_STATE_NEW) {
		/* without a receipt nothing is to be told, and nobody finds it */
		KUNIT_EXPECT_EQ(test, 0, ev->head.length);
		KUNIT_EXPECT_NULL(test, erot_session_find(l->s->id));
		return;
	}
	KUNIT_EXPECT_EQ(test, le32_to_cpu(ev->head.length), sizeof(*ev));
	KUNIT_EXPECT_EQ(test, le32_to_cpu(ev->reason), (u32)end);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(ev->flags), from == EROT_STATE_RUNNING ?
			EROT_EV_RELEASED | EROT_EV_RAN : EROT_EV_RELEASED);
	KUNIT_EXPECT_MEMEQ(test, ev->receipt, l->facts.digest, sizeof(ev->receipt));
	KUNIT_EXPECT_MEMEQ(test, ev->session, l->s->id, sizeof(ev->session));
	KUNIT_EXPECT_LE(test, le64_to_cpu(ev->started_ns), le64_to_cpu(ev->ended_ns));
	KUNIT_EXPECT_LE(test, le64_to_cpu(ev->ended_ns), le64_to_cpu(ev->released_ns));
	found = erot_session_find(l->s->id);
	KUNIT_EXPECT_PTR_EQ(test, found, l->s);
	erot_session_put(found);
}

static void every_death(struct kunit *test)
{
	struct test_launch l;
	int state, i;

	for (i = 0; erot_test_ways[i].name; i++) {
		for (state = EROT_STATE_NEW; state < EROT_STATE_DEAD; state++) {
			erot_test_begin(test, &l, state);
			erot_test_ways[i].die(&l);
			check_dead(test, &l, state, erot_test_ways[i].end);
			erot_test_close(&l.payload);
			check_evidence(test, &l, state, erot_test_ways[i].end);
			erot_test_end(test, &l);
		}
	}
}

/* The first cause counts, in the session and in the evidence; the second does no harm. */
static void every_second_death(struct kunit *test)
{
	struct test_launch l;
	int i, j;

	for (i = 0; erot_test_ways[i].name; i++) {
		for (j = 0; erot_test_ways[j].name; j++) {
			erot_test_begin(test, &l, EROT_STATE_RUNNING);
			erot_test_ways[i].die(&l);
			erot_test_ways[j].die(&l);
			check_dead(test, &l, EROT_STATE_RUNNING, erot_test_ways[i].end);
			erot_test_close(&l.payload);
			erot_test_ways[j].die(&l);
			check_evidence(test, &l, EROT_STATE_RUNNING, erot_test_ways[i].end);
			erot_test_end(test, &l);
		}
	}
}

/* Closed for the time of a suspend: no session comes to be; calls are counted. */
static void no_new_session(struct kunit *test)
{
	const char *why = NULL;
	struct test_launch l;

	erot_session_close(EROT_END_SUSPEND);
	erot_session_close(EROT_END_SUSPEND);
	KUNIT_EXPECT_EQ(test, -ESHUTDOWN, PTR_ERR_OR_ZERO(erot_session_create(&why)));
	erot_session_reopen();
	KUNIT_EXPECT_EQ(test, -ESHUTDOWN, PTR_ERR_OR_ZERO(erot_session_create(&why)));
	erot_session_reopen();
	erot_session_reopen();	/* one too many: as after a load between the two */
	erot_test_begin(test, &l, EROT_STATE_NEW);
	erot_test_end(test, &l);
}

/* PROVISION does not wait for an operation that does file I/O. */
static void busy(struct kunit *test)
{
	struct test_launch l;

	erot_test_begin(test, &l, EROT_STATE_NEW);
	mutex_lock(&l.s->op);
	KUNIT_EXPECT_EQ(test, -EBUSY, provision(test, &l));
	mutex_unlock(&l.s->op);
	KUNIT_EXPECT_EQ(test, -EBADMSG, provision(test, &l));
	erot_test_end(test, &l);
}

/* Each timer is as late as it can be, an eighth and a tick: no deadline is missed by it. */
static void deadline_on_time(struct kunit *test)
{
	const u64 second = NSEC_PER_SEC, most = (u64)EROT_RUNTIME_MAX * second;
	u64 whole, left, took;
	unsigned int steps;

	for (whole = second / 8; whole <= most; whole += whole / 3) {
		for (left = whole, steps = 0; left && steps < 1000; steps++) {
			took = jiffies64_to_nsecs(erot_session_step(left));
			took += took / 8 + TICK_NSEC;
			if (left <= took)
				break;
			left -= took;
		}
		KUNIT_EXPECT_LE(test, left, second + second / 8);	/* of the last step */
		KUNIT_EXPECT_LE(test, took, left + second / 4);
		KUNIT_EXPECT_LT(test, steps, 500);
		KUNIT_EXPECT_LT(test, erot_session_step(whole), (unsigned long)HZ * 3600 * 24 * 2);
	}
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
	KUNIT_CASE_SLOW(every_pair),
	KUNIT_CASE(open_twice),
	KUNIT_CASE_SLOW(every_death),
	KUNIT_CASE_SLOW(every_second_death),
	KUNIT_CASE(no_new_session),
	KUNIT_CASE(busy),
	KUNIT_CASE(deadline_on_time),
	{}
};

static struct kunit_suite suite = {
	.name = "erot_session", .init = begin, .exit = end, .test_cases = cases,
};

kunit_test_suite(suite);
