// SPDX-License-Identifier: GPL-2.0-only
/* Other processes: those of another sandbox by their numbers outside, and all that are seen. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

#define TEXT 0x400000	/* where this program, not position-independent, begins */

static int open_proc(pid_t pid, const char *file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return open(path, flags | O_CLOEXEC);
}

static int signal_victim(void)
{
	return result(kill(args.victim, 0));
}

static int signal_thread(void)
{
	return result(syscall(SYS_tgkill, args.victim, args.victim, 0));
}

static int queue_signal(void)
{
	return result(sigqueue(args.victim, 0, (union sigval){ .sival_int = 1 }));
}

/* Number 1 of the namespace hears nothing that it has no handler for; there is nobody else. */
static int signal_all(void)
{
	return result(kill(-1, SIGTERM));
}

static int victim_pidfd(void)
{
	return result(pidfd_open(args.victim, 0));
}

static int signal_pidfd(void)
{
	int fd = pidfd_open(args.victim, 0);

	return fd < 0 ? errno : result(pidfd_send_signal(fd, 0, NULL, 0));
}

/* A pidfd of our own is had; the call is refused whatever it is given. */
static int take_descriptor(void)
{
	int fd = pidfd_open(args.victim, 0);

	if (fd < 0)
		fd = pidfd_open(getpid(), 0);
	return fd < 0 ? NO_SETUP : result(pidfd_getfd(fd, 0, 0));
}

static int trace(void)
{
	return result(ptrace(PTRACE_SEIZE, args.victim, 0, 0));
}

static int trace_child(void)
{
	pid_t pid = fork();
	int ret;

	if (!pid) {
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	ret = result(ptrace(PTRACE_ATTACH, pid, 0, 0));
	kill(pid, SIGKILL);
	return ret;
}

static int be_traced(void)
{
	return result(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static int read_memory(void)
{
	char c;
	struct iovec mine = { &c, 1 }, theirs = { (void *)TEXT, 1 };

	return result(process_vm_readv(args.victim, &mine, 1, &theirs, 1, 0));
}

static int write_memory(void)
{
	char c = 0;
	struct iovec mine = { &c, 0 }, theirs = { (void *)TEXT, 0 };

	return result(process_vm_writev(args.victim, &mine, 1, &theirs, 1, 0));
}

static int proc_memory(void)
{
	int fd = open_proc(args.victim, "mem", O_RDONLY);
	char c;

	return fd < 0 ? errno : result(pread(fd, &c, 1, TEXT));
}

static int proc_root(void)
{
	return result(open_proc(args.victim, "root/bin/sh", O_RDONLY));
}

static int proc_descriptor(void)
{
	return result(open_proc(args.victim, "fd/1", O_WRONLY));
}

static int proc_environ(void)
{
	return result(open_proc(args.victim, "environ", O_RDONLY));
}

static int proc_namespace(void)
{
	return result(open_proc(args.victim, "ns/pid", O_RDONLY));
}

/* Whose number 1 it is: in /proc there is no other root to be had. */
static int see_daemon(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[300], comm[32] = "";
		FILE *f;

		if (!isdigit(e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f) && !strcmp(comm, "erotd\n"))
			return WORKS;
		if (f)
			fclose(f);
	}
	return dir ? ESRCH : NO_SETUP;
}

static int enter_namespace(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NO_SETUP : result(setns(fd, CLONE_NEWUTS));
}

static int enter_by_pidfd(void)
{
	int fd = pidfd_open(getpid(), 0);

	return fd < 0 ? NO_SETUP : result(setns(fd, CLONE_NEWUTS));
}

static int compare(void)
{
	return result(syscall(SYS_kcmp, getpid(), args.victim, 0, 0, 0));
}

static int renice(void)
{
	return result(setpriority(PRIO_PROCESS, (id_t)args.victim, 0));
}

static int pin(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return result(sched_setaffinity(args.victim, sizeof(all), &all));
}

static int limit(void)
{
	struct rlimit r;

	return result(prlimit(args.victim, RLIMIT_NOFILE, NULL, &r));
}

static int reprioritise(void)
{
	return result(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, args.victim,
			      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4)));
}

static int group_of(void)
{
	return result(getpgid(args.victim));
}

static int advise(void)
{
	int fd = pidfd_open(getpid(), 0);
	struct iovec v = { (void *)TEXT, 4096 };

	return fd < 0 ? NO_SETUP :
	       result(syscall(SYS_process_madvise, fd, &v, 1, 20 /* COLD */, 0));
}

static int robust_list(void)
{
	void *head;
	size_t len;

	return result(syscall(SYS_get_robust_list, args.victim, &head, &len));
}

const struct attempt attempts_process[] = {
	{ "signal a process of another sandbox", signal_victim, ESRCH, ESRCH, WORKS },
	{ "signal a thread of it", signal_thread, ESRCH, ESRCH, WORKS },
	{ "queue a signal to it", queue_signal, ESRCH, ESRCH, WORKS },
	{ "signal everybody", signal_all, ESRCH, ESRCH, NOT_TRIED },
	{ "pidfd of it", victim_pidfd, ESRCH, ESRCH, WORKS },
	{ "signal it by a pidfd", signal_pidfd, ESRCH, ESRCH, WORKS },
	{ "pidfd_getfd", take_descriptor, EPERM, EPERM, WORKS },
	{ "trace it", trace, EPERM, EPERM, WORKS },
	{ "trace a child", trace_child, EPERM, EPERM, WORKS },
	{ "be traced", be_traced, EPERM, EPERM, WORKS },
	{ "process_vm_readv", read_memory, EPERM, EPERM, WORKS },
	{ "process_vm_writev", write_memory, EPERM, EPERM, WORKS },
	{ "its memory in /proc", proc_memory, ENOENT, ENOENT, WORKS },
	{ "its root in /proc", proc_root, ENOENT, ENOENT, WORKS },
	{ "its descriptors in /proc", proc_descriptor, ENOENT, ENOENT, WORKS },
	{ "its environment in /proc", proc_environ, ENOENT, ENOENT, WORKS },
	{ "its namespaces in /proc", proc_namespace, ENOENT, ENOENT, WORKS },
	{ "see erotd", see_daemon, ESRCH, ESRCH, WORKS },
	{ "setns", enter_namespace, EPERM, EPERM, WORKS },
	{ "setns by pidfd", enter_by_pidfd, EPERM, EPERM, WORKS },
	{ "kcmp", compare, EPERM, EPERM, WORKS },
	{ "change its priority", renice, ESRCH, ESRCH, WORKS },
	{ "change its processors", pin, ESRCH, ESRCH, WORKS },
	{ "read its limits", limit, ESRCH, ESRCH, WORKS },
	{ "change its I/O priority", reprioritise, ESRCH, ESRCH, WORKS },
	{ "its process group", group_of, ESRCH, ESRCH, WORKS },
	{ "process_madvise", advise, EPERM, EPERM, WORKS },
	{ "its robust list", robust_list, ESRCH, ESRCH, WORKS },
	{ 0 }
};
