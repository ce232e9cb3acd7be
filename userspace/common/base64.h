/* SPDX-License-Identifier: GPL-2.0-only */
/* Standard base64 (RFC 4648, section 4), padded, on one line. */
#ifndef EROT_COMMON_BASE64_H
#define EROT_COMMON_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* To be freed by the caller; NULL without memory. */
char *erot_base64_encode(const void *data, size_t len);

/**
 * erot_base64_decode() - strict: only what erot_base64_encode() would have written
 * @text: zero-terminated
 * @max:  most bytes wanted
 * @data: to be freed by the caller
 * @len:  bytes
 * @err:  codes "base64", "too-big", "no-memory"
 *
 * Return: 0, -EINVAL, -EFBIG or -ENOMEM.
 */
int erot_base64_decode(const char *text, size_t max, uint8_t **data, size_t *len,
		       struct erot_error *err);

/* The same into @len bytes exactly. */
int erot_base64_exact(const char *text, void *out, size_t len, struct erot_error *err);

#endif /* EROT_COMMON_BASE64_H */
