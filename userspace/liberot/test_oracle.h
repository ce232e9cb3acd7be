/* SPDX-License-Identifier: GPL-2.0-only */
/* Asks oracle_log.py, the log's second implementation. */
#ifndef EROT_LIBEROT_TEST_ORACLE_H
#define EROT_LIBEROT_TEST_ORACLE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* memfd_create(): include this first */
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "common/io.h"
#include "common/tap.h"

#define ORACLE(...)	((char *const[]) { "python3", NULL, __VA_ARGS__, NULL })

/* @argv: from ORACLE(); @out: to be freed. Return: its exit status. */
__attribute__((unused))
static int oracle(char *const argv[], const void *in, size_t in_len, char **out)
{
	char *args[8] = { "python3", (char *)tap_source("userspace/liberot/oracle_log.py") };
	int from = memfd_create("in", 0), to = memfd_create("out", 0), status = -1, i;
	struct erot_error err;
	uint8_t *data;
	size_t len;
	pid_t pid;

	for (i = 2; i < 7 && argv[i]; i++)
		args[i] = argv[i];
	*out = NULL;
	if (from < 0 || to < 0 || erot_write_full(from, in, in_len))
		return -1;
	lseek(from, 0, SEEK_SET);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(from, 0);
		dup2(to, 1);
		execvp(args[0], args);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	lseek(to, 0, SEEK_SET);
	if (!erot_read_fd(to, "oracle", 64 << 20, &data, &len, &err))
		*out = (char *)data;
	close(from);
	close(to);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

#endif
