/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attempts to break out. Each does one thing that a workload must not be able to do, with
 * arguments that are right, so that nothing but the sandbox is in its way.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

/* What an attempt returns: WORKS, an errno, or NO_EFFECT. What a row may expect besides: */
enum {
	WORKS		= 0,
	NO_EFFECT	= 200,	/* no error, and nothing reached */
	NO_SETUP	= 201,	/* the attempt could not be made: never expected */
	NOT_TRIED	= 202,	/* in this place it means nothing, or does harm */
	KILLED		= 300,	/* and the signal's number: how it ended */
};

/**
 * struct attempt - one row of a table
 * @name:    unique
 * @try:     runs in a process of its own
 * @plain:   what comes of it in a sandbox, without any capability
 * @caps:    the same with every capability
 * @outside: the control: the same attempt by root outside
 */
struct attempt {
	const char *name;
	int (*try)(void);
	int plain;
	int caps;
	int outside;
};

extern const struct attempt attempts_process[], attempts_ipc[], attempts_net[], attempts_files[],
	attempts_mounts[], attempts_kernel[], attempts_limits[], attempts_exec[],
	attempts_terminal[];

/* On the command line: NAME=VALUE. */
struct args {
	pid_t victim;		/* a process in another sandbox, its number outside */
	int keyring;		/* serial number of .erot */
	const char *self;	/* path of this program */
	const char *setuid;	/* the same, set-user-id root */
	const char *filecaps;	/* the same, with file capabilities */
	const char *outside;	/* a file of the host's root, by its path */
};

extern struct args args;

static inline int result(long ret)
{
	return ret < 0 ? errno : WORKS;
}

/* What another sandbox has, or a process outside: the attempts look for it by these names. */
#define SECRET_KEY	0x45524f54
#define SECRET_SHM	"/dev/shm/escape"
#define SECRET_QUEUE	"/escape"
#define SECRET_SOCKET	"\0escape"
#define SECRET_PORT	4711
#define OUTSIDE_ADDRESS	"192.0.2.1"	/* RFC 5737; the guest's own */

/* Other things that this program can be told to do. */
int serve(void);
int stay(void);
int give(void);
int hold(char **argv);
int exec_upper(void);
int exec_stdin(void);
int exec_memfd(void);
int have_capabilities(void);
int give_capabilities(const char *path);

/* Makes a copy of this program. 0 or an errno. */
int copy_self(int to);

#endif
