// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two filters. The allow-list answers ENOSYS to what it does not name, so that programs fall back
 * as they would on an older kernel. The second names what must be seen to be refused (EPERM) and
 * looks at arguments; it is loaded last because the kernel takes the data of the newest filter when
 * two say "errno". Arguments that the kernel reads as 32 bits are compared as 32 bits: the upper
 * half is the caller's to choose.
 *
 * Only the native architecture: a 32-bit or x32 call kills the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <seccomp.h>
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
#include <unistd.h>

#include "erotd/filter.h"

#ifndef SIOCGIFVLAN	/* not in every <linux/sockios.h> */
#define SIOCGIFVLAN 0x8982
#endif
#ifndef SIOCSIFVLAN
#define SIOCSIFVLAN 0x8983
#endif

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

static const char *const allowed[] = {
	"accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk", "capget", "capset",
	"chdir", "chmod", "chown", "clock_getres", "clock_gettime", "clock_nanosleep", "clone",
	"close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
	"faccessat2",
	"fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat",
	"fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",
	"fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_waitv", "futimesat",
	"get_mempolicy", "get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents",
	"getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername",
	"getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
	"getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
	"gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup",
	"io_submit", "ioctl", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lchown", "lgetxattr", "link",
	"linkat",
	"listen", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat",
	"madvise", "membarrier", "memfd_create", "mincore", "mkdir", "mkdirat", "mknod", "mknodat",
	"mlock", "mlock2", "mlockall", "mmap", "mprotect", "mq_getsetattr", "mq_notify", "mq_open",
	"mq_timedreceive", "mq_timedsend", "mq_unlink", "mremap", "msgctl", "msgget", "msgrcv",
	"msgsnd", "msync", "munlock", "munlockall", "munmap", "nanosleep", "newfstatat", "open",
	"openat", "openat2", "pause", "personality", "pidfd_open", "pidfd_send_signal", "pipe",
	"pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl", "pread64",
	"preadv", "preadv2", "prlimit64", "pselect6", "pwrite64", "pwritev", "pwritev2", "read",
	"readahead", "readlink", "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg",
	"remap_file_pages", "removexattr", "rename", "renameat", "renameat2", "restart_syscall",
	"rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
	"sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
	"sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "select",
	"semctl", "semget", "semop", "semtimedop", "sendmmsg", "sendmsg", "sendto",
	"set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid",
	"setgroups", "setitimer", "setpgid", "setpriority", "setregid", "setresgid", "setresuid",
	"setreuid", "setrlimit", "setsid", "setsockopt", "setuid", "setxattr", "shmat", "shmctl",
	"shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4", "stat", "statfs",
	"statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tgkill",
	"time", "timer_create", "timer_delete",
	"timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime",
	"timerfd_settime", "times", "tkill", "truncate", "umask", "uname", "unlink", "unlinkat",
	"utime", "utimensat", "utimes", "vfork", "wait4", "waitid", "write", "writev",
};

/* Some are named in erotd(8); tests assert the EPERM. */
static const char *const refused[] = {
	"acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime",
	"delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick",
	"init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl",
	"kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "memfd_secret",
	"mount",
	"mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree",
	"perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_mrelease",
	"process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot",
	"request_key", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon",
	"syslog", "umount2", "unshare", "userfaultfd", "vhangup",
};

#define LOW32		0xffffffffULL

struct rule {
	const char *name;
	int error;
	unsigned int count;
	struct scmp_arg_cmp arg[2];
};

#define HAS(n, bits)	{ (n), SCMP_CMP_MASKED_EQ, (bits), (bits) }
#define IS(n, value)	{ (n), SCMP_CMP_MASKED_EQ, LOW32, (value) }
#define NOT(n, value)	{ (n), SCMP_CMP_NE, (value), 0 }

