/* SPDX-License-Identifier: GPL-2.0-only */
/* When a launch reached each step, for whoever wants to know what it spent its time on. */
#ifndef EROTD_TIMES_H
#define EROTD_TIMES_H

#include <jansson.h>
#include <stdint.h>

/* In the order of a launch; ATTACHED and STARTED, which run in parallel, may come in either. */
enum erotd_step {
	EROTD_AT_REQUEST,	/* the client's request was read */
	EROTD_AT_SESSION,	/* NEW; the receipt is on the disk */
	EROTD_AT_RELEASED,	/* the provider has answered */
	EROTD_AT_PROVISIONED,
	EROTD_AT_STARTED,	/* sandbox's child and mounter exist */
	EROTD_AT_ATTACHED,
	EROTD_AT_BOUND,
	EROTD_AT_MOUNTED,
	EROTD_AT_EXEC,		/* the child is about to execute */
	EROTD_STEPS,
};

/**
 * struct erotd_times - times of one launch
 * @ns: on the boot clock; 0: not reached
 */
struct erotd_times {
	uint64_t ns[EROTD_STEPS];
};

void erotd_times_mark(struct erotd_times *t, enum erotd_step step);

/* [["request", microseconds on the boot clock], ...], in the order of time; NULL: no memory. */
json_t *erotd_times_json(const struct erotd_times *t);

#endif /* EROTD_TIMES_H */
