// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ledger of the command-line DERG. Writers hold the lock, so the one
 * temporary file has a fixed name, and a crash leaves at most that: the next
 * writer truncates it. A file gets its name by link(), which refuses a second
 * one of that name, or by rename() where replacing is meant; both after
 * fsync() of the file and followed by fsync() of the directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dergd/ledger.h"

#define TEMP ".new"

static const char *const kinds[LEDGER_KINDS] = {
	[LEDGER_STATEMENT] = "statements",
	[LEDGER_USED] = "used",
	[LEDGER_RECEIPT] = "receipts",
	[LEDGER_RELEASE] = "releases",
	[LEDGER_END] = "ends",
	[LEDGER_EPOCH] = "epochs",
};

static int sys_fail(struct erot_error *err, const char *what)
{
	int code = errno;

	return erot_fail(err, code, "ledger", "%s: %s", what, strerror(code));
}

/* Names come from digests and numbers; anything else is a bug, or an attempt to climb out. */
static int name_ok(const char *name)
{
	size_t len = strspn(name, "0123456789abcdef-");

	return len && len < LEDGER_NAME_MAX && !name[len];
}

/**
 * ledger_name() - file name of a digest
 * @name: filled
 * @digest: 32 bytes
 */
void ledger_name(char name[LEDGER_NAME_MAX], const uint8_t digest[32])
{
	int i;

	for (i = 0; i < 32; i++)
		snprintf(name + 2 * i, 3, "%02x", digest[i]);
}

/**
 * ledger_create() - makes an empty ledger
 * @dir: made, mode 0700; must not exist
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int ledger_create(const char *dir, struct erot_error *err)
{
	int fd, lock, i, ret = 0;

	if (mkdir(dir, 0700))
		return sys_fail(err, dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return sys_fail(err, dir);
	for (i = 0; i < LEDGER_KINDS && !ret; i++)
		if (mkdirat(fd, kinds[i], 0700))
			ret = sys_fail(err, kinds[i]);
	if (!ret) {
		lock = openat(fd, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (lock < 0)
			ret = sys_fail(err, "lock");
		else
			close(lock);
	}
	if (!ret && fsync(fd))
		ret = sys_fail(err, dir);
	close(fd);
	return ret;
}

/**
 * ledger_open() - opens a ledger
 * @l: filled
 * @dir: made by ledger_create()
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int ledger_open(struct ledger *l, const char *dir, struct erot_error *err)
{
	int ret;

	l->locked = 0;
	l->lock = -1;
	l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (l->dir < 0)
		return sys_fail(err, dir);
	l->lock = openat(l->dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (l->lock < 0) {
		ret = sys_fail(err, "lock");
		close(l->dir);
		l->dir = -1;
		return ret;
	}
	return 0;
}

/**
 * ledger_close() - closes a ledger, and lets go of its lock
 * @l: opened
 */
void ledger_close(struct ledger *l)
{
	if (l->lock >= 0)
		close(l->lock);
	if (l->dir >= 0)
		close(l->dir);
	l->lock = l->dir = -1;
	l->locked = 0;
}

/**
 * ledger_lock() - waits to be the only writer
 * @l: opened
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int ledger_lock(struct ledger *l, struct erot_error *err)
{
	int ret;

	do {
		ret = flock(l->lock, LOCK_EX);
	} while (ret && errno == EINTR);
	if (ret)
		return sys_fail(err, "lock");
	l->locked = 1;
	return 0;
}

/**
 * ledger_unlock() - lets the next writer in
 * @l: locked or not
 */
void ledger_unlock(struct ledger *l)
{
	if (l->locked)
		flock(l->lock, LOCK_UN);
	l->locked = 0;
}

