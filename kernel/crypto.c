// SPDX-License-Identifier: GPL-2.0-only
/*
 * One shash for each hash serves all callers: a keyless transform has no state
 * of its own. HMAC is made of it here, since the transforms of hmac(...) hold
 * their key and so could not be shared. The kernel's SHA-256 library is not
 * used, because before 6.16 it is plain C and payloads are hashed at full speed.
 */
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "crypto.h"
#include "limits.h"
#include "secret.h"

static struct crypto_shash *sha256_tfm;
static struct crypto_shash *sha512_tfm;

/*
 * What an HMAC carries between its passes: derived from the key, so scratch
 * memory. The struct shash_desc and its context follow.
 */
struct erot_hmac_work {
	u8 pad[SHA512_BLOCK_SIZE];
	u8 inner[SHA512_DIGEST_SIZE];
	u8 desc[] CRYPTO_MINALIGN_ATTR;
};

/**
 * erot_crypto_init - get the hashes
 *
 * Return: 0 or what crypto_alloc_shash() says.
 */
int erot_crypto_init(void)
{
	struct crypto_shash *tfm;

	tfm = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	sha256_tfm = tfm;

	tfm = crypto_alloc_shash("sha512", 0, 0);
	if (IS_ERR(tfm)) {
		erot_crypto_exit();
		return PTR_ERR(tfm);
	}
	sha512_tfm = tfm;
	return 0;
}

/** erot_crypto_exit - undo erot_crypto_init() */
void erot_crypto_exit(void)
{
	crypto_free_shash(sha512_tfm);
	crypto_free_shash(sha256_tfm);
	sha512_tfm = NULL;
	sha256_tfm = NULL;
}

static int update_parts(struct shash_desc *desc, const struct kvec *parts, unsigned int nparts)
{
	unsigned int i;
	int err;

	for (i = 0; i < nparts; i++) {
		if (parts[i].iov_len > UINT_MAX)
			return -EMSGSIZE;
		err = crypto_shash_update(desc, parts[i].iov_base, parts[i].iov_len);
		if (err)
			return err;
	}
	return 0;
}

/**
 * erot_sha256_parts - SHA-256 of parts put together
 * @parts:  read only
 * @nparts: any number
 * @out:    digest; random if the hash fails, so that it matches nothing
 *
 * Any context in which the FPU may be used or done without; does not sleep.
 */
void erot_sha256_parts(const struct kvec *parts, unsigned int nparts, u8 out[EROT_DIGEST_SIZE])
{
	SHASH_DESC_ON_STACK(desc, sha256_tfm);
	int err;

	desc->tfm = sha256_tfm;
	err = crypto_shash_init(desc);
	if (!err)
		err = update_parts(desc, parts, nparts);
	if (!err)
		err = crypto_shash_final(desc, out);
	if (WARN_ON_ONCE(err))
		get_random_bytes(out, EROT_DIGEST_SIZE);
	shash_desc_zero(desc);
}

/**
 * erot_sha256 - SHA-256
 * @p:   bytes
 * @n:   how many
 * @out: digest, as in erot_sha256_parts()
 */
void erot_sha256(const void *p, size_t n, u8 out[EROT_DIGEST_SIZE])
{
	const struct kvec part = EROT_PART(p, n);

	erot_sha256_parts(&part, 1, out);
}

/* One pass of RFC 2104: hash @pad, then @parts. */
static int hmac_pass(struct shash_desc *desc, const u8 *pad, const struct kvec *parts,
		     unsigned int nparts, u8 *out)
{
	int err;

	err = crypto_shash_init(desc);
	if (!err)
		err = crypto_shash_update(desc, pad, crypto_shash_blocksize(desc->tfm));
	if (!err)
		err = update_parts(desc, parts, nparts);
	if (!err)
		err = crypto_shash_final(desc, out);
	return err;
}

static size_t hmac_work_size(struct crypto_shash *tfm)
{
	return sizeof(struct erot_hmac_work) + sizeof(struct shash_desc) +
	       crypto_shash_descsize(tfm);
}

