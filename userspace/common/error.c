// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/io.h"

void erot_printable(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			*s = '?';
		} else if ((unsigned char)s[0] == 0xc2 && (s[1] & 0xe0) == 0x80) {
			*s++ = '?';	/* U+0080 to U+009F: CSI as one character, and others */
			*s = '?';
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
