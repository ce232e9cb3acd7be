/* SPDX-License-Identifier: GPL-2.0-only */
/* What an attached image is made of; for image*.c only. */
#ifndef EROT_IMAGE_PARTS_H
#define EROT_IMAGE_PARTS_H

#include <crypto/aead.h>
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "ewc.h"
#include "image.h"
#include "limits.h"
#include "verity.h"

/**
 * struct pages - where the plaintext of a whole chunk goes, other than the reader's buffer
 * @n:    parts
 * @part: their addresses
 * @sg:   the same for the cipher
 */
struct pages {
	unsigned int n;
	struct kvec part[EROT_VERITY_PARTS];
	struct scatterlist sg[EROT_VERITY_PARTS];
};

/**
 * struct job - what is to be done with the ciphertext in a reader's buffer
 * @chunk: its number
 * @hash:  of the plaintext that it must give
 * @pages: where that goes
 */
struct job {
	u64 chunk;
	u8 hash[EROT_DIGEST_SIZE];
	struct pages pages;
};

/* Memory of a reader is whole pages: what a chunk leaves of the last one has room for its job. */
struct reader_mem {
	u8 buf[EROT_CHUNK_STRIDE];
	struct job job;
};

static_assert(PAGE_ALIGN(sizeof(struct reader_mem)) == PAGE_ALIGN(EROT_CHUNK_STRIDE));

/**
 * struct reader - what one chunk at a time is read with
 * @list:  on image.idle; image.lock. Or on batch.waiting; batch.lock
 * @req:   bound to image.aead; under keys, NULL once wiped
 * @chunk: whose plaintext @buf holds while @valid
 * @valid: under keys
 * @buf:   of struct reader_mem; ciphertext, then plaintext in place unless it goes to pages
 */
struct reader {
	struct list_head list;
	struct aead_request *req;
	u64 chunk;
	bool valid;
	u8 *buf;
};

static inline struct job *erot_image_job(struct reader *r)
{
	return &container_of((u8 (*)[EROT_CHUNK_STRIDE])r->buf, struct reader_mem, buf)->job;
}

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
 * @alone:    reads that are to go without help; @lock
 * @shy:      they are two to this power; less each time that help pays, more each time that it does
 *            not; @lock
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
	unsigned int alone;
	unsigned int shy;
	struct mutex tree;
	struct tree_block *cache;
	unsigned int ncache;
	struct super_block *sb;
	struct inode *inode;
};

/**
 * struct helper - one who may decrypt chunks of a read, on another processor
 * @work:   to be run there
 * @batch:  NULL until it is sent for the first time
 * @cpu:    which is counted as busy with it
 * @active: sent for, and still to look for chunks that wait; batch.lock
 */
struct helper {
	struct work_struct work;
	struct erot_image_batch *batch;
	int cpu;
	bool active;
};

/**
 * struct erot_image_batch - one read, on the stack of him who reads
 * @img:      image
 * @here:     count of the processor that it began on
 * @lock:     @waiting, @nwaiting, @nactive, @nhelped, @err, @at, @bad; inside it none is taken
 * @waiting:  readers with ciphertext and a job, in the order of chunks
 * @nwaiting: their number
 * @nactive:  helpers that are active
 * @most:     helpers that there are at most; of him who reads
 * @running:  helpers that may still touch this, and one for him who reads
 * @done:     @running is 0
 * @nhelped:  chunks that helpers have decrypted; @lock
 * @ndone:    chunks that he who reads has decrypted of those that waited
 * @own_ns:   and how long he took
 * @err:      of the first chunk that failed
 * @at:       its number
 * @bad:      the damaged chunk, which may be one of the tree, if @err says that
 * @helper:   those who can be sent for
 */
struct erot_image_batch {
	struct erot_image *img;
	atomic_t *here;
	spinlock_t lock;
	struct list_head waiting;
	unsigned int nwaiting;
	unsigned int nactive;
	unsigned int most;
	atomic_t running;
	struct completion done;
	unsigned int nhelped;
	unsigned int ndone;
	u64 own_ns;
	int err;
	u64 at;
	u64 bad;
	struct helper helper[EROT_HELPERS];
};

void erot_image_batch_begin(struct erot_image_batch *b, struct erot_image *img);
void erot_image_batch_add(struct erot_image_batch *b, struct reader *r, bool more);
bool erot_image_batch_step(struct erot_image_batch *b);
void erot_image_batch_fail(struct erot_image_batch *b, u64 chunk, int err, u64 bad);
void erot_image_batch_judge(struct erot_image_batch *b, u64 waited_ns);
int erot_image_batch_end(struct erot_image_batch *b, u64 *bad);

int erot_image_fetch(struct erot_image *img, struct reader *r, u64 chunk);
int erot_image_decrypt(struct erot_image *img, struct reader *r, u64 chunk,
		       struct scatterlist *to);

int erot_image_unseal(struct erot_image *img, struct reader *r, u64 chunk, struct pages *p,
		      const u8 hash[EROT_DIGEST_SIZE]);
void erot_image_reader_put(struct erot_image *img, struct reader *r);

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
