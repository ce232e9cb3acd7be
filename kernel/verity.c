// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/fsverity.h>
#include <linux/math64.h>
#include <linux/random.h>
#include <linux/string.h>

#include "crypto.h"
#include "verity.h"

#define HASHES_PER_BLOCK	(EROT_CHUNK_SIZE / EROT_DIGEST_SIZE)
#define LOG_BLOCKSIZE		14
#define PADDED_SALT		64	/* input block of SHA-256 */

/*
 * Counts the blocks of every level, data upwards, until one block holds all
 * hashes of the level below. Returns the number of levels.
 */
static unsigned int count_levels(u64 blocks, u64 count[EROT_VERITY_MAX_LEVELS])
{
	unsigned int levels = 0;

	while (blocks > 1 && levels < EROT_VERITY_MAX_LEVELS) {
		blocks = DIV_ROUND_UP_ULL(blocks, HASHES_PER_BLOCK);
		count[levels++] = blocks;
	}
	return levels;
}

/**
 * erot_verity_tree_len - size of the hash tree
 * @image_len: bytes, at most EROT_IMAGE_MAX
 *
 * Return: bytes, a multiple of EROT_CHUNK_SIZE; 0 for an image of one block.
 */
u64 erot_verity_tree_len(u64 image_len)
{
	u64 count[EROT_VERITY_MAX_LEVELS], sum = 0;
	unsigned int i, levels;

	levels = count_levels(DIV_ROUND_UP_ULL(image_len, EROT_CHUNK_SIZE), count);
	for (i = 0; i < levels; i++)
		sum += count[i];
	return sum * EROT_CHUNK_SIZE;
}

static int check_descriptor(const struct fsverity_descriptor *d, u64 image_len, const char **why)
{
	if (d->version != 1)
		*why = "code hash: unknown version of the descriptor";
	else if (d->hash_algorithm != FS_VERITY_HASH_ALG_SHA256)
		*why = "code hash: algorithm is not SHA-256";
	else if (d->log_blocksize != LOG_BLOCKSIZE)
		*why = "code hash: block size is not 16384";
	else if (d->salt_size > sizeof(d->salt))
		*why = "code hash: salt is too long";
	else if (d->sig_size)
		*why = "code hash: signature size is not zero";
	else if (le64_to_cpu(d->data_size) != image_len)
		*why = "code hash: is of an image of another length";
	else if (memchr_inv(d->root_hash + EROT_DIGEST_SIZE, 0,
			    sizeof(d->root_hash) - EROT_DIGEST_SIZE) ||
		 memchr_inv(d->salt + d->salt_size, 0, sizeof(d->salt) - d->salt_size) ||
		 memchr_inv(d->__reserved, 0, sizeof(d->__reserved)))
		*why = "code hash: reserved bytes of the descriptor are not zero";
	else
		return 0;
	return -EPROTO;
}

/**
 * erot_verity_init - take root and geometry from a descriptor
 * @v:         filled on success, else untouched
 * @desc:      struct fsverity_descriptor, as decrypted
 * @code_hash: what it must hash to
 * @image_len: bytes
 * @why:       names the check that refused
 *
 * Return: 0, or in the order of the checks -EPROTO (length of the image),
 * -EKEYREJECTED (not the descriptor of @code_hash), -EPROTO (version,
 * algorithm, block size, salt, signature, data size, reserved bytes).
 */
int erot_verity_init(struct erot_verity *v, const u8 desc[EROT_VERITY_DESC_SIZE],
		     const u8 code_hash[EROT_DIGEST_SIZE], u64 image_len, const char **why)
{
	const struct fsverity_descriptor *d = (const void *)desc;
	u64 count[EROT_VERITY_MAX_LEVELS], start = 0;
	u8 digest[EROT_DIGEST_SIZE];
	unsigned int i;
	int err;

	BUILD_BUG_ON(sizeof(*d) != EROT_VERITY_DESC_SIZE);

	if (!image_len || image_len > EROT_IMAGE_MAX) {
		*why = "code hash: image length is out of bounds";
		return -EPROTO;
	}
	erot_sha256(desc, EROT_VERITY_DESC_SIZE, digest);
	if (memcmp(digest, code_hash, sizeof(digest))) {
		*why = "code hash: the payload's image is not the one authorised";
		return -EKEYREJECTED;
	}
	err = check_descriptor(d, image_len, why);
	if (err)
		return err;

	memset(v, 0, sizeof(*v));
	v->image_len = image_len;
	v->blocks = DIV_ROUND_UP_ULL(image_len, EROT_CHUNK_SIZE);
	v->levels = count_levels(v->blocks, count);
	for (i = v->levels; i-- > 0; start += count[i])	/* root level comes first */
		v->level_start[i] = start;
	memcpy(v->root, d->root_hash, sizeof(v->root));
	memcpy(v->salt, d->salt, d->salt_size);
	v->salt_len = d->salt_size;
	return 0;
}

/**
 * erot_verity_hash - hash of one block of data or tree
 * @v:      salt
 * @parts:  of the block, 16384 bytes together; the last data block is filled up with zeros
 * @nparts: at most EROT_VERITY_PARTS
 * @out:    digest
 *
 * Does not sleep.
 */
void erot_verity_hash(const struct erot_verity *v, const struct kvec *parts, unsigned int nparts,
		      u8 out[EROT_DIGEST_SIZE])
{
	u8 salt[PADDED_SALT] = {};
	struct kvec all[EROT_VERITY_PARTS + 1] = {
		EROT_PART(salt, v->salt_len ? PADDED_SALT : 0),
	};

	if (WARN_ON_ONCE(nparts > EROT_VERITY_PARTS)) {
		get_random_bytes(out, EROT_DIGEST_SIZE);	/* matches nothing */
		return;
	}
	memcpy(all + 1, parts, nparts * sizeof(*parts));
	memcpy(salt, v->salt, sizeof(v->salt));
	erot_sha256_parts(all, nparts + 1, out);
	/* the salt keeps the code hash from confirming a guessed image */
	memzero_explicit(salt, sizeof(salt));
}

/**
 * erot_verity_where - where the hash of a block is stored
 * @v:          geometry
 * @level:      of the tree, below @v->levels; 0 holds the hashes of data
 *              blocks, n the hashes of the blocks of level n - 1
 * @index:      of the hashed block within its level
 * @tree_block: block of the tree, counted from its start
 * @offset:     byte within that block
 *
 * The hash of the topmost block (of the only data block where there is no
 * tree) is stored nowhere in the tree: it is @v->root.
 */
void erot_verity_where(const struct erot_verity *v, unsigned int level, u64 index,
		       u64 *tree_block, u32 *offset)
{
	*tree_block = v->level_start[level] + index / HASHES_PER_BLOCK;
	*offset = index % HASHES_PER_BLOCK * EROT_DIGEST_SIZE;
}
