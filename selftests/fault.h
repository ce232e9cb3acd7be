/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures on demand, in a kernel with fault injection: of allocations, and of copies from and
 * to user space, but only of those that are made below a given piece of kernel text. So a count
 * does not depend on what the caller's system call does elsewhere, and errno is the module's.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct fault - what fails
 * @fd: /proc/PID/task/TID/fail-nth of the task that is armed, or -1
 */
struct fault {
	int fd;
};

/* Below the module's text, or below one function of it or of the kernel. 0 or a negative errno. */
int fault_in_module(void);
int fault_in_function(const char *name);

/* In the calling thread, or in @pid's first one, the @nth fails; from now on. */
int fault_arm(struct fault *f, pid_t pid, unsigned int nth);

/* Whether it did; 0, 1 or a negative errno. */
int fault_disarm(struct fault *f);

/* Everywhere and all of them, until fault_none(). */
int fault_all(void);
int fault_none(void);

#endif
