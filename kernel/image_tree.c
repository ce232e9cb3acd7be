// SPDX-License-Identifier: GPL-2.0-only
/*
 * Verified blocks of the hash tree, kept so that a read costs its own chunk and no more. Blocks get
 * memory when they are first needed, which is charged to whoever reads: the workload, but for what
 * the mount needs. A tree of EROT_TREE_CACHE blocks or less is kept whole; of a larger one each
 * block has one place, which it shares.
 */
#include <linux/gfp.h>
#include <linux/slab.h>

#include "image_parts.h"

/**
 * erot_image_tree_alloc - places for the blocks, no block yet
 * @img: its envelope is parsed
 *
 * Return: 0 or -ENOMEM.
 */
int erot_image_tree_alloc(struct erot_image *img)
{
	u64 blocks = erot_verity_tree_len(img->ewc.image_len) / EROT_CHUNK_SIZE;

	if (!blocks)
		return 0;
	img->cache = kvcalloc(min_t(u64, blocks, EROT_TREE_CACHE), sizeof(*img->cache), GFP_KERNEL);
	if (!img->cache)
		return -ENOMEM;
	img->ncache = min_t(u64, blocks, EROT_TREE_CACHE);
	return 0;
}

/* What is kept goes, the places stay; keys lock held for writing, or nobody reads any more. */
void erot_image_tree_drop(struct erot_image *img)
{
	unsigned int i;

	erot_image_tree_wipe(img);
	for (i = 0; i < img->ncache; i++) {
		u8 *data = img->cache[i].data;

		/* first: a panic overwrites what the pointer leads to */
		WRITE_ONCE(img->cache[i].data, NULL);
		kfree(data);
	}
}

void erot_image_tree_free(struct erot_image *img)
{
	struct tree_block *cache = img->cache;

	erot_image_tree_drop(img);
	WRITE_ONCE(img->ncache, 0);	/* first, as above */
	img->cache = NULL;
	kvfree(cache);
}

/* As above, or a panic. */
void erot_image_tree_wipe(struct erot_image *img)
{
	unsigned int i;

	for (i = 0; i < img->ncache; i++) {
		struct tree_block *t = &img->cache[i];

		t->valid = false;
		if (t->data)
			memzero_explicit(t->data, EROT_CHUNK_SIZE);
	}
}

static struct tree_block *place(struct erot_image *img, u64 block)
{
	return &img->cache[block % img->ncache];
}

/**
 * erot_image_tree_lookup - a hash out of a block that is kept
 * @img:    keys lock held for reading
 * @block:  of the tree
 * @offset: in the block
 * @hash:   the hash, if it is kept
 * @room:   else whether the block's place has memory
 *
 * Return: whether it is kept.
 */
bool erot_image_tree_lookup(struct erot_image *img, u64 block, u32 offset,
			    u8 hash[EROT_DIGEST_SIZE], bool *room)
{
	struct tree_block *t = place(img, block);
	bool hit;

	mutex_lock(&img->tree);
	hit = t->valid && t->block == block;
	if (hit)
		memcpy(hash, t->data + offset, EROT_DIGEST_SIZE);
	*room = t->data;
	mutex_unlock(&img->tree);
	return hit;
}

/* Memory for one block, or NULL; not under the keys lock, since it may wait. */
u8 *erot_image_tree_room(void)
{
	return kmalloc(EROT_CHUNK_SIZE, GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
}

/**
 * erot_image_tree_insert - keep a block
 * @img:   keys lock held for reading
 * @block: of the tree
 * @data:  verified
 * @room:  of erot_image_tree_room(), or NULL; taken over and set to NULL if the place has no memory
 *
 * Without any memory the block is not kept.
 */
void erot_image_tree_insert(struct erot_image *img, u64 block, const u8 *data, u8 **room)
{
	struct tree_block *t = place(img, block);

	mutex_lock(&img->tree);
	if (!t->data) {
		t->data = *room;
		*room = NULL;
	}
	if (t->data) {
		t->block = block;
		memcpy(t->data, data, EROT_CHUNK_SIZE);
		t->valid = true;
	}
	mutex_unlock(&img->tree);
}
