// SPDX-License-Identifier: GPL-2.0-only
/*
 * From clone3() to execve(). What the process may still do, phase by phase:
 *
 *	phase		on the host		in its namespaces	descriptors
 *	1 begin		nothing: root's user	all capabilities	erotd's; closed
 *			id, no capability				at once
 *	2 mapped	an unused user id	all capabilities	stdio, session, socket
 *	3 bound		same			all capabilities	stdio, socket
 *	4 mounted	same; the host's files	all capabilities	stdio, socket
 *			are out of sight
 *	5 dropped	same			the manifest's		stdio, socket
 *	6 filtered	same; system calls	the manifest's		stdio; socket
 *			that are listed					until exec
 *
 * erotd is one thread, so everything of the C library works in its copy.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/erot_ioctl.h>

#include "erotd/child.h"
#include "erotd/filter.h"
#include "erotd/mounts.h"
#include "erotd/privs.h"
#include "erotd/term.h"
#include "common/wire.h"

static void __attribute__((noreturn)) fail(int sock, const struct erot_error *err, int exec_errno)
{
	struct erotd_child_msg msg = { .kind = EROTD_CHILD_FAILED, .exec_errno = exec_errno };

	msg.error = *err;
	erotd_child_send(sock, &msg, -1);
	_exit(EROTD_EXIT_SELF);
}

static void say(int sock, enum erotd_child_kind kind, uint32_t isolation, int fd)
{
	struct erotd_child_msg msg = { .kind = kind, .isolation = isolation };

	if (erotd_child_send(sock, &msg, fd))
		_exit(EROTD_EXIT_SELF);		/* erotd is gone, and so will the session be */
}

/* Blocks until erotd says @kind; anything else ends the child. */
static int hear(int sock, enum erotd_child_kind kind, bool wants_fd)
{
	struct erotd_child_msg msg;
	int fd;

	if (erotd_child_recv(sock, &msg, &fd) || msg.kind != kind || (fd >= 0) != wants_fd)
		_exit(EROTD_EXIT_SELF);
	return fd;
}

static int take(struct erot_error *err, int *fd, int low)
{
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, low);
	if (*fd < 0)
		return erot_fail(err, errno, "sandbox", "dup: %s", strerror(errno));
	return 0;
}

/* From a directory of the host, ".." leads to all of them. */
static int check_stdio(const int fds[3], struct erot_error *err)
{
	struct stat st;

	for (int i = 0; i < 3; i++) {
		if (fstat(fds[i], &st))
			return erot_fail(err, errno, "sandbox", "stdio: %s", strerror(errno));
		if (S_ISDIR(st.st_mode))
			return erot_fail(err, EISDIR, "sandbox", "stdio: %d is a directory", i);
	}
	return 0;
}

/*
 * Phase 1: keep stdio, socket and session, in places 0 to 4, and nothing else. Among what goes are
 * descriptors of other sessions; erotd has registered that they are not its last.
 */
static int keep_descriptors(const struct erotd_sandbox *s, int *sock, int *session,
			    struct erot_error *err)
{
	int in[3], i;

	*session = s->session_fd;
	if (take(err, sock, 10) || take(err, session, 10))
		return -1;
	for (i = 0; i < 3; i++) {
		if (s->tty)
			in[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		else
			in[i] = s->stdio[i];
		if (in[i] < 0 || take(err, &in[i], 10))
			return erot_fail(err, errno, "sandbox", "stdio: %s", strerror(errno));
	}
	if (check_stdio(in, err))
		return -1;
	for (i = 0; i < 3; i++)
		if (dup2(in[i], i) < 0)
			return erot_fail(err, errno, "sandbox", "stdio: %s", strerror(errno));
	if (dup3(*sock, 3, O_CLOEXEC) < 0 || dup3(*session, 4, O_CLOEXEC) < 0 ||
	    close_range(5, ~0U, 0))
		return erot_fail(err, errno, "sandbox", "close_range: %s", strerror(errno));
	*sock = 3;
	*session = 4;
	return 0;
}

/*
 * While it waits: the mounter holds erotd's end of the socket too. A change of user clears this,
 * so it is said again behind one.
 */
static int die_with_erotd(struct erot_error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return erot_fail(err, errno, "sandbox", "PR_SET_PDEATHSIG: %s", strerror(errno));
	return 0;
}

static int reset_signals(struct erot_error *err)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		sigaction(i, &dfl, NULL);	/* KILL, STOP and the library's own say EINVAL */
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL))
		return erot_fail(err, errno, "sandbox", "sigprocmask: %s", strerror(errno));
	return 0;
}

