// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* asprintf() */
#endif
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/secret.h"

int erot_read_full(int fd, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int erot_pread_full(int fd, void *buf, size_t len, uint64_t off)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int erot_write_full(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int erot_pwrite_full(int fd, const void *buf, size_t len, uint64_t off)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int erot_read_fd(int fd, const char *name, size_t max, uint8_t **data, size_t *len,
		 struct erot_error *err)
{
	size_t cap = 4096, have = 0;
	uint8_t *buf, *bigger;
	int ret;

	*data = NULL;
	*len = 0;
	buf = malloc(cap + 1);
	if (!buf)
		return erot_fail(err, ENOMEM, "no-memory", "%s: out of memory", name);
	for (;;) {
		ssize_t n = read(fd, buf + have, cap - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ret = erot_fail(err, errno, "io", "%s: %s", name, strerror(errno));
			goto fail;
		}
		if (!n)
			break;
		have += (size_t)n;
		if (have > max) {
			ret = erot_fail(err, EFBIG, "too-big", "%s: more than %zu bytes", name,
					max);
			goto fail;
		}
		if (have < cap)
			continue;
		bigger = malloc(2 * cap + 1);
		if (!bigger) {
			ret = erot_fail(err, ENOMEM, "no-memory", "%s: out of memory", name);
			goto fail;
		}
		memcpy(bigger, buf, have);
		erot_wipe_free(buf, cap);
		buf = bigger;
		cap *= 2;
	}
	buf[have] = 0;
	*data = buf;
	*len = have;
	return 0;
fail:
	erot_wipe_free(buf, cap);
	return ret;
}

int erot_read_file(const char *path, size_t max, uint8_t **data, size_t *len,
		   struct erot_error *err)
{
	int fd, ret;

	*data = NULL;
	*len = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return erot_fail(err, errno, errno == ENOENT ? "not-found" : "io", "%s: %s", path,
				 strerror(errno));
	ret = erot_read_fd(fd, path, max, data, len, err);
	close(fd);
	return ret;
}

/* The name lasts only when the directory is on disk too. */
static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int fd, ret = 0;

	if (!slash)
		dir = strdup(".");
	else if (slash == path)
		dir = strdup("/");
	else
		dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -errno;
	if (fsync(fd) && errno != EINVAL && errno != EROFS)
		ret = -errno;
	close(fd);
	return ret;
}

static int write_beside(const char *path, const void *data, size_t len, mode_t mode, bool replace,
			struct erot_error *err)
{
	uint8_t rnd[8];
	char suffix[2 * sizeof(rnd) + 1], *tmp = NULL;
	int fd = -1, ret;

	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return erot_fail(err, EIO, "io", "%s: no random bytes", path);
	if (asprintf(&tmp, "%s.%s.tmp", path, erot_hex(rnd, sizeof(rnd), suffix)) < 0)
		return erot_fail(err, ENOMEM, "no-memory", "%s: out of memory", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		ret = -errno;
		free(tmp);
		return erot_fail(err, -ret, "io", "%s: %s", path, strerror(-ret));
	}
	ret = erot_write_full(fd, data, len);
	if (!ret && (fchmod(fd, mode) || fsync(fd)))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && replace)
		ret = rename(tmp, path) ? -errno : 0;
	else if (!ret)
		ret = link(tmp, path) ? -errno : 0;
	if (ret || !replace)
		unlink(tmp);
	free(tmp);
	if (!ret)
		ret = sync_parent(path);
	if (ret)
		return erot_fail(err, -ret, ret == -EEXIST ? "exists" : "io", "%s: %s", path,
				 strerror(-ret));
	return 0;
}

int erot_write_file(const char *path, const void *data, size_t len, mode_t mode,
		    struct erot_error *err)
{
	return write_beside(path, data, len, mode, true, err);
}

int erot_create_file(const char *path, const void *data, size_t len, mode_t mode,
		     struct erot_error *err)
{
	return write_beside(path, data, len, mode, false, err);
}

char *erot_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = 0;
	return out;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int erot_unhex(const char *text, void *out, size_t len)
{
	uint8_t *p = out;
	size_t i;

	if (strnlen(text, 2 * len + 1) != 2 * len)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		int hi = nibble(text[2 * i]), lo = nibble(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int erot_parse_u64(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int d = (unsigned int)(*text - '0');

		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (v > (UINT64_MAX - d) / 10)
			return -ERANGE;
		v = v * 10 + d;
	}
	if (v > max)
		return -ERANGE;
	*out = v;
	return 0;
}
