// SPDX-License-Identifier: GPL-2.0-only
/* Capabilities, users, and limits of the workload itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "escape.h"

/* A user without any right, as who is to gain some by executing a file. */
static int become_nobody(void)
{
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) && errno != EPERM)
		return -1;
	return 0;
}

static int capabilities(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		return -1;
	return d[0].permitted || d[1].permitted;
}

static int run_file(const char *path, const char *what)
{
	int status;
	pid_t pid;

	if (!path)
		return NO_SETUP;
	pid = fork();
	if (!pid) {
		if (become_nobody())
			_exit(NO_SETUP);
		execl(path, path, what, NULL);
		_exit(NO_SETUP);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return NO_SETUP;
	return WEXITSTATUS(status);
}

static int setuid_file(void)
{
	return run_file(args.setuid, "euid");
}

static int file_capabilities(void)
{
	return run_file(args.filecaps, "capabilities");
}

int have_capabilities(void)
{
	return capabilities() ? WORKS : NO_EFFECT;
}

/* To a file, what setcap(8) would: all, effective. */
int give_capabilities(const char *path)
{
	struct vfs_cap_data d = { VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
				  { { ~0U, 0 }, { 0x1ff, 0 } } };

	return result(setxattr(path, "security.capability", &d, XATTR_CAPS_SZ_2, 0));
}

static int take_capabilities(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { ~0U, ~0U, 0 }, { 0x1ff, 0x1ff, 0 } };

	return result(syscall(SYS_capset, &h, d));
}

static int raise_ambient(void)
{
	return result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0));
}

/* What was dropped from the bounding set is gone for good. */
static int bounding_set(void)
{
	return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1 ? WORKS : NO_EFFECT;
}

static int new_privileges(void)
{
	return result(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static int secure_bits(void)
{
	return result(prctl(PR_SET_SECUREBITS, 0x4, 0, 0, 0));
}

static int other_user(void)
{
	return result(setuid(1000));
}

static int unmapped_user(void)
{
	return result(setuid(70000));
}

static int other_groups(void)
{
	gid_t g = 5;

	return result(setgroups(1, &g));
}

static int own_map(void)
{
	int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : result(write(fd, "0 0 1\n", 6));
}

static int raise_limit(int which)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)which, &r))
		return NO_SETUP;
	r.rlim_max = which == RLIMIT_NOFILE ? r.rlim_max + 1 : RLIM_INFINITY;
	return result(setrlimit((__rlimit_resource_t)which, &r));
}

static int more_files(void)
{
	return raise_limit(RLIMIT_NOFILE);
}

static int more_locked(void)
{
	return raise_limit(RLIMIT_MEMLOCK);
}

static int core_file(void)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	return result(prlimit(0, RLIMIT_CORE, &r, NULL));
}

static int higher_priority(void)
{
	return result(setpriority(PRIO_PROCESS, 0, -20));
}

static int real_time(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return result(sched_setscheduler(0, SCHED_FIFO, &p));
}

static int with_deadline(void)
{
	/* struct sched_attr: <linux/sched/types.h> does not go together with <sched.h> */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = sizeof(a), .policy = SCHED_DEADLINE, .runtime = 1000000,
		.deadline = 10000000, .period = 10000000 };

	return result(syscall(SYS_sched_setattr, 0, &a, 0));
}

static int real_time_io(void)
{
	return result(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
			      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0)));
}

static int be_spared(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? NO_SETUP : result(write(fd, "-1000", 5));
}

static int be_flusher(void)
{
	return result(prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
}

static int huge_pages(void)
{
	void *p = mmap(NULL, 1 << 21, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	/* outside there is none in the pool */
	return p == MAP_FAILED && errno == ENOMEM ? WORKS : p == MAP_FAILED ? errno : WORKS;
}

const struct attempt attempts_limits[] = {
	{ "set-user-id file", setuid_file, NOT_TRIED, NO_EFFECT, WORKS },
	{ "file with capabilities", file_capabilities, NO_EFFECT, NO_EFFECT, WORKS },
	{ "capset", take_capabilities, EPERM, WORKS, WORKS },
	{ "ambient capability", raise_ambient, EPERM, WORKS, NOT_TRIED },
	{ "bounding set", bounding_set, NO_EFFECT, WORKS, WORKS },
	{ "clear no_new_privs", new_privileges, EINVAL, EINVAL, NOT_TRIED },
	{ "securebits", secure_bits, EPERM, WORKS, WORKS },
	{ "another user of the sandbox", other_user, EPERM, WORKS, WORKS },
	{ "a user that is not mapped", unmapped_user, EINVAL, EINVAL, WORKS },
	{ "other groups", other_groups, EPERM, WORKS, WORKS },
	{ "map users anew", own_map, EPERM, EPERM, NOT_TRIED },
	{ "more descriptors than the limit", more_files, EPERM, EPERM, WORKS },
	{ "more locked memory than the limit", more_locked, EPERM, EPERM, WORKS },
	{ "a core file", core_file, EPERM, EPERM, WORKS },
	{ "higher priority", higher_priority, EACCES, EACCES, WORKS },
	{ "real time", real_time, EPERM, EPERM, WORKS },
	{ "deadline scheduling", with_deadline, EPERM, EPERM, WORKS },
	{ "real-time I/O", real_time_io, EPERM, EPERM, WORKS },
	{ "be spared when memory is short", be_spared, EACCES, EACCES, WORKS },
	{ "PR_SET_IO_FLUSHER", be_flusher, EPERM, EPERM, WORKS },
	{ "huge pages", huge_pages, EPERM, EPERM, WORKS },
	{ 0 }
};
