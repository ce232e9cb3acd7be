// SPDX-License-Identifier: GPL-2.0-only
/* erotd's side of a sandbox: cgroup, child, mounter, the exit. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "erotd/cgroup.h"
#include "erotd/launch.h"
#include "erotd/mounter.h"
#include "erotd/reap.h"
#include "erotd/server.h"
#include "common/wire.h"

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
		return l->attached && !l->bound && fd < 0;
	case EROTD_CHILD_TERMINAL:
		return l->bound && l->tty && fd >= 0 && !l->said_exec;
	case EROTD_CHILD_EXEC:
		return l->bound && fd < 0 && !l->said_exec;
	case EROTD_CHILD_FAILED:
		return fd < 0;
	default:
		return false;
	}
}

/* @num: errno, or 0 when @text says it all */
static void end_by(struct erotd_launch *l, const char *code, const char *text, int num)
{
	struct erot_error err;

	erot_fail(&err, num ?: EPROTO, code, "%s%s%s", text, num ? ": " : "",
		  num ? strerror(num) : "");
	erotd_launch_end(l, &err, EROTD_EXIT_SELF);
}

static int tell(int sock, enum erotd_child_kind kind)
{
	struct erotd_child_msg msg = { .kind = kind };

	return erotd_child_send(sock, &msg, -1);
}

/* One message of the child; false when there was none. */
static bool hear_child(struct erotd_launch *l)
{
	struct erotd_child_msg msg;
	int fd, ret;

	ret = erotd_child_recv(l->sock.fd, &msg, &fd);
	if (ret == -EAGAIN)
		return false;
	if (ret == -ECONNRESET) {
		/* By exec or by death; the exit and the module's events tell them apart. */
		erotd_loop_del(&l->d->loop, &l->sock);
		return false;
	}
	if (ret || !expected(l, &msg, fd)) {
		if (fd >= 0)
			close(fd);
		end_by(l, "sandbox", "the sandbox broke the protocol", 0);
		return true;
	}
	switch (msg.kind) {
	case EROTD_CHILD_BOUND:
		/* The module has checked the isolation. */
		l->bound = true;
		erotd_times_mark(&l->times, EROTD_AT_BOUND);
		ret = tell(l->mounter_sock.fd, EROTD_CHILD_MOUNT);
		if (ret)
			end_by(l, "mounter", "the mounter is gone", -ret);
		break;
	case EROTD_CHILD_TERMINAL:
		give_terminal(l, fd);
		close(fd);
		break;
	case EROTD_CHILD_EXEC:
		l->said_exec = true;
		erotd_times_mark(&l->times, EROTD_AT_EXEC);
		break;
	default:
		child_failed(l, &msg);
	}
	return true;
}

static void hear_all_of_child(struct erotd_launch *l)
{
	while (l->phase != EROTD_ENDING && l->sock.fd >= 0 && hear_child(l))
		;
}

static void on_child(void *ctx, uint32_t events)
{
	(void)events;
	hear_child(ctx);
}

static bool hear_mounter(struct erotd_launch *l)
{
	struct erotd_child_msg msg;
	int fd, ret;

	ret = erotd_child_recv(l->mounter_sock.fd, &msg, &fd);
	if (ret == -EAGAIN)
		return false;
	if (fd >= 0)
		close(fd);
	if (ret == -ECONNRESET) {
		erotd_loop_del(&l->d->loop, &l->mounter_sock);
		if (!l->mounted)
			end_by(l, "mounter", "the mounter died", 0);
		return false;
	}
	if (!ret && fd < 0 && msg.kind == EROTD_CHILD_ATTACHED && !l->attached) {
		l->attached = true;
		erotd_times_mark(&l->times, EROTD_AT_ATTACHED);
		ret = tell(l->sock.fd, EROTD_CHILD_MAPS);
		if (ret)
			end_by(l, "sandbox", "the sandbox is gone", -ret);
	} else if (!ret && fd < 0 && msg.kind == EROTD_CHILD_MOUNTED && l->bound && !l->mounted) {
		l->mounted = true;
		erotd_times_mark(&l->times, EROTD_AT_MOUNTED);
	} else if (!ret && fd < 0 && msg.kind == EROTD_CHILD_FAILED) {
		erotd_launch_end(l, &msg.error, EROTD_EXIT_SELF);
	} else {
		end_by(l, "mounter", "the mounter broke the protocol", 0);
	}
	return true;
}

