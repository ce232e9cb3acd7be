/* SPDX-License-Identifier: GPL-2.0-only */
/* EROFS images and fs-verity descriptors that are not what they should be. */
#ifndef FUZZ_HOSTILE_IMAGE_H
#define FUZZ_HOSTILE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct image - a plain image in memory
 * @data: bytes, to be changed
 * @len:  multiple of EROT_IMAGE_ALIGN
 */
struct image {
	uint8_t *data;
	size_t len;
};

/* A tree of every kind of file, through mkfs.erofs; @xattrs: with extended attributes. */
int image_make(struct image *img, int xattrs);
int image_copy(const struct image *from, struct image *to);

/*
 * Changes some fields: of the superblock, of inodes, directory entries, attributes, or any bytes.
 * The superblock's checksum is put right, mostly.
 */
void image_bend(struct image *img, uint64_t *random);

/* An fs-verity descriptor in place. */
void descriptor_bend(uint8_t desc[256], uint64_t *random);

#endif
