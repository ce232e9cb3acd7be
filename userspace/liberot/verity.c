// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <libfsverity.h>

#include "common/buf.h"
#include "liberot/verity.h"

#define HASHES_PER_BLOCK	(EROT_CHUNK_SIZE / EROT_DIGEST_SIZE)

uint64_t erot_verity_tree_len(uint64_t image_len)
{
	uint64_t blocks = image_len / EROT_CHUNK_SIZE + (image_len % EROT_CHUNK_SIZE != 0);
	uint64_t tree = 0;

	while (blocks > 1) {
		blocks = blocks / HASHES_PER_BLOCK + (blocks % HASHES_PER_BLOCK != 0);
		tree += blocks;
	}
	return tree * EROT_CHUNK_SIZE;
}

struct pass {
	const struct erot_verity_io *io;
	uint8_t *desc;
	int failed;	/* what a callback said; libfsverity may turn it into something else */
};

static int on_read(void *fd, void *buf, size_t len)
{
	struct pass *p = fd;
	int ret = p->io->read(p->io->ctx, buf, len);

	if (ret)
		p->failed = ret;
	return ret;
}

static int on_block(void *ctx, const void *block, size_t size, uint64_t off)
{
	struct pass *p = ctx;
	int ret = -EINVAL;

	if (size == EROT_CHUNK_SIZE)
		ret = p->io->block ? p->io->block(p->io->ctx, block, off) : 0;
	if (ret)
		p->failed = ret;
	return ret;
}

static int on_descriptor(void *ctx, const void *desc, size_t size)
{
	struct pass *p = ctx;

	if (size != EROT_VERITY_DESC_SIZE)
		return -EINVAL;
	memcpy(p->desc, desc, size);
	return 0;
}

int erot_verity_compute(const struct erot_verity_io *io, uint64_t image_len,
			const uint8_t salt[EROT_VERITY_SALT_SIZE],
			uint8_t desc[EROT_VERITY_DESC_SIZE], uint8_t digest[EROT_DIGEST_SIZE],
			struct erot_error *err)
{
	struct pass p = { io, desc, 0 };
	struct libfsverity_metadata_callbacks callbacks = {
		.ctx = &p,
		.merkle_tree_block = on_block,
		.descriptor = on_descriptor,
	};
	struct libfsverity_merkle_tree_params params = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.file_size = image_len,
		.block_size = EROT_CHUNK_SIZE,
		.salt_size = EROT_VERITY_SALT_SIZE,
		.salt = salt,
		.metadata_callbacks = &callbacks,
	};
	struct libfsverity_digest *d = NULL;
	int ret;

	ret = libfsverity_compute_digest(&p, on_read, &params, &d);
	if (p.failed)
		ret = p.failed;
	else if (ret || d->digest_size != EROT_DIGEST_SIZE)
		ret = erot_fail(err, ret ? -ret : EIO, "verity",
				"computing the fs-verity digest: %s",
				strerror(ret ? -ret : EIO));
	else
		memcpy(digest, d->digest, EROT_DIGEST_SIZE);
	free(d);
	return ret;
}

/* struct fsverity_descriptor of Documentation/filesystems/fsverity.rst */
int erot_verity_desc_salt(const uint8_t desc[EROT_VERITY_DESC_SIZE], uint64_t image_len,
			  uint8_t salt[EROT_VERITY_SALT_SIZE], struct erot_error *err)
{
	static const uint8_t begin[4] = { 1, FS_VERITY_HASH_ALG_SHA256, 14, EROT_VERITY_SALT_SIZE };
	struct erot_reader r;
	const uint8_t *p;
	uint64_t size;
	size_t i;

	erot_reader_init(&r, desc, EROT_VERITY_DESC_SIZE);
	p = erot_read_bytes(&r, sizeof(begin));
	if (!p || memcmp(p, begin, sizeof(begin)) || erot_read_u32(&r))
		goto bad;
	size = erot_read_u64(&r);
	if (size != image_len)
		goto bad;
	erot_read_bytes(&r, 64);	/* root hash: whoever has the digest has checked it */
	erot_read_copy(&r, salt, EROT_VERITY_SALT_SIZE);
	for (i = r.left; i; i--)
		if (erot_read_u8(&r))
			goto bad;
	return 0;
bad:
	return erot_fail(err, EBADMSG, "verity-descriptor",
			 "fs-verity descriptor is not that of an image of %llu bytes",
			 (unsigned long long)image_len);
}