static void on_mounter(void *ctx, uint32_t events)
{
	(void)events;
	hear_mounter(ctx);
}

/*
 * Their words reach the loop by another way than the module's events, which it may see first
 * although they were sent later. @l stays: what has a sandbox is freed behind its exit.
 */
void erotd_supervise_hear(struct erotd_launch *l)
{
	hear_all_of_child(l);
	while (l->phase != EROTD_ENDING && l->mounter_sock.fd >= 0 && hear_mounter(l))
		;
}

static void on_exit_event(void *ctx, uint32_t events)
{
	struct erotd_launch *l = ctx;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PID, (id_t)l->pid, &info, WEXITED | WNOHANG) || !info.si_pid)
		return;
	/* The child may have said why; that message was sent before it died. */
	hear_all_of_child(l);
	if (info.si_code == CLD_EXITED)
		l->status = (info.si_status & 0xff) << 8;
	else
		l->status = (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	l->reaped = true;
	l->pid = 0;
	erotd_loop_del(&l->d->loop, &l->exit);
	erotd_launch_exited(l);
}

/* Has the child ended? */
void erotd_supervise_check(struct erotd_launch *l)
{
	on_exit_event(l, 0);
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

static void close_fds(struct erotd_launch *l, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (l->fds[from] >= 0)
			close(l->fds[from]);
		l->fds[from] = -1;
	}
}

/* The sandbox's child; it waits for MAPS. */
static int start_child(struct erotd_launch *l, struct erot_error *err)
{
	struct erotd_sandbox box = {
		.manifest = &l->manifest,
		.session_fd = l->session_fd,
		.tty = l->tty,
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
	close_fds(l, EROTD_FD_STDIO, EROTD_FD_STDIO + 3);
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
	return erotd_loop_add(&l->d->loop, &l->sock, sock, EPOLLIN, on_child, l, err) ?:
	       erotd_sandbox_map(l->pid, l->d->cfg.subid_base + (uint32_t)l->range * EROTD_ID_RANGE,
				 err) ?:
	       erotd_sandbox_raise(l->pid, &l->manifest, err);
}

static int start_mounter(struct erotd_launch *l, struct erot_error *err)
{
	int payload = l->fds[EROTD_FD_PAYLOAD];
	struct erotd_mounter m = {
		.session_fd = l->session_fd,
		.envelope_fd = l->fds[EROTD_FD_ENVELOPE],
		.payload_fd = payload >= 0 ? payload : l->fds[EROTD_FD_ENVELOPE],
		.sandbox_sock = l->sock.fd,
	};
	char path[64];
	int sock, ret;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", l->pid);
	m.userns_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (m.userns_fd < 0)
		return erot_fail(err, errno, "mounter", "%s: %s", path, strerror(errno));
	ret = erotd_mounter_start(&m, &pid, &l->mounter, &sock, err);
	close(m.userns_fd);
	if (ret)
		return ret;
	erotd_reap_later(&l->d->loop, pid, l->mounter);
	close_fds(l, EROTD_FD_ENVELOPE, EROTD_FD_PAYLOAD + 1);
	return erotd_loop_add(&l->d->loop, &l->mounter_sock, sock, EPOLLIN, on_mounter, l, err);
}

/* Both at once: the disk is read while the namespaces are made. */
int erotd_supervise_start(struct erotd_launch *l, struct erot_error *err)
{
	return start_child(l, err) ?: start_mounter(l, err);
}

/* No more is said to either. The child ends by its session, the mounter by this. */
void erotd_supervise_stop(struct erotd_launch *l)
{
	erotd_loop_del(&l->d->loop, &l->sock);
	erotd_loop_del(&l->d->loop, &l->mounter_sock);
	if (l->mounter >= 0) {
		pidfd_send_signal(l->mounter, SIGKILL, NULL, 0);
		close(l->mounter);
	}
	l->mounter = -1;
}
