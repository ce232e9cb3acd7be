/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all workers share: which edges and answers were seen, the programs that showed them, and
 * what each worker runs at this moment. In the guest it lies in memory of the host (run.sh
 * --shared), so that it outlives a kernel that dies.
 */
#ifndef FUZZ_STORE_H
#define FUZZ_STORE_H

#include <stdbool.h>

#include "fuzz/guest/program.h"

#define STORE_SIZE	(8U << 20)
#define STORE_WORKERS	4
#define STORE_RECENT	32
#define STORE_KEPT	8192
#define STORE_SIGNALS	(1U << 18)	/* bits */
#define STORE_MAGIC	0x315a5546	/* "FUZ1" */

/**
 * struct store - see above
 * @recent: of each worker; the last one begun is at @runs % STORE_RECENT
 * @kept:   programs; @n_kept is raised first, so one may be empty for a moment
 * @done:   how often each step succeeded
 * @edges:  one bit each, of a hash of two places
 * @answers: one bit each, of a hash of step, errno and text
 */
struct store {
	uint32_t magic;
	uint32_t n_kept;
	uint64_t runs[STORE_WORKERS];
	uint64_t steps[STORE_WORKERS];
	uint64_t done[STEP_OPS];
	uint32_t n_edges, n_places, n_answers;
	uint32_t edges[STORE_SIGNALS / 32];
	uint32_t places[STORE_SIGNALS / 32];
	uint32_t answers[STORE_SIGNALS / 32];
	struct program recent[STORE_WORKERS][STORE_RECENT];
	struct program kept[STORE_KEPT];
};

_Static_assert(sizeof(struct store) <= STORE_SIZE, "fits");

/* @path: a file of STORE_SIZE; NULL: memory of the host if there is any, else of this process. */
struct store *store_open(const char *path);

/* Sets the bit of a hash; true when it was not set. */
bool store_see(uint32_t *set, uint32_t *count, uint64_t hash);

void store_keep(struct store *s, const struct program *p);

/* false: there is none. */
bool store_pick(struct store *s, uint64_t *random, struct program *p);

/* Every program kept, and those that ran last when the kernel died, as files below @dir. */
int store_unpack(struct store *s, const char *dir, bool died);

uint64_t store_hash(const void *data, size_t len, uint64_t seed);

#endif
