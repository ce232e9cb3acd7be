/* SPDX-License-Identifier: GPL-2.0-only */
/* Envelopes: what turns an ERoT private key into the keys of a payload's chunks. */
#ifndef EROT_EWC_H
#define EROT_EWC_H

#include <linux/types.h>
#include <linux/erot_format.h>

/**
 * struct erot_ewc - a checked view of an envelope; points into its buffer
 * @image_len:    bytes of plaintext image
 * @tree_len:     bytes of fs-verity tree
 * @chunk_count:  image, tree, and one of EROT_VERITY_DESC_SIZE
 * @payload_off:  0 or where the payload begins behind the envelope
 * @payload_len:  bytes; the payload's file ends there
 * @len:          bytes of the envelope
 * @manifest_len: bytes
 * @manifest:     in the buffer
 * @header:       in the buffer
 * @seal:         in the buffer
 */
struct erot_ewc {
	u64 image_len;
	u64 tree_len;
	u64 chunk_count;
	u64 payload_off;
	u64 payload_len;
	size_t len;
	u32 manifest_len;
	const u8 *manifest;
	const struct erot_ewc_header *header;
	const struct erot_ewc_seal *seal;
};

/**
 * struct erot_chunk_keys - of one payload; secret, so it lives in scratch memory
 * @key:        AES-256-GCM
 * @base_nonce: for erot_chunk_nonce()
 */
struct erot_chunk_keys {
	u8 key[EROT_KEY_SIZE];
	u8 base_nonce[EROT_NONCE_SIZE];
};

int erot_ewc_length(const void *head, size_t have, size_t *len, const char **why);
int erot_ewc_parse(const void *buf, size_t len, struct erot_ewc *out, const char **why);
int erot_ewc_open(const struct erot_ewc *e, const u8 sk[EROT_KEY_SIZE],
		  const u8 statement[EROT_DIGEST_SIZE], struct erot_chunk_keys *out,
		  const char **why);
void erot_chunk_nonce(const u8 base[EROT_NONCE_SIZE], u64 chunk, u8 out[EROT_NONCE_SIZE]);

#endif /* EROT_EWC_H */
