// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/secret.h"
#include "liberot/payload.h"

/* The whole of a Cobblestone-256 info string; the context of ours is the longest one needed. */
#define COBBLESTONE_PREFIX	"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM"
#define CONTEXT_MAX		256

_Static_assert(sizeof(struct erot_payload_keys) == EROT_KEY_SIZE + EROT_NONCE_SIZE +
	       EROT_DIGEST_SIZE, "the keys are one output of HKDF-Expand");

int erot_payload_shape(uint64_t image_len, struct erot_payload_shape *out, struct erot_error *err)
{
	if (!image_len || image_len % EROT_IMAGE_ALIGN || image_len > EROT_IMAGE_MAX)
		return erot_fail(err, EINVAL, "payload-image-size",
				 "image: %" PRIu64 " bytes is not a multiple of %d up to 1 TiB",
				 image_len, EROT_IMAGE_ALIGN);
	out->image_len = image_len;
	out->tree_len = erot_verity_tree_len(image_len);
	out->chunk_count = (image_len + EROT_CHUNK_SIZE - 1) / EROT_CHUNK_SIZE +
			   out->tree_len / EROT_CHUNK_SIZE + 1;
	out->payload_len = (out->chunk_count - 1) * EROT_CHUNK_STRIDE + EROT_VERITY_DESC_SIZE +
			   EROT_TAG_SIZE;
	return 0;
}

int erot_cobblestone_keys(const uint8_t input_key[EROT_KEY_SIZE],
			  const uint8_t salt[EROT_SALT_SIZE],
			  const void *context, size_t context_len, struct erot_payload_keys *out)
{
	uint8_t info[sizeof(COBBLESTONE_PREFIX) + EROT_SALT_SIZE + CONTEXT_MAX];
	size_t len = sizeof(COBBLESTONE_PREFIX);	/* with its zero byte */

	if (context_len > CONTEXT_MAX)
		return -EINVAL;
	memcpy(info, COBBLESTONE_PREFIX, len);
	memcpy(info + len, salt, EROT_SALT_SIZE);
	len += EROT_SALT_SIZE;
	if (context_len)
		memcpy(info + len, context, context_len);
	return erot_hkdf_expand_sha512(input_key, EROT_KEY_SIZE, info, len + context_len, out,
				       sizeof(*out));
}

int erot_payload_keys(const uint8_t content_key[EROT_KEY_SIZE], const uint8_t salt[EROT_SALT_SIZE],
		      struct erot_payload_keys *out)
{
	return erot_cobblestone_keys(content_key, salt, EROT_LABEL_PAYLOAD,
				     strlen(EROT_LABEL_PAYLOAD), out);
}

void erot_chunk_nonce(const struct erot_payload_keys *keys, uint64_t chunk,
		      uint8_t nonce[EROT_NONCE_SIZE])
{
	int i;

	memcpy(nonce, keys->base_nonce, EROT_NONCE_SIZE);
	for (i = 0; i < 8; i++)
		nonce[EROT_NONCE_SIZE - 1 - i] ^= (uint8_t)(chunk >> (8 * i));
}

int erot_chunk_seal(const struct erot_payload_keys *keys, uint64_t chunk, const void *pt,
		    size_t pt_len, uint8_t *ct)
{
	uint8_t nonce[EROT_NONCE_SIZE];

	if (pt_len > EROT_CHUNK_SIZE || chunk >> 38)
		return -EINVAL;
	erot_chunk_nonce(keys, chunk, nonce);
	return erot_gcm_seal(keys->key, nonce, NULL, 0, pt, pt_len, ct);
}

int erot_chunk_open(const struct erot_payload_keys *keys, uint64_t chunk, const uint8_t *ct,
		    size_t ct_len, uint8_t *pt)
{
	uint8_t nonce[EROT_NONCE_SIZE];

	if (ct_len > EROT_CHUNK_STRIDE || ct_len < EROT_TAG_SIZE || chunk >> 38)
		return -EBADMSG;
	erot_chunk_nonce(keys, chunk, nonce);
	return erot_gcm_open(keys->key, nonce, NULL, 0, ct, ct_len, pt);
}

#define WINDOW_CHUNKS	64

/**
 * struct window - what is encrypted at once: a call for each chunk costs more than its encryption
 * @len:  of the image, in @pt
 * @used: of that, handed to libfsverity
 */
