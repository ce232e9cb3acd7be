/* SPDX-License-Identifier: GPL-2.0-only */
/* A growing buffer, and a reader that cannot run over. Little-endian throughout. */
#ifndef EROT_COMMON_BUF_H
#define EROT_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/**
 * struct erot_buf - bytes being put together; start from all zeros
 * @data:   owned; wiped when it moves and when it is freed
 * @len:    bytes in use
 * @cap:    bytes allocated
 * @failed: an append found no memory; later ones do nothing, erot_buf_done() reports it
 */
struct erot_buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool failed;
};

void erot_buf_add(struct erot_buf *b, const void *data, size_t len);
void erot_buf_u8(struct erot_buf *b, uint8_t v);
void erot_buf_u16(struct erot_buf *b, uint16_t v);
void erot_buf_u32(struct erot_buf *b, uint32_t v);
void erot_buf_u64(struct erot_buf *b, uint64_t v);
void erot_buf_zero(struct erot_buf *b, size_t len);

/* lp(x): u32 length, then x. Lengths of 4 GiB and more make the buffer fail. */
void erot_buf_lp(struct erot_buf *b, const void *data, size_t len);
void erot_buf_lp_str(struct erot_buf *b, const char *s);

/**
 * erot_buf_done() - did every append succeed?
 *
 * Return: 0 or -ENOMEM, code "no-memory".
 */
int erot_buf_done(const struct erot_buf *b, struct erot_error *err);

/* Hands the bytes over to the caller, who frees them, and leaves @b empty. */
uint8_t *erot_buf_take(struct erot_buf *b, size_t *len);

/* Wipes, frees, leaves @b empty. */
void erot_buf_free(struct erot_buf *b);

/**
 * struct erot_reader - reads @left bytes at @p
 * @p:      next byte
 * @left:   bytes behind it
 * @failed: something reached over the end; what was returned since is zero or NULL
 */
struct erot_reader {
	const uint8_t *p;
	size_t left;
	bool failed;
};

void erot_reader_init(struct erot_reader *r, const void *data, size_t len);
uint8_t erot_read_u8(struct erot_reader *r);
uint16_t erot_read_u16(struct erot_reader *r);
uint32_t erot_read_u32(struct erot_reader *r);
uint64_t erot_read_u64(struct erot_reader *r);
/* Points into the input; NULL (and failed) when fewer than @len bytes are left. */
const uint8_t *erot_read_bytes(struct erot_reader *r, size_t len);
/* Copies; zeros on failure. */
void erot_read_copy(struct erot_reader *r, void *out, size_t len);
/* Reads lp(x) with x of at most @max bytes. */
const uint8_t *erot_read_lp(struct erot_reader *r, size_t max, size_t *len);

/**
 * erot_reader_done() - was everything there, and nothing more?
 * @what: thing that was read, for the message
 *
 * Return: 0 or -EBADMSG, code "short" or "trailing-bytes".
 */
int erot_reader_done(const struct erot_reader *r, const char *what, struct erot_error *err);

#endif /* EROT_COMMON_BUF_H */
