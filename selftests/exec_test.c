// SPDX-License-Identifier: GPL-2.0-only
/* The exec gate: what does not pass is killed before its first instruction. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(gate) {
	struct fx_session s;
};

FIXTURE_VARIANT(gate) {
	struct fx_box box;
	bool image_fd;
};

#define HOST_AGENT "/selftests/workload/agent"
#define PLAIN "/tmp/plain"		/* the image, mounted as it is */
static const char *const quick[] = { "agent", "exit", "3", NULL };

#define GATE(name, ...) FIXTURE_VARIANT_ADD(gate, name) = { .box = { __VA_ARGS__ } }

GATE(no_new_privs_missing, .no_nnp = true);
GATE(seccomp_missing, .no_seccomp = true);
GATE(both_missing, .no_nnp = true, .no_seccomp = true);
GATE(program_of_the_host, .program = HOST_AGENT, .argv = quick);
GATE(program_of_another_image, .program = PLAIN FX_AGENT, .argv = quick);
GATE(session_inherited, .keep_session = true);
GATE(image_inherited, .keep_image = true);
GATE(memory_raised_after_bind, .late_memory = true);
GATE(swap_raised_after_bind, .late_swap = true);
GATE(traced, .traced = true);

FIXTURE_SETUP(gate)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
	ASSERT_TRUE(!mkdir(PLAIN, 0755) || errno == EEXIST);
	ASSERT_EQ(0, mount(FX_DIR "/image", PLAIN, "erofs", MS_RDONLY, NULL));
}

FIXTURE_TEARDOWN(gate)
{
	fx_end(&self->s);
	umount2(PLAIN, MNT_DETACH);
	WORKS(fx_nothing_left());
}

TEST_F(gate, kills)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;
	struct erot_evidence ev;
	int status;

	WORKS(fx_launch(s, &k, &variant->box));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_TRUE(WIFSIGNALED(status)) { TH_LOG("status 0x%x", status); }
	ASSERT_EQ(SIGKILL, WTERMSIG(status));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_LE(EROT_STATE_DEAD, got.state);
	ASSERT_EQ(EROT_END_EXEC_GATE, got.end);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_EXEC_GATE, le32toh(ev.reason));
	ASSERT_EQ(0, le32toh(ev.flags) & EROT_EV_RAN);
	ASSERT_EQ(0, le32toh(ev.isolation) & (EROT_ISO_NO_NEW_PRIVS | EROT_ISO_SECCOMP));
}

/* ---- the host */

#define SWAP_FILE "/var/tmp/exec-swap"

FIXTURE(host) {
	struct fx_session s;
};

FIXTURE_SETUP(host)
{
	static const uint8_t zeros[2 << 20];
	char *const mkswap[] = { "mkswap", SWAP_FILE, NULL };

	self->s.n.fd = -1;
	WORKS(fx_begin());
	/* written, since swap may not lie in holes */
	WORKS(erot_write_file(SWAP_FILE, zeros, sizeof(zeros), 0600, &fx_err));
	WORKS(fx_run(mkswap));
}

