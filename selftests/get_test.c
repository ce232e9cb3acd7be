// SPDX-License-Identifier: GPL-2.0-only
/* What GET tells of the sandbox's first process. */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(pid) {
	struct fx_session s;
};

FIXTURE_SETUP(pid)
{
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_nl_session got;

	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_launch(&self->s, &k, &box));
	WORKS(fx_wait_state(self->s.n.id, EROT_STATE_RUNNING, 20, &got));
	ASSERT_EQ(self->s.pid, (pid_t)got.pid);
}

FIXTURE_TEARDOWN(pid)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* It is gone from its exit on, though nobody has waited for it yet. */
TEST_F(pid, of_a_zombie)
{
	struct agent_request quit = { .op = AGENT_EXIT, .off = 42 };
	struct erot_nl_session got;
	siginfo_t info;

	ASSERT_EQ(sizeof(quit), send(self->s.sock, &quit, sizeof(quit), 0));
	ASSERT_EQ(0, waitid(P_PID, (id_t)self->s.pid, &info, WEXITED | WNOWAIT));
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(0, got.pid);
	WORKS(fx_wait_state(self->s.n.id, EROT_STATE_RELEASED, 20, &got));
	ASSERT_EQ(0, got.pid);
}

/* It was waited for: its number may be another process's by now. */
TEST_F(pid, of_nobody)
{
	struct erot_nl_session got;
	int status;

	ASSERT_EQ(0, kill(self->s.pid, SIGKILL));
	WORKS(fx_wait(&self->s, 20, &status));
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(0, got.pid);
	WORKS(fx_wait_state(self->s.n.id, EROT_STATE_RELEASED, 20, &got));
	ASSERT_EQ(0, got.pid);
}

FX_MAIN
