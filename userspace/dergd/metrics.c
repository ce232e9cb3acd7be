// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/metrics.h"
#include "dergd/route.h"

#define CODES_MAX	192	/* more than all checks have; none is the client's */
#define STATUSES	8

static const unsigned int statuses[STATUSES] = { 200, 201, 204, 400, 403, 404, 409, 0 };
static const double bounds[] = { .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10 };
#define BOUNDS (sizeof(bounds) / sizeof(*bounds))

/* One route, or what matched none. */
struct row {
	atomic_ullong by_status[STATUSES];	/* the last: every other status */
	atomic_ullong by_time[BOUNDS + 1];
	atomic_ullong ns;
};

struct code {
	char name[sizeof(((struct erot_error *)0)->code)];
	unsigned long long count;
};

/**
 * struct metrics - all counters
 * @routes: table; @rows has one more, for what matched none
 * @lock: guards @codes and @n_codes
 */
struct metrics {
	const struct api_route *routes;
	size_t n;
	struct row *rows;
	atomic_ullong counts[METRICS_COUNTS];
	atomic_llong gauges[METRICS_GAUGES];
	pthread_mutex_t lock;
	struct code codes[CODES_MAX];
	size_t n_codes;
};

struct metrics *metrics_new(const struct api_route *routes, size_t n)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->rows = calloc(n + 1, sizeof(*m->rows));
	if (!m->rows || pthread_mutex_init(&m->lock, NULL)) {
		free(m->rows);
		free(m);
		return NULL;
	}
	m->routes = routes;
	m->n = n;
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	pthread_mutex_destroy(&m->lock);
	free(m->rows);
	free(m);
}

static void count_code(struct metrics *m, const char *code)
{
	size_t i;

	pthread_mutex_lock(&m->lock);
	for (i = 0; i < m->n_codes && strcmp(m->codes[i].name, code); i++)
		;
	if (i == m->n_codes) {
		if (i == CODES_MAX - 1)
			code = "other";
		if (i < CODES_MAX)
			snprintf(m->codes[m->n_codes++].name, sizeof(m->codes->name), "%s", code);
		else
			i = CODES_MAX - 1;
	}
	m->codes[i].count++;
	pthread_mutex_unlock(&m->lock);
}

void metrics_request(struct metrics *m, const struct api_route *route, unsigned int status,
		     const char *code, uint64_t ns)
{
	struct row *row = &m->rows[route ? (size_t)(route - m->routes) : m->n];
	size_t i;

	for (i = 0; i < STATUSES - 1 && statuses[i] != status; i++)
		;
	atomic_fetch_add(&row->by_status[i], 1);
	for (i = 0; i < BOUNDS && (double)ns / 1e9 > bounds[i]; i++)
		;
	atomic_fetch_add(&row->by_time[i], 1);
	atomic_fetch_add(&row->ns, ns);
	if (code)
		count_code(m, code);
}

void metrics_count(struct metrics *m, enum metrics_count what)
{
	atomic_fetch_add(&m->counts[what], 1);
}

void metrics_change(struct metrics *m, enum metrics_gauge what, long long change)
{
	atomic_fetch_add(&m->gauges[what], change);
}

