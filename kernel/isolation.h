/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_ISOLATION_H
#define EROT_ISOLATION_H

#include <linux/types.h>

u32 erot_isolation_observe(u64 memory_max);
const void *erot_isolation_cgroup(void);
int erot_isolation_check(u32 observed, u32 wanted, const char **why);

#endif
