/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters of the service, and their text for Prometheus (exposition format 0.0.4). */
#ifndef DERGD_METRICS_H
#define DERGD_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "dergd/api.h"

struct metrics;

/* NULL without memory. @routes must stay. */
struct metrics *metrics_new(const struct api_route *routes, size_t n);
void metrics_free(struct metrics *m);

/**
 * metrics_request() - one request was answered
 * @route: NULL: none matched
 * @status: of the answer
 * @code: of the refusal; NULL: none
 * @ns: from its first byte to the answer
 */
void metrics_request(struct metrics *m, const struct api_route *route, unsigned int status,
		     const char *code, uint64_t ns);

/** enum metrics_count - what else is counted */
enum metrics_count {
	METRICS_CONNECTIONS,		/* taken */
	METRICS_CONNECTIONS_REFUSED,	/* too many of all or of one address */
	METRICS_CONNECTIONS_CUT,	/* past a deadline, or to make room */
	METRICS_RELOADS,
	METRICS_RELOAD_FAILURES,
	METRICS_COUNTS,
};

void metrics_count(struct metrics *m, enum metrics_count what);

/** enum metrics_gauge - what is there now */
enum metrics_gauge {
	METRICS_OPEN,			/* connections */
	METRICS_BODY_BYTES,		/* of bodies that are being read */
	METRICS_GAUGES,
};

void metrics_change(struct metrics *m, enum metrics_gauge what, long long change);

/**
 * metrics_line() - one more value, written by whoever knows it
 * @name: "erot_log_entries"
 * @type: "gauge" or "counter"
 */
void metrics_line(struct erot_buf *out, const char *name, const char *type, const char *help,
		  uint64_t value);

/* All of the above as text, appended. */
void metrics_write(struct metrics *m, struct erot_buf *out);

#endif
