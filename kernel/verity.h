/* SPDX-License-Identifier: GPL-2.0-only */
/* The code hash: fs-verity, SHA-256, 16 KiB blocks, checked block by block. */
#ifndef EROT_VERITY_H
#define EROT_VERITY_H

#include <linux/types.h>
#include <linux/erot_format.h>

#define EROT_VERITY_PARTS	(EROT_CHUNK_SIZE / EROT_IMAGE_ALIGN)	/* blocks of EROFS */
#define EROT_VERITY_MAX_LEVELS	4	/* 512 hashes a block: 2^50 bytes */

struct kvec;

/**
 * struct erot_verity - geometry and root of one image; constant once made
 * @image_len:   bytes
 * @blocks:      data blocks, the last one filled up with zeros
 * @levels:      of the tree; 0 for an image of one block
 * @level_start: in blocks from the start of the tree; level 0 holds the
 *               hashes of data blocks, level (levels - 1) is one block
 * @root:        hash of the topmost block
 * @salt:        hashed before every block, filled up with zeros to 64 bytes
 * @salt_len:    bytes of @salt in use; 0: nothing is hashed before a block
 */
struct erot_verity {
	u64 image_len;
	u64 blocks;
	unsigned int levels;
	u64 level_start[EROT_VERITY_MAX_LEVELS];
	u8 root[EROT_DIGEST_SIZE];
	u8 salt[32];
	u8 salt_len;
};

u64 erot_verity_tree_len(u64 image_len);
int erot_verity_init(struct erot_verity *v, const u8 desc[EROT_VERITY_DESC_SIZE],
		     const u8 code_hash[EROT_DIGEST_SIZE], u64 image_len, const char **why);
void erot_verity_hash(const struct erot_verity *v, const struct kvec *parts, unsigned int nparts,
		      u8 out[EROT_DIGEST_SIZE]);
void erot_verity_where(const struct erot_verity *v, unsigned int level, u64 index,
		       u64 *tree_block, u32 *offset);

#endif /* EROT_VERITY_H */
