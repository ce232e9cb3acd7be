// SPDX-License-Identifier: GPL-2.0-only
/* A progress bar, on a terminal only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/ewc/ewc.h"

#define WIDTH 40

static int last = -1;

/**
 * ewc_progress() - an erot_progress_fn
 * @ctx: what is being done, a string
 * @done: bytes
 * @total: bytes
 */
void ewc_progress(void *ctx, uint64_t done, uint64_t total)
{
	int percent = total ? (int)((double)done / total * 100) : 100;
	char bar[WIDTH + 1];

	if (percent == last || !isatty(2))
		return;
	last = percent;
	memset(bar, ' ', WIDTH);
	memset(bar, '#', WIDTH * percent / 100);
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3d%% of %" PRIu64 " MiB", (const char *)ctx, bar, percent,
		total >> 20);
}

/* Leaves the bar's line, where there is a bar. */
void ewc_progress_end(void)
{
	if (last >= 0)
		fputc('\n', stderr);
	last = -1;
}
