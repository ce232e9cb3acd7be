// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plaintext image. It is a file without a name: when the last descriptor
 * goes, so does the file, however this program ends.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "tools/ewc/ewc.h"

/* On-disk superblock of EROFS, as far as it is looked at; at 1024. */
#define SUPER_OFF	1024
#define SUPER_MAGIC	0xE0F5E1E2U
#define SUPER_BLKSZBITS	12
#define SUPER_INCOMPAT	80

static int nameless(const char *tmp, struct erot_error *err)
{
	char path[PATH_MAX];
	int fd;

	fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/image-XXXXXX", tmp);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return erot_fail(err, errno, "io", "%s: %s", tmp, strerror(errno));
	unlink(path);
	return fd;
}

/* The module accepts plain images only: 4 KiB blocks, no compression, no extra devices. */
static int check_super(int fd, struct erot_error *err)
{
	uint8_t super[128];
	uint32_t magic, incompat;
	int ret;

	ret = erot_pread_full(fd, super, sizeof(super), SUPER_OFF);
	if (ret)
		return erot_fail(err, -ret, "image", "mkfs.erofs made no image");
	memcpy(&magic, super, sizeof(magic));
	memcpy(&incompat, super + SUPER_INCOMPAT, sizeof(incompat));
	if (le32toh(magic) != SUPER_MAGIC || super[SUPER_BLKSZBITS] != 12 || incompat)
		return erot_fail(err, EINVAL, "image",
				 "image is not plain EROFS with 4 KiB blocks (features 0x%x)",
				 le32toh(incompat));
	return 0;
}

/* Of what mkfs.erofs had to say, which may be several lines, the last is the reason. */
static void last_words(int fd, struct erot_error *err)
{
	char text[2048], *line, *save = NULL, *last = NULL;
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, size < (off_t)sizeof(text) ? 0 :
		  size - (off_t)sizeof(text) + 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (line[strspn(line, " \t")])
			last = line;
	if (last && strrchr(last, '\t'))
		last = strrchr(last, '\t') + 1;
	if (last)
		erot_error_prefix(err, "%s", last);
}

static int run_mkfs(char *const argv[], int fd, struct erot_error *err)
{
	int said = memfd_create("mkfs.erofs", MFD_CLOEXEC), ret;

	if (said < 0)
		return erot_fail(err, errno, "io", "memfd: %s", strerror(errno));
	ret = ewc_run(argv, fd, said, err);
	if (ret == -ENOENT)
		erot_fail(err, ENOENT, "command", "mkfs.erofs: apt install erofs-utils");
	else if (ret)
		last_words(said, err);
	close(said);
	return ret;
}

static int make(const char *dir, int fd, struct erot_error *err)
{
	char image[64];
	char *argv[16] = { "mkfs.erofs", "--quiet", "-d1", "-E", "noinline_data", "-x-1", "-T0",
			   "-U00000000-0000-0000-0000-000000000000" };
	struct stat st;
	int n = 8, ret;

	snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
	if (geteuid())
		argv[n++] = "--all-root";
	argv[n++] = image;
	argv[n++] = (char *)dir;
	ret = run_mkfs(argv, fd, err);
	if (ret)
		return ret;
	if (fstat(fd, &st))
		return erot_fail(err, errno, "io", "image: %s", strerror(errno));
	if (st.st_size % EROT_IMAGE_ALIGN &&
	    ftruncate(fd, (st.st_size / EROT_IMAGE_ALIGN + 1) * EROT_IMAGE_ALIGN))
		return erot_fail(err, errno, "io", "image: %s", strerror(errno));
	return check_super(fd, err);
}

/* Directories that no entry names are 0755 whoever packs: the same tree, the same image. */
static int unpack(const char *tar, const char *tree, struct erot_error *err)
{
	mode_t mask = umask(022);
	int ret;

	if (mkdir(tree, 0755))
		ret = erot_fail(err, errno, "io", "%s: %s", tree, strerror(errno));
	else
		ret = ewc_tar_extract(tar, tree, err);
	umask(mask);
	return ret;
}

/**
 * ewc_image_make() - builds the EROFS image of a workload
 * @source: directory or tar file
 * @tmp: private directory
 * @fd: image; close-on-exec, without a name
 * @err: "not-found", "tar", "command", "image"
 *
 * The same tree gives the same image: timestamps are 0, the UUID is nil and
 * there are no extended attributes. Files belong to root unless root packs.
 *
 * Return: 0 or a negative errno.
 */
int ewc_image_make(const char *source, const char *tmp, int *fd, struct erot_error *err)
{
	char tree[PATH_MAX];
	struct stat st;
	int ret = 0;

	if (stat(source, &st))
		return erot_fail(err, errno, errno == ENOENT ? "not-found" : "io", "%s: %s", source,
				 strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		snprintf(tree, sizeof(tree), "%s/tree", tmp);
		ret = unpack(source, tree, err);
		if (ret) {
			erot_error_prefix(err, "%s", source);
			return ret;
		}
		source = tree;
	}
	*fd = nameless(tmp, err);
	if (*fd < 0)
		return *fd;
	ret = make(source, *fd, err);
	if (ret)
		close(*fd);
	return ret;
}