FIXTURE_TEARDOWN(host)
{
	swapoff(SWAP_FILE);
	unlink(SWAP_FILE);
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static void until_exec(struct __test_metadata *_metadata, struct fx_session *s, uint32_t required)
{
	struct fx_knobs k = { .host = required };
	struct fx_box box = { 0 };

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	ASSERT_EQ(0, swapon(SWAP_FILE, 0)) { TH_LOG("%s", strerror(errno)); }
	WORKS(fx_box_exec(s));
}

/* Swap comes into use after BIND, and the receipt forbids it. */
TEST_F(host, swap_after_bind)
{
	struct erot_nl_session got;
	int status;

	until_exec(_metadata, &self->s, EROT_HOST_NO_SWAP);
	WORKS(fx_wait(&self->s, 20, &status));
	ASSERT_EQ(SIGKILL, status);
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(EROT_END_EXEC_GATE, got.end);
}

/* The receipt says nothing of swap, and in open mode nothing else does. */
TEST_F(host, swap_that_nobody_forbids)
{
	struct erot_nl_session got;

	until_exec(_metadata, &self->s, EROT_HOST_INIT_ON_FREE);
	WORKS(fx_wait_state(self->s.n.id, EROT_STATE_RUNNING, 20, &got));
	ASSERT_EQ(EROT_STATE_RUNNING, got.state);
}

/* ---- what passes */

FIXTURE(pass) {
	struct fx_session s;
};

FIXTURE_SETUP(pass)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(pass)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* The same sandbox without any of that runs: it is the fault that kills. */
TEST_F(pass, runs)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { .argv = quick };
	struct fx_knobs k = { 0 };
	struct erot_evidence ev;
	const char *argv[] = { FX_AGENT, "exit", "3", NULL };
	int status;

	box.argv = argv;
	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_TRUE(WIFEXITED(status)) { TH_LOG("status 0x%x", status); }
	ASSERT_EQ(3, WEXITSTATUS(status));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_EXIT, le32toh(ev.reason));
	ASSERT_NE(0, le32toh(ev.flags) & EROT_EV_RAN);
	ASSERT_EQ(EROT_ISO_ALL, le32toh(ev.isolation));
}

/* The gate looks at every exec: a copy in memory is not from the payload, and never runs. */
static void killed_later(struct __test_metadata *_metadata, struct fx_session *s, const char *what)
{
	const char *argv[] = { FX_AGENT, what, NULL };
	struct fx_box box = { .argv = argv };
	struct fx_knobs k = { 0 };
	struct erot_evidence ev;
	char said[64];
	int status;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_TRUE(WIFSIGNALED(status)) { TH_LOG("status 0x%x", status); }
	ASSERT_EQ(SIGKILL, WTERMSIG(status));
	/* all who had the socket are gone, and none of them has said anything */
	ASSERT_EQ(0, recv(s->sock, said, sizeof(said), 0));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_EXEC_GATE, le32toh(ev.reason));
	ASSERT_NE(0, le32toh(ev.flags) & EROT_EV_RAN);
}

TEST_F(pass, then_a_copy_in_memory)
{
	killed_later(_metadata, &self->s, "exec-copy");
}

TEST_F(pass, then_a_copy_by_a_child)
{
	killed_later(_metadata, &self->s, "exec-copy-child");
}

TEST_F(pass, then_a_copy_in_a_nested_namespace)
{
	killed_later(_metadata, &self->s, "exec-copy-nested");
}

/* What is nested in the sandbox belongs to it, and reads. */
TEST_F(pass, nested_namespace)
{
	const char *argv[] = { FX_AGENT, "read-nested", NULL };
	struct fx_session *s = &self->s;
	struct fx_box box = { .argv = argv };
	struct fx_knobs k = { 0 };
	int status;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(7 << 8, status) { TH_LOG("status 0x%x", status); }
}

TEST_F(pass, exec_again)
{
	struct fx_session *s = &self->s;
	const char *argv[] = { FX_AGENT, "exec-from-thread", NULL };
	struct fx_box box = { .argv = argv };
	struct fx_knobs k = { 0 };
	struct erot_evidence ev;
	int status;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_TRUE(WIFEXITED(status)) { TH_LOG("status 0x%x", status); }
	ASSERT_EQ(9, WEXITSTATUS(status));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(9 << 8, (int)le32toh(ev.exit_status));
}

/* RUNNING is not told before the gate was passed. */
TEST_F(pass, running_is_told)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	struct erot_nl_event e;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int fd;

	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_BOUND, got.state);
	WORKS(fx_box_exec(s));
	WORKS(fx_wait_event(EROT_EVENT_RUNNING, 20, &e));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_RUNNING, got.state);
	ASSERT_EQ(EROT_ISO_ALL, got.isolation);
	ASSERT_NE(0, got.deadline);
}

FX_MAIN
