/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs in the sandbox before the workload does. */
#ifndef EROTD_CHILD_H
#define EROTD_CHILD_H

#include "erotd/sandbox.h"

/* Ends in execve() or _exit(). */
void erotd_child_main(const struct erotd_sandbox *s, int sock) __attribute__((noreturn));

#endif /* EROTD_CHILD_H */
