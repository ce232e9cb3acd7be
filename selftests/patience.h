/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PATIENCE_H
#define SELFTESTS_PATIENCE_H

#include <stdlib.h>

/* Every time limit is multiplied by it: kernels that look for faults are slow. */
static inline int test_patience(void)
{
	const char *value = getenv("EROT_SLOW");
	long factor = value ? strtol(value, NULL, 10) : 1;

	return factor < 1 || factor > 100 ? 1 : (int)factor;
}

#endif
