/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service's log: logfmt lines on standard error, one write() each, so that
 * threads never mix theirs. Callers give names and numbers, never bodies.
 */
#ifndef DERGD_LOGLINE_H
#define DERGD_LOGLINE_H

#include "common/error.h"

/** enum log_level - as syslog(3) */
enum log_level { LOG_LINE_ERROR = 3, LOG_LINE_WARNING = 4, LOG_LINE_INFO = 6 };

/**
 * log_pairs() - one line
 * @level: of it
 * @pairs: name, value, name, value; a pair with the value NULL is left out
 * @n: of both together
 */
void log_pairs(enum log_level level, const char *const *pairs, size_t n);

/* log_line(LOG_LINE_INFO, "reload", "file", path): what happened, then pairs. */
#define log_line(level, ...)									\
	log_pairs(level, (const char *const[]) { "event", __VA_ARGS__ },			\
		  sizeof((const char *const[]) { "event", __VA_ARGS__ }) / sizeof(char *))

/* The same with the code and the text of an error. */
void log_error(const char *event, const struct erot_error *err);

#endif
