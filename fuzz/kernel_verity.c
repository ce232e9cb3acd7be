// SPDX-License-Identifier: GPL-2.0-only
/*
 * An fs-verity descriptor that has the code hash it should, for an image of the length in the first
 * eight bytes. Where a block's hash is looked up lies in the tree, for every block of the last path
 * and of one that the input chooses; libfsverity's view of descriptor and tree is the same.
 */
#include "fuzz/kernel.h"

#include "kernel/verity.c"

static void check_path(const struct erot_verity *v, u64 tree_len, u64 index)
{
	u64 block, seen = ~0ULL;
	unsigned int level;
	u32 offset;

	for (level = 0; level < v->levels; level++) {
		erot_verity_where(v, level, index, &block, &offset);
		if (block >= tree_len / EROT_CHUNK_SIZE || block >= seen ||	/* root first */
		    offset > EROT_CHUNK_SIZE - EROT_DIGEST_SIZE)
			abort();
		seen = block;
		index /= HASHES_PER_BLOCK;
	}
	if (index || (v->levels && seen))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t hash[EROT_DIGEST_SIZE], salt[EROT_VERITY_SALT_SIZE], block[EROT_CHUNK_SIZE] = { 0 };
	const struct kvec whole = EROT_PART(block, sizeof(block));
	uint64_t image_len, pick;
	const char *why = NULL;
	struct erot_verity v;
	u64 tree_len;
	int ret;

	if (len != 2 * sizeof(u64) + EROT_VERITY_DESC_SIZE)
		return 0;
	memcpy(&image_len, data, sizeof(image_len));
	memcpy(&pick, data + 8, sizeof(pick));
	data += 16;
	erot_sha256(data, EROT_VERITY_DESC_SIZE, hash);
	ret = erot_verity_init(&v, data, hash, image_len, &why);
	if (ret ? ret != -EPROTO || !why || strncmp(why, "code hash: ", 11) : why != NULL)
		abort();
	if (ret) {
		/* what liberot takes, but for the root hash, which it computes and compares */
		if (image_len && image_len <= EROT_IMAGE_MAX &&
		    !memchr_inv(data + 16 + EROT_DIGEST_SIZE, 0, 32) &&
		    !erot_verity_desc_salt(data, image_len, salt, NULL))
			abort();
		return 0;
	}
	/* liberot knows salts of one length only */
	if (v.salt_len == sizeof(salt) && erot_verity_desc_salt(data, image_len, salt, NULL))
		abort();
	tree_len = erot_verity_tree_len(image_len);
	if (tree_len != liberot_verity_tree_len(image_len) || v.salt_len > sizeof(v.salt))
		abort();
	check_path(&v, tree_len, v.blocks - 1);
	check_path(&v, tree_len, pick % v.blocks);
	erot_verity_hash(&v, &whole, 1, hash);
	hash[0] ^= 1;
	if (!erot_verity_init(&v, data, hash, image_len, &why))
		abort();
	return 0;
}
