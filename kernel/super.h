/* SPDX-License-Identifier: GPL-2.0-only */
/* What an image's EROFS superblock may ask of the kernel. */
#ifndef EROT_SUPER_H
#define EROT_SUPER_H

#include <linux/types.h>

#define EROT_SUPER_NEED 4096	/* bytes of the image that hold all of the superblock */

int erot_super_check(const u8 *image, size_t have, u64 image_len, const char **why);

#endif /* EROT_SUPER_H */
