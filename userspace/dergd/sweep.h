/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens because time passes: launches become unaccounted. */
#ifndef DERGD_SWEEP_H
#define DERGD_SWEEP_H

#include "dergd/authority.h"

struct sweep;

/* A thread with its own hold on the database. "no-memory", "sweep", of derg_open(). */
int sweep_start(struct sweep **out, struct authority *a, struct erot_error *err);
void sweep_stop(struct sweep *s);

#endif
