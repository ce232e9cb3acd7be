/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmarks share that use the module as its tests do: a clock, and how a figure is told,
 * on descriptor 3 (see lib.sh). What they write to stdout is for eyes.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "selftests/fixture.h"

/* The module's own times are of this clock. */
static inline uint64_t bench_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline double bench_us(uint64_t from, uint64_t to)
{
	return ((double)to - (double)from) / 1000;
}

static inline void __attribute__((noreturn)) bench_die(const char *what, int ret)
{
	fprintf(stderr, "bench: %s: %s: %s\n", what, strerror(-ret), fx_err.text);
	exit(1);
}

#define NEED(call) do { int __r = (call); if (__r) bench_die(#call, __r); } while (0)

/*
 * Sessions that do not run die 300 s after NEW: no more is made 200 s after @start, whatever was
 * asked for.
 */
static inline bool bench_may_make(uint64_t start)
{
	return bench_ns() - start < 200 * 1000000000ULL;
}

/* Asks until no session has a key: there is no event that would not be lost. */
static inline void bench_keys_gone(struct erot_nl_stats *st)
{
	do {
		NEED(erot_nl_stats(fx.nl, st, &fx_err));
	} while (st->keys && !poll(NULL, 0, 1));
}

/* Round 0 is for warming up and is not told. */
static inline void bench_tell(const char *bench, const char *what, const char *metric,
			      const char *unit, unsigned int round, double value)
{
	if (round && dprintf(3, "{\"bench\":\"%s\",\"case\":\"%s\",\"metric\":\"%s\","
			     "\"unit\":\"%s\",\"round\":%u,\"value\":%.3f}\n", bench, what,
			     metric, unit, round, value) < 0)
		bench_die("descriptor 3", -errno);
}

static inline unsigned int bench_number(int argc, char **argv, int which)
{
	unsigned long n = argc > which ? strtoul(argv[which], NULL, 10) : 0;

	if (!n || n > 16384) {
		fprintf(stderr, "usage: %s NUMBER...\n", argv[0]);
		exit(2);
	}
	return (unsigned int)n;
}

/* Fixture, and room for some descriptors for each of many sessions. */
static inline void bench_begin(void)
{
	struct rlimit files = { 131072, 131072 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		bench_die("RLIMIT_NOFILE", -errno);
	fx_prepare();
	NEED(fx_begin());
}

#endif
