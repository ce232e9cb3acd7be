// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/erot_format.h>

#include "common/io.h"
#include "fuzz/guest/program.h"
#include "fuzz/hostile/image.h"
#include "selftests/fixture.h"

#define TREE	FX_DIR "/hostile"
#define SUPER	1024
#define BLOCK	4096
#define SLOT	32

/* ---- a tree of everything */

static int make_files(int xattrs)
{
	static uint8_t data[70000];
	char path[300], name[200];
	unsigned int i;
	int ret;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	ret = erot_write_file(TREE "/large", data, sizeof(data), 0644, &fx_err) ?:
	      erot_write_file(TREE "/block", data, BLOCK, 0600, &fx_err) ?:
	      erot_write_file(TREE "/tail", data, BLOCK + 7, 04755, &fx_err) ?:
	      erot_write_file(TREE "/d/empty", "", 0, 0644, &fx_err);
	if (ret)
		return ret;
	(void)!symlink("d/../block", TREE "/link");
	(void)!symlink(name, TREE "/longlink");
	(void)!link(TREE "/block", TREE "/d/hard");
	mknod(TREE "/fifo", S_IFIFO | 0600, 0);
	mknod(TREE "/null", S_IFCHR | 0600, makedev(1, 3));
	for (i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), TREE "/many/%03u%.*s", i, (int)(i % 50), name);
		ret = erot_write_file(path, "x", i & 1, 0644, &fx_err);
		if (ret)
			return ret;
	}
	if (xattrs) {
		for (i = 0; i < 8; i++) {
			snprintf(path, sizeof(path), "user.%u%.*s", i, (int)(i * 20), name);
			setxattr(TREE "/block", path, data, 60 * i, 0);
			setxattr(TREE "/d", path, data, 3 * i, 0);
		}
		setxattr(TREE "/tail", "trusted.t", "1", 1, 0);
	}
	return 0;
}

int image_make(struct image *img, int xattrs)
{
	static const char *const dirs[] = { TREE, TREE "/d", TREE "/d/deep", TREE "/many" };
	char *const mkfs[] = { "mkfs.erofs", "--quiet", "-d1", "-E", "noinline_data",
			       xattrs ? "-x2" : "-x-1", FX_DIR "/hostile.img", TREE, NULL };
	char *const clean[] = { "rm", "-rf", TREE, FX_DIR "/hostile.img", NULL };
	size_t i, full;
	int ret;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0755) && errno != EEXIST)
			return -errno;
	ret = make_files(xattrs) ?: fx_run(mkfs) ?:
	      erot_read_file(FX_DIR "/hostile.img", 1 << 20, &img->data, &img->len, &fx_err) ?:
	      fx_run(clean);
	if (ret)
		return ret;
	full = (img->len + EROT_IMAGE_ALIGN - 1) / EROT_IMAGE_ALIGN * EROT_IMAGE_ALIGN;
	img->data = realloc(img->data, full);
	if (!img->data)
		return -ENOMEM;
	memset(img->data + img->len, 0, full - img->len);
	img->len = full;
	return 0;
}

int image_copy(const struct image *from, struct image *to)
{
	to->data = malloc(from->len);
	if (!to->data)
		return -ENOMEM;
	memcpy(to->data, from->data, from->len);
	to->len = from->len;
	return 0;
}

/* ---- bending */

static uint32_t crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0U;
	int i;

	while (n--) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

static void fix_checksum(struct image *img)
{
	uint32_t crc;

	memset(img->data + SUPER + 4, 0, 4);
	crc = crc32c(img->data + SUPER, BLOCK - SUPER);
	memcpy(img->data + SUPER + 4, &crc, 4);
}

