// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that will not go: each in another way out of reach of a parent, a session, a terminal
 * or a signal. Says "ready" when all of them are there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

/* A byte from each that is in place. */
static int told[2];

static void in_place(void)
{
	if (write(told[1], "x", 1) != 1)
		_exit(1);
}

static void for_ever(void)
{
	for (;;)
		pause();
}

static void deaf(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, 0);
}

/* Twice forked, in a session of its own. */
static void daemonised(void)
{
	setsid();
	if (fork())
		_exit(0);
	deaf();
	if (chdir("/tmp"))
		_exit(1);
	in_place();
	for_ever();
}

/* Its orphans come to it, not to number 1. */
static void subreaper(void)
{
	deaf();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (!fork()) {
		if (!fork()) {
			in_place();
			for_ever();
		}
		_exit(0);
	}
	for_ever();
}

static void stopped(void)
{
	deaf();
	in_place();
	raise(SIGSTOP);
	for_ever();
}

/* Its parent sleeps until it executes or ends: in the kernel, deaf to all but SIGKILL. */
static void waits_for_vfork(void)
{
	deaf();
	if (!vfork()) {
		in_place();
		for (;;)
			pause();
	}
	for_ever();
}

static void zombie(void)
{
	pid_t pid;

	deaf();
	pid = fork();
	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	in_place();
	for_ever();
}

static void *last(void *arg)
{
	in_place();
	for_ever();
	return arg;
}

static void without_leader(void)
{
	pthread_t t;

	deaf();
	if (!pthread_create(&t, NULL, last, NULL))
		pthread_exit(NULL);
	_exit(1);
}

static void spins(void)
{
	deaf();
	setpriority(PRIO_PROCESS, 0, 19);
	in_place();
	for (;;)
		sched_yield();
}

/* Reads the payload for ever, past what its cache holds. */
static void reads(void)
{
	int fd = open("/data/big", O_RDONLY | O_CLOEXEC);
	static char data[1 << 16];
	struct stat st;
	char *p;

	deaf();
	if (fd < 0 || fstat(fd, &st))
		_exit(1);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || mlock(p, 4096))
		_exit(1);
	in_place();
	for (off_t at = 0;; at = (at + (off_t)sizeof(data)) % st.st_size) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (pread(fd, data, sizeof(data), at) < 0)
			in_place();	/* dead, and still here */
	}
}

/* New processes as fast as old ones go. */
static void forks(void)
{
	deaf();
	in_place();
	for (;;)
		if (!fork())
			_exit(0);
		else
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
}

int stay(void)
{
	static void (*const ways[])(void) = {
		daemonised, subreaper, stopped, waits_for_vfork, zombie, without_leader, spins,
		reads, forks,
	};
	size_t i;
	char c;

	if (pipe(told))
		return 1;
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!fork())
			ways[i]();
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (read(told[0], &c, 1) != 1)
			return 2;
	deaf();
	puts("ready");
	fflush(stdout);
	for_ever();
	return 0;
}
