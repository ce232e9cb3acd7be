// SPDX-License-Identifier: GPL-2.0-only
/* The sandbox of a launch: a child in its namespaces, BIND, the mount, the agent. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"
#include "selftests/fault.h"
#include "selftests/fixture.h"

#define CGROUPS	"/sys/fs/cgroup"

/* What the child tells: how BIND ended, or that a later step failed. */
struct report {
	int num;
	uint32_t isolation;
	bool fault_came;
	char text[EROT_TEXT_SIZE];
};

/* ---- messages between the parent and the child before it executes */

static int send_fd(int sock, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		mh.msg_control = control.space;
		mh.msg_controllen = sizeof(control.space);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	}
	return sendmsg(sock, &mh, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -EPIPE;
}

static int recv_fd(int sock, void *data, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;

	if (recvmsg(sock, &mh, MSG_CMSG_CLOEXEC) != (ssize_t)len)
		return -EPIPE;
	c = CMSG_FIRSTHDR(&mh);
	if (c)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return 0;
}

static int recv_until(int sock, void *data, size_t len, int seconds)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, fx_left_ms(fx_end_ms(seconds))) != 1)
		return -ETIMEDOUT;
	n = recv(sock, data, len, 0);
	return n < 0 ? -errno : n ? (int)n : -EPIPE;
}

/* ---- the child, until it executes */

static void say(int sock, int num, const char *what)
{
	struct report r = { .num = num };

	snprintf(r.text, sizeof(r.text), "child: %s: %s", what, strerror(num));
	send(sock, &r, sizeof(r), MSG_NOSIGNAL);
	_exit(90);
}

static int idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

static void bind_and_say(const struct fx_box *box, int sock, int session)
{
	struct erot_bind b = { .size = sizeof(b) };
	struct report r = { 0 };
	struct fault f;

	if (box->fail_bind && fault_arm(&f, 0, box->fail_bind))
		say(sock, EIO, "fail-nth");
	if (ioctl(session, EROT_IOC_BIND, &b))
		r.num = errno;
	if (box->fail_bind)
		r.fault_came = fault_disarm(&f) > 0;
	r.isolation = b.isolation;
	memcpy(r.text, b.text, sizeof(r.text));
	send(sock, &r, sizeof(r), MSG_NOSIGNAL);
	if (r.num)
		_exit(91);
}

static void add_filter(int sock)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		say(sock, errno, "seccomp");
}

static void enter_payload(int sock, int mount_fd)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		say(sock, errno, "make private");
	if (move_mount(mount_fd, "", AT_FDCWD, "/mnt", MOVE_MOUNT_F_EMPTY_PATH))
		say(sock, errno, "move_mount");
	close(mount_fd);
}

