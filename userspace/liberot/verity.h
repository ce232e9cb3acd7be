/* SPDX-License-Identifier: GPL-2.0-only */
/* The code hash: fs-verity, SHA-256, 16 KiB blocks, 32 bytes of salt. libfsverity does the work. */
#ifndef EROT_LIBEROT_VERITY_H
#define EROT_LIBEROT_VERITY_H

#include "common/error.h"
#include "liberot/crypto.h"

#define EROT_VERITY_SALT_SIZE	32

/* Bytes of the tree of an image; 0 where one block is all. */
uint64_t erot_verity_tree_len(uint64_t image_len);

/**
 * struct erot_verity_io - where an image comes from and its tree goes
 * @read:  fills @len bytes of the image, in order, each byte once; 0 or -errno
 * @block: gets each block of the tree, in any order; @off counts from the tree's start, root first;
 *         may be NULL; 0 or -errno
 * @ctx:   for both
 */
struct erot_verity_io {
	int (*read)(void *ctx, void *buf, size_t len);
	int (*block)(void *ctx, const void *block, uint64_t off);
	void *ctx;
};

/**
 * erot_verity_compute() - tree, descriptor and digest of an image, in one pass and flat memory
 * @io:        see above
 * @image_len: bytes, not 0
 * @salt:      secret until the payload is opened
 * @desc:      gets the descriptor
 * @digest:    gets SHA-256(@desc), which is the code hash
 * @err:       "verity"; left alone when a callback failed
 *
 * Return: 0 or -errno, that of the callback if it was one.
 */
int erot_verity_compute(const struct erot_verity_io *io, uint64_t image_len,
			const uint8_t salt[EROT_VERITY_SALT_SIZE],
			uint8_t desc[EROT_VERITY_DESC_SIZE], uint8_t digest[EROT_DIGEST_SIZE],
			struct erot_error *err);

/**
 * erot_verity_desc_salt() - check a descriptor and take its salt out
 *
 * Return: 0 or -EBADMSG, "verity-descriptor".
 */
int erot_verity_desc_salt(const uint8_t desc[EROT_VERITY_DESC_SIZE], uint64_t image_len,
			  uint8_t salt[EROT_VERITY_SALT_SIZE], struct erot_error *err);

#endif /* EROT_LIBEROT_VERITY_H */
