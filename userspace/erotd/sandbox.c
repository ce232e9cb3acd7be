// SPDX-License-Identifier: GPL-2.0-only
/* erotd's side of the sandbox: clone3(), id maps, limits, messages. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"
#include "erotd/child.h"
#include "erotd/config.h"
#include "erotd/sandbox.h"

int erotd_child_send(int sock, const struct erotd_child_msg *msg, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)msg, .iov_len = sizeof(*msg) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int erotd_child_recv(int sock, struct erotd_child_msg *msg, int *fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do {
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&mh);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	if (!n)
		return -ECONNRESET;
	if (n == sizeof(*msg) && !(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		msg->error.code[sizeof(msg->error.code) - 1] = '\0';
		msg->error.text[sizeof(msg->error.text) - 1] = '\0';
		return 0;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return -EBADMSG;
}

int erotd_sandbox_start(const struct erotd_sandbox *s, pid_t *pid, int *pidfd, int *sock,
			struct erot_error *err)
{
	int pair[2], fd = -1, num;
	/* The cgroup namespace comes later: cloned here, its root would be erotd's own cgroup. */
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
			 CLONE_NEWUTS | CLONE_INTO_CGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&fd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)s->cgroup_fd,
	};
	long child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return erot_fail(err, errno, "sandbox", "socketpair: %s", strerror(errno));
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (!child)
		erotd_child_main(s, pair[1]);	/* does not return */
	num = errno;
	close(pair[1]);
	if (child < 0) {
		close(pair[0]);
		return erot_fail(err, num, "sandbox", "clone3: %s", strerror(num));
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	*pid = (pid_t)child;
	*pidfd = fd;
	*sock = pair[0];
	return 0;
}

static int write_map(pid_t pid, const char *file, uint32_t base, struct erot_error *err)
{
	char path[64], map[64];
	int fd, num = 0, len;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	len = snprintf(map, sizeof(map), "0 %u %u\n", base, EROTD_ID_RANGE);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return erot_fail(err, errno, "sandbox", "%s: %s", path, strerror(errno));
	/* One write: the kernel takes a map whole or not. */
	if (write(fd, map, (size_t)len) != len)
		num = errno ?: EIO;
	close(fd);
	return num ? erot_fail(err, num, "sandbox", "%s: %s", path, strerror(num)) : 0;
}

int erotd_sandbox_map(pid_t pid, uint32_t base, struct erot_error *err)
{
	return write_map(pid, "uid_map", base, err) ?: write_map(pid, "gid_map", base, err);
}

int erotd_sandbox_raise(pid_t pid, const struct erot_manifest *m, struct erot_error *err)
{
	for (size_t i = 0; i < m->n_rlimits; i++) {
		__rlimit_resource_t type = (__rlimit_resource_t)m->rlimits[i].type;
		struct rlimit r;

		if (prlimit(pid, type, NULL, &r))
			return erot_fail(err, errno, "rlimit", "prlimit: %s", strerror(errno));
		if (r.rlim_max >= m->rlimits[i].hard)
			continue;
		r.rlim_max = m->rlimits[i].hard;
		if (prlimit(pid, type, &r, NULL))
			return erot_fail(err, errno, "rlimit", "rlimit %d: %s", (int)type,
					 strerror(errno));
	}
	return 0;
}
