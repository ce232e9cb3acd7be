// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unpacks a tar file into a private directory. An entry that would be written
 * elsewhere ends it: absolute names, "..", and paths through symbolic links.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "tools/ewc/ewc.h"

#define BLOCK 65536

static int tar_fail(struct archive *a, struct erot_error *err)
{
	return erot_fail(err, EINVAL, "tar", "%s", archive_error_string(a) ?: "cannot be read");
}

static int copy_data(struct archive *from, struct archive *to, struct erot_error *err)
{
	const void *block;
	size_t size;
	la_int64_t off;
	int ret;

	for (;;) {
		ret = archive_read_data_block(from, &block, &size, &off);
		if (ret == ARCHIVE_EOF)
			return 0;
		if (ret != ARCHIVE_OK)
			return tar_fail(from, err);
		if (archive_write_data_block(to, block, size, off) != ARCHIVE_OK)
			return tar_fail(to, err);
	}
}

/*
 * The sandbox has its own /dev, and no other devices work. Their names are kept, each with its NUL:
 * a hard link to one is a device as well, unless something else has the name by now.
 */
static bool is_device(struct archive_entry *entry, struct erot_buf *devices)
{
	bool is = archive_entry_filetype(entry) == AE_IFBLK ||
		  archive_entry_filetype(entry) == AE_IFCHR;
	const char *name = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
	size_t at;

	for (at = 0; link && !is && at < devices->len; at += strlen((char *)devices->data + at) + 1)
		is = !strcmp((char *)devices->data + at, link) &&
		     faccessat(AT_FDCWD, link, F_OK, AT_SYMLINK_NOFOLLOW);
	if (is && name)
		erot_buf_add(devices, name, strlen(name) + 1);
	return is;
}

static int copy_entry(struct archive *from, struct archive *to, struct archive_entry *entry,
		      struct erot_error *err)
{
	int ret;

	if (archive_write_header(to, entry) != ARCHIVE_OK) {
		ret = tar_fail(to, err);
		erot_error_prefix(err, "%s", archive_entry_pathname(entry) ?: "?");
		return ret;
	}
	ret = archive_entry_size(entry) > 0 ? copy_data(from, to, err) : 0;
	if (!ret && archive_write_finish_entry(to) != ARCHIVE_OK)
		ret = tar_fail(to, err);
	return ret;
}

/*
 * Names beyond ASCII in pax headers cannot be converted in the C locale, which is ours: they stay
 * as they are, which is just what is wanted. In a locale with UTF-8 they would be normalised.
 */
static int name_kept(struct archive *from, int ret)
{
	return ret == ARCHIVE_WARN && archive_errno(from) == EILSEQ;
}

/* A block of zeros and the end of the file are both EOF to libarchive, but only one is read. */
static int ended(struct archive *from)
{
	return archive_filter_bytes(from, 0) > archive_read_header_position(from);
}

static int extract(struct archive *from, struct archive *to, const char *tar,
		   struct erot_error *err)
{
	struct erot_buf devices = { .failed = false };
	struct archive_entry *entry;
	int ret, bad = 0;

	archive_read_support_format_tar(from);
	archive_read_support_filter_gzip(from);
	archive_read_support_filter_bzip2(from);
	archive_read_support_filter_xz(from);
	archive_read_support_filter_zstd(from);
	archive_write_disk_set_options(to, ARCHIVE_EXTRACT_PERM |
				       ARCHIVE_EXTRACT_SECURE_SYMLINKS |
				       ARCHIVE_EXTRACT_SECURE_NODOTDOT |
				       ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS |
				       (geteuid() ? 0 : ARCHIVE_EXTRACT_OWNER));
	if (archive_read_open_filename(from, tar, BLOCK) != ARCHIVE_OK)
		return tar_fail(from, err);
	while (!bad && ((ret = archive_read_next_header(from, &entry)) == ARCHIVE_OK ||
			name_kept(from, ret)))
		bad = is_device(entry, &devices) ? erot_buf_done(&devices, err) :
						   copy_entry(from, to, entry, err);
	erot_buf_free(&devices);
	if (bad)
		return bad;
	if (ret != ARCHIVE_EOF)
		return tar_fail(from, err);
	if (!ended(from))
		return erot_fail(err, EINVAL, "tar", "cut between two entries: has no end mark");
	return archive_write_close(to) == ARCHIVE_OK ? 0 : tar_fail(to, err);
}

/**
 * ewc_tar_extract() - unpacks a tar file, plain or compressed
 * @tar: file; absolute, or relative to the current directory
 * @dir: empty
 * @err: "tar"
 *
 * Owners are kept when run as root. Devices are left out, and hard links to them.
 *
 * Return: 0 or a negative errno.
 */
int ewc_tar_extract(const char *tar, const char *dir, struct erot_error *err)
{
	struct archive *from = archive_read_new(), *to = archive_write_disk_new();
	char path[PATH_MAX];
	int cwd, ret = 0;

	cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!from || !to || cwd < 0)
		ret = erot_fail(err, ENOMEM, "no-memory", "tar");
	else if (!realpath(tar, path) || chdir(dir))
		ret = erot_fail(err, errno, "io", "%s: %s", tar, strerror(errno));
	if (!ret) {
		ret = extract(from, to, path, err);
		if (fchdir(cwd) && !ret)
			ret = erot_fail(err, errno, "io", "%s", strerror(errno));
	}
	if (cwd >= 0)
		close(cwd);
	archive_read_free(from);
	archive_write_free(to);
	return ret;
}
