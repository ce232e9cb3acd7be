// SPDX-License-Identifier: GPL-2.0-only
/*
 * Terminals: the caller's, which is standard input here, and one of the sandbox's own. Outside the
 * caller is a script of the test's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "escape.h"

#ifndef N_NULL
#define N_NULL 27
#endif

#define HIGH	(1UL << 32)	/* a bit that the kernel does not look at */

/* A terminal that is ours, as controlling terminal. */
static int own_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (master < 0 || grantpt(master) || unlockpt(master))
		return -1;
	setsid();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0))
		return -1;
	return slave;
}

static int inject(int fd, unsigned long high)
{
	char c = '\n';

	if (fd < 0)
		return NO_SETUP;
	return result(ioctl(fd, TIOCSTI | high, &c));
}

static int into_own(void)
{
	return inject(own_terminal(), 0);
}

static int into_own_high(void)
{
	return inject(own_terminal(), HIGH);
}

static int into_callers(void)
{
	return isatty(0) ? inject(0, 0) : NO_SETUP;
}

static int discipline_of(int fd, unsigned long high)
{
	int to = N_NULL;

	return fd < 0 ? NO_SETUP : result(ioctl(fd, TIOCSETD | high, &to));
}

static int discipline(void)
{
	return discipline_of(own_terminal(), 0);
}

static int discipline_high(void)
{
	return discipline_of(own_terminal(), HIGH);
}

/* Takes it from the session that has it. */
static int take_callers(void)
{
	if (!isatty(0))
		return NO_SETUP;
	setsid();
	return result(ioctl(0, TIOCSCTTY, 1));
}

static int callers_group(void)
{
	pid_t group = getpgrp();

	return isatty(0) ? result(ioctl(0, TIOCSPGRP, &group)) : NO_SETUP;
}

static int callers_name(void)
{
	/* the node that standard input is, opened again */
	return isatty(0) ? result(open("/proc/self/fd/0", O_RDWR | O_NOCTTY | O_CLOEXEC)) :
	       NO_SETUP;
}

static int hang_callers_up(void)
{
	return isatty(0) ? result(ioctl(0, TIOCVHANGUP)) : NO_SETUP;
}

static int console(void)
{
	int fd = own_terminal();

	return fd < 0 ? NO_SETUP : result(ioctl(fd, TIOCCONS));
}

static int virtual_console(void)
{
	char c = 2;

	return result(ioctl(0, TIOCLINUX, &c));
}

const struct attempt attempts_terminal[] = {
	{ "type into the own terminal", into_own, EPERM, EPERM, WORKS },
	{ "type into the own terminal, high bits", into_own_high, EPERM, EPERM, WORKS },
	{ "type into the caller's terminal", into_callers, EPERM, NOT_TRIED, WORKS },
	{ "line discipline", discipline, EPERM, EPERM, WORKS },
	{ "line discipline, high bits", discipline_high, EPERM, EPERM, WORKS },
	{ "steal the caller's terminal", take_callers, EPERM, NOT_TRIED, NOT_TRIED },
	{ "foreground of the caller's terminal", callers_group, ENOTTY, NOT_TRIED, NOT_TRIED },
	{ "open the caller's terminal again", callers_name, EACCES, NOT_TRIED, WORKS },
	{ "hang the caller's terminal up", hang_callers_up, EPERM, NOT_TRIED, NOT_TRIED },
	{ "become the console", console, EPERM, EPERM, NOT_TRIED },
	{ "TIOCLINUX", virtual_console, EPERM, EPERM, NOT_TRIED },
	{ 0 }
};