/* Allocates nothing. */
static int hmac_in(struct erot_hmac_work *w, struct crypto_shash *tfm, const u8 *key,
		   size_t key_len, const struct kvec *parts, unsigned int nparts, u8 *out)
{
	struct shash_desc *desc = (struct shash_desc *)w->desc;
	unsigned int block = crypto_shash_blocksize(tfm);
	struct kvec inner;
	unsigned int i;
	int err = 0;

	if (WARN_ON_ONCE(block > sizeof(w->pad) || key_len > UINT_MAX))
		return -EINVAL;
	desc->tfm = tfm;
	memset(w->pad, 0, sizeof(w->pad));

	if (key_len > block)
		err = crypto_shash_digest(desc, key, key_len, w->pad);
	else if (key_len)
		memcpy(w->pad, key, key_len);
	if (err)
		return err;

	for (i = 0; i < block; i++)
		w->pad[i] ^= 0x36;
	err = hmac_pass(desc, w->pad, parts, nparts, w->inner);
	if (err)
		return err;

	for (i = 0; i < block; i++)
		w->pad[i] ^= 0x36 ^ 0x5c;
	inner.iov_base = w->inner;
	inner.iov_len = crypto_shash_digestsize(tfm);
	return hmac_pass(desc, w->pad, &inner, 1, out);
}

static int hmac(struct crypto_shash *tfm, const u8 *key, size_t key_len,
		const struct kvec *parts, unsigned int nparts, u8 *out)
{
	struct erot_hmac_work *w = erot_scratch_alloc(hmac_work_size(tfm), GFP_KERNEL);
	int err;

	if (!w)
		return -ENOMEM;
	err = hmac_in(w, tfm, key, key_len, parts, nparts, out);
	erot_scratch_free(w, hmac_work_size(tfm));
	return err;
}

/**
 * erot_hmac_work_alloc - memory for erot_hmac_sha256_in()
 * @gfp: as for kvmalloc()
 *
 * Return: for erot_hmac_work_free(), or NULL.
 */
struct erot_hmac_work *erot_hmac_work_alloc(gfp_t gfp)
{
	return erot_scratch_alloc(hmac_work_size(sha256_tfm), gfp);
}

/** erot_hmac_work_free - wipe and give back what erot_hmac_work_alloc() gave, or NULL; may sleep */
void erot_hmac_work_free(struct erot_hmac_work *w)
{
	erot_scratch_free(w, hmac_work_size(sha256_tfm));
}

/**
 * erot_hmac_sha256_in - erot_hmac_sha256() in memory that was allocated before
 * @w:       used by nobody else meanwhile; holds what leads to the key until it is freed
 * @key:     any length
 * @key_len: bytes
 * @parts:   read only
 * @nparts:  any number
 * @out:     MAC
 *
 * Return: 0; an error only if the hash itself has one.
 */
int erot_hmac_sha256_in(struct erot_hmac_work *w, const u8 *key, size_t key_len,
			const struct kvec *parts, unsigned int nparts, u8 out[EROT_DIGEST_SIZE])
{
	return hmac_in(w, sha256_tfm, key, key_len, parts, nparts, out);
}

/**
 * erot_hmac_sha256 - HMAC-SHA-256 (RFC 2104) over parts put together
 * @key:     any length
 * @key_len: bytes
 * @parts:   read only
 * @nparts:  any number
 * @out:     MAC; untouched on error
 *
 * Calls run in parallel. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int erot_hmac_sha256(const u8 *key, size_t key_len, const struct kvec *parts,
		     unsigned int nparts, u8 out[EROT_DIGEST_SIZE])
{
	return hmac(sha256_tfm, key, key_len, parts, nparts, out);
}

/**
 * erot_hkdf_extract_sha256 - HKDF-Extract (RFC 5869, 2.2)
 * @salt:     may be empty
 * @salt_len: bytes
 * @parts:    input keying material, put together
 * @nparts:   any number
 * @prk:      pseudorandom key
 *
 * Return: 0 or -ENOMEM.
 */
