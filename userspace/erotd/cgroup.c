// SPDX-License-Identifier: GPL-2.0-only
/* Files of cgroup v2. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "erotd/cgroup.h"

static int put(int dir, const char *file, const char *value)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), ret = 0;
	size_t len = strlen(value);

	if (fd < 0)
		return -errno;
	if (write(fd, value, len) != (ssize_t)len)
		ret = -errno;
	close(fd);
	return ret;
}

static int put_or_say(int dir, const char *file, const char *value, struct erot_error *err)
{
	int ret = put(dir, file, value);

	if (ret)
		return erot_fail(err, -ret, "cgroup", "write \"%s\" to %s: %s", value, file,
				 strerror(-ret));
	return 0;
}

static int delegate(int dir, const char *of, struct erot_error *err)
{
	int ret = put(dir, "cgroup.subtree_control", "+memory +pids +cpu");

	if (ret)
		return erot_fail(err, -ret, "cgroup",
				 "enable memory, pids, cpu below %s: %s%s", of, strerror(-ret),
				 ret == -EBUSY ? "; move the processes in it to a child" : "");
	return 0;
}

static void sweep(int parent)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			erotd_cgroup_remove(parent, e->d_name);
	closedir(dir);
}

int erotd_cgroup_open(const char *path, struct erot_error *err)
{
	struct statfs fs;
	int fd, above, ret;

	if (mkdir(path, 0755) && errno != EEXIST)
		return erot_fail(err, errno, "cgroup", "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return erot_fail(err, errno, "cgroup", "%s: %s", path, strerror(errno));
	if (fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		rmdir(path);
		close(fd);
		return erot_fail(err, ENODEV, "cgroup",
				 "%s is not in a cgroup2 file system; mount -t cgroup2 none "
				 "/sys/fs/cgroup", path);
	}
	/* What is in another's is not to be swept. */
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = erot_fail(err, errno, "cgroup", "%s: %s", path, errno == EWOULDBLOCK ?
				"another erotd is using it" : strerror(errno));
		close(fd);
		return ret;
	}
	above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = above < 0 ? -errno : 0;
	if (!ret) {
		ret = delegate(above, "the parent of cgroup_parent", err) ?:
		      delegate(fd, path, err);
		close(above);
	}
	if (ret) {
		close(fd);
		return ret;
	}
	sweep(fd);
	return fd;
}

static int set_limits(int leaf, const struct erotd_limits *l, struct erot_error *err)
{
	char text[64];
	int ret;

	snprintf(text, sizeof(text), "%" PRIu64, l->memory_max);
	ret = put_or_say(leaf, "memory.max", text, err) ?:
	      put_or_say(leaf, "memory.swap.max", "0", err) ?:
	      /* half a workload is nobody's wish */
	      put_or_say(leaf, "memory.oom.group", "1", err);
	if (ret)
		return ret;
	snprintf(text, sizeof(text), "%" PRIu32, l->pids_max);
	ret = put_or_say(leaf, "pids.max", text, err);
	if (ret || !l->cpu_quota)
		return ret;
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, l->cpu_quota, l->cpu_period);
	return put_or_say(leaf, "cpu.max", text, err);
}

int erotd_cgroup_make(int parent, const char *name, const struct erotd_limits *limits,
		      struct erot_error *err)
{
	int leaf, ret;

	if (mkdirat(parent, name, 0755))
		return erot_fail(err, errno, "cgroup", "make %s: %s", name, strerror(errno));
	leaf = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	ret = leaf < 0 ? erot_fail(err, errno, "cgroup", "%s: %s", name, strerror(errno)) :
			 set_limits(leaf, limits, err);
	if (!ret)
		return leaf;
	if (leaf >= 0)
		close(leaf);
	unlinkat(parent, name, AT_REMOVEDIR);
	return ret;
}

int erotd_cgroup_remove(int parent, const char *name)
{
	int leaf;

	if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
		return 0;
	leaf = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (leaf >= 0) {
		put(leaf, "cgroup.kill", "1");
		sweep(leaf);	/* what the workload was allowed to make below itself */
		close(leaf);
	}
	if (!unlinkat(parent, name, AT_REMOVEDIR) || errno == ENOENT)
		return 0;
	return -errno;
}
