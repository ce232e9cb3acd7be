/* SPDX-License-Identifier: GPL-2.0-only */
/* Running programs against the module. */
#ifndef FUZZ_STEPS_H
#define FUZZ_STEPS_H

#include "fuzz/guest/program.h"

/* Told of what each step came to: 0 or -errno, and the kernel's words. In more than one thread. */
typedef void (*steps_told_fn)(void *ctx, const struct step *s, int verdict, const char *text);

/* Once a process, before all others: grants, files, sockets. Exits on failure. */
void steps_prepare(void);

/* Runs @p, then closes, kills and acknowledges what it left. */
void steps_run(const struct program *p, steps_told_fn told, void *ctx);

/* Acknowledges what is left of all programs; 0 or -EBUSY when something stays. */
int steps_finish(void);

#endif
