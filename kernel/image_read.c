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
#include <crypto/utils.h>
#include <linux/fs.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/uio.h>

#include "image_parts.h"
#include "secret.h"
#include "stats.h"

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
int erot_image_fetch(struct erot_image *img, struct reader *r, u64 chunk)
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
int erot_image_decrypt(struct erot_image *img, struct reader *r, u64 chunk)
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
	err = erot_image_fetch(img, r, chunk);
	down_read(img->keys);
	if (!err && !img->aead)
		err = -ESHUTDOWN;
	if (!err)
		err = erot_image_decrypt(img, r, chunk);
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
