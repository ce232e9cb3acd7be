/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters since load; read by STATS. */
#ifndef EROT_STATS_H
#define EROT_STATS_H

#include <linux/atomic.h>

struct erot_stats {
	atomic_t sessions;
	atomic64_t created;
	atomic64_t refused;
	atomic64_t chunks;
	atomic64_t shared;
	atomic64_t damaged;
	atomic64_t pinned;
};

extern struct erot_stats erot_stats;

#endif
