// SPDX-License-Identifier: GPL-2.0-only
/* What strikes a launch from outside: each hits whatever is there at the moment, or nothing. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "selftests/stress.h"

const char *const stress_strikes[STRIKES] = {
	[STRIKE_LAUNCHER] = "launcher killed",
	[STRIKE_LAUNCHER_STOP] = "launcher stopped",
	[STRIKE_SANDBOX] = "first process killed",
	[STRIKE_SANDBOX_STOP] = "first process stopped",
	[STRIKE_OTHER] = "any process killed",
	[STRIKE_DESTROY] = "destroyed",
	[STRIKE_CLOSE] = "descriptor closed",
	[STRIKE_CGROUP] = "cgroup killed",
	[STRIKE_MEMORY] = "no memory",
	[STRIKE_FILE] = "file changed",
};

bool stress_wait(int fd, uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return ppoll(&p, 1, &t, NULL) > 0;
}

static int open_in(const char *cgroup, const char *file, int flags)
{
	char path[160];

	if (!cgroup[0])
		return -1;
	snprintf(path, sizeof(path), "%s/%s", cgroup, file);
	return open(path, flags | O_CLOEXEC);
}

/* Whoever is struck may be gone already. */
static void into(const char *cgroup, const char *file, const char *value)
{
	int fd = open_in(cgroup, file, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return;
	n = write(fd, value, strlen(value));
	(void)n;
	close(fd);
}

/* Any process of the sandbox, the first among them. */
static void kill_one_of(const char *cgroup, uint64_t random)
{
	int fd = open_in(cgroup, "cgroup.procs", O_RDONLY);
	char text[1024], *at = text, *end;
	long pids[64], n = 0;
	ssize_t len;

	if (fd < 0)
		return;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = 0;
	for (; n < 64; n++, at = end) {
		pids[n] = strtol(at, &end, 10);
		if (end == at)
			break;
	}
	if (n)
		kill((pid_t)pids[random % (uint64_t)n], SIGKILL);
}

/* Stopped ones go on after @ns. */
static void stop(pid_t pid, uint64_t ns)
{
	if (pid <= 0 || kill(pid, SIGSTOP))
		return;
	stress_wait(-1, ns);
	kill(pid, SIGCONT);
}

/* Cut off somewhere, or other bytes somewhere. */
static void change(int fd, uint64_t random)
{
	char other[256];
	struct stat st;
	off_t at;
	ssize_t n;

	if (fstat(fd, &st) || !st.st_size)
		return;
	at = (off_t)(random / 2 % (uint64_t)st.st_size);
	if (random % 2) {
		n = ftruncate(fd, at);
	} else {
		memset(other, (int)random >> 8, sizeof(other));
		n = pwrite(fd, other, sizeof(other), at);
	}
	(void)n;
}

void stress_strike(struct stress_launch *l, pid_t launcher, enum strike what, uint64_t ns,
		   uint64_t random)
{
	const uint8_t zero[EROT_ID_SIZE] = { 0 };
	pid_t sandbox = l->s.pid;

	switch (what) {
	case STRIKE_LAUNCHER:
		kill(launcher, SIGKILL);
		break;
	case STRIKE_LAUNCHER_STOP:
		stop(launcher, ns);
		break;
	case STRIKE_SANDBOX:
		if (sandbox > 0)
			kill(sandbox, SIGKILL);
		break;
	case STRIKE_SANDBOX_STOP:
		stop(sandbox, ns);
		break;
	case STRIKE_OTHER:
		kill_one_of(l->s.cgroup, random);
		break;
	case STRIKE_DESTROY:
		if (memcmp(l->s.n.id, zero, sizeof(zero)))
			erot_nl_destroy(fx.nl, l->s.n.id, &fx_err);
		break;
	case STRIKE_CLOSE:
		if (l->ready)
			kill(launcher, SIGUSR1);
		break;
	case STRIKE_CGROUP:
		into(l->s.cgroup, "cgroup.kill", "1");
		break;
	case STRIKE_MEMORY:
		into(l->s.cgroup, "memory.max", "4096");
		break;
	default:
		change(l->knobs.payload->fd, random);
	}
}
