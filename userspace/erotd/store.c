// SPDX-License-Identifier: GPL-2.0-only
/* Files of the state directory. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "erotd/store.h"

static void path_of(const char *dir, const char *kind, const uint8_t id[EROT_ID_SIZE],
		    const char *suffix, char *out, size_t size)
{
	char hex[2 * EROT_ID_SIZE + 1];

	snprintf(out, size, "%s/%s/%s.%s", dir, kind, erot_hex(id, EROT_ID_SIZE, hex), suffix);
}

/* Why a file could not be written is in the text; the code says whose file it was. */
static int as_store(int ret, struct erot_error *err)
{
	if (ret)
		memcpy(err->code, "store", sizeof("store"));
	return ret;
}

/* Two of them would report each other's launches. */
static int lock(const char *dir, struct erot_error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return erot_fail(err, errno, "store", "%s: %s", dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		erot_fail(err, errno, "store", "%s: %s", dir, errno == EWOULDBLOCK ?
			  "another erotd is using it" : strerror(errno));
		close(fd);
		return -EBUSY;
	}
	return fd;
}

int erotd_store_open(const char *dir, struct erot_error *err)
{
	static const char *const sub[] = { "", "/receipts", "/records", "/unaccounted" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(sub) / sizeof(sub[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, sub[i]);
		if (mkdir(path, 0700) && errno != EEXIST)
			return erot_fail(err, errno, "store", "%s: %s", path, strerror(errno));
		if (chmod(path, 0700))
			return erot_fail(err, errno, "store", "%s: %s", path, strerror(errno));
	}
	return lock(dir, err);
}

int erotd_store_put_receipt(const char *dir, const uint8_t id[EROT_ID_SIZE], const void *cms,
			    size_t len, struct erot_error *err)
{
	char path[PATH_MAX];

	path_of(dir, "receipts", id, "cms", path, sizeof(path));
	return as_store(erot_write_file(path, cms, len, 0600, err), err);
}

int erotd_store_get_receipt(const char *dir, const uint8_t id[EROT_ID_SIZE], uint8_t **cms,
			    size_t *len, struct erot_error *err)
{
	char path[PATH_MAX];

	path_of(dir, "receipts", id, "cms", path, sizeof(path));
	return as_store(erot_read_file(path, EROT_CMS_MAX, cms, len, err), err);
}

void erotd_store_drop_receipt(const char *dir, const uint8_t id[EROT_ID_SIZE])
{
	char path[PATH_MAX];

	path_of(dir, "receipts", id, "cms", path, sizeof(path));
	unlink(path);
}

int erotd_store_unaccounted(const char *dir, const uint8_t id[EROT_ID_SIZE],
			    struct erot_error *err)
{
	char from[PATH_MAX], to[PATH_MAX];

	path_of(dir, "receipts", id, "cms", from, sizeof(from));
	path_of(dir, "unaccounted", id, "cms", to, sizeof(to));
	if (rename(from, to))
		return erot_fail(err, errno, "store", "%s: %s", to, strerror(errno));
	return 0;
}

void erotd_store_record_path(const char *dir, const uint8_t id[EROT_ID_SIZE], char *out,
			     size_t size)
{
	path_of(dir, "records", id, "cms", out, size);
}

int erotd_store_put_record(const char *dir, const uint8_t id[EROT_ID_SIZE],
			   const struct erot_evidence *evidence, const void *cms, size_t len,
			   struct erot_error *err)
{
	char path[PATH_MAX];
	int ret;

	path_of(dir, "records", id, "evidence", path, sizeof(path));
	ret = erot_write_file(path, evidence, sizeof(*evidence), 0600, err);
	if (ret)
		return as_store(ret, err);
	erotd_store_record_path(dir, id, path, sizeof(path));
	return as_store(erot_write_file(path, cms, len, 0600, err), err);
}

/* What a crash left of a file that was being written. */
static bool is_left_over(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".tmp");
}

int erotd_store_each(const char *dir, const char *kind,
		     void (*fn)(void *ctx, const uint8_t id[EROT_ID_SIZE]), void *ctx,
		     struct erot_error *err)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, kind);
	d = opendir(path);
	if (!d)
		return erot_fail(err, errno, "store", "%s: %s", path, strerror(errno));
	while ((e = readdir(d))) {
		uint8_t id[EROT_ID_SIZE];
		char name[2 * EROT_ID_SIZE + 1];

		if (is_left_over(e->d_name))
			unlinkat(dirfd(d), e->d_name, 0);
		if (strlen(e->d_name) != 2 * EROT_ID_SIZE + 4 ||
		    strcmp(e->d_name + 2 * EROT_ID_SIZE, ".cms"))
			continue;
		memcpy(name, e->d_name, 2 * EROT_ID_SIZE);
		name[2 * EROT_ID_SIZE] = '\0';
		if (!erot_unhex(name, id, sizeof(id)))
			fn(ctx, id);
	}
	closedir(d);
	return 0;
}