static const struct rule by_argument[] = {
	/* no namespaces; what asks by clone3() falls back to clone(), whose flags can be seen */
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWNS) } },
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWCGROUP) } },
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWUTS) } },
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWIPC) } },
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWUSER) } },
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWPID) } },
	{ "clone", EPERM, 1, { HAS(0, CLONE_NEWNET) } },
	{ "clone3", ENOSYS, 0, { { 0 } } },
	/* nothing that makes a core file, or pages that outlive their owner unwiped or shared */
	{ "prctl", EPERM, 1, { IS(0, PR_SET_DUMPABLE) } },
	{ "prctl", EPERM, 1, { IS(0, PR_SET_MEMORY_MERGE) } },
	{ "prctl", EPERM, 1, { IS(0, PR_SET_MM) } },
	{ "prctl", EPERM, 1, { IS(0, PR_SET_PTRACER) } },
	{ "setrlimit", EPERM, 1, { IS(0, RLIMIT_CORE) } },
	{ "prlimit64", EPERM, 2, { IS(1, RLIMIT_CORE), NOT(2, 0) } },
	{ "madvise", EPERM, 1, { IS(2, MADV_MERGEABLE) } },
	{ "mmap", EPERM, 1, { HAS(3, MAP_HUGETLB) } },
	{ "memfd_create", EPERM, 1, { HAS(1, MFD_HUGETLB) } },
	{ "shmget", EPERM, 1, { HAS(2, SHM_HUGETLB) } },
	/*
	 * Nothing that lends a page of the payload to a pipe or a socket, where it outlives the
	 * payload. EINVAL: what calls these reads and writes instead, since not every file can.
	 */
	{ "splice", EINVAL, 0, { { 0 } } },
	{ "tee", EINVAL, 0, { { 0 } } },
	{ "vmsplice", EINVAL, 0, { { 0 } } },
	{ "sendfile", EINVAL, 0, { { 0 } } },
	{ "setsockopt", ENOPROTOOPT, 2, { IS(1, SOL_SOCKET), IS(2, SO_ZEROCOPY) } },
	/* on a socket that was handed in with the option set */
	{ "sendto", ENOBUFS, 1, { HAS(3, MSG_ZEROCOPY) } },
	{ "sendmsg", ENOBUFS, 1, { HAS(2, MSG_ZEROCOPY) } },
	{ "sendmmsg", ENOBUFS, 1, { HAS(3, MSG_ZEROCOPY) } },
	/* input into somebody else's terminal */
	{ "ioctl", EPERM, 1, { IS(1, TIOCSTI) } },
	{ "ioctl", EPERM, 1, { IS(1, TIOCLINUX) } },
	/* modules that the kernel loads for whoever asks: line disciplines, bridge, VLANs */
	{ "ioctl", EPERM, 1, { IS(1, TIOCSETD) } },
	{ "ioctl", EPERM, 1, { IS(1, SIOCGIFBR) } },
	{ "ioctl", EPERM, 1, { IS(1, SIOCSIFBR) } },
	{ "ioctl", EPERM, 1, { IS(1, SIOCBRADDBR) } },
	{ "ioctl", EPERM, 1, { IS(1, SIOCBRDELBR) } },
	{ "ioctl", EPERM, 1, { IS(1, SIOCGIFVLAN) } },
	{ "ioctl", EPERM, 1, { IS(1, SIOCSIFVLAN) } },
	{ "personality", EPERM, 1, { NOT(0, 0xffffffff) } },
	/* families that know of no network namespace (vsock), or reach the kernel's crypto */
	{ "socket", EAFNOSUPPORT, 1, { { .arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_NETLINK } } },
	/* generic netlink loads modules by the names of their families, and has the module's */
	{ "socket", EPROTONOSUPPORT, 2, { IS(0, AF_NETLINK), NOT(2, NETLINK_ROUTE) } },
	/* the kernel makes the sockets, of any family, before it looks whether they have pairs */
	{ "socketpair", EAFNOSUPPORT, 1, { NOT(0, AF_UNIX) } },
};

#define ANY	-1

/*
 * What socket() may make. Any other protocol would be one that the kernel loads a module for,
 * whoever asks. Of raw sockets it loads none, and they take a capability.
 */
static const struct {
	int family, type, protocol;
} sockets[] = {
	{ AF_UNIX, ANY, ANY },
	{ AF_NETLINK, ANY, ANY },
	{ AF_INET, SOCK_STREAM, 0 },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP },
	{ AF_INET, SOCK_STREAM, IPPROTO_MPTCP },
	{ AF_INET, SOCK_DGRAM, 0 },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE },
	{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
	{ AF_INET, SOCK_RAW, ANY },
	{ AF_INET6, SOCK_STREAM, 0 },
	{ AF_INET6, SOCK_STREAM, IPPROTO_TCP },
	{ AF_INET6, SOCK_STREAM, IPPROTO_MPTCP },
	{ AF_INET6, SOCK_DGRAM, 0 },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 },
	{ AF_INET6, SOCK_RAW, ANY },
};

