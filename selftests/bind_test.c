// SPDX-License-Identifier: GPL-2.0-only
/* BIND with one property of the sandbox missing. A refused session stays ATTACHED. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/prctl.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

#define GATE (EROT_ISO_NO_NEW_PRIVS | EROT_ISO_SECCOMP)

FIXTURE(bind) {
	struct fx_session s;
};

FIXTURE_SETUP(bind)
{
	struct fx_knobs k = { 0 };

	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_until_bind(&self->s, &k));
}

FIXTURE_TEARDOWN(bind)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(bind, everything_is_there)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	struct fx_box box = { 0 };

	WORKS(fx_box_bind(s, &box));
	ASSERT_EQ(EROT_ISO_ALL & ~GATE, s->isolation);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_BOUND, got.state);
	ASSERT_EQ(s->pid, got.pid);
	ASSERT_EQ(EROT_ISO_ALL & ~GATE, got.isolation);
	REFUSED(EBADFD, "out of order", fx_bind_ioctl(s->n.fd, NULL));
}

FIXTURE(lacking) {
	struct fx_session s;
};

/* @missing: the bits that are not observed, all of them */
FIXTURE_VARIANT(lacking) {
	struct fx_box box;
	uint32_t missing;
	const char *words;
};

#define LACKING(name, bits, text, ...) \
FIXTURE_VARIANT_ADD(lacking, name) = { .missing = bits, .words = text, .box = { __VA_ARGS__ } }

LACKING(pid_ns, EROT_ISO_PID_NS, "first in a pid namespace", .drop = CLONE_NEWPID);
LACKING(mnt_ns, EROT_ISO_MNT_NS, "initial mount namespace", .drop = CLONE_NEWNS);
LACKING(net_ns, EROT_ISO_NET_NS, "network namespace", .drop = CLONE_NEWNET);
LACKING(ipc_ns, EROT_ISO_IPC_NS, "ipc namespace", .drop = CLONE_NEWIPC);
LACKING(uts_ns, EROT_ISO_UTS_NS, "uts namespace", .drop = CLONE_NEWUTS);
LACKING(cgroup_ns, EROT_ISO_CGROUP_NS, "cgroup namespace", .drop = CLONE_NEWCGROUP);
LACKING(user_ns, EROT_ISO_USER_NS, "initial user namespace", .drop = CLONE_NEWUSER);
LACKING(nested_user_ns, EROT_ISO_USER_NS | EROT_ISO_PID_NS | EROT_ISO_NET_NS | EROT_ISO_IPC_NS |
	EROT_ISO_UTS_NS | EROT_ISO_CGROUP_NS, "initial user namespace", .nested_user = true);
LACKING(company, EROT_ISO_PID_NS, "alone and first", .company = true);
LACKING(second_process, EROT_ISO_PID_NS, "alone and first", .by_second = true);
LACKING(second_thread, EROT_ISO_PID_NS, "alone and first", .thread = true);
LACKING(memory_unlimited, EROT_ISO_MEMORY_MAX, "memory.max", .memory_max = "max");
LACKING(memory_one_page_more, EROT_ISO_MEMORY_MAX, "memory.max", .memory_max = "67112960");
LACKING(swap_unlimited, EROT_ISO_SWAP_ZERO, "memory.swap.max", .swap_max = "max");
LACKING(swap_one_page, EROT_ISO_SWAP_ZERO, "memory.swap.max", .swap_max = "4096");

FIXTURE_SETUP(lacking)
{
	struct fx_knobs k = { 0 };

	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_until_bind(&self->s, &k));
}

FIXTURE_TEARDOWN(lacking)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(lacking, refused)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;

	REFUSED(EPERM, variant->words, fx_box_bind(s, &variant->box));
	ASSERT_EQ(EROT_ISO_ALL & ~GATE & ~variant->missing, s->isolation) {
		TH_LOG("isolation 0x%x", s->isolation);
	}
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_ATTACHED, got.state);
	ASSERT_EQ(0, got.pid);
}

/* Less than the receipt allows is allowed. */
TEST_F(bind, less_memory)
{
	struct fx_box box = { .memory_max = "32M" };

	WORKS(fx_box_bind(&self->s, &box));
}

TEST_F(bind, by_the_parent)
{
	uint32_t isolation = ~0U;

	REFUSED(EPERM, "initial user namespace", fx_bind_ioctl(self->s.n.fd, &isolation));
	ASSERT_EQ(0, isolation) { TH_LOG("isolation 0x%x", isolation); }
}

/* A receipt that asks for no isolation gets no less. */
TEST_F(bind, whatever_the_receipt_asks)
{
	struct fx_knobs k = { .no_isolation = true };
	struct fx_session t = { .n.fd = -1 };

	WORKS(fx_until_bind(&t, &k));
	REFUSED(EPERM, "network namespace",
		fx_box_bind(&t, &(struct fx_box){ .drop = CLONE_NEWNET }));
	fx_end(&t);
}

/* Refused once, the session can still be bound by a sandbox that is as it should be. */
TEST_F(bind, after_a_refusal)
{
	REFUSED(EPERM, "initial user namespace", fx_bind_ioctl(self->s.n.fd, NULL));
	WORKS(fx_box_bind(&self->s, &(struct fx_box){ 0 }));
}

/* Its exit would wipe one session's keys only, and its programs come from one payload. */
TEST_F(bind, in_the_sandbox_of_another_session)
{
	struct fx_session *s = &self->s, t = { .n.fd = -1 };
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;

	WORKS(fx_until_bind(&t, &k));
	REFUSED(EBUSY, "another session's", fx_box_bind(s, &(struct fx_box){ .also = t.n.fd }));
	WORKS(erot_nl_get(fx.nl, t.n.id, &got, &fx_err));
	ASSERT_LT(EROT_STATE_ATTACHED, got.state);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_ATTACHED, got.state);
	fx_end(&t);
}

FX_MAIN
