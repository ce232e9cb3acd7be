// SPDX-License-Identifier: GPL-2.0-only
/*
 * EROFS would open what an image's superblock names: other devices by path,
 * decompressors, a fragment inode. None of it is needed, all of it is reach
 * for whoever made the image. Images are made with `mkfs.erofs -E
 * noinline_data`, and what that sets is all that is let through. Inodes are not
 * looked at: EROFS takes one for compressed (LZ4, no other) whatever the
 * superblock says.
 */
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "super.h"

#define SUPER_OFFSET		1024
#define BLOCK_BITS		12	/* mkfs.erofs -b 4096: pages of every kernel we run on */

/* feature_compat: none of them makes the kernel read elsewhere */
#define COMPAT_SB_CHKSUM	0x00000001
#define COMPAT_MTIME		0x00000002
#define COMPAT_XATTR_FILTER	0x00000004
#define COMPAT_ALLOWED		(COMPAT_SB_CHKSUM | COMPAT_MTIME | COMPAT_XATTR_FILTER)

/*
 * feature_incompat: compression, chunks, device table, tail packing,
 * fragments, deduplication, xattr prefixes; none
 */
#define INCOMPAT_COMPRESSION	0x00000013	/* zero padding, configurations, tail packing */
#define INCOMPAT_DEVICE_TABLE	0x00000008
#define INCOMPAT_ALLOWED	0

/* struct erofs_super_block as of Linux 6.12, fs/erofs/erofs_fs.h */
struct super {
	__le32	magic;
	__le32	checksum;
	__le32	feature_compat;
	u8	blkszbits;
	u8	sb_extslots;
	__le16	root_nid;
	__le64	inos;
	__le64	build_time;
	__le32	build_time_nsec;
	__le32	blocks;
	__le32	meta_blkaddr;
	__le32	xattr_blkaddr;
	u8	uuid[16];
	u8	volume_name[16];
	__le32	feature_incompat;
	__le16	compression;	/* available_compr_algs or lz4_max_distance */
	__le16	extra_devices;
	__le16	devt_slotoff;
	u8	dirblkbits;
	u8	xattr_prefix_count;
	__le32	xattr_prefix_start;
	__le64	packed_nid;
	u8	xattr_filter_reserved;
	u8	reserved[23];
} __packed;

/* As EROFS does: from the superblock to the end of its block, checksum zero. */
static u32 checksum(const u8 *super)
{
	static const u8 zero[sizeof_field(struct super, checksum)];
	size_t skip = offsetofend(struct super, checksum);
	u32 crc;

	crc = crc32c(~0, super, offsetof(struct super, checksum));
	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, super + skip, (1 << BLOCK_BITS) - SUPER_OFFSET - skip);
}

static int check_features(const struct super *s, const char **why)
{
	u32 incompat = le32_to_cpu(s->feature_incompat);

	if (incompat & INCOMPAT_DEVICE_TABLE || s->extra_devices)
		*why = "superblock: names extra devices";
	else if (incompat & INCOMPAT_COMPRESSION || s->compression)
		*why = "superblock: image is compressed";
	else if (incompat & ~INCOMPAT_ALLOWED)
		*why = "superblock: incompatible feature that is not allowed";
	else if (le32_to_cpu(s->feature_compat) & ~COMPAT_ALLOWED)
		*why = "superblock: compatible feature that is not allowed";
	else if (s->packed_nid)
		*why = "superblock: names a packed inode";
	else if (s->sb_extslots || s->dirblkbits || s->xattr_prefix_count ||
		 memchr_inv(s->reserved, 0, sizeof(s->reserved)))
		*why = "superblock: extension that is not allowed";
	else
		return 0;
	return -EPROTO;
}

/**
 * erot_super_check - is this EROFS superblock harmless
 * @image:     beginning of the decrypted image
 * @have:      bytes of it, at least EROT_SUPER_NEED
 * @image_len: bytes of the whole image
 * @why:       names the check that refused
 *
 * Checks in this order: size, magic, block size, checksum (if the image has
 * one), extra devices, compression, other incompatible features, compatible
 * features, packed inode, extensions, number of blocks.
 *
 * Return: 0 or -EPROTO.
 */
int erot_super_check(const u8 *image, size_t have, u64 image_len, const char **why)
{
	const struct super *s = (const void *)(image + SUPER_OFFSET);
	u64 blocks;
	int err;

	BUILD_BUG_ON(sizeof(struct super) != 128);
	BUILD_BUG_ON(EROT_SUPER_NEED != 1 << BLOCK_BITS);

	if (have < EROT_SUPER_NEED || image_len < EROT_SUPER_NEED) {
		*why = "superblock: image is too short";
		return -EPROTO;
	}
	if (le32_to_cpu(s->magic) != EROFS_SUPER_MAGIC_V1) {
		*why = "superblock: image is not EROFS";
		return -EPROTO;
	}
	if (s->blkszbits != BLOCK_BITS) {
		*why = "superblock: block size is not 4096";
		return -EPROTO;
	}
	if (le32_to_cpu(s->feature_compat) & COMPAT_SB_CHKSUM &&
	    le32_to_cpu(s->checksum) != checksum((const u8 *)s)) {
		*why = "superblock: wrong checksum";
		return -EPROTO;
	}
	err = check_features(s, why);
	if (err)
		return err;
	blocks = le32_to_cpu(s->blocks);
	if (!blocks || blocks << BLOCK_BITS > image_len) {
		*why = "superblock: more blocks than the image has";
		return -EPROTO;
	}
	return 0;
}