int erot_hkdf_extract_sha256(const u8 *salt, size_t salt_len, const struct kvec *parts,
			     unsigned int nparts, u8 prk[EROT_DIGEST_SIZE])
{
	return hmac(sha256_tfm, salt, salt_len, parts, nparts, prk);
}

/* RFC 5869, 2.3: T(i) = HMAC(prk, T(i - 1) || info || i) */
static int expand(struct crypto_shash *tfm, const u8 *prk, size_t prk_len,
		  const struct kvec *info, unsigned int ninfo, u8 *out, size_t len)
{
	size_t size = crypto_shash_digestsize(tfm), done = 0, n;
	struct kvec parts[EROT_PARTS_MAX + 2];
	u8 *block, counter = 0;
	int err = 0;

	if (WARN_ON_ONCE(ninfo > EROT_PARTS_MAX || len > 255 * size))
		return -EINVAL;
	block = erot_scratch_alloc(size, GFP_KERNEL);
	if (!block)
		return -ENOMEM;

	parts[0].iov_base = block;
	parts[0].iov_len = 0;
	memcpy(&parts[1], info, ninfo * sizeof(*info));
	parts[ninfo + 1].iov_base = &counter;
	parts[ninfo + 1].iov_len = 1;
	while (done < len) {
		counter++;
		err = hmac(tfm, prk, prk_len, parts, ninfo + 2, block);
		if (err)
			break;
		n = min(size, len - done);
		memcpy(out + done, block, n);
		parts[0].iov_len = size;
		done += n;
	}
	if (err)
		memzero_explicit(out, len);
	erot_scratch_free(block, size);
	return err;
}

/**
 * erot_hkdf_expand_sha256 - HKDF-Expand (RFC 5869, 2.3)
 * @prk:   pseudorandom key
 * @info:  put together
 * @ninfo: at most EROT_PARTS_MAX
 * @out:   output keying material; zeroed on error
 * @len:   bytes, at most 255 * 32
 *
 * Return: 0, -ENOMEM, or -EINVAL above the limits.
 */
int erot_hkdf_expand_sha256(const u8 prk[EROT_DIGEST_SIZE], const struct kvec *info,
			    unsigned int ninfo, u8 *out, size_t len)
{
	return expand(sha256_tfm, prk, EROT_DIGEST_SIZE, info, ninfo, out, len);
}

/**
 * erot_hkdf_expand_sha512 - HKDF-Expand (RFC 5869, 2.3)
 * @prk:     pseudorandom key
 * @prk_len: bytes
 * @info:    put together
 * @ninfo:   at most EROT_PARTS_MAX
 * @out:     output keying material; zeroed on error
 * @len:     bytes, at most 255 * 64
 *
 * Return: 0, -ENOMEM, or -EINVAL above the limits.
 */
int erot_hkdf_expand_sha512(const u8 *prk, size_t prk_len, const struct kvec *info,
			    unsigned int ninfo, u8 *out, size_t len)
{
	return expand(sha512_tfm, prk, prk_len, info, ninfo, out, len);
}

/**
 * erot_gcm_alloc - a transform for AES-256-GCM
 * @key: copied
 *
 * Without the two flags, an implementation might allocate memory while it
 * encrypts on the path of the page cache, or keep the key in hardware from
 * which it can't be wiped. CRYPTO_ALG_ASYNC is not excluded: that would
 * exclude AES-NI before 6.16; callers wait.
 *
 * Return: for crypto_free_aead(), which wipes the key; or an ERR_PTR().
 */
struct crypto_aead *erot_gcm_alloc(const u8 key[EROT_KEY_SIZE])
{
	struct crypto_aead *tfm;
	int err;