#define SOCK_TYPE_MASK	0xf	/* the kernel's; the rest are flags */

static int allow_sockets(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		struct scmp_arg_cmp arg[3] = {
			{ 0, SCMP_CMP_EQ, (scmp_datum_t)sockets[i].family, 0 },
			{ 1, SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, (scmp_datum_t)sockets[i].type },
			{ 2, SCMP_CMP_EQ, (scmp_datum_t)sockets[i].protocol, 0 },
		};
		unsigned int n = sockets[i].type == ANY ? 1 : sockets[i].protocol == ANY ? 2 : 3;
		int err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), n, arg);

		if (err)
			return err;
	}
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 0);
}

static int fill_allowed(scmp_filter_ctx ctx)
{
	size_t i;
	int nr, err;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		nr = seccomp_syscall_resolve_name(allowed[i]);
		if (nr == __NR_SCMP_ERROR)
			continue;	/* newer than the library: ENOSYS is a fair answer */
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
		if (err)
			return err;
	}
	return allow_sockets(ctx);
}

static int fill_refused(scmp_filter_ctx ctx)
{
	size_t i;
	int nr, err;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		nr = seccomp_syscall_resolve_name(refused[i]);
		if (nr == __NR_SCMP_ERROR)
			continue;	/* the allow-list stops it all the same */
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
		if (err)
			return err;
	}
	for (i = 0; i < sizeof(by_argument) / sizeof(by_argument[0]); i++) {
		const struct rule *r = &by_argument[i];

		nr = seccomp_syscall_resolve_name(r->name);
		if (nr == __NR_SCMP_ERROR)
			return -EINVAL;
		err = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((uint16_t)r->error), nr, r->count,
					     r->arg);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Made once, since libseccomp takes longer for them than all the rest of a launch. The sandboxes
 * inherit them, and nobody can write them.
 */
static struct sock_fprog allow_list, refusals;

/* The library hands a program out into a file only. */
static int take_program(scmp_filter_ctx ctx, struct sock_fprog *out)
{
	int fd = memfd_create("filter", MFD_CLOEXEC), err;
	struct stat st;
	size_t size;
	void *map;

	if (fd < 0)
		return -errno;
	err = seccomp_export_bpf(ctx, fd);
	if (!err && fstat(fd, &st))
		err = -errno;
	if (err)
		goto out;
	size = (size_t)st.st_size;
	if (!size || size % sizeof(*out->filter) || size / sizeof(*out->filter) > BPF_MAXINSNS) {
		err = -EMSGSIZE;
		goto out;
	}
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		goto out;
	}
	out->filter = map;
	out->len = (unsigned short)(size / sizeof(*out->filter));
out:
	close(fd);
	return err;
}

static int make(uint32_t otherwise, int (*fill)(scmp_filter_ctx ctx), struct sock_fprog *out)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int err;

	if (!ctx)
		return -ENOMEM;
	err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* binary tree */
	if (!err)
		err = fill(ctx);
	if (!err)
		err = take_program(ctx, out);
	seccomp_release(ctx);
	return err;
}

int erotd_filter_prepare(struct erot_error *err)
{
	int ret = make(SCMP_ACT_ERRNO(ENOSYS), fill_allowed, &allow_list);

	if (ret)
		return erot_fail(err, -ret, "seccomp", "seccomp allow-list: %s", strerror(-ret));
	ret = make(SCMP_ACT_ALLOW, fill_refused, &refusals);
	if (ret)
		return erot_fail(err, -ret, "seccomp", "seccomp refusals: %s", strerror(-ret));
	return 0;
}

int erotd_filter_load(struct erot_error *err)
{
	if (!allow_list.filter || !refusals.filter)
		return erot_fail(err, ENODATA, "seccomp", "seccomp: the filters were not made");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &allow_list))
		return erot_fail(err, errno, "seccomp", "seccomp allow-list: %s", strerror(errno));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &refusals))
		return erot_fail(err, errno, "seccomp", "seccomp refusals: %s", strerror(errno));
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2)
		return erot_fail(err, EPERM, "seccomp", "seccomp: no filter after loading two");
	return 0;
}
