/* SPDX-License-Identifier: GPL-2.0-only */
/* Put before every source by make coverage: who ends by _exit() tells what it did, too. */
#ifndef TOOLS_COVERAGE_H
#define TOOLS_COVERAGE_H

#include <gcov.h>
#include <stdlib.h>
#include <unistd.h>

#define _exit(status) (__gcov_dump(), (_exit)(status))

#endif