static int write_temp(int dir, const void *data, size_t len, struct erot_error *err)
{
	const char *from = data;
	ssize_t n;
	int fd, ret = 0;

	fd = openat(dir, TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sys_fail(err, TEMP);
	while (len) {
		n = write(fd, from, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ret = sys_fail(err, "write");
			goto out;
		}
		from += n;
		len -= n;
	}
	if (fsync(fd))
		ret = sys_fail(err, "fsync");
out:
	if (close(fd) && !ret)
		ret = sys_fail(err, "close");
	return ret;
}

static int store(struct ledger *l, enum ledger_kind kind, const char *name, const void *data,
		 size_t len, int replace, struct erot_error *err)
{
	int dir, ret;

	if (!l->locked || !name_ok(name) || len > LEDGER_FILE_MAX)
		return erot_fail(err, EINVAL, "ledger", "bad use of the ledger");
	dir = openat(l->dir, kinds[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return sys_fail(err, kinds[kind]);
	/*
	 * Never written through: after a crash between link() and unlink() it is
	 * the second name of a file that counts.
	 */
	if (unlinkat(dir, TEMP, 0) && errno != ENOENT) {
		ret = sys_fail(err, TEMP);
		goto out;
	}
	ret = write_temp(dir, data, len, err);
	if (ret)
		goto out;
	if (replace ? renameat(dir, TEMP, dir, name) : linkat(dir, TEMP, dir, name, 0)) {
		ret = sys_fail(err, name);
	} else if (fsync(dir)) {
		ret = sys_fail(err, "fsync");
	}
	if (!replace || ret)
		unlinkat(dir, TEMP, 0);
out:
	close(dir);
	return ret;
}

/**
 * ledger_put() - records something once and for all
 * @l: locked
 * @kind: directory
 * @name: see ledger_name()
 * @data: content
 * @len: bytes
 * @err: reason
 *
 * Return: 0 when it is on the disk, -EEXIST when the name is taken, or another
 * negative errno; after any other error it may or may not be there.
 */
int ledger_put(struct ledger *l, enum ledger_kind kind, const char *name, const void *data,
	       size_t len, struct erot_error *err)
{
	return store(l, kind, name, data, len, 0, err);
}

/**
 * ledger_replace() - records a new state in the place of the old one
 * @l: locked
 * @kind: directory
 * @name: see ledger_name()
 * @data: content
 * @len: bytes
 * @err: reason
 *
 * Return: 0 when it is on the disk, or a negative errno.
 */
int ledger_replace(struct ledger *l, enum ledger_kind kind, const char *name, const void *data,
		   size_t len, struct erot_error *err)
{
	return store(l, kind, name, data, len, 1, err);
}

static int read_all(int fd, char *to, size_t len)
{
	ssize_t n;

	while (len) {
		n = read(fd, to, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		to += n;
		len -= n;
	}
	return 0;
}

/**
 * ledger_get() - reads a record
 * @l: opened
 * @kind: directory
 * @name: see ledger_name()
 * @data: allocated, followed by a zero byte; the caller frees it
 * @len: bytes, without the zero
 * @err: reason
 *
 * Return: 0, -ENOENT, or another negative errno.
 */
int ledger_get(struct ledger *l, enum ledger_kind kind, const char *name, void **data,
	       size_t *len, struct erot_error *err)
{
	char path[LEDGER_NAME_MAX + 16];
	struct stat st;
	int fd, ret = 0;
	char *buf = NULL;

	*data = NULL;
	if (!name_ok(name))
		return erot_fail(err, EINVAL, "ledger", "bad name");
	snprintf(path, sizeof(path), "%s/%s", kinds[kind], name);
	fd = openat(l->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return sys_fail(err, path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > LEDGER_FILE_MAX) {
		ret = erot_fail(err, EIO, "ledger", "%s: not a record", path);
		goto out;
	}
	buf = calloc(1, st.st_size + 1);
	if (!buf) {
		ret = erot_fail(err, ENOMEM, "no-memory", "%s", path);
		goto out;
	}
	ret = read_all(fd, buf, st.st_size);
	if (ret) {
		ret = erot_fail(err, -ret, "ledger", "%s: %s", path, strerror(-ret));
		goto out;
	}
	*data = buf;
	*len = st.st_size;
	buf = NULL;
out:
	free(buf);
	close(fd);
	return ret;
}

/**
 * ledger_each() - calls @each with the name of every record of a kind
 * @l: opened
 * @kind: directory
 * @each: returns 0, or a negative errno to stop
 * @ctx: for @each
 * @err: reason, where reading the directory failed
 *
 * Return: 0 or a negative errno.
 */
int ledger_each(struct ledger *l, enum ledger_kind kind,
		int (*each)(void *ctx, const char *name), void *ctx, struct erot_error *err)
{
	struct dirent *entry;
	int fd, ret = 0;
	DIR *dir;

	fd = openat(l->dir, kinds[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return sys_fail(err, kinds[kind]);
	dir = fdopendir(fd);
	if (!dir) {
		ret = sys_fail(err, kinds[kind]);
		close(fd);
		return ret;
	}
	for (errno = 0; !ret && (entry = readdir(dir)); errno = 0)
		if (name_ok(entry->d_name))
			ret = each(ctx, entry->d_name);
	if (!ret && errno)
		ret = sys_fail(err, kinds[kind]);
	closedir(dir);
	return ret;
}
