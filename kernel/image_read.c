// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading an encrypted image. A read of one chunk goes
 *
 *   ciphertext from the backing file into the reader's buffer (no lock held: the file may be slow)
 *   -> under the keys lock (read): authenticate and decrypt, compare with the code hash up the
 *      fs-verity tree
 *
 * and death takes the keys lock for writing, so after it no reader has a key
 * and none hands out plaintext. Decrypted is in place, and then copied, or straight to the pages of
 * the one who asked where they take a whole chunk: these are locked and not up to date, so that
 * nobody looks at them before the chunk was found to be right; what was not is wiped.
 */
#include <crypto/utils.h>
#include <linux/align.h>
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "crypto.h"
#include "image_parts.h"
#include "secret.h"
#include "stats.h"

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

/*
 * Another one, unless there are enough; without memory there is none. The workload is charged for
 * it. Death waits for the keys lock, so the large part is asked for outside, and the rest does not
 * wait for memory.
 */
static void reader_add(struct erot_image *img)
{
	struct reader new = { .buf = erot_image_buf_alloc(GFP_KERNEL_ACCOUNT | __GFP_NORETRY |
							  __GFP_NOWARN) };
	struct reader *r = NULL;

	if (!new.buf)
		return;
	down_read(img->keys);
	if (img->aead)
		new.req = aead_request_alloc(img->aead, GFP_NOWAIT | __GFP_NOWARN);
	spin_lock(&img->lock);
	if (new.req && img->nreaders < img->max_readers) {
		r = &img->readers[img->nreaders++];
		*r = new;
		list_add(&r->list, &img->idle);
	}
	spin_unlock(&img->lock);
	if (!r && new.req)
		aead_request_free(new.req);
	up_read(img->keys);
	if (!r)
		erot_image_buf_free(new.buf);
}

/* NULL when the task was killed before one was idle: all may wait for a disk that hangs. */
static struct reader *reader_get(struct erot_image *img, u64 chunk)
{
	struct reader *r, *best = NULL;

