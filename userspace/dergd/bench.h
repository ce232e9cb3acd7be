/* SPDX-License-Identifier: GPL-2.0-only */
/* What the benchmarks of the DERG share. */
#ifndef DERGD_BENCH_H
#define DERGD_BENCH_H

#include <stdio.h>
#include <time.h>

/* Seconds. */
static inline double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* One sample, as bench/lib.sh has it. */
static inline void bench_tell(const char *bench, const char *side, const char *metric,
			      const char *unit, int round, double value)
{
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"metric\":\"%s\",\"unit\":\"%s\","
	       "\"round\":%d,\"value\":%.3f}\n", bench, side, metric, unit, round, value);
}

#endif
