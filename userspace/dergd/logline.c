// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dergd/logline.h"

#define LINE_MAX_BYTES 2048

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

static void put(struct line *l, const char *text, size_t len)
{
	size_t room = sizeof(l->text) - 1 - l->len;	/* for the newline */

	if (len > room)
		len = room;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

/* Quoted where it has to be. Nothing in it ends a line or moves a terminal's cursor. */
static void put_value(struct line *l, const char *value)
{
	bool quote = !*value;
	const char *p;
	char c;

	for (p = value; *p; p++)
		quote |= *p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p == 0x7f;
	if (quote)
		put(l, "\"", 1);
	for (p = value; *p; p++) {
		c = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
		if (c == '"' || c == '\\')
			put(l, "\\", 1);
		put(l, &c, 1);
	}
	if (quote)
		put(l, "\"", 1);
}

static void put_pair(struct line *l, const char *name, const char *value)
{
	put(l, " ", 1);
	put(l, name, strlen(name));
	put(l, "=", 1);
	put_value(l, value);
}

static void put_head(struct line *l, enum log_level level)
{
	struct timespec now;
	char text[64];
	struct tm tm;
	size_t n;

	if (getenv("JOURNAL_STREAM")) {
		/* the journal has its own clock and reads this prefix */
		n = (size_t)snprintf(text, sizeof(text), "<%d>", level);
	} else {
		clock_gettime(CLOCK_REALTIME, &now);
		gmtime_r(&now.tv_sec, &tm);
		n = strftime(text, sizeof(text), "time=%Y-%m-%dT%H:%M:%S", &tm);
		n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03ldZ ",
				      now.tv_nsec / 1000000);
	}
	put(l, text, n);
	put(l, "level=", 6);
	put_value(l, level == LOG_LINE_INFO ? "info" :
		     level == LOG_LINE_WARNING ? "warning" : "error");
}

static void finish(struct line *l)
{
	l->text[l->len++] = '\n';
	if (write(STDERR_FILENO, l->text, l->len) < 0)
		return;		/* nobody reads the log: there is nobody to tell */
}

void log_pairs(enum log_level level, const char *const *pairs, size_t n)
{
	struct line l = { .len = 0 };
	size_t i;

	put_head(&l, level);
	for (i = 0; i + 1 < n; i += 2)
		if (pairs[i + 1])
			put_pair(&l, pairs[i], pairs[i + 1]);
	finish(&l);
}

void log_error(const char *event, const struct erot_error *err)
{
	log_line(LOG_LINE_ERROR, event, "code", err->code, "detail", err->text);
}
