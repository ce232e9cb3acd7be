// SPDX-License-Identifier: GPL-2.0-only
/* The launcher: one launch in a process of its own, which tells at which step it is. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "selftests/stress.h"

const char *const stress_steps[STEPS] = {
	[STEP_NONE] = "none",
	[STEP_NEW] = "new",
	[STEP_PROVISION] = "provision",
	[STEP_ATTACH] = "attach",
	[STEP_BIND] = "bind",
	[STEP_MOUNT] = "mount",
	[STEP_EXEC] = "exec",
	[STEP_USE] = "use",
	[STEP_END] = "end",
};

static struct stress_launch *mine;
static int null_fd, tell_fd;

/* splitmix64 */
uint64_t stress_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

uint64_t stress_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* In place of the descriptor stands another, so that no later one gets its number. */
static void close_one(int sig)
{
	const int fds[] = { mine->s.n.fd, mine->s.image_fd, mine->s.mount_fd, mine->s.sock,
			    mine->s.env_fd, mine->s.pidfd };
	int num = errno, fd = fds[mine->victim % (sizeof(fds) / sizeof(fds[0]))];

	(void)sig;
	if (fd > 2)
		dup2(null_fd, fd);
	errno = num;
}

static void begin(enum step step)
{
	uint8_t byte = (uint8_t)step;
	ssize_t n;

	mine->began_ns[step] = stress_now_ns();
	mine->step = step;
	n = write(tell_fd, &byte, 1);
	(void)n;	/* whoever reads it may strike too late, and nothing else */
}

/* What comes back is the payload's, or an error. */
static int read_and_compare(struct fx_session *s, uint32_t op, uint64_t *random)
{
	static struct agent_answer a;
	uint32_t len = 1 + (uint32_t)(stress_random(random) % AGENT_DATA_MAX);
	uint64_t off = stress_random(random) % (FX_BIG_SIZE - len);
	int ret = fx_read(s, op, FX_BIG, off, len, &a);

	if (ret)
		return ret;
	if (a.err)
		return erot_fail(&fx_err, a.err == AGENT_SIGBUS ? EFAULT : a.err, "read",
				 "agent: error %d", a.err);
	if (a.len != len || memcmp(a.data, fx.big + off, len))
		return erot_fail(&fx_err, EILSEQ, "read", "other bytes than were packed");
	return 0;
}

static int use_once(struct fx_session *s, uint64_t *random)
{
	struct agent_request r = { .op = AGENT_FORK };
	struct agent_answer a;

	switch (stress_random(random) % 4) {
	case 0:
		return fx_ask(s, &r, &a);
	case 1:
		return read_and_compare(s, AGENT_MAP, random);
	default:
		return read_and_compare(s, AGENT_READ, random);
	}
}

/* With a deadline until it comes: the agent is gone then. */
static int use(struct stress_launch *l, uint64_t *random)
{
	int n = 1 + (int)(stress_random(random) % 4), ret = 0;

	while (!ret && (l->deadline || n--))
		ret = use_once(&l->s, random);
	return ret;
}

static int finish(struct fx_session *s)
{
	struct agent_request quit = { .op = AGENT_EXIT, .off = 42 };
	struct erot_evidence ev;
	int ret, status;

	if (send(s->sock, &quit, sizeof(quit), MSG_NOSIGNAL) != sizeof(quit))
		return erot_fail(&fx_err, EPIPE, "agent", "agent is gone");
	ret = fx_wait(s, 60, &status);
	if (ret)
		return ret;
	if (status != 42 << 8)
		return erot_fail(&fx_err, EPIPE, "agent", "agent ended with 0x%x", status);
	return fx_evidence(s, 60, &ev);
}

static int launch(struct stress_launch *l)
{
	static const struct fx_box box;
	struct fx_session *s = &l->s;
	uint64_t random = l->random;
	int ret;

	ret = fx_begin();
	begin(STEP_NEW);
	ret = ret ?: fx_new(s);
	begin(STEP_PROVISION);
	ret = ret ?: fx_grant(s, &l->knobs) ?: fx_release(s) ?: fx_provision(s);
	begin(STEP_ATTACH);
	ret = ret ?: fx_attach(s);
	begin(STEP_BIND);
	ret = ret ?: fx_box_bind(s, &box);
	begin(STEP_MOUNT);
	ret = ret ?: fx_mount(s);
	begin(STEP_EXEC);
	ret = ret ?: fx_box_exec(s);
	begin(STEP_USE);
	ret = ret ?: use(l, &random);
	begin(STEP_END);
	return ret ?: finish(s);
}

static void __attribute__((noreturn)) launcher(struct stress_launch *l)
{
	const struct sigaction act = { .sa_handler = close_one, .sa_flags = SA_RESTART };

	mine = l;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigaction(SIGUSR1, &act, NULL);
	l->ready = 1;
	l->result = launch(l);
	snprintf(l->text, sizeof(l->text), "%s", l->result ? fx_err.text : "");
	_exit(0);		/* all that it holds is closed as by a death */
}

pid_t stress_start(struct stress_launch *l)
{
	int pair[2];
	pid_t pid;

	l->s.n.fd = l->s.image_fd = l->s.mount_fd = l->s.sock = l->s.pidfd = l->s.env_fd = -1;
	l->result = -EINTR;	/* of one that did not come to an end */
	if (pipe2(pair, O_CLOEXEC))
		return -1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(pair[0]);
		tell_fd = pair[1];
		launcher(l);
	}
	close(pair[1]);
	l->steps = pair[0];
	return pid;
}