struct window {
	size_t len, used;
	uint8_t pt[WINDOW_CHUNKS * EROT_CHUNK_SIZE];
	uint8_t ct[WINDOW_CHUNKS * EROT_CHUNK_STRIDE];
};

/*
 * One pass over a payload, in either direction. libfsverity drives it by asking for the image and
 * handing out the tree: what is hashed is byte for byte what is encrypted, or was decrypted. In
 * locked memory.
 */
struct pass {
	struct erot_payload_keys keys;
	uint8_t pt[EROT_CHUNK_SIZE];
	uint8_t ct[EROT_CHUNK_STRIDE];
	uint8_t desc[EROT_VERITY_DESC_SIZE];
	struct erot_payload_shape shape;
	int image_fd;
	int fd;
	uint64_t off;		/* of the payload in fd */
	uint64_t image_done;	/* bytes of image that were encrypted, or handed to libfsverity */
	struct window *window;	/* encrypt; of an image that lies in a file, so not locked */
	uint64_t payload_done;
	erot_progress_fn progress;
	void *ctx;
	struct erot_error *err;
};

static uint64_t image_chunks(const struct pass *p)
{
	return (p->shape.image_len + EROT_CHUNK_SIZE - 1) / EROT_CHUNK_SIZE;
}

static void report(struct pass *p, size_t more)
{
	p->payload_done += more;
	if (p->progress)
		p->progress(p->ctx, p->payload_done, p->shape.payload_len);
}

static int seal(struct pass *p, uint64_t chunk, const void *pt, size_t len, uint8_t *ct)
{
	int ret = erot_chunk_seal(&p->keys, chunk, pt, len, ct);

	if (ret)
		return erot_fail(p->err, -ret, "crypto", "payload: encrypting chunk %" PRIu64
				 " failed", chunk);
	return 0;
}

/* Chunks from @first on. */
static int put(struct pass *p, uint64_t first, const uint8_t *ct, size_t len)
{
	int ret = erot_pwrite_full(p->fd, ct, len, p->off + first * EROT_CHUNK_STRIDE);

	if (ret)
		return erot_fail(p->err, -ret, "io", "payload: writing: %s", strerror(-ret));
	report(p, len);
	return 0;
}

static int write_chunk(struct pass *p, uint64_t chunk, const void *pt, size_t len)
{
	int ret = seal(p, chunk, pt, len, p->ct);

	return ret ?: put(p, chunk, p->ct, len + EROT_TAG_SIZE);
}

/* The image's next chunks, as many as the window holds, are read, encrypted and written at once. */
static int encrypt_window(struct pass *p)
{
	struct window *w = p->window;
	uint64_t first = p->image_done / EROT_CHUNK_SIZE, left = p->shape.image_len - p->image_done;
	size_t len = left < sizeof(w->pt) ? (size_t)left : sizeof(w->pt), i;
	size_t chunks = (len + EROT_CHUNK_SIZE - 1) / EROT_CHUNK_SIZE;
	int ret;

	if (!len)
		return erot_fail(p->err, EIO, "verity", "image: read past its end");
	ret = erot_pread_full(p->image_fd, w->pt, len, p->image_done);
	if (ret)
		return erot_fail(p->err, -ret, "io", "image: %s",
				 ret == -ENODATA ? "became shorter" : strerror(-ret));
	memset(w->pt + len, 0, chunks * EROT_CHUNK_SIZE - len);
	for (i = 0; i < chunks; i++) {
		ret = seal(p, first + i, w->pt + i * EROT_CHUNK_SIZE, EROT_CHUNK_SIZE,
			   w->ct + i * EROT_CHUNK_STRIDE);
		if (ret)
			return ret;
	}
	ret = put(p, first, w->ct, chunks * EROT_CHUNK_STRIDE);
	p->image_done += len;
	w->len = len;
	w->used = 0;
	return ret;
}

static int encrypt_image(void *ctx, void *buf, size_t len)
{
	struct pass *p = ctx;
	struct window *w = p->window;
	uint8_t *out = buf;
	size_t n;
	int ret;

	for (; len; len -= n, out += n) {
		ret = w->used < w->len ? 0 : encrypt_window(p);
		if (ret)
			return ret;
		n = w->len - w->used < len ? w->len - w->used : len;
		memcpy(out, w->pt + w->used, n);
		w->used += n;
	}
	return 0;
}

