// SPDX-License-Identifier: GPL-2.0-only
/* erotd's side of a sandbox: cgroup, child, the payload's mount, the exit. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "erotd/cgroup.h"
#include "erotd/launch.h"
#include "erotd/mounts.h"
#include "erotd/server.h"
#include "common/wire.h"

/* The module has checked the isolation: mount, hand over, keep nothing. */
static int give_mount(struct erotd_launch *l, struct erot_error *err)
{
	struct erotd_child_msg msg = { .kind = EROTD_CHILD_MOUNT };
	char path[64];
	int userns, mount_fd, ret;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", l->pid);
	userns = open(path, O_RDONLY | O_CLOEXEC);
	if (userns < 0)
		return erot_fail(err, errno, "mount", "%s: %s", path, strerror(errno));
	mount_fd = erotd_mount_image(l->image_fd, userns, err);
	close(userns);
	close(l->image_fd);
	l->image_fd = -1;
	if (mount_fd < 0)
		return mount_fd;
	ret = erotd_child_send(l->sock.fd, &msg, mount_fd);
	close(mount_fd);
	if (ret)
		return erot_fail(err, -ret, "sandbox", "hand over the mount: %s", strerror(-ret));
	return 0;
}

static void give_terminal(struct erotd_launch *l, int master)
{
	json_t *msg = json_pack("{s:s}", "event", "terminal");

	if (l->client && msg)
		erotd_client_send(l->client, msg, master);
	json_decref(msg);
}

static void child_failed(struct erotd_launch *l, const struct erotd_child_msg *msg)
{
	int code = EROTD_EXIT_SELF;

	if (msg->exec_errno)
		code = msg->exec_errno == ENOENT || msg->exec_errno == ENOTDIR ?
		       EROTD_EXIT_NOTFOUND : EROTD_EXIT_NOEXEC;
	erotd_launch_end(l, &msg->error, code);
}

static bool expected(const struct erotd_launch *l, const struct erotd_child_msg *msg, int fd)
{
	switch (msg->kind) {
	case EROTD_CHILD_BOUND:
		return l->image_fd >= 0 && fd < 0;
	case EROTD_CHILD_TERMINAL:
		return l->image_fd < 0 && l->req.tty && fd >= 0 && !l->said_exec;
	case EROTD_CHILD_EXEC:
		return l->image_fd < 0 && fd < 0 && !l->said_exec;
	default:
		return fd < 0;
	}
}

static void on_child(void *ctx, uint32_t events)
{
	struct erotd_launch *l = ctx;
	struct erotd_child_msg msg;
	struct erot_error err;
	int fd, ret;

	(void)events;
	ret = erotd_child_recv(l->sock.fd, &msg, &fd);
	if (ret == -EAGAIN)
		return;
	if (ret == -ECONNRESET) {
		/* By exec or by death; the exit and the module's events tell them apart. */
		erotd_loop_del(&l->d->loop, &l->sock);
		return;
	}
	if (ret || !expected(l, &msg, fd)) {
		if (fd >= 0)
			close(fd);
		erot_fail(&err, EPROTO, "sandbox", "the sandbox broke the protocol");
		erotd_launch_end(l, &err, EROTD_EXIT_SELF);
		return;
	}
	switch (msg.kind) {
	case EROTD_CHILD_BOUND:
		if (give_mount(l, &err))
			erotd_launch_end(l, &err, EROTD_EXIT_SELF);
		break;
	case EROTD_CHILD_TERMINAL:
		give_terminal(l, fd);
		break;
	case EROTD_CHILD_EXEC:
		l->said_exec = true;
		break;
	default:
		child_failed(l, &msg);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void on_exit_event(void *ctx, uint32_t events)
{
	struct erotd_launch *l = ctx;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PID, (id_t)l->pid, &info, WEXITED | WNOHANG) || !info.si_pid)
		return;
	/* The child may have said why; that message was sent before it died. */
	while (l->sock.fd >= 0 && l->phase != EROTD_ENDING) {
		struct erotd_child_msg msg;
		int fd;

		if (erotd_child_recv(l->sock.fd, &msg, &fd))
			break;
		if (fd >= 0)
			close(fd);
		if (msg.kind == EROTD_CHILD_EXEC)
			l->said_exec = true;
		if (msg.kind == EROTD_CHILD_FAILED)
			child_failed(l, &msg);
	}
	if (info.si_code == CLD_EXITED)
		l->status = (info.si_status & 0xff) << 8;
	else
		l->status = (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	l->reaped = true;
	l->pid = 0;
	erotd_loop_del(&l->d->loop, &l->exit);
	erotd_launch_exited(l);
}

static int make_leaf(struct erotd_launch *l, struct erot_error *err)
{
	const struct erot_manifest *m = &l->manifest;
	struct erotd_limits limits = {
		.memory_max = m->memory_limit < l->receipt.memory_max ? m->memory_limit :
									l->receipt.memory_max,
		.pids_max = m->pids_limit < l->receipt.pids_max ? m->pids_limit :
								  l->receipt.pids_max,
		.cpu_quota = m->cpu_quota,
		.cpu_period = m->cpu_period,
	};
	int leaf = erotd_cgroup_make(l->d->cgroup, l->name, &limits, err);

	if (leaf >= 0)
		l->in_cgroup = true;
	return leaf;
}

int erotd_supervise_start(struct erotd_launch *l, struct erot_error *err)
{
	struct erotd_child_msg maps = { .kind = EROTD_CHILD_MAPS };
	struct erotd_sandbox box = {
		.manifest = &l->manifest,
		.session_fd = l->session_fd,
		.tty = l->req.tty,
		.rows = l->req.rows,
		.cols = l->req.cols,
	};
	int pidfd, sock, ret;

	memcpy(box.stdio, l->fds + EROTD_FD_STDIO, sizeof(box.stdio));
	box.cgroup_fd = make_leaf(l, err);
	if (box.cgroup_fd < 0)
		return box.cgroup_fd;
	ret = erotd_sandbox_start(&box, &l->pid, &pidfd, &sock, err);
	close(box.cgroup_fd);
	if (ret)
		return ret;
	for (int i = 0; i < 3; i++) {
		if (l->fds[EROTD_FD_STDIO + i] >= 0)
			close(l->fds[EROTD_FD_STDIO + i]);
		l->fds[EROTD_FD_STDIO + i] = -1;
	}
	ret = erotd_loop_add(&l->d->loop, &l->exit, pidfd, EPOLLIN, on_exit_event, l, err);
	if (ret) {
		/* Without it nobody would reap; the session's end takes the child along. */
		kill(l->pid, SIGKILL);
		while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
			;
		l->pid = 0;
		close(sock);
		return ret;
	}
	ret = erotd_loop_add(&l->d->loop, &l->sock, sock, EPOLLIN, on_child, l, err) ?:
	      erotd_sandbox_map(l->pid, l->d->cfg.subid_base + (uint32_t)l->range * EROTD_ID_RANGE,
				err) ?:
	      erotd_sandbox_raise(l->pid, &l->manifest, err);
	if (ret)
		return ret;
	ret = erotd_child_send(l->sock.fd, &maps, -1);
	return ret ? erot_fail(err, -ret, "sandbox", "sandbox: %s", strerror(-ret)) : 0;
}
