// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * A disk that hangs under the payload delays what reads it: no other call, no death, no key.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"
#include "selftests/slow_disk.h"

FIXTURE(hang) {
	struct fx_session s;
	struct slow_disk disk;
	struct fx_payload payload;
	struct fx_knobs k;
};

FIXTURE_SETUP(hang)
{
	self->s.n.fd = -1;
	slow_disk_none(&self->disk);
	WORKS(fx_begin());
	ASSERT_EQ(0, slow_disk_begin(&self->disk));
	self->payload = fx.payload;
	self->payload.fd = slow_disk_copy(&self->disk, "payload", fx.payload.fd);
	ASSERT_LE(0, self->payload.fd);
	self->k.payload = &self->payload;
}

FIXTURE_TEARDOWN(hang)
{
	slow_disk_go_on(&self->disk);
	fx_end(&self->s);
	close(self->payload.fd);
	slow_disk_end(&self->disk);
	WORKS(fx_nothing_left());
}

/* In state D of /proc/PID/stat: asked again and again, since nothing tells. */
static bool sleeps_in_kernel(pid_t pid)
{
	char path[32], text[128], *state;
	ssize_t n;
	int i, fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (i = 0; i < 1000; i++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		state = strrchr(text, ')');
		if (state && !strncmp(state, ") D", 3))
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static pid_t attach_in_child(struct fx_session *s)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-fx_attach(s));
	return pid;
}

TEST_F_TIMEOUT(hang, attach, 60)
{
	struct fx_session *s = &self->s;
	struct erot_evidence ev;
	struct erot_nl_session got;
	struct erot_nl_stats st;
	pid_t attaches, binds;
	int status;

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	attaches = attach_in_child(s);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));

	/* who waits behind it can be killed */
	binds = fork();
	if (!binds)
		_exit(-fx_bind_ioctl(s->n.fd, NULL));
	ASSERT_TRUE(sleeps_in_kernel(binds));
	ASSERT_EQ(0, kill(binds, SIGKILL));
	ASSERT_EQ(binds, waitpid(binds, &status, 0));
	ASSERT_EQ(SIGKILL, status);

	/* netlink does not wait at all */
	REFUSED(EBADFD, "out of order", fx_provision(s));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_EV_RELEASED, le32toh(ev.flags));
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(0, st.keys);
	ASSERT_EQ(0, waitpid(attaches, &status, WNOHANG));

	slow_disk_go_on(&self->disk);
	ASSERT_EQ(attaches, waitpid(attaches, &status, 0));
	ASSERT_EQ(ESHUTDOWN, WEXITSTATUS(status));
}

/* Two processes share the descriptor and attach at once: one does it, the other comes late. */
TEST_F_TIMEOUT(hang, two_attach, 60)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	int status[2], i;
	pid_t pid[2];

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	for (i = 0; i < 2; i++)
		pid[i] = attach_in_child(s);
	for (i = 0; i < 2; i++)
		ASSERT_TRUE(sleeps_in_kernel(pid[i]));
	slow_disk_go_on(&self->disk);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pid[i], waitpid(pid[i], &status[i], 0));
	ASSERT_EQ(EBADFD << 8, status[0] + status[1]);
	ASSERT_EQ(0, status[0] & status[1]);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_ATTACHED, got.state);
}

/* Killed in the middle of ATTACH: nothing has happened yet, and it can be done again. */
TEST_F_TIMEOUT(hang, attacher_is_killed, 60)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	int status;
	pid_t pid;

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	pid = attach_in_child(s);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(SIGKILL, status);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
	slow_disk_go_on(&self->disk);
	WORKS(fx_attach(s));
}

/* The same, where it held the last descriptor: that is the end, and the disk still hangs. */
TEST_F_TIMEOUT(hang, last_holder_is_killed, 60)
{
	struct fx_session *s = &self->s;
	struct erot_evidence ev;
	int status;
	pid_t pid;

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	pid = attach_in_child(s);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	close(s->n.fd);
	s->n.fd = -1;
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_CLOSED, le32toh(ev.reason));
}

/* The workload reads, and is killed: it dies while the disk still hangs, and leaves nothing. */
TEST_F_TIMEOUT(hang, running, 60)
{
	struct fx_session *s = &self->s;
	struct agent_request r = { .op = AGENT_READ, .len = 65536, .path = FX_BIG };
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	struct erot_nl_session got;
	int status;

	WORKS(fx_launch(s, &self->k, &box));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RUNNING, 20, &got));
	ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
	slow_disk_hang(&self->disk);
	ASSERT_EQ(sizeof(r), send(s->sock, &r, sizeof(r), 0));
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
}

FX_MAIN
