/* SPDX-License-Identifier: GPL-2.0-only */
/* What an attached image is made of; for image*.c only. */
#ifndef EROT_IMAGE_PARTS_H
#define EROT_IMAGE_PARTS_H

#include <crypto/aead.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "ewc.h"
#include "image.h"
#include "limits.h"
#include "verity.h"

/**
 * struct reader - what one chunk at a time is read with
 * @list:  on image.idle; image.lock
 * @req:   bound to image.aead; under keys, NULL once wiped
 * @chunk: whose plaintext @buf holds while @valid
 * @valid: under keys
 * @buf:   EROT_CHUNK_STRIDE bytes; ciphertext, then plaintext in place unless it goes to pages
 */
struct reader {
	struct list_head list;
	struct aead_request *req;
	u64 chunk;
	bool valid;
	u8 *buf;
};

struct tree_block {
	u64 block;
	bool valid;
	u8 *data;
};

/**
 * struct erot_image - an attached image
 * @keys:     lock of the session: write to wipe, read to use
 * @payload:  backing file
 * @envelope: whole envelope between load and unlock
 * @ewc:      parsed @envelope; only its numbers are used after unlock
 * @aead:     holds the chunk key; under @keys, NULL once wiped
 * @nonce:    base nonce; under @keys
 * @verity:   geometry, salt and root; salt under @keys
 * @lock:     @idle, @nreaders, @inode
 * @idle:     readers that nobody uses
 * @wait:     for @idle
 * @readers:  the first @nreaders are there
 * @nreaders: from EROT_READERS on, as many as have been needed at once
 * @max_readers: bound of @nreaders
 * @tree:     guards @cache against other readers; taken inside @keys
 * @cache:    verified tree blocks, each in the one place where it may be; @tree
 * @ncache:   places; 0 for an image without a tree
 * @sb:       the one superblock that reads us; a cookie, never dereferenced
 * @inode:    of the payload file while it exists
 */
struct erot_image {
	struct rw_semaphore *keys;
	struct file *payload;
	u8 *envelope;
	struct erot_ewc ewc;
	struct crypto_aead *aead;
	u8 nonce[EROT_NONCE_SIZE];
	struct erot_verity verity;
	spinlock_t lock;
	struct list_head idle;
	wait_queue_head_t wait;
	struct reader readers[EROT_READERS_MAX];
	unsigned int nreaders;
	unsigned int max_readers;
	struct mutex tree;
	struct tree_block *cache;
	unsigned int ncache;
	struct super_block *sb;
	struct inode *inode;
};

int erot_image_fetch(struct erot_image *img, struct reader *r, u64 chunk);
int erot_image_decrypt(struct erot_image *img, struct reader *r, u64 chunk,
		       struct scatterlist *to);

u8 *erot_image_buf_alloc(gfp_t gfp);
void erot_image_buf_free(u8 *buf);

int erot_image_tree_alloc(struct erot_image *img);
void erot_image_tree_free(struct erot_image *img);
void erot_image_tree_drop(struct erot_image *img);
void erot_image_tree_wipe(struct erot_image *img);
bool erot_image_tree_lookup(struct erot_image *img, u64 block, u32 offset,
			    u8 hash[EROT_DIGEST_SIZE], bool *room);
u8 *erot_image_tree_room(void);
void erot_image_tree_insert(struct erot_image *img, u64 block, const u8 *data, u8 **room);

#endif
