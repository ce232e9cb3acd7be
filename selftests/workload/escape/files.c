// SPDX-License-Identifier: GPL-2.0-only
/* Files: the host's, those of the image, devices, what /proc tells and takes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/erot_ioctl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "escape.h"

static int open_to(const char *path, int flags)
{
	return result(open(path, flags | O_CLOEXEC, 0600));
}

static int path_outside(void)
{
	return args.outside ? open_to(args.outside, O_RDONLY) : NO_SETUP;
}

/* Up from the root, and up from the working directory. */
static int dots(void)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !args.outside || chdir("/"))
		return NO_SETUP;
	if (open("../../../../../../../..", O_PATH | O_CLOEXEC) < 0 ||
	    openat(fd, "../../../../../../../..", O_PATH | O_CLOEXEC) < 0)
		return NO_SETUP;
	return result(openat(fd, args.outside[0] == '/' ? args.outside + 1 : args.outside,
			     O_RDONLY | O_CLOEXEC));
}

static int root_of_first(void)
{
	char path[300];

	if (!args.outside)
		return NO_SETUP;
	snprintf(path, sizeof(path), "/proc/1/root%s", args.outside);
	return open_to(path, O_RDONLY);
}

static int write_image(void)
{
	return open_to("/data/canary", O_WRONLY);
}

static int make_in_image(void)
{
	return open_to("/data/new", O_WRONLY | O_CREAT);
}

static int remove_from_image(void)
{
	return result(unlink("/data/canary"));
}

static int map_image_writable(void)
{
	int fd = open("/data/canary", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NO_SETUP;
	return mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? errno :
	       WORKS;
}

/* A descriptor of the image, opened again for writing. */
static int reopen_image(void)
{
	int fd = open("/data/canary", O_RDONLY | O_CLOEXEC);
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0 ? NO_SETUP : open_to(path, O_RDWR);
}

/* /proc/self/mem writes where the page table does not let us: into a copy, or not at all. */
static int force(int shared)
{
	int fd = open("/data/canary", O_RDONLY | O_CLOEXEC), mem = open("/proc/self/mem", O_RDWR);
	char before = 0, after = 0;
	char *p;

	if (fd < 0 || mem < 0 || pread(fd, &before, 1, 0) != 1)
		return NO_SETUP;
	p = mmap(NULL, 1, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED || *p != before)
		return NO_SETUP;
	if (pwrite(mem, "!", 1, (off_t)(uintptr_t)p) != 1)
		return errno;
	if (pread(fd, &after, 1, 0) != 1)
		return NO_SETUP;
	return after == before ? NO_EFFECT : WORKS;
}

/* A kernel with PROC_MEM_FORCE_PTRACE does it for debuggers only. */
static int force_private(void)
{
	int ret = force(0);

	return ret == EIO ? NO_EFFECT : ret;
}

static int force_shared(void)
{
	return force(1);
}

static int label_image(void)
{
	return result(setxattr("/data/canary", "user.x", "y", 1, 0));
}

/* No session, payload or other descriptor came along. */
static int session_descriptor(void)
{
	struct erot_bind bind = { .size = sizeof(bind) };
	int ret = EBADF;

	for (int fd = 0; fd < 1024; fd++)
		if (!ioctl(fd, EROT_IOC_BIND, &bind) || (errno != EBADF && errno != ENOTTY &&
							 errno != EINVAL))
			ret = WORKS;
	return ret;
}

static int any_descriptor(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return WORKS;
	return EBADF;
}

static int device(mode_t type, unsigned int major, unsigned int minor)
{
	int ret = result(mknod("/tmp/escape-node", type | 0600, makedev(major, minor)));

	unlink("/tmp/escape-node");
	return ret;
}

static int make_memory_device(void)
{
	return device(S_IFCHR, 1, 1);
}

static int make_disk_device(void)
{
	return device(S_IFBLK, 254, 0);
}

static int disk(void)
{
	return open_to("/dev/vda", O_RDONLY);
}

static int memory_device(void)
{
	return open_to("/dev/mem", O_RDONLY);
}

static int kernel_log_device(void)
{
	return open_to("/dev/kmsg", O_RDONLY);
}

static int kernel_log(void)
{
	return open_to("/proc/kmsg", O_RDONLY | O_NONBLOCK);
}

static int page_counts(void)
{
	return open_to("/proc/kpagecount", O_RDONLY);
}

static int slab_info(void)
{
	return open_to("/proc/slabinfo", O_RDONLY);
}

static int first_byte(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c;
	ssize_t n = fd < 0 ? -1 : read(fd, &c, 1);

	return n < 0 ? errno : n ? WORKS : NO_EFFECT;
}

static int core_of_kernel(void)
{
	return first_byte("/proc/kcore");
}

static int symbols(void)
{
	return first_byte("/proc/kallsyms");
}

static int timers(void)
{
	return first_byte("/proc/timer_list");
}

static int frame_numbers(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	volatile char here = 1;
	uint64_t entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)&here / 4096 * 8)) != 8)
		return NO_SETUP;
	return entry & ((1ULL << 55) - 1) ? WORKS : NO_EFFECT;
}

