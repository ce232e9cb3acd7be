// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first block of a decrypted image, as it is and with a checksum that is right. What is let
 * through is read again by the header of EROFS, and asks for nothing but this image.
 */
#include "fuzz/kernel.h"

#include "kernel/super.c"

/* by the offsets of fs/erofs/erofs_fs.h, not by those of the struct under test */
static u32 le32_at(const uint8_t *p, size_t off)
{
	return p[off] | p[off + 1] << 8 | p[off + 2] << 16 | (u32)p[off + 3] << 24;
}

static void check_harmless(const uint8_t *block, u64 image_len)
{
	const uint8_t *s = block + 1024;
	size_t i;

	if (le32_at(s, 0) != 0xe0f5e1e2 || s[12] != 12 || s[13])	/* magic, block, slots */
		abort();
	if (le32_at(s, 80) || le32_at(s, 84) || le32_at(s, 8) & ~7U)	/* features, devices */
		abort();
	for (i = 88; i < 92; i++)		/* device slots, but not where they would be, ... */
		if (i >= 90 && s[i])		/* ... directory blocks, prefixes */
			abort();
	for (i = 96; i < 104; i++)		/* packed inode */
		if (s[i])
			abort();
	for (i = 105; i < 128; i++)
		if (s[i])
			abort();
	if (!le32_at(s, 36) || (u64)le32_at(s, 36) * 4096 > image_len)
		abort();
}

static void one(const uint8_t *block, size_t have, u64 image_len)
{
	const char *why = NULL;
	int ret = erot_super_check(block, have, image_len, &why);

	if (ret ? ret != -EPROTO || !why || strncmp(why, "superblock: ", 12) : why != NULL)
		abort();
	if (!ret)
		check_harmless(block, image_len);
}

/* The length of the image, then what stands where the superblock is, and behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	u64 image_len;
	struct super *s;
	uint8_t *block;

	if (len < sizeof(image_len) || len > sizeof(image_len) + EROT_SUPER_NEED - SUPER_OFFSET)
		return 0;
	memcpy(&image_len, data, sizeof(image_len));
	data += sizeof(image_len);
	len -= sizeof(image_len);
	/* by malloc(), so that a read behind its end is seen */
	block = calloc(1, EROT_SUPER_NEED);
	if (!block)
		return 0;
	memcpy(block + SUPER_OFFSET, data, len);
	one(block, EROT_SUPER_NEED, image_len);
	s = (struct super *)(block + SUPER_OFFSET);
	s->checksum = htole32(checksum((uint8_t *)s));
	one(block, EROT_SUPER_NEED, image_len);
	free(block);
	one(data, len, image_len);	/* too short, whatever it holds */
	return 0;
}