static uint64_t any_value(const struct image *img, uint64_t *random)
{
	static const uint64_t some[] = {
		0, 1, 2, 3, 4, 7, 8, 11, 12, 31, 32, 255, 256, 4095, 4096, 4097, 65535, 0x7fffffff,
		0x80000000, 0xfffffffe, 0xffffffff, 0x7fffffffffffffff, ~0ULL,
	};

	switch (random_below(random, 4)) {
	case 0:
		return random_u64(random);
	case 1:		/* a block or a node of this image */
		return random_below(random, (unsigned int)(img->len / SLOT) + 2);
	case 2:
		return img->len / BLOCK + random_below(random, 3) - 1;
	default:
		return some[random_below(random, sizeof(some) / sizeof(some[0]))];
	}
}

/* A value of a power of two bytes at a place that is a multiple of it, as fields are. */
static void put(struct image *img, size_t at, size_t size, uint64_t *random)
{
	unsigned int n = 1U << random_below(random, 4);
	uint64_t value = any_value(img, random);

	at += random_below(random, (unsigned int)(size / n) ?: 1) * n;
	if (random_below(random, 2))
		value += img->data[at % img->len];
	if (at + n <= img->len)
		memcpy(img->data + at, &value, n);
}

/* The node's inode: compact ones have 32 bytes, extended 64, attributes follow. */
static size_t inode_at(const struct image *img, uint64_t *random)
{
	uint32_t meta = (uint32_t)img->data[SUPER + 40] | (uint32_t)img->data[SUPER + 41] << 8;
	uint16_t root = (uint16_t)(img->data[SUPER + 14] | img->data[SUPER + 15] << 8);
	size_t at = meta * (size_t)BLOCK;

	at += (random_below(random, 3) ? root + random_below(random, 64) : root) * (size_t)SLOT;
	return at < img->len - 64 ? at : 0;
}

/* Format: version and layout of the data, of which the superblock says nothing. */
static void bend_inode(struct image *img, uint64_t *random)
{
	size_t at = inode_at(img, random);
	uint8_t *inode = img->data + at;

	switch (random_below(random, 4)) {
	case 0:
		inode[0] = (uint8_t)random_below(random, 16);
		if (random_below(random, 2))	/* of chunks, or of compression */
			put(img, at + 16, 4, random);
		break;
	case 1:
		put(img, at + 8, 8, random);	/* size */
		break;
	case 2:
		put(img, at + 16, 4, random);	/* where the data lies */
		break;
	default:
		put(img, at, 64, random);
	}
}

static void bend_super(struct image *img, uint64_t *random)
{
	/* what the module lets pass is bent more often than what it refuses */
	static const struct { uint8_t at, size; } fields[] = {
		{ 14, 2 }, { 16, 8 }, { 36, 4 }, { 40, 4 }, { 44, 4 }, { 8, 4 }, { 40, 8 },
	};
	unsigned int i = random_below(random, sizeof(fields) / sizeof(fields[0]) + 1);

	if (i == sizeof(fields) / sizeof(fields[0]))
		put(img, SUPER, 128, random);
	else
		put(img, SUPER + fields[i].at, fields[i].size, random);
}

void image_bend(struct image *img, uint64_t *random)
{
	unsigned int n = 1 + random_below(random, 6);
	size_t at;

	while (n--) {
		switch (random_below(random, 8)) {
		case 0:
			bend_super(img, random);
			break;
		case 1:
		case 2:
		case 3:
		case 4:
			bend_inode(img, random);
			break;
		case 5:		/* directories: entries begin blocks */
			at = random_below(random, (unsigned int)(img->len / BLOCK)) * (size_t)BLOCK;
			put(img, at, 12 * (1 + random_below(random, 8)), random);
			break;
		default:
			put(img, random_below(random, (unsigned int)img->len), 8, random);
		}
	}
	if (random_below(random, 16))
		fix_checksum(img);
}

void descriptor_bend(uint8_t desc[256], uint64_t *random)
{
	struct image img = { desc, 256 };
	unsigned int n = 1 + random_below(random, 2);

	while (n--)
		put(&img, random_below(random, 3) ? 0 : random_below(random, 256), 112, random);
}