static int bind_session(int session, uint32_t *isolation, struct erot_error *err)
{
	struct erot_bind bind = { .size = sizeof(bind) };

	if (ioctl(session, EROT_IOC_BIND, &bind)) {
		bind.text[sizeof(bind.text) - 1] = '\0';
		return erot_fail(err, errno, "bind", "bind: %s",
				 bind.text[0] ? bind.text : strerror(errno));
	}
	*isolation = bind.isolation;
	close(session);		/* the exec gate does not let it through */
	return 0;
}

static int loopback_up(struct erot_error *err)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), num = 0;

	if (fd < 0)
		return erot_fail(err, errno, "sandbox", "loopback: %s", strerror(errno));
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		num = errno;
	ifr.ifr_flags |= IFF_UP;
	if (!num && ioctl(fd, SIOCSIFFLAGS, &ifr))
		num = errno;
	close(fd);
	return num ? erot_fail(err, num, "sandbox", "loopback: %s", strerror(num)) : 0;
}

static int name_host(const char *name, struct erot_error *err)
{
	if (sethostname(name, strlen(name)))
		return erot_fail(err, errno, "sandbox", "hostname: %s", strerror(errno));
	return 0;
}

static int enter_cwd(const char *cwd, struct erot_error *err)
{
	if (chdir(cwd))
		return erot_fail(err, errno, "sandbox", "cwd %s: %s", cwd, strerror(errno));
	return 0;
}

static int own_cgroup_root(struct erot_error *err)
{
	if (unshare(CLONE_NEWCGROUP))
		return erot_fail(err, errno, "sandbox", "cgroup namespace: %s", strerror(errno));
	return 0;
}

void erotd_child_main(const struct erotd_sandbox *s, int sock)
{
	const struct erot_manifest *m = s->manifest;
	struct erot_error err = { .code = "sandbox", .text = "unknown" };
	uint32_t isolation = 0;
	int session, mount_fd, master = -1;

	/* phase 1 */
	if (die_with_erotd(&err) || keep_descriptors(s, &sock, &session, &err) ||
	    reset_signals(&err))
		fail(sock, &err, 0);
	if (setsid() < 0)
		_exit(EROTD_EXIT_SELF);
	hear(sock, EROTD_CHILD_MAPS, false);

	/* phase 2 */
	if (erotd_privs_root(&err) || die_with_erotd(&err) || own_cgroup_root(&err) ||
	    bind_session(session, &isolation, &err))
		fail(sock, &err, 0);
	say(sock, EROTD_CHILD_BOUND, isolation, -1);

	/* phase 3 */
	mount_fd = hear(sock, EROTD_CHILD_MOUNT, true);
	if (erotd_mount_root(mount_fd, m->readonly, &err))
		fail(sock, &err, 0);
	close(mount_fd);

	/* phase 4 */
	if (loopback_up(&err) || name_host(m->hostname, &err))
		fail(sock, &err, 0);
	if (s->tty) {
		master = erotd_term_open(s->rows, s->cols, m->uid, &err);
		if (master < 0)
			fail(sock, &err, 0);
		say(sock, EROTD_CHILD_TERMINAL, 0, master);
		close(master);
	}
	if (erotd_privs_drop(m, &err) || enter_cwd(m->cwd, &err) || erotd_privs_rlimits(m, &err))
		fail(sock, &err, 0);

	/* phase 5 */
	if (erotd_filter_load(&err))
		fail(sock, &err, 0);

	/* phase 6 */
	say(sock, EROTD_CHILD_EXEC, 0, -1);
	execve(m->args[0], m->args, m->env);
	erot_fail(&err, errno, "exec", "%.120s: %s", m->args[0], strerror(errno));
	fail(sock, &err, errno);
}
