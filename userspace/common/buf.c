// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"

/* Not realloc(): it would leave the old bytes behind. */
static bool reserve(struct erot_buf *b, size_t more)
{
	size_t cap;
	uint8_t *data;

	if (b->failed)
		return false;
	if (more <= b->cap - b->len)
		return true;
	if (more > SIZE_MAX / 2 - b->len)
		goto fail;
	cap = b->cap ? b->cap : 256;
	while (cap < b->len + more)
		cap *= 2;
	data = malloc(cap);
	if (!data)
		goto fail;
	if (b->len)
		memcpy(data, b->data, b->len);
	erot_wipe_free(b->data, b->cap);
	b->data = data;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

void erot_buf_add(struct erot_buf *b, const void *data, size_t len)
{
	if (!len || !reserve(b, len))
		return;
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void add_le(struct erot_buf *b, uint64_t v, size_t size)
{
	uint8_t raw[8];
	size_t i;

	for (i = 0; i < size; i++)
		raw[i] = (uint8_t)(v >> (8 * i));
	erot_buf_add(b, raw, size);
}

void erot_buf_u8(struct erot_buf *b, uint8_t v)
{
	add_le(b, v, 1);
}

void erot_buf_u16(struct erot_buf *b, uint16_t v)
{
	add_le(b, v, 2);
}

void erot_buf_u32(struct erot_buf *b, uint32_t v)
{
	add_le(b, v, 4);
}

void erot_buf_u64(struct erot_buf *b, uint64_t v)
{
	add_le(b, v, 8);
}

void erot_buf_zero(struct erot_buf *b, size_t len)
{
	if (!len || !reserve(b, len))
		return;
	memset(b->data + b->len, 0, len);
	b->len += len;
}

void erot_buf_lp(struct erot_buf *b, const void *data, size_t len)
{
	if (len > UINT32_MAX) {
		b->failed = true;
		return;
	}
	erot_buf_u32(b, (uint32_t)len);
	erot_buf_add(b, data, len);
}

void erot_buf_lp_str(struct erot_buf *b, const char *s)
{
	erot_buf_lp(b, s, strlen(s));
}

int erot_buf_done(const struct erot_buf *b, struct erot_error *err)
{
	if (b->failed)
		return erot_fail(err, ENOMEM, "no-memory", "out of memory");
	return 0;
}

uint8_t *erot_buf_take(struct erot_buf *b, size_t *len)
{
	uint8_t *data = b->data;

	*len = b->len;
	memset(b, 0, sizeof(*b));
	return data;
}

void erot_buf_free(struct erot_buf *b)
{
	erot_wipe_free(b->data, b->cap);
	memset(b, 0, sizeof(*b));
}

void erot_reader_init(struct erot_reader *r, const void *data, size_t len)
{
	r->p = data;
	r->left = len;
	r->failed = false;
}

const uint8_t *erot_read_bytes(struct erot_reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->failed || len > r->left) {
		r->failed = true;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

static uint64_t read_le(struct erot_reader *r, size_t size)
{
	const uint8_t *p = erot_read_bytes(r, size);
	uint64_t v = 0;

	if (!p)
		return 0;
	while (size--)
		v = v << 8 | p[size];
	return v;
}

uint8_t erot_read_u8(struct erot_reader *r)
{
	return (uint8_t)read_le(r, 1);
}

uint16_t erot_read_u16(struct erot_reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint32_t erot_read_u32(struct erot_reader *r)
{
	return (uint32_t)read_le(r, 4);
}

uint64_t erot_read_u64(struct erot_reader *r)
{
	return read_le(r, 8);
}

void erot_read_copy(struct erot_reader *r, void *out, size_t len)
{
	const uint8_t *p = erot_read_bytes(r, len);

	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

const uint8_t *erot_read_lp(struct erot_reader *r, size_t max, size_t *len)
{
	uint32_t n = erot_read_u32(r);

	*len = 0;
	if (n > max) {
		r->failed = true;
		return NULL;
	}
	if (!erot_read_bytes(r, 0) || n > r->left) {
		r->failed = true;
		return NULL;
	}
	*len = n;
	return erot_read_bytes(r, n);
}

int erot_reader_done(const struct erot_reader *r, const char *what, struct erot_error *err)
{
	if (r->failed)
		return erot_fail(err, EBADMSG, "short", "%s is shorter than it says", what);
	if (r->left)
		return erot_fail(err, EBADMSG, "trailing-bytes", "%s has %zu bytes too many", what,
				 r->left);
	return 0;
}
