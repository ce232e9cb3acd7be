// SPDX-License-Identifier: GPL-2.0-only
/* Reaping from the loop. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "erotd/reap.h"

struct child {
	struct erotd_loop *loop;
	struct erotd_source exit;
	pid_t pid;
};

static void on_exit_event(void *ctx, uint32_t events)
{
	struct child *c = ctx;

	(void)events;
	if (!waitpid(c->pid, NULL, WNOHANG))
		return;
	erotd_loop_del(c->loop, &c->exit);
	free(c);
}

void erotd_reap_later(struct erotd_loop *loop, pid_t pid, int pidfd)
{
	struct child *c = calloc(1, sizeof(*c));
	int fd = c ? fcntl(pidfd, F_DUPFD_CLOEXEC, 3) : -1;

	if (fd >= 0) {
		c->loop = loop;
		c->pid = pid;
		if (!erotd_loop_add(loop, &c->exit, fd, EPOLLIN, on_exit_event, c, NULL))
			return;
	}
	free(c);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
