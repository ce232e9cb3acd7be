// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attached image from ATTACH to its end: envelope, keys, and what holds on to it. Reading it is
 * in image_read.c.
 */
#include <linux/cpumask.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/rwsem.h>
#include <linux/slab.h>

#include "crypto.h"
#include "cutoff.h"
#include "image_parts.h"
#include "receipt.h"
#include "secret.h"
#include "super.h"

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
	img->max_readers = clamp(2 * num_online_cpus(), EROT_READERS_MIN, EROT_READERS_MAX);
	img->nreaders = EROT_READERS;
	for (i = 0; i < EROT_READERS; i++) {
		struct reader *r = &img->readers[i];

		r->buf = erot_image_buf_alloc(GFP_KERNEL);
		if (!r->buf) {
			erot_image_free(img);
			return NULL;
		}
		list_add(&r->list, &img->idle);
	}
	return img;
}

/* Whole pages, since the next size of kmalloc() is twice a chunk. */
u8 *erot_image_buf_alloc(gfp_t gfp)
{
	return alloc_pages_exact(sizeof(struct reader_mem), gfp);
}

void erot_image_buf_free(u8 *buf)
{
	if (!buf)
		return;
	memzero_explicit(buf, EROT_CHUNK_STRIDE);
	free_pages_exact(buf, sizeof(struct reader_mem));
}

/**
 * erot_image_retire - give back what only reading needs
 * @img: or NULL; nobody reads any more, or ever did
 *
 * A session may wait long for somebody to take its evidence: not with buffers, and not with a file
 * that keeps a filesystem from being unmounted.
 */
void erot_image_retire(struct erot_image *img)
{
	unsigned int i;

	if (!img)
		return;
	for (i = 0; i < img->nreaders; i++) {
		struct reader *r = &img->readers[i];
		u8 *buf = r->buf;

		if (r->req)
			aead_request_free(r->req);
		r->req = NULL;
		WRITE_ONCE(r->buf, NULL);	/* first: a panic overwrites what it leads to */
		erot_image_buf_free(buf);
	}
	erot_image_tree_free(img);
	if (img->payload)
		fput(img->payload);
	img->payload = NULL;
}

void erot_image_free(struct erot_image *img)
{
	if (!img)
		return;
	erot_image_retire(img);
	crypto_free_aead(img->aead);
	kvfree(img->envelope);
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
	/* No reader is added meanwhile, for that takes the lock as well. */
	for (i = 0; i < img->nreaders; i++) {
		struct reader *r = &img->readers[i];

		WRITE_ONCE(r->valid, false);
		if (r->buf)	/* it was not born whole */
			memzero_explicit(r->buf, EROT_CHUNK_STRIDE);
		if (r->req) {
			aead_request_free(r->req);
			r->req = NULL;
		}
	}
	erot_image_tree_drop(img);
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
	for (i = 0; i < img->nreaders; i++)
		if (img->readers[i].buf)
			memzero_explicit(img->readers[i].buf, EROT_CHUNK_STRIDE);
	erot_image_tree_wipe(img);
	memzero_explicit(img->nonce, sizeof(img->nonce));
	memzero_explicit(&img->verity, sizeof(img->verity));
	erot_cutoff_panic_inode(READ_ONCE(img->inode));
}

/* The kernel's template, where the processor has no instructions of its own. */
static bool setkey_allocates(struct crypto_aead *aead)
{
	return strstarts(crypto_tfm_alg_driver_name(crypto_aead_tfm(aead)), "gcm_base(");
}

/**
 * erot_image_panic_cipher - overwrite the cipher's round keys, on a panic
 * @img:  or NULL
 * @late: of ciphers that ask for memory then, and might hang; otherwise of all others
 */
void erot_image_panic_cipher(struct erot_image *img, bool late)
{
	static const u8 zero[EROT_KEY_SIZE] __aligned(64);

	if (img && img->aead && setkey_allocates(img->aead) == late)
		crypto_aead_setkey(img->aead, zero, sizeof(zero));
}

u64 erot_image_size(const struct erot_image *img)
{
	return img->ewc.image_len;
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
 * Return: 0, -EPROTO malformed or wrong length, -EMSGSIZE too long, -EKEYREJECTED not the receipt's
 * envelope or manifest, -EBADMSG payload truncated, -ENOMEM, or the file's error.
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
	err = erot_image_tree_alloc(img);
	if (err)
		return err;
	img->payload = get_file(payload);
	*why = "payload: cannot be read";
	err = erot_image_fetch(img, &img->readers[0], 0) ?:
	      erot_image_fetch(img, &img->readers[1], img->ewc.chunk_count - 1);
	if (!err)
		*why = NULL;
	return err;
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
 * payload, -EPROTO descriptor or superblock not allowed, -ENOMEM, or the cipher's error.
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
	err = erot_image_decrypt(img, first, 0, NULL) ?:
	      erot_image_decrypt(img, last, img->ewc.chunk_count - 1, NULL) ?:
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
