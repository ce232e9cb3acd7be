// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "erotd/times.h"

static const char *const names[] = {
	[EROTD_AT_REQUEST] = "request", [EROTD_AT_SESSION] = "session",
	[EROTD_AT_RELEASED] = "released", [EROTD_AT_PROVISIONED] = "provisioned",
	[EROTD_AT_STARTED] = "started", [EROTD_AT_ATTACHED] = "attached",
	[EROTD_AT_BOUND] = "bound", [EROTD_AT_MOUNTED] = "mounted", [EROTD_AT_EXEC] = "exec",
};

void erotd_times_mark(struct erotd_times *t, enum erotd_step step)
{
	struct timespec now;

	if (!clock_gettime(CLOCK_BOOTTIME, &now))
		t->ns[step] = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Of the steps that were reached and are not in @done; -1: none. */
static int earliest(const struct erotd_times *t, unsigned int done)
{
	int best = -1;

	for (int i = 0; i < EROTD_STEPS; i++)
		if (t->ns[i] && !(done >> i & 1) && (best < 0 || t->ns[i] < t->ns[best]))
			best = i;
	return best;
}

json_t *erotd_times_json(const struct erotd_times *t)
{
	json_t *list = json_array();
	unsigned int done = 0;
	int i;

	for (; list && (i = earliest(t, done)) >= 0; done |= 1U << i) {
		json_t *pair = json_pack("[s, I]", names[i], (json_int_t)(t->ns[i] / 1000));

		if (json_array_append_new(list, pair)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}
