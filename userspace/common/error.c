// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/io.h"

/*
 * How many bytes the character at @s has; 0 if what is there is none (RFC 3629, section 4). A text
 * that was cut ends in the middle of one.
 */
static size_t character(const char *s)
{
	static const struct {
		uint8_t first, last, low, high;	/* of its first byte, of its second */
		size_t len;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const uint8_t *c = (const uint8_t *)s;
	size_t i, n;

	if (c[0] < 0x80)
		return 1;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (c[0] >= rows[i].first && c[0] <= rows[i].last)
			break;
	if (i == sizeof(rows) / sizeof(rows[0]) || c[1] < rows[i].low || c[1] > rows[i].high)
		return 0;
	for (n = 2; n < rows[i].len; n++)
		if ((c[n] & 0xc0) != 0x80)
			return 0;
	return n;
}

void erot_printable(char *s)
{
	size_t len;

	while (*s) {
		len = character(s);
		if (!len || (len == 1 && ((uint8_t)*s < 0x20 || *s == 0x7f))) {
			*s++ = '?';
		} else if (len == 2 && (uint8_t)s[0] == 0xc2 && (uint8_t)s[1] < 0xa0) {
			*s++ = '?';	/* U+0080 to U+009F: CSI as one character, and others */
			*s++ = '?';
		} else {
			s += len;
		}
	}
}

static void fill(struct erot_error *err, const char *code, const char *expected,
		 const char *actual, const char *fmt, va_list ap)
{
	snprintf(err->code, sizeof(err->code), "%s", code);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	snprintf(err->expected, sizeof(err->expected), "%s", expected);
	snprintf(err->actual, sizeof(err->actual), "%s", actual);
	erot_printable(err->code);
	erot_printable(err->text);
	erot_printable(err->expected);
	erot_printable(err->actual);
}

int erot_fail(struct erot_error *err, int num, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -num;
	va_start(ap, fmt);
	fill(err, code, "", "", fmt, ap);
	va_end(ap);
	return -num;
}

int erot_fail_compared(struct erot_error *err, int num, const char *code, const char *expected,
		       const char *actual, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -num;
	va_start(ap, fmt);
	fill(err, code, expected, actual, fmt, ap);
	va_end(ap);
	return -num;
}

int erot_fail_digests(struct erot_error *err, int num, const char *code,
		      const unsigned char expected[32], const unsigned char actual[32],
		      const char *fmt, ...)
{
	char want[65], got[65];
	va_list ap;

	if (!err)
		return -num;
	va_start(ap, fmt);
	fill(err, code, erot_hex(expected, 32, want), erot_hex(actual, 32, got), fmt, ap);
	va_end(ap);
	return -num;
}

void erot_error_prefix(struct erot_error *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	int n;

	if (!err)
		return;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - n, ": %s", old);
	erot_printable(err->text);
}