static int encrypt_tree(void *ctx, const void *block, uint64_t off)
{
	struct pass *p = ctx;

	return write_chunk(p, image_chunks(p) + off / EROT_CHUNK_SIZE, block, EROT_CHUNK_SIZE);
}

static struct pass *pass_new(const uint8_t content_key[EROT_KEY_SIZE],
			     const uint8_t salt[EROT_SALT_SIZE], erot_progress_fn progress,
			     void *ctx, struct erot_error *err)
{
	struct pass *p = erot_secret_alloc(sizeof(*p), err);

	if (!p)
		return NULL;
	if (erot_payload_keys(content_key, salt, &p->keys)) {
		erot_fail(err, EIO, "crypto", "payload: deriving its keys failed");
		erot_secret_free(p);
		return NULL;
	}
	p->progress = progress;
	p->ctx = ctx;
	p->err = err;
	return p;
}

int erot_payload_encrypt(int image_fd, int out_fd, uint64_t out_off,
			 const uint8_t content_key[EROT_KEY_SIZE],
			 const uint8_t salt[EROT_SALT_SIZE], erot_progress_fn progress, void *ctx,
			 struct erot_payload_shape *shape, uint8_t code_hash[EROT_DIGEST_SIZE],
			 struct erot_error *err)
{
	uint8_t verity_salt[EROT_VERITY_SALT_SIZE];
	struct erot_verity_io io = { encrypt_image, encrypt_tree, NULL };
	struct stat st;
	struct pass *p;
	int ret;

	if (fstat(image_fd, &st))
		return erot_fail(err, errno, "io", "image: %s", strerror(errno));
	ret = erot_payload_shape((uint64_t)st.st_size, shape, err);
	if (ret)
		return ret;
	if (erot_random(verity_salt, sizeof(verity_salt)))
		return erot_fail(err, EIO, "crypto", "no random bytes");
	if (ftruncate(out_fd, (off_t)(out_off + shape->payload_len)))
		return erot_fail(err, errno, "io", "payload: %s", strerror(errno));
	p = pass_new(content_key, salt, progress, ctx, err);
	if (!p)
		return -ENOMEM;
	p->window = calloc(1, sizeof(*p->window));
	p->shape = *shape;
	p->image_fd = image_fd;
	p->fd = out_fd;
	p->off = out_off;
	io.ctx = p;
	if (!p->window)
		ret = erot_fail(err, ENOMEM, "no-memory", "out of memory");
	else
		ret = erot_verity_compute(&io, shape->image_len, verity_salt, p->desc, code_hash,
					  err);
	if (!ret)
		ret = write_chunk(p, shape->chunk_count - 1, p->desc, EROT_VERITY_DESC_SIZE);
	erot_wipe(verity_salt, sizeof(verity_salt));
	erot_wipe_free(p->window, offsetof(struct window, ct));
	erot_secret_free(p);
	return ret;
}

static int read_chunk(struct pass *p, uint64_t chunk, size_t len, uint8_t *pt)
{
	int ret;

	ret = erot_pread_full(p->fd, p->ct, len + EROT_TAG_SIZE,
			      p->off + chunk * EROT_CHUNK_STRIDE);
	if (ret == -ENODATA)
		return erot_fail(p->err, EBADMSG, "payload-length", "payload: became shorter");
	if (ret)
		return erot_fail(p->err, -ret, "io", "payload: reading: %s", strerror(-ret));
	ret = erot_chunk_open(&p->keys, chunk, p->ct, len + EROT_TAG_SIZE, pt);
	if (ret)
		return erot_fail(p->err, -ret, "payload-chunk", "payload: chunk %" PRIu64
				 " is damaged", chunk);
	report(p, len + EROT_TAG_SIZE);
	return 0;
}

