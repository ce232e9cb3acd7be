// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading an encrypted image. A read of one chunk goes
 *
 *   ciphertext from the backing file (no lock held: the file may be slow)
 *   -> under the keys lock (read): authenticate and decrypt in place, compare
 *      with the code hash up the fs-verity tree, copy to the reader
 *
 * and death takes the keys lock for writing, so after it no reader has a key
 * and none hands out plaintext.
 */
#include <crypto/aead.h>
#include <crypto/utils.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include "crypto.h"
#include "cutoff.h"
#include "ewc.h"
#include "image.h"
#include "limits.h"
#include "receipt.h"
#include "secret.h"
#include "stats.h"
#include "super.h"
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

struct erot_image *erot_image_alloc(struct rw_semaphore *keys)
{
	struct erot_image *img = kzalloc(sizeof(*img), GFP_KERNEL);
	unsigned int i;

	if (!img)
		return NULL;
	img->keys = keys;
	spin_lock_init(&img->lock);
	INIT_LIST_HEAD(&img->idle);
	init_waitqueue_head(&img->wait);
	mutex_init(&img->tree);
	for (i = 0; i < EROT_READERS; i++) {
		struct reader *r = &img->readers[i];

		r->buf = kmalloc(EROT_CHUNK_STRIDE, GFP_KERNEL);
		if (!r->buf)
			goto fail;
		list_add(&r->list, &img->idle);
	}
	for (i = 0; i < EROT_TREE_CACHE; i++) {
		img->cache[i].data = kmalloc(EROT_CHUNK_SIZE, GFP_KERNEL);
		if (!img->cache[i].data)
			goto fail;
	}
	return img;
fail:
	erot_image_free(img);
	return NULL;
}

/* Nobody reads any more, or ever did. */
void erot_image_free(struct erot_image *img)
{
	unsigned int i;

	if (!img)
		return;
	for (i = 0; i < EROT_READERS; i++) {
		if (img->readers[i].req)
			aead_request_free(img->readers[i].req);
		kfree_sensitive(img->readers[i].buf);
	}
	for (i = 0; i < EROT_TREE_CACHE; i++)
		kfree_sensitive(img->cache[i].data);
	crypto_free_aead(img->aead);
	kvfree(img->envelope);
	if (img->payload)
		fput(img->payload);
	kfree_sensitive(img);
}

/**
 * erot_image_wipe - zero every key and every plaintext buffer
 * @img: or NULL; keys lock held for writing
 */
void erot_image_wipe(struct erot_image *img)
{
	unsigned int i;

	if (!img)
		return;
	lockdep_assert_held_write(img->keys);
	for (i = 0; i < EROT_READERS; i++) {
		struct reader *r = &img->readers[i];

		r->valid = false;
		memzero_explicit(r->buf, EROT_CHUNK_STRIDE);
		if (r->req) {
			aead_request_free(r->req);
			r->req = NULL;
		}
	}
	for (i = 0; i < EROT_TREE_CACHE; i++) {
		img->cache[i].valid = false;
		memzero_explicit(img->cache[i].data, EROT_CHUNK_SIZE);
	}
	crypto_free_aead(img->aead);
	img->aead = NULL;
	memzero_explicit(img->nonce, sizeof(img->nonce));
	memzero_explicit(&img->verity, sizeof(img->verity));
}

/* No lock can be had: overwrite in place what can be. */
void erot_image_panic(struct erot_image *img)
{
	unsigned int i;

	if (!img)
		return;
	for (i = 0; i < EROT_READERS; i++)
		memzero_explicit(img->readers[i].buf, EROT_CHUNK_STRIDE);
	for (i = 0; i < EROT_TREE_CACHE; i++)
		memzero_explicit(img->cache[i].data, EROT_CHUNK_SIZE);
	memzero_explicit(img->nonce, sizeof(img->nonce));
	memzero_explicit(&img->verity, sizeof(img->verity));
}

void erot_image_panic_cipher(struct erot_image *img)
{
	static const u8 zero[EROT_KEY_SIZE] __aligned(64);

	if (img && img->aead)
		crypto_aead_setkey(img->aead, zero, sizeof(zero));
}

u64 erot_image_size(const struct erot_image *img)
{
	return img->ewc.image_len;
}

/* NULL when the task was killed before one was idle: all may wait for a disk that hangs. */
static struct reader *reader_get(struct erot_image *img, u64 chunk)
{
	struct reader *r, *best = NULL;

	spin_lock(&img->lock);
	while (list_empty(&img->idle)) {
		spin_unlock(&img->lock);
		if (wait_event_killable(img->wait, !list_empty_careful(&img->idle)))
			return NULL;
		spin_lock(&img->lock);
	}
	list_for_each_entry(r, &img->idle, list) {
		best = r;	/* else the one that was idle longest */
		if (READ_ONCE(r->valid) && r->chunk == chunk)
			break;
	}
	list_del(&best->list);
	spin_unlock(&img->lock);
	return best;
}

