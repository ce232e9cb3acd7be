// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: fault
 *
 * Every allocation, and every copy from and to user space, that is made below the module's code
 * fails once, in each operation. It is refused with ENOMEM or EFAULT or does what it should all
 * the same; what was refused can be tried again; the end of a session needs no memory at all.
 * That nothing leaks and the kernel does not complain is watched by the runner.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>

#include "selftests/fault.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define TURNS	1000	/* no operation gets that far */
#define READ	16384	/* bytes at a time */

FIXTURE(fault) {
	struct fx_session s;
	struct fx_knobs k;
	struct fault f;
};

FIXTURE_SETUP(fault)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fault_in_module());
}

FIXTURE_TEARDOWN(fault)
{
	WORKS(fault_none());
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* What a want of memory may look like. */
static void refused_for_memory(struct __test_metadata *_metadata, unsigned int n, int ret)
{
	ASSERT_TRUE(ret == -ENOMEM || ret == -EFAULT) {
		TH_LOG("fault %u: %s: %s", n, strerrorname_np(-ret), fx_err.text);
	}
}

#define DISARM(f) ({ \
	int __came = fault_disarm(f); \
	ASSERT_LE(0, __came) { TH_LOG("fail-nth cannot be read: %d", __came); } \
	__came; \
})

static void state_is(struct __test_metadata *_metadata, struct fx_session *s, uint32_t state)
{
	struct erot_nl_session got;

	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(state, got.state);
}

/* Refused, it has ended: nothing is left of it, not even a descriptor. */
TEST_F_TIMEOUT(fault, new, 120)
{
	unsigned int n;
	int mark, ret = 0, came = 1;

	for (n = 1; n < TURNS && came; n++) {
		mark = dup(0);
		close(mark);
		WORKS(fault_arm(&self->f, 0, n));
		ret = fx_new(&self->s);
		came = DISARM(&self->f);
		if (!ret) {	/* if a fault came, it was not needed */
			if (came)
				fx_end(&self->s);
			continue;
		}
		refused_for_memory(_metadata, n, ret);
		ASSERT_EQ(mark, dup(0));	/* the next free one is the same */
		close(mark);
		WORKS(fx_nothing_left());
	}
	ASSERT_LT(3, n) { TH_LOG("no fault was tried"); }
	WORKS(ret);
	TH_LOG("%u faults", n - 2);
}

/* A refused session stays NEW and can be provisioned. */
TEST_F_TIMEOUT(fault, provision, 240)
{
	struct fx_session *s = &self->s;
	unsigned int n;
	int ret = 0, came = 1;

	WORKS(fx_new(s));
	WORKS(fx_grant(s, &self->k));
	WORKS(fx_release(s));
	for (n = 1; n < TURNS && came; n++) {
		WORKS(fault_arm(&self->f, 0, n));
		ret = fx_provision(s);
		came = DISARM(&self->f);
		if (ret) {
			/* the kernel's check of signatures does not always say why it failed */
			if (ret != -EKEYREJECTED || !strstr(fx_err.text, "does not verify"))
				refused_for_memory(_metadata, n, ret);
			state_is(_metadata, s, EROT_STATE_NEW);
		} else if (came) {	/* it was not needed; the next one again from NEW */
			fx_end(s);
			WORKS(fx_new(s));
			WORKS(fx_grant(s, &self->k));
			WORKS(fx_release(s));
		}
	}
	ASSERT_LT(50, n);
	WORKS(ret);
	state_is(_metadata, s, EROT_STATE_PROVISIONED);
	TH_LOG("%u faults", n - 2);
}

/*
 * A refused session stays PROVISIONED and can be attached, unless its key was used up: then
 * it is dead.
 */
TEST_F_TIMEOUT(fault, attach, 240)
{
	struct fx_session *s = &self->s;
	struct erot_evidence ev;
	struct erot_nl_session got;
	unsigned int n, dead = 0;
	int ret = 0, came = 1;

	WORKS(fx_until_attach(s, &self->k));
	for (n = 1; n < TURNS && came; n++) {
		ASSERT_EQ(0, posix_fadvise(s->env_fd, 0, 0, POSIX_FADV_DONTNEED));
		ASSERT_EQ(0, posix_fadvise(fx.payload.fd, 0, 0, POSIX_FADV_DONTNEED));
		WORKS(fault_arm(&self->f, 0, n));
		ret = fx_attach(s);
		came = DISARM(&self->f);
		if (ret) {
			refused_for_memory(_metadata, n, ret);
			WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
			if (got.state == EROT_STATE_PROVISIONED)
				continue;
			WORKS(fx_evidence(s, 20, &ev));
			ASSERT_EQ(EROT_END_FAILED, le32toh(ev.reason));
			dead++;
		}
		if (ret || came) {
			fx_end(s);
			WORKS(fx_until_attach(s, &self->k));
		}
	}
	ASSERT_LT(30, n);
	ASSERT_LT(0, dead) { TH_LOG("the payload's file was always made"); }
	WORKS(ret);
	state_is(_metadata, s, EROT_STATE_ATTACHED);
	TH_LOG("%u faults", n - 2);
}