__attribute__((format(printf, 2, 3)))
static void add(struct erot_buf *out, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	erot_buf_add(out, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void head(struct erot_buf *out, const char *name, const char *type, const char *help)
{
	add(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_line(struct erot_buf *out, const char *name, const char *type, const char *help,
		  uint64_t value)
{
	head(out, name, type, help);
	add(out, "%s %" PRIu64 "\n", name, value);
}

/* {method="GET",route="/v1/log/tile/{tile}" ; without the brace that closes it */
static void labels(const struct metrics *m, size_t row, char *out, size_t size)
{
	const char *path = row < m->n ? m->routes[row].path : "none";

	snprintf(out, size, "{method=\"%s\",route=\"%.*s%s\"",
		 row < m->n ? m->routes[row].method : "any", (int)strcspn(path, "*"), path,
		 strchr(path, '*') ? "}" : "");
}

static void write_requests(struct metrics *m, struct erot_buf *out)
{
	unsigned long long count;
	char text[256], status[8];
	size_t i, k;

	head(out, "erot_http_requests_total", "counter", "Requests answered.");
	for (i = 0; i <= m->n; i++) {
		labels(m, i, text, sizeof(text));
		for (k = 0; k < STATUSES; k++) {
			count = atomic_load(&m->rows[i].by_status[k]);
			snprintf(status, sizeof(status), "%u", statuses[k]);
			if (count)
				add(out, "erot_http_requests_total%s,status=\"%s\"} %llu\n", text,
				    statuses[k] ? status : "other", count);
		}
	}
}

static void write_times(struct metrics *m, struct erot_buf *out)
{
	static const char name[] = "erot_http_request_duration_seconds";
	unsigned long long sum;
	char text[256];
	size_t i, k;

	head(out, name, "histogram", "From a request's first byte to its answer's last.");
	for (i = 0; i <= m->n; i++) {
		for (sum = 0, k = 0; k <= BOUNDS; k++)
			sum += atomic_load(&m->rows[i].by_time[k]);
		if (!sum)
			continue;
		labels(m, i, text, sizeof(text));
		for (sum = 0, k = 0; k <= BOUNDS; k++) {
			sum += atomic_load(&m->rows[i].by_time[k]);
			if (k < BOUNDS)
				add(out, "%s_bucket%s,le=\"%g\"} %llu\n", name, text, bounds[k],
				    sum);
			else
				add(out, "%s_bucket%s,le=\"+Inf\"} %llu\n", name, text, sum);
		}
		add(out, "%s_sum%s} %.6f\n", name, text,
		    (double)atomic_load(&m->rows[i].ns) / 1e9);
		add(out, "%s_count%s} %llu\n", name, text, sum);
	}
}

static void write_codes(struct metrics *m, struct erot_buf *out)
{
	size_t i;

	head(out, "erot_refusals_total", "counter", "Requests refused, by the code of the check.");
	pthread_mutex_lock(&m->lock);
	for (i = 0; i < m->n_codes; i++)
		add(out, "erot_refusals_total{code=\"%s\"} %llu\n", m->codes[i].name,
		    m->codes[i].count);
	pthread_mutex_unlock(&m->lock);
}

void metrics_write(struct metrics *m, struct erot_buf *out)
{
	static const struct {
		const char *name;
		const char *help;
	} gauges[METRICS_GAUGES] = {
		[METRICS_OPEN] = { "erot_connections", "Connections open now." },
		[METRICS_BODY_BYTES] = { "erot_body_bytes", "Bodies being read or worked on." },
	}, counts[METRICS_COUNTS] = {
		[METRICS_CONNECTIONS] = { "erot_connections_total", "Connections taken." },
		[METRICS_CONNECTIONS_REFUSED] = { "erot_connections_refused_total",
			"Connections over a limit." },
		[METRICS_CONNECTIONS_CUT] = { "erot_connections_cut_total",
			"Connections ended by a deadline, or to make room." },
		[METRICS_RELOADS] = { "erot_reloads_total", "Configurations taken while running." },
		[METRICS_RELOAD_FAILURES] = { "erot_reload_failures_total",
			"Configurations refused while running." },
	};
	long long now;
	size_t i;

	write_requests(m, out);
	write_times(m, out);
	write_codes(m, out);
	for (i = 0; i < METRICS_GAUGES; i++) {
		now = atomic_load(&m->gauges[i]);
		metrics_line(out, gauges[i].name, "gauge", gauges[i].help,
			     now > 0 ? (uint64_t)now : 0);
	}
	for (i = 0; i < METRICS_COUNTS; i++)
		metrics_line(out, counts[i].name, "counter", counts[i].help,
			     atomic_load(&m->counts[i]));
}