static void reader_put(struct erot_image *img, struct reader *r)
{
	spin_lock(&img->lock);
	list_add(&r->list, &img->idle);
	spin_unlock(&img->lock);
	wake_up(&img->wait);
}

static size_t chunk_plain_len(const struct erot_image *img, u64 chunk)
{
	return chunk + 1 == img->ewc.chunk_count ? EROT_VERITY_DESC_SIZE : EROT_CHUNK_SIZE;
}

/* Ciphertext of one chunk into the reader's buffer; no lock held. */
static int fetch(struct erot_image *img, struct reader *r, u64 chunk)
{
	size_t len = chunk_plain_len(img, chunk) + EROT_TAG_SIZE, done = 0;
	loff_t pos = img->ewc.payload_off + chunk * EROT_CHUNK_STRIDE;

	while (done < len) {
		ssize_t n = kernel_read(img->payload, r->buf + done, len - done, &pos);

		if (n < 0)
			return n;
		if (!n)		/* truncated behind our back */
			return -EBADMSG;
		done += n;
	}
	return 0;
}

/* Authenticates and decrypts in place; keys held for reading, not wiped. */
static int decrypt(struct erot_image *img, struct reader *r, u64 chunk)
{
	size_t len = chunk_plain_len(img, chunk) + EROT_TAG_SIZE;
	DECLARE_CRYPTO_WAIT(wait);
	struct scatterlist sg;
	u8 nonce[EROT_NONCE_SIZE];
	int err;

	erot_chunk_nonce(img->nonce, chunk, nonce);
	sg_init_one(&sg, r->buf, len);
	aead_request_set_callback(r->req, CRYPTO_TFM_REQ_MAY_SLEEP | CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	aead_request_set_crypt(r->req, &sg, &sg, len, nonce);
	aead_request_set_ad(r->req, 0);
	err = crypto_wait_req(crypto_aead_decrypt(r->req), &wait);
	if (!err)
		atomic64_inc(&erot_stats.chunks);
	memzero_explicit(nonce, sizeof(nonce));
	return err;
}

static bool cache_lookup(struct erot_image *img, u64 block, u32 offset, u8 hash[EROT_DIGEST_SIZE])
{
	unsigned int i;
	bool hit = false;

	mutex_lock(&img->tree);
	for (i = 0; i < EROT_TREE_CACHE && !hit; i++) {
		hit = img->cache[i].valid && img->cache[i].block == block;
		if (hit)
			memcpy(hash, img->cache[i].data + offset, EROT_DIGEST_SIZE);
	}
	mutex_unlock(&img->tree);
	return hit;
}

static void cache_insert(struct erot_image *img, u64 block, const u8 *data)
{
	struct tree_block *t;

	mutex_lock(&img->tree);
	t = &img->cache[img->next++ % EROT_TREE_CACHE];
	t->block = block;
	memcpy(t->data, data, EROT_CHUNK_SIZE);
	t->valid = true;
	mutex_unlock(&img->tree);
}

/*
 * Fetches, decrypts and compares one whole chunk. On success the keys are held
 * for reading and the plaintext is in the reader's buffer.
 */
static int load(struct erot_image *img, struct reader *r, u64 chunk,
		const u8 hash[EROT_DIGEST_SIZE], u64 *bad)
{
	u8 got[EROT_DIGEST_SIZE];
	int err;

	r->valid = false;
	err = fetch(img, r, chunk);
	down_read(img->keys);
	if (!err && !img->aead)
		err = -ESHUTDOWN;
	if (!err)
		err = decrypt(img, r, chunk);
	if (!err) {
		erot_verity_hash(&img->verity, r->buf, got);
		if (crypto_memneq(got, hash, sizeof(got)))
			err = -EBADMSG;
	}
	if (err) {
		if (err == -EBADMSG)
			*bad = chunk;
		memzero_explicit(r->buf, EROT_CHUNK_STRIDE);
		up_read(img->keys);
		return err;
	}
	r->chunk = chunk;
	WRITE_ONCE(r->valid, true);
	return 0;
}

/*
 * The hash that block @index of the level below must have. Level 0 speaks of
 * data blocks. Recursion is bounded by EROT_VERITY_MAX_LEVELS.
 */
static int expected(struct erot_image *img, struct reader *r, unsigned int level, u64 index,
		    u8 hash[EROT_DIGEST_SIZE], u64 *bad)
{
	u8 above[EROT_DIGEST_SIZE];
	bool hit, dead;
	u64 block;
	u32 offset;
	int err;

	down_read(img->keys);
	dead = !img->aead;
	if (dead) {
		up_read(img->keys);
		return -ESHUTDOWN;
	}
	if (level >= img->verity.levels) {
		memcpy(hash, img->verity.root, EROT_DIGEST_SIZE);
		up_read(img->keys);
		return 0;
	}
	erot_verity_where(&img->verity, level, index, &block, &offset);
	hit = cache_lookup(img, block, offset, hash);
	up_read(img->keys);
	if (hit)
		return 0;

	err = expected(img, r, level + 1, index / (EROT_CHUNK_SIZE / EROT_DIGEST_SIZE), above, bad);
	if (err)
		return err;
	err = load(img, r, DIV_ROUND_UP_ULL(img->ewc.image_len, EROT_CHUNK_SIZE) + block, above,
		   bad);
	if (err)
		return err;
	cache_insert(img, block, r->buf);
	memcpy(hash, r->buf + offset, EROT_DIGEST_SIZE);
	up_read(img->keys);
	return 0;
}

/* One chunk of the image; on success keys are held for reading. */
static int load_data(struct erot_image *img, struct reader *r, u64 chunk, u64 *bad)
{
	u8 hash[EROT_DIGEST_SIZE];
	int err;

	down_read(img->keys);
	if (img->aead && r->valid && r->chunk == chunk)
		return 0;
	up_read(img->keys);

	err = expected(img, r, 0, chunk, hash, bad);
	return err ?: load(img, r, chunk, hash, bad);
}

/**
 * erot_image_read - read plaintext
 * @img: unlocked
 * @pos: byte of the image
 * @to:  all of its bytes are filled, or an error is returned and none counts
 * @bad: set to the number of the chunk when -EBADMSG is returned
 *
 * Never sleeps on I/O with the keys lock held.
 *
 * Return: 0, -EBADMSG for a damaged chunk, -ESHUTDOWN for a dead session, -EINVAL
 * behind the end, -EINTR when killed while all readers are taken, or the backing
 * file's error.
 */
int erot_image_read(struct erot_image *img, u64 pos, struct iov_iter *to, u64 *bad)
{
	unsigned int nofs;
	int err = 0;

	if (pos > img->ewc.image_len || iov_iter_count(to) > img->ewc.image_len - pos)
		return -EINVAL;
	nofs = memalloc_nofs_save();
	while (!err && iov_iter_count(to)) {
		u64 chunk = pos / EROT_CHUNK_SIZE;
		size_t off = pos % EROT_CHUNK_SIZE;
		size_t len = min_t(size_t, EROT_CHUNK_SIZE - off, iov_iter_count(to));
		struct reader *r = reader_get(img, chunk);

		if (!r) {
			err = -EINTR;
			break;
		}
		err = load_data(img, r, chunk, bad);
		if (!err) {
			if (copy_to_iter(r->buf + off, len, to) != len)
				err = -EFAULT;
			up_read(img->keys);
			pos += len;
		}
		reader_put(img, r);
	}
	memalloc_nofs_restore(nofs);
	return err;
}

static int read_exact(struct file *file, void *buf, size_t len, loff_t pos)
{
	ssize_t n = kernel_read(file, buf, len, &pos);

	if (n < 0)
		return n;
	return n == len ? 0 : -EPROTO;
}

/**
 * erot_image_load - read and check the envelope, take the payload's file
 * @img:      new
 * @envelope: file that begins with the envelope
 * @payload:  backing file; a reference is taken
 * @facts:    of the receipt
 * @why:      set on refusal
 *
 * No key is touched; the ciphertext of the first and the last chunk waits for
 * erot_image_unlock(), so that no file is read with the keys lock held.
 *
 * Return: 0, -EPROTO malformed or wrong length, -EKEYREJECTED not
 * the receipt's envelope or manifest, or the file's error.
 */
int erot_image_load(struct erot_image *img, struct file *envelope, struct file *payload,
		    const struct erot_receipt_facts *facts, const char **why)
{
	struct erot_head head;
	u8 digest[EROT_DIGEST_SIZE];
	size_t len;
	int err;

	*why = "envelope: cannot be read whole";
	err = read_exact(envelope, &head, sizeof(head), 0);
	if (err)
		return err;
	err = erot_ewc_length(&head, sizeof(head), &len, why);
	if (err)
		return err;
	img->envelope = kvmalloc(len, GFP_KERNEL);
	if (!img->envelope)
		return -ENOMEM;
	*why = "envelope: cannot be read whole";
	err = read_exact(envelope, img->envelope, len, 0);
	if (err)
		return err;

	erot_sha256(img->envelope, len, digest);
	if (memcmp(digest, facts->ewc, sizeof(digest))) {
		*why = "envelope: its digest is not the receipt's";
		return -EKEYREJECTED;
	}
	err = erot_ewc_parse(img->envelope, len, &img->ewc, why);
	if (err)
		return err;
	erot_sha256(img->ewc.manifest, img->ewc.manifest_len, digest);
	if (img->ewc.manifest_len != facts->manifest_len ||
	    memcmp(digest, facts->manifest, sizeof(digest))) {
		*why = "envelope: its manifest is not the receipt's";
		return -EKEYREJECTED;
	}
	if (i_size_read(file_inode(payload)) != img->ewc.payload_off + img->ewc.payload_len) {
		*why = "payload: file has not the length that the envelope names";
		return -EPROTO;
	}
	if (!img->ewc.payload_off && file_inode(payload) == file_inode(envelope)) {
		*why = "payload: envelope and payload overlap";
		return -EPROTO;
	}
	img->payload = get_file(payload);
	*why = "payload: cannot be read";
	return fetch(img, &img->readers[0], 0) ?:
	       fetch(img, &img->readers[1], img->ewc.chunk_count - 1);
}

/* Descriptor against the code hash, superblock against the allow-list. */
static int check_image(struct erot_image *img, const struct erot_receipt_facts *facts,
		       u8 *first, const u8 *last, const char **why)
{
	int err;

	err = erot_verity_init(&img->verity, last, facts->code_hash, img->ewc.image_len, why);
	if (err)
		return err;
	return erot_super_check(first, EROT_CHUNK_SIZE, img->ewc.image_len, why);
}

/**
 * erot_image_unlock - unwrap the keys and check what the image is
 * @img:   loaded
 * @facts: of the receipt
 * @sk:    ERoT private key; keys lock held for writing by the caller
 * @why:   set on refusal
 *
 * Return: 0, -EKEYREJECTED wrong key, commitment or code hash, -EBADMSG damaged
 * payload, -EPROTO superblock not allowed, or the file's error.
 */
int erot_image_unlock(struct erot_image *img, const struct erot_receipt_facts *facts,
		      const u8 sk[EROT_KEY_SIZE], const char **why)
{
	struct reader *first = &img->readers[0], *last = &img->readers[1];
	struct erot_chunk_keys *keys;
	unsigned int i;
	int err = -ENOMEM;

	lockdep_assert_held_write(img->keys);
	keys = erot_scratch_alloc(sizeof(*keys), GFP_KERNEL);
	if (!keys)
		return -ENOMEM;
	err = erot_ewc_open(&img->ewc, sk, facts->statement, keys, why);
	if (err)
		goto out;
	img->aead = erot_gcm_alloc(keys->key);
	if (IS_ERR(img->aead)) {
		err = PTR_ERR(img->aead);
		img->aead = NULL;
		goto out;
	}
	memcpy(img->nonce, keys->base_nonce, sizeof(img->nonce));
	err = -ENOMEM;
	for (i = 0; i < EROT_READERS; i++) {
		img->readers[i].req = aead_request_alloc(img->aead, GFP_KERNEL);
		if (!img->readers[i].req)
			goto out;
	}
	*why = "payload: damaged";
	err = decrypt(img, first, 0) ?: decrypt(img, last, img->ewc.chunk_count - 1) ?:
	      check_image(img, facts, first->buf, last->buf, why);
out:
	erot_scratch_free(keys, sizeof(*keys));
	memzero_explicit(first->buf, EROT_CHUNK_STRIDE);
	memzero_explicit(last->buf, EROT_CHUNK_STRIDE);
	if (err)
		erot_image_wipe(img);
	kvfree(img->envelope);
	img->envelope = NULL;
	return err;
}

/* The first superblock that reads is ours; no other may follow. */
bool erot_image_claim_super(struct erot_image *img, struct super_block *sb)
{
	struct super_block *old = cmpxchg(&img->sb, NULL, sb);

	return !old || old == sb;
}

bool erot_image_is_super(const struct erot_image *img, const struct super_block *sb)
{
	return !IS_ERR_OR_NULL(sb) && READ_ONCE(img->sb) == sb;
}

/* The mount is gone: its address may be another superblock's next. */
void erot_image_drop_super(struct erot_image *img)
{
	WRITE_ONCE(img->sb, ERR_PTR(-ESTALE));
}

void erot_image_set_inode(struct erot_image *img, struct inode *inode)
{
	spin_lock(&img->lock);
	img->inode = inode;
	spin_unlock(&img->lock);
}

/**
 * erot_image_cut_off - take every plaintext page away from those who hold on
 * @img: wiped, so that nothing comes back
 */
void erot_image_cut_off(struct erot_image *img)
{
	struct inode *inode;

	if (!img)
		return;
	/* Metadata first: an inline tail is copied from it without asking for a key. */
	spin_lock(&img->lock);
	inode = img->inode ? igrab(img->inode) : NULL;
	spin_unlock(&img->lock);
	if (inode) {
		erot_cutoff_inode(inode);
		iput(inode);
	}
	erot_cutoff_super(READ_ONCE(img->sb));
}