/* Refused or bound; there is no third. */
TEST_F_TIMEOUT(fault, bind, 240)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	unsigned int n;
	int ret = -1;

	for (n = 1; n < 40; n++) {
		struct fx_box box = { .fail_bind = n };

		WORKS(fx_until_bind(s, &self->k));
		ret = fx_box_bind(s, &box);
		WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
		if (ret) {
			refused_for_memory(_metadata, n, ret);
			ASSERT_TRUE(got.state == EROT_STATE_ATTACHED ||
				    got.end == EROT_END_EXIT || got.state == EROT_STATE_BOUND);
		} else {
			ASSERT_EQ(EROT_STATE_BOUND, got.state);
		}
		if (!s->fault_came)
			break;
		fx_end(s);
		WORKS(fx_nothing_left());
	}
	ASSERT_LE(2, n);
	WORKS(ret);
	TH_LOG("%u faults", n - 1);
}

/* A mount that fails ends in a session that can only die. */
TEST_F_TIMEOUT(fault, mount, 240)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	unsigned int n;
	int ret = 0, came = 1;

	for (n = 1; n < TURNS && came; n++) {
		WORKS(fx_until_bind(s, &self->k));
		WORKS(fx_box_bind(s, &box));
		ASSERT_EQ(0, posix_fadvise(fx.payload.fd, 0, 0, POSIX_FADV_DONTNEED));
		WORKS(fault_arm(&self->f, 0, n));
		ret = fx_mount(s);
		came = DISARM(&self->f);
		if (ret)
			ASSERT_TRUE(ret == -EIO || ret == -ENOMEM) {
				TH_LOG("fault %u: %d %s", n, ret, fx_err.text);
			}
		if (!came)
			break;
		fx_end(s);
		WORKS(fx_nothing_left());
	}
	ASSERT_LE(2, n);
	WORKS(ret);
	TH_LOG("%u faults", n - 1);
}

/* Where the gate cannot be set up there is no passage. */
TEST_F_TIMEOUT(fault, exec, 240)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	struct erot_evidence ev;
	struct agent_answer a;
	unsigned int n, killed = 0;
	int status;

	WORKS(fault_in_function("on_exec"));
	for (n = 1; n < 4; n++) {
		struct fx_box box = { .fail_exec = n };

		WORKS(fx_launch(s, &self->k, &box));
		if (!fx_read(s, AGENT_READ, "/data/small", 0, 6, &a)) {
			state_is(_metadata, s, EROT_STATE_RUNNING);
			ASSERT_EQ(0, a.err);
		} else {
			WORKS(fx_wait(s, 20, &status));
			ASSERT_EQ(SIGKILL, status);
			killed++;
			WORKS(fx_evidence(s, 20, &ev));
			ASSERT_EQ(0, le32toh(ev.flags) & EROT_EV_RAN);
			WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
			ASSERT_NE(0, got.end);
		}
		fx_end(s);
		WORKS(fx_nothing_left());
	}
	ASSERT_EQ(1, killed);	/* it makes one allocation */
}

/* What the sandbox reads is right or an error, and right the next time; nothing is damaged. */
TEST_F_TIMEOUT(fault, read, 240)
{
	static struct agent_answer a;
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_nl_stats before, after;
	unsigned int n;
	uint64_t off;
	int came = 1;

	WORKS(fx_launch(s, &self->k, &box));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 0, 65536, &a));
	WORKS(erot_nl_stats(fx.nl, &before, &fx_err));
	for (n = 1; n < 150 && came; n++) {
		off = (uint64_t)(158 - n) * READ;	/* backwards: nothing is read ahead */
		ASSERT_EQ(0, posix_fadvise(fx.payload.fd, 0, 0, POSIX_FADV_DONTNEED));
		WORKS(fault_arm(&self->f, s->pid, n));
		WORKS(fx_read(s, AGENT_READ, FX_BIG, off, READ, &a));
		came = DISARM(&self->f);
		ASSERT_TRUE(!a.err || a.err == EIO || a.err == ENOMEM) {
			TH_LOG("fault %u: %d", n, a.err);
		}
		ASSERT_EQ(0, memcmp(fx.big + off, a.data, a.len));
		WORKS(fx_read(s, AGENT_READ, FX_BIG, off, READ, &a));
		ASSERT_EQ(0, a.err);
		ASSERT_EQ(READ, a.len);
		ASSERT_EQ(0, memcmp(fx.big + off, a.data, a.len));
	}
	ASSERT_LE(2, n);
	WORKS(erot_nl_stats(fx.nl, &after, &fx_err));
	ASSERT_EQ(before.damaged, after.damaged);
	ASSERT_EQ(0, came) { TH_LOG("there are more"); }
	TH_LOG("%u faults", n - 2);
}

