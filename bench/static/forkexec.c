// SPDX-License-Identifier: GPL-2.0-only
/*
 * forkexec N PROGRAM: fork, exec, exit and wait, N times in each of some rows; prints the
 * microseconds of one, in the median row: what the machine does now and then does not count.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROWS	11

static int once(const char *program, int null)
{
	char *const argv[] = { (char *)program, NULL }, *const envp[] = { NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (dup2(null, 1) == 1)
			execve(program, argv, envp);
		_exit(127);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 3 ? strtoul(argv[1], NULL, 10) : 0, row, i;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	double us[ROWS], start;

	if (!n || null < 0) {
		fputs("usage: forkexec N PROGRAM\n", stderr);
		return 2;
	}
	for (row = 0; row < ROWS; row++) {
		start = now_us();
		for (i = 0; i < n; i++)
			if (once(argv[2], null))
				return 1;
		us[row] = (now_us() - start) / (double)n;
	}
	qsort(us, ROWS, sizeof(us[0]), compare);
	printf("%.3f\n", us[ROWS / 2]);
	return 0;
}
