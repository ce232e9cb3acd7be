/* SPDX-License-Identifier: GPL-2.0-only */
/* What a library function says when it fails: a stable code and one line of text. */
#ifndef EROT_COMMON_ERROR_H
#define EROT_COMMON_ERROR_H

#include <errno.h>

/**
 * struct erot_error - why a call failed; left alone by one that succeeds
 * @code: stable and short, lower case with dashes ("receipt-expired"); scripts may compare it
 * @text: one line, names the thing and the reason; for people
 * @expected: what a comparison wanted, a digest in hexadecimal for instance; or ""
 * @actual: what it found; or ""
 */
struct erot_error {
	char code[32];
	char text[200];
	char expected[72];
	char actual[72];
};

/**
 * erot_fail() - fill an error
 * @err:  may be NULL
 * @num:  positive errno
 * @code: stable code
 * @fmt:  text as in printf; control characters in the result become '?'
 *
 * Return: -@num, so that a failing path is one statement.
 */
int erot_fail(struct erot_error *err, int num, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * erot_fail_compared() - fill an error of a comparison
 * @err:      may be NULL
 * @num:      positive errno
 * @code:     stable code
 * @expected: what was wanted
 * @actual:   what was there
 * @fmt:      text as in printf
 *
 * Return: -@num.
 */
int erot_fail_compared(struct erot_error *err, int num, const char *code, const char *expected,
		       const char *actual, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* The same of two digests. */
int erot_fail_digests(struct erot_error *err, int num, const char *code,
		      const unsigned char expected[32], const unsigned char actual[32],
		      const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/**
 * erot_error_prefix() - put the thing that was worked on before the text
 * @err: may be NULL
 * @fmt: prefix, ": " is added
 */
void erot_error_prefix(struct erot_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * erot_printable() - make a text safe for a terminal, and UTF-8 (RFC 3629), as JSON has to be
 * @s: may carry what a peer sent, and be cut anywhere; control characters, C1 among them, and bytes
 *     that are of no character become '?' byte by byte
 */
void erot_printable(char *s);

#endif /* EROT_COMMON_ERROR_H */