enum last { LAST_EXIT, LAST_KILL, LAST_CLOSE, LAST_DESTROY };

FIXTURE(end) {
	struct fx_session s;
	struct fx_knobs k;
};

FIXTURE_VARIANT(end) {
	enum last last;
	uint32_t reason;
};

FIXTURE_VARIANT_ADD(end, exit) = { .last = LAST_EXIT, .reason = EROT_END_EXIT };
FIXTURE_VARIANT_ADD(end, kill) = { .last = LAST_KILL, .reason = EROT_END_KILLED };
FIXTURE_VARIANT_ADD(end, close) = { .last = LAST_CLOSE, .reason = EROT_END_CLOSED };
FIXTURE_VARIANT_ADD(end, destroy) = { .last = LAST_DESTROY, .reason = EROT_END_DESTROYED };

FIXTURE_SETUP(end)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fault_in_module());
}

FIXTURE_TEARDOWN(end)
{
	WORKS(fault_none());
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static int end_it(struct fx_session *s, enum last last)
{
	struct agent_request r = { .op = AGENT_EXIT, .off = 3 };

	switch (last) {
	case LAST_EXIT:
		return send(s->sock, &r, sizeof(r), 0) == sizeof(r) ? 0 : -errno;
	case LAST_KILL:
		return kill(s->pid, SIGKILL) ? -errno : 0;
	case LAST_CLOSE:
		close(s->n.fd);
		s->n.fd = -1;
		return 0;
	default:
		return erot_nl_destroy(fx.nl, s->n.id, &fx_err);
	}
}

/* Nothing that the module asks for is given, to anybody: keys go, evidence comes. */
TEST_F_TIMEOUT(end, without_memory, 120)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_nl_stats st;
	struct erot_evidence ev;
	struct agent_answer a;
	int status;

	WORKS(fx_launch(s, &self->k, &box));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 6, &a));
	WORKS(fault_all());
	WORKS(end_it(s, variant->last));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fault_none());
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(variant->reason, le32toh(ev.reason));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(0, st.keys);
}

static int get(struct fx_session *s)
{
	struct erot_nl_session got;

	return erot_nl_get(fx.nl, s->n.id, &got, &fx_err);
}

static int count(void *ctx, const struct erot_nl_session *s)
{
	(void)s;
	++*(int *)ctx;
	return 0;
}

static int dump(struct fx_session *s)
{
	int sessions = 0, ret;

	(void)s;
	ret = erot_nl_dump(fx.nl, count, &sessions, &fx_err);
	return ret ?: sessions == 1 ? 0 : -ENODATA;
}

static int host(struct fx_session *s)
{
	struct erot_nl_host out;

	(void)s;
	return erot_nl_host(fx.nl, NULL, &out, &fx_err);
}

static int stats(struct fx_session *s)
{
	struct erot_nl_stats out;

	(void)s;
	return erot_nl_stats(fx.nl, &out, &fx_err);
}

static int destroy(struct fx_session *s)
{
	return erot_nl_destroy(fx.nl, s->n.id, &fx_err);
}

/* Questions, and the end by request: refused for want of memory, or answered. */
TEST_F_TIMEOUT(fault, questions, 120)
{
	static int (*const ask[])(struct fx_session *) = { get, dump, host, stats, destroy };
	unsigned int i, n;
	int ret = 0, came;

	WORKS(fx_new(&self->s));
	for (i = 0; i < sizeof(ask) / sizeof(ask[0]); i++) {
		for (n = 1, came = 1; n < TURNS && came; n++) {
			WORKS(fault_arm(&self->f, 0, n));
			ret = ask[i](&self->s);
			came = DISARM(&self->f);
			if (ret)
				refused_for_memory(_metadata, n, ret);
			if (ask[i] == destroy && came) {
				fx_end(&self->s);
				WORKS(fx_new(&self->s));
			}
		}
		WORKS(ret);
		/* a dump only fills what netlink gives it */
		ASSERT_LE(ask[i] == dump ? 2 : 3, n) { TH_LOG("question %u: no fault", i); }
	}
}

FX_MAIN
