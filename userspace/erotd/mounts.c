// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a sandbox sees:
 *
 *	/		the payload (EROFS); under an overlay with a tmpfs unless root.readonly
 *	/dev		tmpfs: null zero full random urandom tty, pts (own instance), shm, fd
 *	/proc		of its own pid namespace; what tells of the host is masked
 *	/tmp /run	tmpfs, where the image has such directories
 *
 * There is no /sys. Only the root may be executed from; everything is nosuid.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "erotd/mounts.h"

#define ROOT		EROTD_BASE_DIR "/root"
#define LOWER		EROTD_BASE_DIR "/lower"
#define WRITABLE	EROTD_BASE_DIR "/rw"

static int say(struct erot_error *err, const char *what, const char *path)
{
	int num = errno;

	return erot_fail(err, num, "mount", "%s %s: %s", what, path, strerror(num));
}

int erotd_mount_image(int image_fd, int userns_fd, struct erot_error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd };
	char source[40], why[160];
	int fs, mnt = -1, num;
	ssize_t n;

	snprintf(source, sizeof(source), "/proc/self/fd/%d", image_fd);
	fs = fsopen("erofs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return erot_fail(err, errno, "mount", "fsopen erofs: %s", strerror(errno));
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
		num = errno;
		n = read(fs, why, sizeof(why) - 1);	/* the file system's own words */
		why[n > 0 ? n : 0] = '\0';
		close(fs);
		return erot_fail(err, num, "mount", "payload: %s%s%s", strerror(num),
				 n > 0 ? ": " : "", why);
	}
	mnt = fsmount(fs, FSMOUNT_CLOEXEC,
		      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	num = errno;
	close(fs);
	if (mnt < 0)
		return erot_fail(err, num, "mount", "fsmount payload: %s", strerror(num));
	if (mount_setattr(mnt, "", AT_EMPTY_PATH, &attr, sizeof(attr))) {
		num = errno;
		close(mnt);
		return erot_fail(err, num, "mount", "idmapped mount of payload: %s", strerror(num));
	}
	return mnt;
}

static int make_tmpfs(const char *path, unsigned long flags, const char *options,
		      struct erot_error *err)
{
	if (mount("tmpfs", path, "tmpfs", flags, options))
		return say(err, "tmpfs on", path);
	return 0;
}

/* A directory of the root: must be in a read-only image, else is made. */
static int make_dir(const char *path, mode_t mode, struct erot_error *err)
{
	struct stat st;

	if (mkdir(path, mode) && errno != EEXIST)
		return say(err, errno == EROFS ? "read-only image has no" : "mkdir",
			   path + sizeof(ROOT) - 1);
	if (lstat(path, &st))
		return say(err, "lstat", path);
	if (!S_ISDIR(st.st_mode)) {	/* a symbolic link would take the mount elsewhere */
		errno = ENOTDIR;
		return say(err, "image:", path + sizeof(ROOT) - 1);
	}
	return 0;
}

static int set_attr(const char *path, uint64_t set, struct erot_error *err)
{
	struct mount_attr attr = { .attr_set = set };

	if (mount_setattr(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &attr, sizeof(attr)))
		return say(err, "mount_setattr", path);
	return 0;
}

