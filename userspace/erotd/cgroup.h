/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup v2: one delegated parent, one leaf per launch. */
#ifndef EROTD_CGROUP_H
#define EROTD_CGROUP_H

#include <stdint.h>

#include "common/error.h"

/**
 * struct erotd_limits - of one launch
 * @memory_max: bytes; there is never swap
 * @pids_max:   tasks
 * @cpu_quota:  microseconds in each @cpu_period; 0: no limit
 * @cpu_period: microseconds
 */
struct erotd_limits {
	uint64_t memory_max;
	uint32_t pids_max;
	uint64_t cpu_quota;
	uint64_t cpu_period;
};

/**
 * erotd_cgroup_open() - make the parent, its controllers, and sweep what a killed erotd left
 * @path: of the parent
 * @err:  "cgroup"
 *
 * Return: descriptor of the directory or -errno.
 */
int erotd_cgroup_open(const char *path, struct erot_error *err);

/* Make a leaf with limits. Return: descriptor of its directory or -errno, and then no leaf. */
int erotd_cgroup_make(int parent, const char *name, const struct erotd_limits *limits,
		      struct erot_error *err);

/* Kill whatever is in a leaf and remove it. -EBUSY while something in it is still dying. */
int erotd_cgroup_remove(int parent, const char *name);

#endif /* EROTD_CGROUP_H */
