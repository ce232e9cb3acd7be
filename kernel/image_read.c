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
 * the one who asked where they take a whole chunk, of several on other processors as well
 * (image_batch.c): these are locked and not up to date, so that nobody looks at them before all
 * that was asked for was found to be right; what was not is wiped, and if anything was not, all.
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

/* NULL when none is idle, and no other one can be had. */
static struct reader *reader_try(struct erot_image *img, u64 chunk)
{
	struct reader *r, *best = NULL;

	spin_lock(&img->lock);
	if (list_empty(&img->idle) && img->nreaders < img->max_readers) {
		spin_unlock(&img->lock);
		reader_add(img);
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
	if (best)
		list_del(&best->list);
	spin_unlock(&img->lock);
	return best;
}

/*
 * NULL when the task was killed before one was idle: all may wait for a disk that hangs. Nobody
 * waits for a reader who has one: of this read's own, helpers give back what they have.
 */
static struct reader *reader_get(struct erot_image *img, struct erot_image_batch *b, u64 chunk)
{
	struct reader *r;

	while (!(r = reader_try(img, chunk))) {
		if (erot_image_batch_step(b))
			continue;
		if (wait_event_killable(img->wait, !list_empty_careful(&img->idle)))
			return NULL;
	}
	return r;
}

void erot_image_reader_put(struct erot_image *img, struct reader *r)
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

/**
 * erot_image_unseal - authenticate, decrypt and compare one whole chunk
 * @img:   keys held for reading
 * @r:     has the ciphertext
 * @chunk: its number
 * @p:     where the plaintext goes, or NULL: in place
 * @hash:  that it must have
 *
 * Waits for nothing. What is not right is wiped, wherever it is.
 *
 * Return: 0, -EBADMSG, -ESHUTDOWN for a dead session.
 */
int erot_image_unseal(struct erot_image *img, struct reader *r, u64 chunk, struct pages *p,
		      const u8 hash[EROT_DIGEST_SIZE])
{
	const struct kvec whole = EROT_PART(r->buf, EROT_CHUNK_SIZE);
	int err;

	lockdep_assert_held_read(img->keys);
	err = img->aead ? erot_image_decrypt(img, r, chunk, p ? p->sg : NULL) : -ESHUTDOWN;
	if (!err)
		err = compare(img, p ? p->part : &whole, p ? p->n : 1, hash);
	if (err) {
		memzero_explicit(r->buf, EROT_CHUNK_STRIDE);
		if (p)
			pages_wipe(p);
	}
	return err;
}

/* To the reader's buffer, where nothing is known to be until it has ended. */
static int fetch(struct erot_image *img, struct reader *r, u64 chunk)
{
	int err;

	WRITE_ONCE(r->valid, false);
	err = erot_image_fetch(img, r, chunk);
	if (err)
		memzero_explicit(r->buf, EROT_CHUNK_STRIDE);
	return err;
}

/*
 * Fetches, decrypts and compares one whole chunk, in place. On success the keys are held for
 * reading.
 */
static int load(struct erot_image *img, struct reader *r, u64 chunk,
		const u8 hash[EROT_DIGEST_SIZE], u64 *bad)
{
	int err;

	*bad = chunk;
	err = fetch(img, r, chunk);
	if (err)
		return err;
	down_read(img->keys);
	err = erot_image_unseal(img, r, chunk, NULL, hash);
	if (err) {
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
	err = load(img, r, DIV_ROUND_UP_ULL(img->ewc.image_len, EROT_CHUNK_SIZE) + block, above,
		   bad);
	if (!err) {
		erot_image_tree_insert(img, block, r->buf, &spare);
		memcpy(hash, r->buf + offset, EROT_DIGEST_SIZE);
		up_read(img->keys);
	}
	kfree(spare);
	return err;
}

/* A part of a chunk, or a whole one that does not go to pages. */
static int read_part(struct erot_image *img, struct reader *r, u64 chunk, size_t off, size_t len,
		     struct iov_iter *to, const u8 hash[EROT_DIGEST_SIZE], u64 *bad)
{
	int err = load(img, r, chunk, hash, bad);

	if (err)
		return err;
	if (copy_to_iter(r->buf + off, len, to) != len)
		err = -EFAULT;
	up_read(img->keys);
	return err;
}

/* The same of the chunk that the reader has already, from the read before. */
static bool read_kept(struct erot_image *img, struct reader *r, u64 chunk, size_t off, size_t len,
		      struct iov_iter *to, int *err)
{
	bool kept;

	down_read(img->keys);
	kept = img->aead && r->valid && r->chunk == chunk;
	if (kept)
		*err = copy_to_iter(r->buf + off, len, to) == len ? 0 : -EFAULT;
	up_read(img->keys);
	return kept;
}

/*
 * @len bytes at @off of one chunk, all of them; the iterator has moved on then. What goes to pages
 * is there only when the batch has ended.
 */
static int read_chunk(struct erot_image *img, struct erot_image_batch *b, u64 chunk, size_t off,
		      size_t len, struct iov_iter *to, u64 *bad)
{
	struct reader *r = reader_get(img, b, chunk);
	struct job *j;
	int err;

	if (!r)
		return -EINTR;
	j = erot_image_job(r);
	if (read_kept(img, r, chunk, off, len, to, &err))
		goto out;
	err = expected(img, r, 0, chunk, j->hash, bad);
	if (err)
		goto out;
	if (len == EROT_CHUNK_SIZE && pages_find(to, &j->pages)) {
		*bad = chunk;
		err = fetch(img, r, chunk);
		if (err)
			goto out;
		iov_iter_advance(to, len);
		j->chunk = chunk;
		erot_image_batch_add(b, r, iov_iter_count(to));
		return 0;
	}
	err = read_part(img, r, chunk, off, len, to, j->hash, bad);
out:
	erot_image_reader_put(img, r);
	return err;
}

/**
 * erot_image_read - read plaintext
 * @img: unlocked
 * @pos: byte of the image
 * @to:  all of its bytes are filled, or an error is returned and all of them are zero; if it is of
 *       pages, nobody else reads them meanwhile
 * @bad: set to the number of the chunk when -EBADMSG is returned
 *
 * Never sleeps on I/O with the keys lock held. Whole chunks may be decrypted on other processors.
 *
 * Return: 0, or of the first chunk that fails -EBADMSG for a damaged one, -ESHUTDOWN for a dead
 * session, -EINTR when killed while all readers are taken, or the backing file's error; -EINVAL
 * behind the end.
 */
int erot_image_read(struct erot_image *img, u64 pos, struct iov_iter *to, u64 *bad)
{
	struct iov_iter whole = *to;
	struct erot_image_batch b;
	unsigned int nofs;
	int err;

	if (pos > img->ewc.image_len || iov_iter_count(to) > img->ewc.image_len - pos)
		return -EINVAL;
	nofs = memalloc_nofs_save();
	erot_image_batch_begin(&b, img);
	while (!READ_ONCE(b.err) && iov_iter_count(to)) {
		size_t off = pos % EROT_CHUNK_SIZE;
		size_t len = min_t(size_t, EROT_CHUNK_SIZE - off, iov_iter_count(to));

		err = read_chunk(img, &b, pos / EROT_CHUNK_SIZE, off, len, to, bad);
		if (err)
			erot_image_batch_fail(&b, pos / EROT_CHUNK_SIZE, err, *bad);
		pos += len;
	}
	err = erot_image_batch_end(&b, bad);
	if (err)	/* chunks that were right as well: nobody gets a part */
		iov_iter_zero(iov_iter_count(&whole), &whole);
	memalloc_nofs_restore(nofs);
	return err;
}
