// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's own primitives can do on these processors: the limits of the benchmark of
 * reads. One device for each; read(2) of n bytes does the work for n bytes, in pieces of 16 KiB, in
 * the calling task, and hands nothing out:
 *
 *	/dev/bench-gcm-sha256	what a chunk of a payload needs: AES-256-GCM decrypted and
 *				authenticated, SHA-256 over the plaintext
 *	/dev/bench-gcm		the first half
 *	/dev/bench-sha256	the second
 *	/dev/bench-memcpy	one copy
 *
 * Each open has buffers and a key schedule of its own, so that readers share nothing.
 */
#include <crypto/aead.h>
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#define CHUNK	16384
#define KEY	32
#define TAG	16
#define NONCE	12

enum { GCM = 1, SHA256 = 2, MEMCPY = 4 };

/**
 * struct work - of one open
 * @what:   of the above
 * @sealed: one chunk and its tag
 * @plain:  where it is decrypted to
 */
struct work {
	unsigned int what;
	struct crypto_aead *aead;
	struct aead_request *req;
	struct crypto_shash *sha;
	u8 *sealed;
	u8 *plain;
};

struct device_of {
	struct miscdevice misc;
	unsigned int what;
};

static int gcm(struct work *w, bool seal)
{
	DECLARE_CRYPTO_WAIT(wait);
	struct scatterlist sealed, plain;
	u8 nonce[NONCE] = { 1 };

	sg_init_one(&sealed, w->sealed, CHUNK + TAG);
	sg_init_one(&plain, w->plain, CHUNK);
	aead_request_set_callback(w->req, CRYPTO_TFM_REQ_MAY_SLEEP | CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	aead_request_set_ad(w->req, 0);
	if (seal) {
		aead_request_set_crypt(w->req, &plain, &sealed, CHUNK, nonce);
		return crypto_wait_req(crypto_aead_encrypt(w->req), &wait);
	}
	aead_request_set_crypt(w->req, &sealed, &plain, CHUNK + TAG, nonce);
	return crypto_wait_req(crypto_aead_decrypt(w->req), &wait);
}

static int one_chunk(struct work *w)
{
	u8 digest[SHA256_DIGEST_SIZE];
	int err = 0;

	if (w->what & GCM)
		err = gcm(w, false);
	if (!err && w->what & SHA256)
		err = crypto_shash_tfm_digest(w->sha, w->plain, CHUNK, digest);
	if (w->what & MEMCPY) {
		memcpy(w->plain, w->sealed, CHUNK);
		OPTIMIZER_HIDE_VAR(w->plain);
	}
	return err;
}

static ssize_t work_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct work *w = file->private_data;
	size_t done;
	int err;

	for (done = 0; done < len; done += CHUNK) {
		err = one_chunk(w);
		if (err)
			return err;
		cond_resched();
	}
	return len;
}

static void work_free(struct work *w)
{
	if (!IS_ERR_OR_NULL(w->req))
		aead_request_free(w->req);
	if (!IS_ERR_OR_NULL(w->aead))
		crypto_free_aead(w->aead);
	if (!IS_ERR_OR_NULL(w->sha))
		crypto_free_shash(w->sha);
	kfree(w->sealed);
	kfree(w->plain);
	kfree(w);
}

static int work_prepare(struct work *w)
{
	u8 key[KEY];
	int err;

	/* the same choice as kernel/crypto.c makes */
	w->aead = crypto_alloc_aead("gcm(aes)", 0,
				    CRYPTO_ALG_ALLOCATES_MEMORY | CRYPTO_ALG_KERN_DRIVER_ONLY);
	if (IS_ERR(w->aead))
		return PTR_ERR(w->aead);
	w->sha = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(w->sha))
		return PTR_ERR(w->sha);
	w->req = aead_request_alloc(w->aead, GFP_KERNEL);
	w->sealed = kmalloc(CHUNK + TAG, GFP_KERNEL);
	w->plain = kmalloc(CHUNK, GFP_KERNEL);
	if (!w->req || !w->sealed || !w->plain)
		return -ENOMEM;
	get_random_bytes(key, sizeof(key));
	get_random_bytes(w->plain, CHUNK);
	err = crypto_aead_setauthsize(w->aead, TAG) ?: crypto_aead_setkey(w->aead, key, KEY);
	return err ?: gcm(w, true);
}

static int work_open(struct inode *inode, struct file *file)
{
	struct device_of *d = container_of(file->private_data, struct device_of, misc);
	struct work *w = kzalloc(sizeof(*w), GFP_KERNEL);
	int err;

	if (!w)
		return -ENOMEM;
	w->what = d->what;
	err = work_prepare(w);
	if (err) {
		work_free(w);
		return err;
	}
	file->private_data = w;
	return 0;
}

static int work_release(struct inode *inode, struct file *file)
{
	work_free(file->private_data);
	return 0;
}

static const struct file_operations fops = {
	.owner		= THIS_MODULE,
	.open		= work_open,
	.read		= work_read,
	.release	= work_release,
};

#define DEVICE(n, w) { \
	.misc = { .minor = MISC_DYNAMIC_MINOR, .name = n, .fops = &fops }, .what = w, \
}

static struct device_of devices[] = {
	DEVICE("bench-gcm-sha256", GCM | SHA256),
	DEVICE("bench-gcm", GCM),
	DEVICE("bench-sha256", SHA256),
	DEVICE("bench-memcpy", MEMCPY),
};

static void remove(unsigned int n)
{
	while (n--)
		misc_deregister(&devices[n].misc);
}

static int __init bench_raw_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		err = misc_register(&devices[i].misc);
		if (err) {
			remove(i);
			return err;
		}
	}
	return 0;
}

static void __exit bench_raw_exit(void)
{
	remove(ARRAY_SIZE(devices));
}

module_init(bench_raw_init);
module_exit(bench_raw_exit);
MODULE_DESCRIPTION("Raw rates of what a payload's chunk needs, for benchmarks");
MODULE_LICENSE("GPL");
