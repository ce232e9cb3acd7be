// SPDX-License-Identifier: GPL-2.0-only
/*
 * From its start to its end it has one capability, CAP_SYS_ADMIN, which the mount needs, and the
 * descriptors of its own launch. The session's is closed once ATTACH is through: from then on
 * erotd's, and the sandbox's until BIND, are the only ones.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/erot_ioctl.h>

#include "erotd/mounter.h"
#include "erotd/mounts.h"
#include "erotd/privs.h"
#include "erotd/sandbox.h"
#include "common/wire.h"

/* Places of the descriptors that are kept. */
enum { AT_SOCK = 3, AT_SESSION, AT_ENVELOPE, AT_PAYLOAD, AT_USERNS, AT_SANDBOX, AT_END };

static void __attribute__((noreturn)) fail(const struct erot_error *err)
{
	struct erotd_child_msg msg = { .kind = EROTD_CHILD_FAILED, .error = *err };

	erotd_child_send(AT_SOCK, &msg, -1);
	_exit(EROTD_EXIT_SELF);
}

static void say(int sock, enum erotd_child_kind kind, int fd, struct erot_error *err)
{
	struct erotd_child_msg msg = { .kind = kind };
	int ret = erotd_child_send(sock, &msg, fd);

	if (!ret)
		return;
	erot_fail(err, -ret, "mounter", "hand over the mount: %s", strerror(-ret));
	fail(err);
}

/* First out of the way of the places, then into them. */
static int keep_descriptors(const struct erotd_mounter *m, int sock, struct erot_error *err)
{
	int in[] = { sock, m->session_fd, m->envelope_fd, m->payload_fd, m->userns_fd,
		     m->sandbox_sock };

	for (int i = 0; i < AT_END - AT_SOCK; i++) {
		in[i] = fcntl(in[i], F_DUPFD_CLOEXEC, AT_END);
		if (in[i] < 0)
			return erot_fail(err, errno, "mounter", "dup: %s", strerror(errno));
	}
	for (int i = 0; i < AT_END - AT_SOCK; i++)
		if (dup3(in[i], AT_SOCK + i, O_CLOEXEC) < 0)
			return erot_fail(err, errno, "mounter", "dup: %s", strerror(errno));
	if (close_range(AT_END, ~0U, 0))
		return erot_fail(err, errno, "mounter", "close_range: %s", strerror(errno));
	return 0;
}

/* Behind the drop of privileges, which would clear the signal. */
static int die_with(pid_t parent, struct erot_error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return erot_fail(err, errno, "mounter", "PR_SET_PDEATHSIG: %s", strerror(errno));
	if (getppid() != parent)
		_exit(EROTD_EXIT_SELF);
	return 0;
}

static int attach(struct erot_error *err)
{
	struct erot_attach a = {
		.size = sizeof(a),
		.envelope_fd = AT_ENVELOPE,
		.payload_fd = AT_PAYLOAD,
		.image_fd = -1,
	};

	if (ioctl(AT_SESSION, EROT_IOC_ATTACH, &a)) {
		a.text[sizeof(a.text) - 1] = '\0';
		return erot_fail(err, errno, "attach", "attach: %s",
				 a.text[0] ? a.text : strerror(errno));
	}
	close(AT_SESSION);
	close(AT_ENVELOPE);
	close(AT_PAYLOAD);
	return a.image_fd;
}

static void __attribute__((noreturn)) mounter_main(const struct erotd_mounter *m, int sock,
						   pid_t parent)
{
	struct erot_error err = { .code = "mounter", .text = "unknown" };
	struct erotd_child_msg msg;
	int image, mnt, fd;

	if (keep_descriptors(m, sock, &err)) {
		struct erotd_child_msg early = { .kind = EROTD_CHILD_FAILED, .error = err };

		erotd_child_send(sock, &early, -1);
		_exit(EROTD_EXIT_SELF);
	}
	if (erotd_privs_keep(1ULL << CAP_SYS_ADMIN, &err) || die_with(parent, &err))
		fail(&err);
	image = attach(&err);
	if (image < 0)
		fail(&err);
	say(AT_SOCK, EROTD_CHILD_ATTACHED, -1, &err);
	if (erotd_child_recv(AT_SOCK, &msg, &fd) || msg.kind != EROTD_CHILD_MOUNT || fd >= 0)
		_exit(EROTD_EXIT_SELF);
	mnt = erotd_mount_image(image, AT_USERNS, &err);
	if (mnt < 0)
		fail(&err);
	say(AT_SANDBOX, EROTD_CHILD_MOUNT, mnt, &err);
	say(AT_SOCK, EROTD_CHILD_MOUNTED, -1, &err);
	_exit(0);
}

int erotd_mounter_start(const struct erotd_mounter *m, pid_t *pid, int *pidfd, int *sock,
			struct erot_error *err)
{
	int pair[2], fd = -1, num;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&fd,
		.exit_signal = SIGCHLD,
	};
	pid_t parent = getpid();
	long child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return erot_fail(err, errno, "mounter", "socketpair: %s", strerror(errno));
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (!child)
		mounter_main(m, pair[1], parent);
	num = errno;
	close(pair[1]);
	if (child < 0) {
		close(pair[0]);
		return erot_fail(err, num, "mounter", "clone3: %s", strerror(num));
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	*pid = (pid_t)child;
	*pidfd = fd;
	*sock = pair[0];
	return 0;
}
