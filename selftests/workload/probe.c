// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the sandbox lets its workload do: one line per attempt, "name errno" or
 * "name ok", which selftests/sandbox.sh compares. Arguments are such that the
 * kernel itself would answer otherwise where it can.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

#define HIGH	(1L << 32)	/* a bit that the kernel does not look at */

static void say(const char *name, long ret)
{
	printf("%s %s\n", name, ret >= 0 ? "ok" : strerrorname_np(errno));
	fflush(stdout);
}

/* All arguments are -1: what is not refused before would be EFAULT, EBADF or EINVAL. */
static void whole_calls(void)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
		{ "acct", SYS_acct }, { "add_key", SYS_add_key }, { "bpf", SYS_bpf },
		{ "chroot", SYS_chroot }, { "clock_settime", SYS_clock_settime },
		{ "delete_module", SYS_delete_module }, { "fanotify_init", SYS_fanotify_init },
		{ "finit_module", SYS_finit_module }, { "fsconfig", SYS_fsconfig },
		{ "fsmount", SYS_fsmount }, { "fsopen", SYS_fsopen },
		{ "init_module", SYS_init_module }, { "io_uring_enter", SYS_io_uring_enter },
		{ "io_uring_register", SYS_io_uring_register },
		{ "io_uring_setup", SYS_io_uring_setup }, { "kcmp", SYS_kcmp },
		{ "kexec_file_load", SYS_kexec_file_load }, { "kexec_load", SYS_kexec_load },
		{ "keyctl", SYS_keyctl }, { "memfd_secret", SYS_memfd_secret },
		{ "mount", SYS_mount }, { "mount_setattr", SYS_mount_setattr },
		{ "move_mount", SYS_move_mount }, { "name_to_handle_at", SYS_name_to_handle_at },
		{ "open_by_handle_at", SYS_open_by_handle_at }, { "open_tree", SYS_open_tree },
		{ "perf_event_open", SYS_perf_event_open }, { "pidfd_getfd", SYS_pidfd_getfd },
		{ "pivot_root", SYS_pivot_root }, { "process_madvise", SYS_process_madvise },
		{ "process_mrelease", SYS_process_mrelease },
		{ "process_vm_readv", SYS_process_vm_readv },
		{ "process_vm_writev", SYS_process_vm_writev }, { "ptrace", SYS_ptrace },
		{ "request_key", SYS_request_key }, { "sethostname", SYS_sethostname },
		{ "setns", SYS_setns }, { "swapon", SYS_swapon }, { "syslog", SYS_syslog },
		{ "umount2", SYS_umount2 }, { "unshare", SYS_unshare },
		{ "userfaultfd", SYS_userfaultfd },
		{ "clone3", SYS_clone3 }, { "modify_ldt", SYS_modify_ldt },
		{ "move_pages", SYS_move_pages },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		say(calls[i].name, syscall(calls[i].nr, -1L, -1L, -1L, -1L, -1L, -1L));
}

static long try_clone(long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	return pid;
}

static void namespaces(void)
{
	say("clone", try_clone(0));
	say("clone-user", try_clone(CLONE_NEWUSER));
	say("clone-mnt", try_clone(CLONE_NEWNS));
	say("clone-pid", try_clone(CLONE_NEWPID));
	say("clone-net", try_clone(CLONE_NEWNET));
	say("clone-ipc", try_clone(CLONE_NEWIPC));
	say("clone-uts", try_clone(CLONE_NEWUTS));
	say("clone-cgroup", try_clone(CLONE_NEWCGROUP));
	while (wait(NULL) > 0)
		;
}

