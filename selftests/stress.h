/* SPDX-License-Identifier: GPL-2.0-only */
/* A launch in a process of its own, which is struck at random moments. */
#ifndef SELFTESTS_STRESS_H
#define SELFTESTS_STRESS_H

#include "selftests/fixture.h"

/* enum step - what the launcher is about to do, or waits for */
enum step { STEP_NONE, STEP_NEW, STEP_PROVISION, STEP_ATTACH, STEP_BIND, STEP_MOUNT, STEP_EXEC,
	    STEP_USE, STEP_END, STEPS };

enum strike { STRIKE_LAUNCHER, STRIKE_LAUNCHER_STOP, STRIKE_SANDBOX, STRIKE_SANDBOX_STOP,
	      STRIKE_OTHER, STRIKE_DESTROY, STRIKE_CLOSE, STRIKE_CGROUP, STRIKE_MEMORY,
	      STRIKE_FILE, STRIKES };

extern const char *const stress_steps[STEPS];
extern const char *const stress_strikes[STRIKES];

/**
 * struct stress_launch - in memory that launcher and striker share
 * @s:       written by the launcher
 * @knobs:   of the launch
 * @deadline: the workload goes on until its time is over
 * @random:  of the launcher's choices
 * @victim:  which descriptor STRIKE_CLOSE closes
 * @ready:   the launcher takes SIGUSR1
 * @step:    at which it is; also told through @steps, a byte each
 * @steps:   the striker's end of a pipe
 * @began_ns: when each step did
 * @result:  of the whole launch; -EINTR: it was killed
 * @text:    of the refusal
 */
struct stress_launch {
	struct fx_session s;
	struct fx_knobs knobs;
	bool deadline;
	uint64_t random;
	uint32_t victim;
	volatile int ready;
	volatile enum step step;
	int steps;
	uint64_t began_ns[STEPS];
	int result;
	char text[256];
};

uint64_t stress_random(uint64_t *state);
uint64_t stress_now_ns(void);

/* Until @ns have passed, or @fd (-1: none) has something to say, which is true then. */
bool stress_wait(int fd, uint64_t ns);

/* The launcher's pid. It ends by itself, and cleans nothing up. */
pid_t stress_start(struct stress_launch *l);

/* @ns: for how long, where something is stopped; @random: of its choices */
void stress_strike(struct stress_launch *l, pid_t launcher, enum strike what, uint64_t ns,
		   uint64_t random);

#endif
