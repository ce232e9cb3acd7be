/* SPDX-License-Identifier: GPL-2.0-only */
/* What the module ran for the calling thread: KCOV, where the kernel and the module have it. */
#ifndef FUZZ_COVERAGE_H
#define FUZZ_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "fuzz/guest/program.h"

struct coverage;

/* NULL: this kernel has none. Belongs to the thread that uses it first. */
struct coverage *coverage_open(void);

/* @compare: what was compared instead of what was run. Both NULL-safe. */
void coverage_begin(struct coverage *c, bool compare);
void coverage_end(struct coverage *c);

/* After coverage_begin(c, false): places in the module, in the order of their running. */
size_t coverage_places(const struct coverage *c, const uint64_t **pc);

/* After coverage_begin(c, true): at most @max pairs that differ. */
size_t coverage_hints(const struct coverage *c, struct hint *out, size_t max);

#endif