static void __attribute__((noreturn)) child(const struct fx_box *box, int sock, int session,
						int image)
{
	static char stack[16384] __attribute__((aligned(16)));
	static const char *const serve[] = { FX_AGENT, "serve", NULL };
	const char *const *argv = box->argv ?: serve;
	char *const envp[] = { NULL };
	int mount_fd = -1, also;
	struct fault f;
	char go;

	/* places 3 to 6; nothing else stays, least of all another session */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 10);
	session = fcntl(session, F_DUPFD_CLOEXEC, 11);
	image = fcntl(image, F_DUPFD_CLOEXEC, 12);
	also = fcntl(box->also, F_DUPFD_CLOEXEC, 13);
	if (sock < 0 || session < 0 || image < 0 || also < 0 || dup3(sock, 3, O_CLOEXEC) < 0 ||
	    dup3(session, 4, O_CLOEXEC) < 0 || dup2(image, 5) < 0 ||
	    dup3(also, 6, O_CLOEXEC) < 0 || close_range(7, ~0U, 0))
		_exit(92);
	if (!box->keep_image)
		close(5);
	sock = 3;
	session = 4;
	if (recv(sock, &go, 1, 0) != 1)
		_exit(93);
	if (box->nested_user && unshare(CLONE_NEWUSER))
		say(sock, errno, "unshare");
	if (box->company && !fork())
		idle(NULL);
	if (box->thread && clone(idle, stack + sizeof(stack), CLONE_VM | CLONE_FS | CLONE_FILES |
				 CLONE_SIGHAND | CLONE_THREAD, NULL) < 0)
		say(sock, errno, "thread");
	if (box->by_second && fork()) {
		for (;;)
			pause();
	}
	if (box->also && fx_bind_ioctl(6, NULL))
		say(sock, errno, "another session");
	close(6);
	bind_and_say(box, sock, session);
	if (!box->keep_session)
		close(session);
	else if (fcntl(session, F_SETFD, 0))
		say(sock, errno, "keep session");

	if (recv_fd(sock, &go, 1, &mount_fd))
		_exit(94);
	enter_payload(sock, mount_fd);
	if (box->instead)
		_exit(box->instead("/mnt"));
	if (box->traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		say(sock, errno, "ptrace");
	if (box->fail_exec && fault_arm(&f, 0, box->fail_exec))	/* there is no /proc inside */
		say(sock, EIO, "fail-nth");
	if (!box->program && (chroot("/mnt") || chdir("/")))
		say(sock, errno, "chroot");
	if (dup2(sock, 0) < 0)
		say(sock, errno, "dup2");
	if (!box->no_nnp && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		say(sock, errno, "no_new_privs");
	if (!box->no_seccomp)
		add_filter(sock);
	execve(box->program ?: argv[0], (char *const *)argv, envp);
	say(sock, errno, "execve");
	_exit(95);
}

/* ---- the parent's side */

static int put(const char *dir, const char *file, const char *value)
{
	char path[160];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return erot_fail(&fx_err, errno, "write", "%s: %s", path, strerror(errno));
	ret = erot_write_full(fd, value, strlen(value));
	close(fd);
	return ret ? erot_fail(&fx_err, -ret, "write", "%s: %s", path, strerror(-ret)) : 0;
}

static int make_cgroup(struct fx_session *s, const struct fx_box *box)
{
	static unsigned int n;
	int ret;

	snprintf(s->cgroup, sizeof(s->cgroup), CGROUPS "/erot-test-%d-%u", (int)getpid(), n++);
	if (mkdir(s->cgroup, 0755)) {
		s->cgroup[0] = 0;
		return erot_fail(&fx_err, errno, "cgroup", "mkdir: %s", strerror(errno));
	}
	ret = put(s->cgroup, "memory.max", box->memory_max ?: "64M") ?:
	      put(s->cgroup, "memory.swap.max", box->swap_max ?: "0") ?:
	      put(s->cgroup, "memory.oom.group", "1") ?:
	      put(s->cgroup, "pids.max", "40");
	return ret ?: open(s->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* cgroup.events says when the last task has been taken out. */
void fx_remove_cgroup(struct fx_session *s)
{
	uint64_t end = fx_end_ms(10);
	char path[128], text[64];
	struct pollfd p = { .events = POLLPRI };
	ssize_t n;

	if (!s->cgroup[0])
		return;
	put(s->cgroup, "cgroup.kill", "1");
	snprintf(path, sizeof(path), "%s/cgroup.events", s->cgroup);
	p.fd = open(path, O_RDONLY | O_CLOEXEC);
	while (p.fd >= 0 && fx_left_ms(end)) {
		n = pread(p.fd, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
		if (strstr(text, "populated 0"))
			break;
		poll(&p, 1, fx_left_ms(end));
	}
	close(p.fd);
	while (rmdir(s->cgroup) && errno == EBUSY && fx_left_ms(end))
		poll(NULL, 0, 10);
	s->cgroup[0] = 0;
}

static int write_maps(pid_t pid)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "/proc/%d", (int)pid);
	return put(dir, "uid_map", "0 0 65536") ?: put(dir, "gid_map", "0 0 65536");
}

int fx_box_bind(struct fx_session *s, const struct fx_box *box)
{
	uint64_t all = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
		       CLONE_NEWUTS | CLONE_NEWCGROUP;
	struct clone_args args = {
		.flags = (all & ~box->drop) | CLONE_INTO_CGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&s->pidfd,
		.exit_signal = SIGCHLD,
	};
	struct report r = { 0 };
	int pair[2], cgroup, ret;
	long pid;

	cgroup = make_cgroup(s, box);
	if (cgroup < 0)
		return cgroup;
	args.cgroup = (uint64_t)cgroup;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	fflush(stdout);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		child(box, pair[1], s->n.fd, s->image_fd);
	ret = pid < 0 ? erot_fail(&fx_err, errno, "clone3", "clone3: %s", strerror(errno)) : 0;
	close(cgroup);
	close(pair[1]);
	s->sock = pair[0];
	if (ret)
		return ret;
	s->pid = (pid_t)pid;
	if (!(box->drop & CLONE_NEWUSER))
		ret = write_maps(s->pid);
	if (!ret && send(s->sock, "m", 1, MSG_NOSIGNAL) != 1)
		ret = -EPIPE;
	if (!ret)
		ret = recv_until(s->sock, &r, sizeof(r), 20);
	if (ret != sizeof(r))
		return erot_fail(&fx_err, EPIPE, "child", "child said nothing (%d)", ret);
	s->isolation = r.isolation;
	s->fault_came = r.fault_came;
	if (box->late_memory)
		put(s->cgroup, "memory.max", "max");
	if (box->late_swap)
		put(s->cgroup, "memory.swap.max", "max");
	return r.num ? erot_fail(&fx_err, r.num, "bind", "%s", r.text) : 0;
}

int fx_bind_ioctl(int fd, uint32_t *isolation)
{
	struct erot_bind b = { .size = sizeof(b) };
	int ret = ioctl(fd, EROT_IOC_BIND, &b);

	if (isolation)
		*isolation = b.isolation;
	return ret ? erot_fail(&fx_err, errno, "bind", "%s", b.text) : 0;
}

int fx_mount(struct fx_session *s)
{
	char source[40], why[128];
	int fs = fsopen("erofs", FSOPEN_CLOEXEC), num;
	ssize_t n;

	if (fs < 0)
		return erot_fail(&fx_err, errno, "mount", "fsopen: %s", strerror(errno));
	snprintf(source, sizeof(source), "/proc/self/fd/%d", s->image_fd);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		num = errno;
		n = read(fs, why, sizeof(why) - 1);
		why[n > 0 ? n : 0] = 0;
		close(fs);
		return erot_fail(&fx_err, num, "mount", "fsconfig: %s %s", strerror(num), why);
	}
	s->mount_fd = fsmount(fs, FSMOUNT_CLOEXEC,
			      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	num = errno;
	close(fs);
	return s->mount_fd < 0 ? erot_fail(&fx_err, num, "mount", "fsmount: %s", strerror(num)) : 0;
}

/* From here the child is on its own; what it has to say about a failure is read by fx_ask(). */
int fx_box_exec(struct fx_session *s)
{
	int ret = send_fd(s->sock, "x", 1, s->mount_fd);

	close(s->mount_fd);
	s->mount_fd = -1;
	return ret;
}

/* ---- the agent */

int fx_ask(struct fx_session *s, const struct agent_request *r, struct agent_answer *a)
{
	int ret;

	if (send(s->sock, r, sizeof(*r), MSG_NOSIGNAL) != sizeof(*r))
		return erot_fail(&fx_err, EPIPE, "agent", "agent is gone");
	ret = recv_until(s->sock, a, sizeof(*a), 30);
	if (ret < 0)
		return erot_fail(&fx_err, -ret, "agent", "no answer");
	if (ret == sizeof(struct report))
		return erot_fail(&fx_err, EPROTO, "agent", "%s", ((struct report *)a)->text);
	return ret < (int)offsetof(struct agent_answer, data) ? -EBADMSG : 0;
}

int fx_read(struct fx_session *s, uint32_t op, const char *path, uint64_t off, uint32_t len,
	    struct agent_answer *a)
{
	struct agent_request r = { .op = op, .len = len, .off = off };

	snprintf(r.path, sizeof(r.path), "%s", path);
	return fx_ask(s, &r, a);
}