static int setting(void)
{
	return open_to("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static int own_setting(void)
{
	return open_to("/proc/sys/kernel/shmmax", O_WRONLY);
}

static int net_setting(void)
{
	return open_to("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
}

static int sysrq(void)
{
	return open_to("/proc/sysrq-trigger", O_WRONLY);
}

static int interrupts(void)
{
	return open_to("/proc/irq/default_smp_affinity", O_WRONLY);
}

static int cgroup(void)
{
	return open_to("/sys/fs/cgroup/cgroup.procs", O_WRONLY);
}

/* Straight into a cgroup; any will do. */
static int clone_into_cgroup(void)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} a = { .flags = 0x200000000ULL, .exit_signal = 17 };
	int fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long pid;

	a.cgroup = (uint64_t)(fd < 0 ? 0 : fd);
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

static int secret_memory(void)
{
	return result(syscall(447 /* memfd_secret */, 0));
}

const struct attempt attempts_files[] = {
	{ "a file outside, by its path", path_outside, ENOENT, ENOENT, WORKS },
	{ "a file outside, by many ..", dots, ENOENT, ENOENT, WORKS },
	{ "a file outside, by /proc/1/root", root_of_first, ENOENT, ENOENT, WORKS },
	{ "write a file of the image", write_image, EROFS, NOT_TRIED, NOT_TRIED },
	{ "make a file in the image", make_in_image, EROFS, NOT_TRIED, NOT_TRIED },
	{ "remove a file of the image", remove_from_image, EROFS, NOT_TRIED, NOT_TRIED },
	{ "reopen a file of the image for writing", reopen_image, EROFS, NOT_TRIED, NOT_TRIED },
	{ "map a file of the image for writing", map_image_writable, EACCES, EACCES, NOT_TRIED },
	{ "/proc/self/mem into a private mapping", force_private, NO_EFFECT, NO_EFFECT, NOT_TRIED },
	{ "/proc/self/mem into a shared mapping", force_shared, EIO, EIO, NOT_TRIED },
	{ "attribute of a file of the image", label_image, EROFS, NOT_TRIED, NOT_TRIED },
	{ "the session's descriptor", session_descriptor, EBADF, EBADF, NOT_TRIED },
	{ "any descriptor but three", any_descriptor, EBADF, EBADF, NOT_TRIED },
	{ "make a node of the memory", make_memory_device, EPERM, EPERM, WORKS },
	{ "make a node of a disk", make_disk_device, EPERM, EPERM, WORKS },
	{ "node of a disk", disk, ENOENT, ENOENT, WORKS },
	{ "node of the memory", memory_device, ENOENT, ENOENT, WORKS },
	{ "node of the kernel's log", kernel_log_device, ENOENT, ENOENT, WORKS },
	{ "/proc/kmsg", kernel_log, EACCES, EACCES, WORKS },
	{ "/proc/kpagecount", page_counts, EACCES, EACCES, WORKS },
	{ "/proc/slabinfo", slab_info, EACCES, EACCES, WORKS },
	{ "/proc/kcore", core_of_kernel, NO_EFFECT, NO_EFFECT, WORKS },
	{ "/proc/kallsyms", symbols, NO_EFFECT, NO_EFFECT, WORKS },
	{ "/proc/timer_list", timers, NO_EFFECT, NO_EFFECT, WORKS },
	{ "frame numbers in /proc/self/pagemap", frame_numbers, NO_EFFECT, NO_EFFECT, WORKS },
	{ "a setting of the kernel", setting, EACCES, EACCES, WORKS },
	{ "a setting of the own IPC", own_setting, EROFS, EROFS, WORKS },
	{ "a setting of the own network", net_setting, EACCES, EROFS, WORKS },
	{ "/proc/sysrq-trigger", sysrq, EACCES, EACCES, WORKS },
	{ "/proc/irq", interrupts, EACCES, EACCES, WORKS },
	{ "cgroup.procs", cgroup, ENOENT, ENOENT, WORKS },
	{ "clone into a cgroup", clone_into_cgroup, ENOSYS, ENOSYS, WORKS },
	{ "memfd_secret", secret_memory, EPERM, EPERM, NOT_TRIED },
	{ 0 }
};