	tfm = crypto_alloc_aead("gcm(aes)", 0,
				CRYPTO_ALG_ALLOCATES_MEMORY | CRYPTO_ALG_KERN_DRIVER_ONLY);
	if (IS_ERR(tfm))
		return tfm;
	err = crypto_aead_setauthsize(tfm, EROT_TAG_SIZE);
	if (!err)
		err = crypto_aead_setkey(tfm, key, EROT_KEY_SIZE);
	if (err) {
		crypto_free_aead(tfm);
		return ERR_PTR(err);
	}
	return tfm;
}

/* A scatterlist needs the pages one by one where scratch memory is not contiguous. */
struct gcm_work {
	struct scatterlist sg[EROT_GCM_MAX / PAGE_SIZE + 2];
	u8 nonce[EROT_NONCE_SIZE];
	u8 text[];
};

static void gcm_map(struct gcm_work *w, size_t n)
{
	unsigned int i = 0;
	size_t done = 0, step;
	u8 *p;

	sg_init_table(w->sg, ARRAY_SIZE(w->sg));
	if (!is_vmalloc_addr(w)) {
		sg_set_buf(&w->sg[0], w->text, n);
		sg_mark_end(&w->sg[0]);
		return;
	}
	for (; done < n; done += step, i++) {
		p = w->text + done;
		step = min_t(size_t, n - done, PAGE_SIZE - offset_in_page(p));
		sg_set_page(&w->sg[i], vmalloc_to_page(p), step, offset_in_page(p));
	}
	sg_mark_end(&w->sg[i - 1]);
}

/**
 * erot_gcm_open - AES-256-GCM, one message
 * @key:     32 bytes
 * @nonce:   12 bytes
 * @aad:     additional data
 * @aad_len: bytes
 * @ct:      ciphertext, then the tag
 * @ct_len:  bytes, the tag included
 * @pt:      @ct_len - 16 bytes; untouched unless the tag is right
 *
 * Works on a copy: what was authenticated is what is decrypted, wherever the
 * arguments lie. May sleep.
 *
 * Return: 0; -EBADMSG if @ct is shorter than a tag, or the tag is wrong;
 * -EMSGSIZE above EROT_GCM_MAX bytes in all; -ENOMEM, or an error of the
 * crypto API.
 */
int erot_gcm_open(const u8 key[EROT_KEY_SIZE], const u8 nonce[EROT_NONCE_SIZE],
		  const void *aad, size_t aad_len, const u8 *ct, size_t ct_len, u8 *pt)
{
	DECLARE_CRYPTO_WAIT(wait);
	struct aead_request *req;
	struct crypto_aead *tfm;
	struct gcm_work *w;
	size_t size;
	int err;

	if (ct_len < EROT_TAG_SIZE)
		return -EBADMSG;
	if (aad_len > EROT_GCM_MAX || ct_len > EROT_GCM_MAX - aad_len)
		return -EMSGSIZE;

	size = struct_size(w, text, aad_len + ct_len);
	w = erot_scratch_alloc(size, GFP_KERNEL);
	if (!w)
		return -ENOMEM;
	tfm = erot_gcm_alloc(key);
	if (IS_ERR(tfm)) {
		err = PTR_ERR(tfm);
		goto out_work;
	}
	req = aead_request_alloc(tfm, GFP_KERNEL);
	if (!req) {
		err = -ENOMEM;
		goto out_tfm;
	}

	memcpy(w->nonce, nonce, EROT_NONCE_SIZE);
	if (aad_len)
		memcpy(w->text, aad, aad_len);
	memcpy(w->text + aad_len, ct, ct_len);
	gcm_map(w, aad_len + ct_len);
	aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_SLEEP | CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	aead_request_set_ad(req, aad_len);
	aead_request_set_crypt(req, w->sg, w->sg, ct_len, w->nonce);
	err = crypto_wait_req(crypto_aead_decrypt(req), &wait);
	if (!err)
		memcpy(pt, w->text + aad_len, ct_len - EROT_TAG_SIZE);

	aead_request_free(req);
out_tfm:
	crypto_free_aead(tfm);
out_work:
	erot_scratch_free(w, size);
	return err;
}
