// SPDX-License-Identifier: GPL-2.0-only
/* Mounts, roots and namespaces. Outside, each attempt has a mount namespace of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

/* not of <sys/mount.h>, which does not go together with <linux/mount.h> */
#ifndef MS_BIND
#define MS_REMOUNT	32
#define MS_BIND		4096
#endif

static long mount(const char *from, const char *to, const char *type, unsigned long flags)
{
	return syscall(SYS_mount, from, to, type, flags, NULL);
}

static int mount_tmpfs(void)
{
	return result(mount("tmpfs", "/tmp", "tmpfs", 0));
}

static int mount_proc(void)
{
	return result(mount("proc", "/proc", "proc", 0));
}

static int mount_cgroup(void)
{
	return result(mount("cgroup2", "/tmp", "cgroup2", 0));
}

static int bind_mount(void)
{
	return result(mount("/proc", "/tmp", NULL, MS_BIND));
}

/* For writing, executing and devices. */
static int remount(void)
{
	return result(mount(NULL, "/tmp", NULL, MS_REMOUNT | MS_BIND));
}

static int unmask(void)
{
	if (syscall(SYS_umount2, "/proc/kcore", 2 /* MNT_DETACH */) < 0 && errno == EPERM)
		return EPERM;
	return result(mount("proc", "/tmp", "proc", 0) ?: syscall(SYS_umount2, "/tmp", 0));
}

static int open_context(void)
{
	return result(syscall(SYS_fsopen, "tmpfs", 0));
}

static int make_mount(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0);

	if (fs >= 0 && syscall(SYS_fsconfig, fs, 6 /* CMD_CREATE */, NULL, NULL, 0) < 0)
		return errno;
	return result(syscall(SYS_fsmount, fs, 0, 0));
}

static int configure(void)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", 0);

	return result(syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0));
}

static int pick(void)
{
	return result(syscall(SYS_fspick, AT_FDCWD, "/", 0));
}

static int open_tree_(void)
{
	return result(syscall(SYS_open_tree, AT_FDCWD, "/", 0));
}

static int clone_tree(void)
{
	return result(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE));
}

static int move(void)
{
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE);

	return result(syscall(SYS_move_mount, fd, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH));
}

static int set_attribute(void)
{
	struct mount_attr a = { .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC };

	return result(syscall(SYS_mount_setattr, AT_FDCWD, "/tmp", 0, &a, sizeof(a)));
}

static int change_root(void)
{
	return result(chroot("/"));
}

/* In the guest's root, made a mount point. */
static int pivot(void)
{
	if (mount("/", "/tmp", NULL, MS_BIND) < 0 && errno != EPERM)
		return NO_SETUP;
	if (chdir("/tmp"))
		return NO_SETUP;
	return result(syscall(SYS_pivot_root, ".", "."));
}

/* 457 and 458: newer than the C library */
static int list_mounts(void)
{
	struct {
		uint32_t size, spare;
		uint64_t id, param;
	} q = { 24, 0, UINT64_MAX /* LSMT_ROOT */, 0 };
	uint64_t ids[64];

	return result(syscall(458, &q, ids, 64, 0));
}

static struct {
	struct file_handle h;
	unsigned char space[128];
} handle = { .h.handle_bytes = 128 };

static int make_handle(void)
{
	int id;

	return result(name_to_handle_at(AT_FDCWD, "/", &handle.h, &id, 0));
}

static int open_handle(void)
{
	int dir = open("/", O_RDONLY | O_CLOEXEC), id;

	if (name_to_handle_at(AT_FDCWD, "/", &handle.h, &id, 0) < 0 && errno != EPERM)
		return NO_SETUP;
	return result(open_by_handle_at(dir, &handle.h, O_RDONLY));
}

static int unshare_all(int flag)
{
	return result(unshare(flag));
}

static int new_user(void)
{
	return unshare_all(CLONE_NEWUSER);
}

static int new_mounts(void)
{
	return unshare_all(CLONE_NEWNS);
}

static int new_net(void)
{
	return unshare_all(CLONE_NEWNET);
}

static int new_cgroup(void)
{
	return unshare_all(CLONE_NEWCGROUP);
}

static int clone_with(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

static int clone_user(void)
{
	return clone_with(CLONE_NEWUSER);
}

/* The upper half of clone()'s flags is not looked at. */
static int clone_user_high(void)
{
	return clone_with(CLONE_NEWUSER | 1UL << 32);
}

static int clone_pid(void)
{
	return clone_with(CLONE_NEWPID);
}

/* The user namespace above: a descriptor of it would be a way out. */
static int parent_namespace(void)
{
	int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NO_SETUP : result(syscall(SYS_ioctl, fd, 0xb702 /* NS_GET_PARENT */));
}

static int parent_pid_namespace(void)
{
	int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? NO_SETUP : result(syscall(SYS_ioctl, fd, 0xb702));
}

const struct attempt attempts_mounts[] = {
	{ "mount a tmpfs", mount_tmpfs, EPERM, EPERM, WORKS },
	{ "mount /proc again", mount_proc, EPERM, EPERM, WORKS },
	{ "mount cgroups", mount_cgroup, EPERM, EPERM, WORKS },
	{ "bind", bind_mount, EPERM, EPERM, WORKS },
	{ "remount for writing and executing", remount, EPERM, EPERM, WORKS },
	{ "take away what masks a file", unmask, EPERM, EPERM, WORKS },
	{ "fsopen", open_context, EPERM, EPERM, WORKS },
	{ "fsconfig", configure, EPERM, EPERM, WORKS },
	{ "fsmount", make_mount, EPERM, EPERM, WORKS },
	{ "fspick", pick, EPERM, EPERM, WORKS },
	{ "open_tree", open_tree_, EPERM, EPERM, WORKS },
	{ "clone the tree of mounts", clone_tree, EPERM, EPERM, WORKS },
	{ "move_mount", move, EPERM, EPERM, WORKS },
	{ "mount_setattr", set_attribute, EPERM, EPERM, WORKS },
	{ "chroot", change_root, EPERM, EPERM, WORKS },
	{ "pivot_root", pivot, EPERM, EPERM, WORKS },
	{ "listmount", list_mounts, ENOSYS, ENOSYS, WORKS },
	{ "name_to_handle_at", make_handle, EPERM, EPERM, WORKS },
	{ "open_by_handle_at", open_handle, EPERM, EPERM, WORKS },
	{ "a user namespace", new_user, EPERM, EPERM, WORKS },
	{ "a mount namespace", new_mounts, EPERM, EPERM, WORKS },
	{ "a network namespace", new_net, EPERM, EPERM, WORKS },
	{ "a cgroup namespace", new_cgroup, EPERM, EPERM, WORKS },
	{ "a user namespace by clone", clone_user, EPERM, EPERM, WORKS },
	{ "a user namespace by clone, high bits", clone_user_high, EPERM, EPERM, WORKS },
	{ "a pid namespace by clone", clone_pid, EPERM, EPERM, WORKS },
	/* outside it is the first: there is none above */
	{ "the user namespace above", parent_namespace, EPERM, EPERM, NOT_TRIED },
	{ "the pid namespace above", parent_pid_namespace, EPERM, EPERM, NOT_TRIED },
	{ 0 }
};
