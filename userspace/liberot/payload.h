/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Payloads: an image, its fs-verity tree and descriptor as chunks of C2SP chunked-encryption,
 * Cobblestone-256 (https://c2sp.org/chunked-encryption). Salt and commitment stand in the envelope.
 */
#ifndef EROT_LIBEROT_PAYLOAD_H
#define EROT_LIBEROT_PAYLOAD_H

#include "common/error.h"
#include "liberot/verity.h"

/**
 * struct erot_payload_shape - sizes, all of which follow from @image_len
 * @image_len:   bytes, multiple of EROT_IMAGE_ALIGN
 * @tree_len:    bytes
 * @chunk_count: the last one is the descriptor
 * @payload_len: bytes of ciphertext
 */
struct erot_payload_shape {
	uint64_t image_len;
	uint64_t tree_len;
	uint64_t chunk_count;
	uint64_t payload_len;
};

/**
 * struct erot_payload_keys - from one content key and salt; secret
 * @key:        AES-256-GCM
 * @base_nonce: XORed with the big-endian chunk number
 * @commitment: public
 */
struct erot_payload_keys {
	uint8_t key[EROT_KEY_SIZE];
	uint8_t base_nonce[EROT_NONCE_SIZE];
	uint8_t commitment[EROT_DIGEST_SIZE];
};

/* Called with bytes of payload done and to do. */
typedef void (*erot_progress_fn)(void *ctx, uint64_t done, uint64_t total);

/* -EINVAL, "payload-image-size". */
int erot_payload_shape(uint64_t image_len, struct erot_payload_shape *out, struct erot_error *err);

/* Cobblestone-256 key schedule with any context; -EIO. */
int erot_cobblestone_keys(const uint8_t input_key[EROT_KEY_SIZE],
			  const uint8_t salt[EROT_SALT_SIZE],
			  const void *context, size_t context_len, struct erot_payload_keys *out);

/* The same with EROT_LABEL_PAYLOAD, the context of all payloads. */
int erot_payload_keys(const uint8_t content_key[EROT_KEY_SIZE], const uint8_t salt[EROT_SALT_SIZE],
		      struct erot_payload_keys *out);

void erot_chunk_nonce(const struct erot_payload_keys *keys, uint64_t chunk,
		      uint8_t nonce[EROT_NONCE_SIZE]);

/* One chunk; at most EROT_CHUNK_SIZE bytes of plaintext. Open: -EBADMSG when not authentic. */
int erot_chunk_seal(const struct erot_payload_keys *keys, uint64_t chunk, const void *pt,
		    size_t pt_len, uint8_t *ct);
int erot_chunk_open(const struct erot_payload_keys *keys, uint64_t chunk, const uint8_t *ct,
		    size_t ct_len, uint8_t *pt);

/**
 * erot_payload_encrypt() - make a payload out of an image, in one pass
 * @image_fd:    regular file; read from its start
 * @out_fd:      regular file, opened for writing
 * @out_off:     where the payload begins in it; the file is cut or extended to end with the payload
 * @content_key: random; never used with another image and the same @salt
 * @salt:        random, of the Cobblestone message
 * @progress:    or NULL
 * @ctx:         for @progress
 * @shape:       gets the sizes
 * @code_hash:   gets the fs-verity digest of the image; its salt is random
 * @err:         "payload-image-size", "io", "crypto"
 *
 * Return: 0 or -errno; on failure the payload is unfinished and to be thrown away.
 */
int erot_payload_encrypt(int image_fd, int out_fd, uint64_t out_off,
			 const uint8_t content_key[EROT_KEY_SIZE],
			 const uint8_t salt[EROT_SALT_SIZE], erot_progress_fn progress, void *ctx,
			 struct erot_payload_shape *shape, uint8_t code_hash[EROT_DIGEST_SIZE],
			 struct erot_error *err);

/**
 * erot_payload_verify() - read a payload as the module would, all of it
 * @fd:          regular file
 * @off:         where the payload begins
 * @shape:       from the envelope
 * @content_key: of the payload
 * @salt:        from the envelope
 * @commitment:  from the envelope
 * @code_hash:   from the manifest, or NULL: any
 * @image_fd:    the image is written there, or -1
 * @progress:    or NULL
 * @ctx:         for @progress
 * @err:         "payload-length" (file does not end with the payload), "payload-commitment",
 *               "payload-chunk" (not authentic), "payload-padding", "payload-tree",
 *               "payload-code-hash", "verity-descriptor", "io"
 *
 * Return: 0, -EBADMSG or -errno.
 */
int erot_payload_verify(int fd, uint64_t off, const struct erot_payload_shape *shape,
			const uint8_t content_key[EROT_KEY_SIZE],
			const uint8_t salt[EROT_SALT_SIZE],
			const uint8_t commitment[EROT_DIGEST_SIZE],
			const uint8_t code_hash[EROT_DIGEST_SIZE], int image_fd,
			erot_progress_fn progress, void *ctx, struct erot_error *err);

#endif /* EROT_LIBEROT_PAYLOAD_H */