	spin_lock(&img->lock);
	if (list_empty(&img->idle) && img->nreaders < img->max_readers) {
		spin_unlock(&img->lock);
		reader_add(img);
		spin_lock(&img->lock);
	}
	while (list_empty(&img->idle)) {
		spin_unlock(&img->lock);
		if (wait_event_killable(img->wait, !list_empty_careful(&img->idle)))
			return NULL;
		spin_lock(&img->lock);
	}
	/* the one with this chunk, else one that has none, else the one that was idle longest */
	list_for_each_entry(r, &img->idle, list) {
		if (READ_ONCE(r->valid) && r->chunk == chunk) {
			best = r;
			break;
		}
		if (!best || READ_ONCE(best->valid))
			best = r;
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

/*
 * Authenticates and decrypts to @to, or in place if it is NULL; keys held for reading, not wiped.
 * On failure there may be plaintext in @to that is not authentic.
 */
int erot_image_decrypt(struct erot_image *img, struct reader *r, u64 chunk, struct scatterlist *to)
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
	aead_request_set_crypt(r->req, &sg, to ?: &sg, len, nonce);
	aead_request_set_ad(r->req, 0);
	err = crypto_wait_req(crypto_aead_decrypt(r->req), &wait);
	if (!err)
		atomic64_inc(&erot_stats.chunks);
	memzero_explicit(nonce, sizeof(nonce));
	return err;
}

/*
 * The pages at the iterator's place that take one whole chunk. False when a part of it is not
 * there, has no address, or is no whole block of EROFS: the cipher would make up for that with
 * memory of its own, which it asks for under the keys lock and does not wipe.
 */
static bool pages_find(const struct iov_iter *to, struct pages *p)
{
	size_t left = EROT_CHUNK_SIZE, skip = to->iov_offset, here;
	const struct bio_vec *bv;
	u8 *at;

	if (!iov_iter_is_bvec(to) || iov_iter_count(to) < left)
		return false;
	p->n = 0;
	for (bv = to->bvec; left; bv++, skip = 0) {
		here = min(left, bv->bv_len - skip);
		if (!here)
			continue;
		if (PageHighMem(bv->bv_page))
			return false;
		at = (u8 *)page_address(bv->bv_page) + bv->bv_offset + skip;
		if (!IS_ALIGNED((unsigned long)at | here, EROT_IMAGE_ALIGN))
			return false;
		left -= here;
		if (p->n && p->part[p->n - 1].iov_base + p->part[p->n - 1].iov_len == at) {
			p->part[p->n - 1].iov_len += here;
			continue;
		}
		p->part[p->n].iov_base = at;
		p->part[p->n++].iov_len = here;
	}
	sg_init_table(p->sg, p->n);
	for (left = 0; left < p->n; left++)
		sg_set_buf(&p->sg[left], p->part[left].iov_base, p->part[left].iov_len);
	return true;
}

static void pages_wipe(struct pages *p)
{
	unsigned int i;

	for (i = 0; i < p->n; i++)
		memzero_explicit(p->part[i].iov_base, p->part[i].iov_len);
}

/* Whether the plaintext is what it must be: -EBADMSG. */
static int compare(struct erot_image *img, const struct kvec *parts, unsigned int nparts,
		   const u8 hash[EROT_DIGEST_SIZE])
{
	u8 got[EROT_DIGEST_SIZE];

	erot_verity_hash(&img->verity, parts, nparts, got);
	return crypto_memneq(got, hash, sizeof(got)) ? -EBADMSG : 0;
}

/*
 * Fetches, decrypts and compares one whole chunk. On success the keys are held for reading and the
 * plaintext is in @p, or in the reader's buffer if that is NULL.
 */
static int load(struct erot_image *img, struct reader *r, u64 chunk, struct pages *p,
		const u8 hash[EROT_DIGEST_SIZE], u64 *bad)
{
	const struct kvec whole = EROT_PART(r->buf, EROT_CHUNK_SIZE);
	int err;

	WRITE_ONCE(r->valid, false);
	err = erot_image_fetch(img, r, chunk);
	down_read(img->keys);
	if (!err && !img->aead)
		err = -ESHUTDOWN;
	if (!err)
		err = erot_image_decrypt(img, r, chunk, p ? p->sg : NULL);
	if (!err)
		err = compare(img, p ? p->part : &whole, p ? p->n : 1, hash);
	if (err) {
		if (err == -EBADMSG)
			*bad = chunk;
		memzero_explicit(r->buf, EROT_CHUNK_STRIDE);
		if (p)
			pages_wipe(p);
		up_read(img->keys);
		return err;
	}
	r->chunk = chunk;
	WRITE_ONCE(r->valid, !p);
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
	u8 *spare = NULL;
	bool hit, dead, room;
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
	hit = erot_image_tree_lookup(img, block, offset, hash, &room);
	up_read(img->keys);
	if (hit)
		return 0;

	err = expected(img, r, level + 1, index / (EROT_CHUNK_SIZE / EROT_DIGEST_SIZE), above, bad);
	if (err)
		return err;
	if (!room)
		spare = erot_image_tree_room();
	err = load(img, r, DIV_ROUND_UP_ULL(img->ewc.image_len, EROT_CHUNK_SIZE) + block, NULL,
		   above, bad);
	if (!err) {
		erot_image_tree_insert(img, block, r->buf, &spare);
		memcpy(hash, r->buf + offset, EROT_DIGEST_SIZE);
		up_read(img->keys);
	}
	kfree(spare);
	return err;
}

/*
 * One chunk of the image; on success keys are held for reading. Then @direct says that the
 * plaintext is in @p; it is in the reader's buffer if that was NULL, or had the chunk already.
 */
static int load_data(struct erot_image *img, struct reader *r, u64 chunk, struct pages *p,
		     bool *direct, u64 *bad)
{
	u8 hash[EROT_DIGEST_SIZE];
	int err;

	*direct = false;
	down_read(img->keys);
	if (img->aead && r->valid && r->chunk == chunk)
		return 0;
	up_read(img->keys);

	err = expected(img, r, 0, chunk, hash, bad);
	if (err)
		return err;
	*direct = p;
	return load(img, r, chunk, p, hash, bad);
}

/* @len bytes at @off of one chunk, all of them; the iterator has moved on then. */
static int read_chunk(struct erot_image *img, u64 chunk, size_t off, size_t len,
		      struct iov_iter *to, u64 *bad)
{
	struct reader *r = reader_get(img, chunk);
	struct pages pages, *p = NULL;
	bool direct;
	int err;

	if (!r)
		return -EINTR;
	if (len == EROT_CHUNK_SIZE && pages_find(to, &pages))
		p = &pages;
	err = load_data(img, r, chunk, p, &direct, bad);
	if (!err) {
		if (direct)
			iov_iter_advance(to, len);
		else if (copy_to_iter(r->buf + off, len, to) != len)
			err = -EFAULT;
		up_read(img->keys);
	}
	reader_put(img, r);
	return err;
}

/**
 * erot_image_read - read plaintext
 * @img: unlocked
 * @pos: byte of the image
 * @to:  all of its bytes are filled, or an error is returned and none counts; if it is of pages,
 *       nobody else reads them meanwhile
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
		size_t off = pos % EROT_CHUNK_SIZE;
		size_t len = min_t(size_t, EROT_CHUNK_SIZE - off, iov_iter_count(to));

		err = read_chunk(img, pos / EROT_CHUNK_SIZE, off, len, to, bad);
		pos += len;
	}
	memalloc_nofs_restore(nofs);
	return err;
}
