/* SPDX-License-Identifier: GPL-2.0-only */
/* The harness, and what the tests here share. */
#ifndef DERGD_TEST_FIXTURE_H
#define DERGD_TEST_FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* a test without fixture variants leaves a variable of the harness unused */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "selftests/harness.h"
#pragma GCC diagnostic pop
#pragma GCC diagnostic ignored "-Wsign-compare"

#define TEST_MODULE "/usr/lib/softhsm/libsofthsm2.so"

/* Exit status, or 128 for a signal. */
static inline int test_wait(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static inline int test_run(char *const argv[])
{
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	return test_wait(pid);
}

static inline void test_remove(char *dir)
{
	char *argv[] = { "rm", "-rf", "--", dir, NULL };

	test_run(argv);
}

static inline int test_put(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		return -1;
	return close(fd);
}

#endif