static int make_root(int mount_fd, bool readonly, struct erot_error *err)
{
	const char *where = readonly ? ROOT : LOWER;

	if (mkdir(ROOT, 0755) || mkdir(LOWER, 0755) || mkdir(WRITABLE, 0755))
		return say(err, "mkdir in", EROTD_BASE_DIR);
	if (move_mount(mount_fd, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH))
		return say(err, "move_mount payload to", where);
	if (readonly)
		return 0;
	if (make_tmpfs(WRITABLE, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755", err))
		return -1;
	if (mkdir(WRITABLE "/upper", 0755) || mkdir(WRITABLE "/work", 0755))
		return say(err, "mkdir in", WRITABLE);
	if (mount("overlay", ROOT, "overlay", MS_NOSUID | MS_NODEV,
		  "lowerdir=" LOWER ",upperdir=" WRITABLE "/upper,workdir=" WRITABLE
		  "/work,userxattr"))
		return say(err, "overlay on", ROOT);
	return 0;
}

static int bind_device(const char *name, struct erot_error *err)
{
	char from[64], to[128];
	int fd;

	snprintf(from, sizeof(from), "/dev/%s", name);
	snprintf(to, sizeof(to), ROOT "/dev/%s", name);
	fd = open(to, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0666);
	if (fd < 0)
		return say(err, "create", to);
	close(fd);
	if (mount(from, to, NULL, MS_BIND, NULL))
		return say(err, "bind", from);
	return set_attr(to, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
}

static int make_dev(struct erot_error *err)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const char *const links[][2] = {
		{ "/proc/self/fd", ROOT "/dev/fd" },
		{ "/proc/self/fd/0", ROOT "/dev/stdin" },
		{ "/proc/self/fd/1", ROOT "/dev/stdout" },
		{ "/proc/self/fd/2", ROOT "/dev/stderr" },
		{ "pts/ptmx", ROOT "/dev/ptmx" },
	};
	int ret;

	ret = make_dir(ROOT "/dev", 0755, err) ?:
	      make_tmpfs(ROOT "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k,nr_inodes=64",
			 err);
	for (size_t i = 0; !ret && i < sizeof(devices) / sizeof(devices[0]); i++)
		ret = bind_device(devices[i], err);
	if (ret)
		return ret;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]))
			return say(err, "symlink", links[i][1]);
	if (mkdir(ROOT "/dev/pts", 0755) || mkdir(ROOT "/dev/shm", 01777))
		return say(err, "mkdir in", "/dev");
	if (mount("devpts", ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5"))
		return say(err, "devpts on", "/dev/pts");
	return make_tmpfs(ROOT "/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777", err);
}

/* What is not in this kernel need not be hidden. */
static int mask_file(const char *path, struct erot_error *err)
{
	if (mount("/dev/null", path, NULL, MS_BIND, NULL))
		return errno == ENOENT ? 0 : say(err, "mask", path);
	return set_attr(path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
}

static int mask_readonly(const char *path, struct erot_error *err)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL)) {
		if (errno == ENOENT)
			return 0;
		return say(err, "bind", path);
	}
	return set_attr(path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			MOUNT_ATTR_NOEXEC, err);
}

static int make_proc(struct erot_error *err)
{
	static const char *const hidden[] = {
		ROOT "/proc/kcore", ROOT "/proc/keys", ROOT "/proc/key-users",
		ROOT "/proc/timer_list", ROOT "/proc/sched_debug", ROOT "/proc/latency_stats",
		ROOT "/proc/kallsyms", ROOT "/proc/modules",
	};
	static const char *const fixed[] = {
		ROOT "/proc/sys", ROOT "/proc/bus", ROOT "/proc/fs", ROOT "/proc/irq",
		ROOT "/proc/acpi", ROOT "/proc/scsi", ROOT "/proc/sysrq-trigger",
	};
	int ret = make_dir(ROOT "/proc", 0555, err);

	if (ret)
		return ret;
	if (mount("proc", ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return say(err, "proc on", "/proc");
	for (size_t i = 0; !ret && i < sizeof(hidden) / sizeof(hidden[0]); i++)
		ret = mask_file(hidden[i], err);
	for (size_t i = 0; !ret && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		ret = mask_readonly(fixed[i], err);
	return ret;
}

static int make_scratch(const char *path, const char *options, struct erot_error *err)
{
	struct stat st;

	if (lstat(path, &st) && errno == ENOENT)
		return 0;
	return make_dir(path, 0755, err) ?:
	       make_tmpfs(path, MS_NOSUID | MS_NODEV | MS_NOEXEC, options, err);
}

/* Old and new root end up on one another; the old one is then let go of. */
static int pivot(struct erot_error *err)
{
	if (chdir(ROOT))
		return say(err, "chdir", ROOT);
	if (syscall(SYS_pivot_root, ".", "."))
		return say(err, "pivot_root", ROOT);
	if (umount2(".", MNT_DETACH))
		return say(err, "umount", "the host's root");
	if (chdir("/"))
		return say(err, "chdir", "/");
	return 0;
}

int erotd_mount_root(int mount_fd, bool readonly, struct erot_error *err)
{
	int ret;

	umask(0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return say(err, "make private", "/");
	ret = make_tmpfs(EROTD_BASE_DIR, MS_NOSUID | MS_NODEV | MS_NOEXEC,
			 "mode=0755,size=64k,nr_inodes=64", err) ?:
	      make_root(mount_fd, readonly, err) ?: make_dev(err) ?: make_proc(err) ?:
	      make_scratch(ROOT "/tmp", "mode=1777", err) ?:
	      make_scratch(ROOT "/run", "mode=0755", err) ?: pivot(err);
	umask(022);
	return ret;
}
