// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "common/base64.h"
#include "common/secret.h"

char *erot_base64_encode(const void *data, size_t len)
{
	char *text;

	if (len > INT_MAX / 2)
		return NULL;
	text = malloc((len + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	text[0] = 0;
	if (len)
		EVP_EncodeBlock((unsigned char *)text, data, (int)len);
	return text;
}

int erot_base64_decode(const char *text, size_t max, uint8_t **data, size_t *len,
		       struct erot_error *err)
{
	size_t chars, size, pad = 0;
	uint8_t *out;
	char *again;
	int same;

	*data = NULL;
	*len = 0;
	if (max > INT_MAX / 4)
		max = INT_MAX / 4;
	chars = strnlen(text, (max + 2) / 3 * 4 + 1);
	if (chars > (max + 2) / 3 * 4)
		return erot_fail(err, EFBIG, "too-big", "base64: more than %zu bytes", max);
	if (chars % 4)
		return erot_fail(err, EINVAL, "base64", "base64: length is no multiple of 4");
	size = chars / 4 * 3;
	out = malloc(size + 1);
	if (!out)
		return erot_fail(err, ENOMEM, "no-memory", "base64: out of memory");
	if (chars && EVP_DecodeBlock(out, (const unsigned char *)text, (int)chars) != (int)size)
		goto bad;
	if (chars)
		pad = (text[chars - 1] == '=') + (text[chars - 2] == '=');
	size -= pad;
	if (size > max) {
		erot_wipe_free(out, size + pad);
		return erot_fail(err, EFBIG, "too-big", "base64: more than %zu bytes", max);
	}
	/* OpenSSL skips blanks and ignores stray bits: only the canonical text will do. */
	again = erot_base64_encode(out, size);
	if (!again)
		goto bad;
	same = !strcmp(again, text);
	erot_wipe_free(again, chars);
	if (!same)
		goto bad;
	out[size] = 0;
	*data = out;
	*len = size;
	return 0;
bad:
	erot_wipe_free(out, size);
	return erot_fail(err, EINVAL, "base64", "base64: not canonical");
}

int erot_base64_exact(const char *text, void *out, size_t len, struct erot_error *err)
{
	uint8_t *data;
	size_t got;
	int ret;

	ret = erot_base64_decode(text, len, &data, &got, err);
	if (ret)
		return ret;
	if (got == len)
		memcpy(out, data, len);
	else
		ret = erot_fail(err, EINVAL, "base64", "base64: %zu bytes instead of %zu", got,
				len);
	erot_wipe_free(data, got);
	return ret;
}