static int decrypt_image(void *ctx, void *buf, size_t len)
{
	struct pass *p = ctx;
	uint8_t *out = buf;
	int ret;

	while (len) {
		uint64_t left = p->shape.image_len - p->image_done;
		size_t size = left < EROT_CHUNK_SIZE ? (size_t)left : EROT_CHUNK_SIZE;
		size_t start = p->image_done % EROT_CHUNK_SIZE, n, i;

		if (!left)
			return erot_fail(p->err, EIO, "verity", "image: read past its end");
		if (!start) {
			ret = read_chunk(p, p->image_done / EROT_CHUNK_SIZE, EROT_CHUNK_SIZE,
					 p->pt);
			if (ret)
				return ret;
			for (i = size; i < EROT_CHUNK_SIZE; i++)
				if (p->pt[i])
					return erot_fail(p->err, EBADMSG, "payload-padding",
							 "payload: padding is not zero");
			ret = p->image_fd < 0 ? 0 : erot_pwrite_full(p->image_fd, p->pt, size,
								     p->image_done);
			if (ret)
				return erot_fail(p->err, -ret, "io", "image: writing: %s",
						 strerror(-ret));
		}
		n = EROT_CHUNK_SIZE - start;
		if (n > left)
			n = (size_t)left;
		if (n > len)
			n = len;
		memcpy(out, p->pt + start, n);
		p->image_done += n;
		out += n;
		len -= n;
	}
	return 0;
}

static int compare_tree(void *ctx, const void *block, uint64_t off)
{
	struct pass *p = ctx;
	uint8_t *pt = p->ct;	/* GCM decrypts in place, and pt may hold image still */
	int ret;

	ret = read_chunk(p, image_chunks(p) + off / EROT_CHUNK_SIZE, EROT_CHUNK_SIZE, pt);
	if (!ret && memcmp(pt, block, EROT_CHUNK_SIZE))
		ret = erot_fail(p->err, EBADMSG, "payload-tree",
				"payload: its fs-verity tree is not that of its image");
	return ret;
}

int erot_payload_verify(int fd, uint64_t off, const struct erot_payload_shape *shape,
			const uint8_t content_key[EROT_KEY_SIZE],
			const uint8_t salt[EROT_SALT_SIZE],
			const uint8_t commitment[EROT_DIGEST_SIZE],
			const uint8_t code_hash[EROT_DIGEST_SIZE], int image_fd,
			erot_progress_fn progress, void *ctx, struct erot_error *err)
{
	uint8_t verity_salt[EROT_VERITY_SALT_SIZE], desc[EROT_VERITY_DESC_SIZE];
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_verity_io io = { decrypt_image, compare_tree, NULL };
	struct erot_payload_shape expect;
	struct stat st;
	struct pass *p;
	int ret;

	ret = erot_payload_shape(shape->image_len, &expect, err);
	if (ret)
		return ret;
	if (memcmp(shape, &expect, sizeof(expect)))
		return erot_fail(err, EBADMSG, "payload-length",
				 "payload: sizes do not fit together");
	if (fstat(fd, &st))
		return erot_fail(err, errno, "io", "payload: %s", strerror(errno));
	if (st.st_size < 0 || (uint64_t)st.st_size != off + shape->payload_len)
		return erot_fail(err, EBADMSG, "payload-length",
				 "payload: file of %" PRIu64 " bytes instead of %" PRIu64,
				 (uint64_t)st.st_size, off + shape->payload_len);
	p = pass_new(content_key, salt, progress, ctx, err);
	if (!p)
		return -ENOMEM;
	p->shape = *shape;
	p->image_fd = image_fd;
	p->fd = fd;
	p->off = off;
	io.ctx = p;
	if (!erot_secret_equal(p->keys.commitment, commitment, EROT_DIGEST_SIZE)) {
		ret = erot_fail(err, EBADMSG, "payload-commitment",
				"payload: not encrypted with this content key");
		goto out;
	}
	/*
	 * The descriptor first: it has the salt, and whether it is the right one is quickly known.
	 */
	ret = read_chunk(p, shape->chunk_count - 1, EROT_VERITY_DESC_SIZE, p->desc);
	if (!ret)
		ret = erot_verity_desc_salt(p->desc, shape->image_len, verity_salt, err);
	if (!ret && erot_sha256(p->desc, sizeof(p->desc), digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256 failed");
	if (!ret && code_hash && memcmp(digest, code_hash, EROT_DIGEST_SIZE))
		ret = erot_fail(err, EBADMSG, "payload-code-hash",
				"payload: its code hash is not that of the manifest");
	if (!ret)
		ret = erot_verity_compute(&io, shape->image_len, verity_salt, desc, digest, err);
	if (!ret && memcmp(desc, p->desc, sizeof(desc)))
		ret = erot_fail(err, EBADMSG, "payload-code-hash",
				"payload: its image does not have its code hash");
out:
	erot_wipe(verity_salt, sizeof(verity_salt));
	erot_wipe(desc, sizeof(desc));
	erot_secret_free(p);
	return ret;
}