static void memory(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit core = { 7, 7 };
	void *page = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	say("dumpable", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	say("dumpable-high", syscall(SYS_prctl, HIGH | PR_SET_DUMPABLE, 1, 0, 0, 0));
	say("ptracer", prctl(PR_SET_PTRACER, -1, 0, 0, 0));
	say("ksm-process", prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	say("ksm-pages", madvise(page, 1 << 16, MADV_MERGEABLE));
	say("madvise", madvise(page, 1 << 16, MADV_DONTNEED));
	say("huge-map", mmap(NULL, 1 << 21, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
			     -1, 0) == MAP_FAILED ? -1 : 0);
	say("huge-memfd", memfd_create("x", MFD_HUGETLB));
	say("huge-shm", shmget(IPC_PRIVATE, 1 << 21, IPC_CREAT | SHM_HUGETLB | 0600));
	say("memfd", memfd_create("x", 0));
	say("core-setrlimit", syscall(SYS_setrlimit, RLIMIT_CORE, &none));
	say("core-prlimit", prlimit(0, RLIMIT_CORE, &none, NULL));
	say("core-read", prlimit(0, RLIMIT_CORE, NULL, &core));
	printf("core %lu %lu\n", (unsigned long)core.rlim_cur, (unsigned long)core.rlim_max);
}

static void sockets(void)
{
	static const struct {
		const char *name;
		int family;
	} families[] = {
		{ "unix", AF_UNIX }, { "inet", AF_INET }, { "inet6", AF_INET6 },
		{ "netlink", AF_NETLINK }, { "packet", AF_PACKET }, { "alg", AF_ALG },
		{ "vsock", AF_VSOCK }, { "bluetooth", AF_BLUETOOTH }, { "x25", AF_X25 },
	};
	char name[32];

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		int type = families[i].family == AF_UNIX || families[i].family == AF_INET ||
			   families[i].family == AF_INET6 ? SOCK_STREAM : SOCK_RAW;

		snprintf(name, sizeof(name), "socket-%s", families[i].name);
		say(name, socket(families[i].family, type, 0));
	}
	say("socket-raw", socket(AF_INET, SOCK_RAW, 1));
}

static void other(void)
{
	char c = 'x';

	say("tiocsti", ioctl(0, TIOCSTI, &c));
	say("tiocsti-high", syscall(SYS_ioctl, 0, HIGH | TIOCSTI, &c));
	say("tioclinux", ioctl(0, TIOCLINUX, &c));
	say("personality-read", syscall(SYS_personality, 0xffffffff));
	say("personality", syscall(SYS_personality, 0x0400000));
	say("mknod", mknod("/tmp/null", S_IFCHR | 0666, 0x103));
}

static void write_to(const char *name, const char *path)
{
	say(name, open(path, O_WRONLY | O_CLOEXEC));
}

static void files(void)
{
	int fd = open("/tmp/program", O_CREAT | O_RDWR | O_CLOEXEC, 0755);
	void *p;

	write_to("write-sys", "/proc/sys/kernel/core_pattern");
	write_to("write-sysrq", "/proc/sysrq-trigger");
	write_to("write-root", "/data/canary");
	say("open-kmsg", open("/proc/kmsg", O_RDONLY));
	say("write-tmp", write(fd, "#!/bin/sh\n", 10));
	p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	say("map-exec-tmp", p == MAP_FAILED ? -1 : 0);
	close(fd);
	say("exec-tmp", execl("/tmp/program", "program", NULL));
}

/* How a child that makes a call by another door ends. */
static void doors(void)
{
	int status;

	if (!fork()) {
		__asm__ volatile("int $0x80" : : "a"(20) : "memory");	/* getpid of i386 */
		_exit(0);
	}
	wait(&status);
	printf("call-32bit signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	if (!fork()) {
		syscall(0x40000000L | SYS_getpid);
		_exit(0);
	}
	wait(&status);
	printf("call-x32 signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* A program that is not of the payload. */
static int exec_memfd(const char *from)
{
	char *const argv[] = { "probe", NULL }, *const env[] = { NULL };
	int in = open(from, O_RDONLY), out = memfd_create("program", MFD_CLOEXEC);
	char data[65536];
	ssize_t n;

	while ((n = read(in, data, sizeof(data))) > 0)
		if (write(out, data, (size_t)n) != n)
			return 1;
	if (n < 0)
		return 1;
	fexecve(out, argv, env);
	perror("fexecve");
	return 2;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exec-memfd"))
		return exec_memfd(argv[0]);
	if (argc > 1 && !strcmp(argv[1], "dumpable"))
		return puts(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) ? "dumpable" : "not dumpable") < 0;
	whole_calls();
	namespaces();
	memory();
	sockets();
	other();
	files();
	doors();
	return 0;
}
