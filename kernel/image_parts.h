/* SPDX-License-Identifier: GPL-2.0-only */
/* What an attached image is made of; for image.c and image_read.c only. */
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
 * struct reader - buffers for one chunk at a time
 * @list:  on image.idle; image.lock
 * @req:   bound to image.aead
 * @chunk: whose plaintext @buf holds while @valid
 * @valid: under keys
 * @buf:   EROT_CHUNK_STRIDE bytes; ciphertext, then plaintext in place
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
 * @lock:     @idle, @inode
 * @idle:     readers that nobody uses
 * @wait:     for @idle
 * @readers:  all of them
 * @tree:     guards @cache against other readers; taken inside @keys
 * @cache:    verified tree blocks
 * @next:     of @cache to be replaced
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
	struct reader readers[EROT_READERS];
	struct mutex tree;
	struct tree_block cache[EROT_TREE_CACHE];
	unsigned int next;
	struct super_block *sb;
	struct inode *inode;
};

int erot_image_fetch(struct erot_image *img, struct reader *r, u64 chunk);
int erot_image_decrypt(struct erot_image *img, struct reader *r, u64 chunk);

#endif
