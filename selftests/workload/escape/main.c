// SPDX-License-Identifier: GPL-2.0-only
/*
 * escape try plain|caps|outside NAME=VALUE...: every attempt, each in a process of its own; says
 * "ok NAME RESULT" or "not ok NAME RESULT, expected RESULT", and at the end "END" and the number.
 *
 * The rest is in the files that are named so.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

#define PATIENCE 30	/* seconds for one attempt */

struct args args = { .self = "/proc/self/exe" };

static const struct attempt *const tables[] = {
	attempts_process, attempts_ipc, attempts_net, attempts_files, attempts_mounts,
	attempts_kernel, attempts_limits, attempts_exec, attempts_terminal,
};

static const char *name_of(int what)
{
	static char text[2][32];
	static int turn;

	switch (what) {
	case WORKS:
		return "works";
	case NO_EFFECT:
		return "no effect";
	case NO_SETUP:
		return "could not be set up";
	}
	turn = !turn;
	if (what > KILLED)
		snprintf(text[turn], sizeof(text[0]), "signal %d", what - KILLED);
	else if (strerrorname_np(what))
		snprintf(text[turn], sizeof(text[0]), "%s", strerrorname_np(what));
	else
		snprintf(text[turn], sizeof(text[0]), "status %d", what);
	return text[turn];
}

/* What is done to mounts and names outside shall end with the attempt. */
static void alone(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(NO_SETUP);
}

static int run(const struct attempt *a, int outside)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(PATIENCE);
		if (outside)
			alone();
		_exit(a->try());
	}
	if (pid < 0)
		return NO_SETUP;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NO_SETUP;
	return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static int try_all(size_t column)
{
	int outside = column == offsetof(struct attempt, outside), tried = 0, bad = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct attempt *a = tables[i]; a->name; a++) {
			int want = *(const int *)((const char *)a + column), got;

			if (want == NOT_TRIED)
				continue;
			got = run(a, outside);
			tried++;
			if (got == want) {
				printf("ok %s: %s\n", a->name, name_of(got));
				continue;
			}
			bad++;
			printf("not ok %s: %s, expected %s\n", a->name, name_of(got),
			       name_of(want));
		}
	}
	printf("END %d\n", tried);
	fflush(stdout);
	return bad != 0;
}

static int parse(char **argv)
{
	for (; *argv; argv++) {
		char *value = strchr(*argv, '=');

		if (!value)
			return -1;
		*value++ = '\0';
		if (!strcmp(*argv, "victim"))
			args.victim = (pid_t)strtol(value, NULL, 10);
		else if (!strcmp(*argv, "keyring"))
			args.keyring = (int)strtol(value, NULL, 10);
		else if (!strcmp(*argv, "self"))
			args.self = value;
		else if (!strcmp(*argv, "setuid"))
			args.setuid = value;
		else if (!strcmp(*argv, "filecaps"))
			args.filecaps = value;
		else if (!strcmp(*argv, "outside"))
			args.outside = value;
		else
			return -1;
	}
	return 0;
}

static int try(char **argv)
{
	static const struct {
		const char *name;
		size_t column;
	} places[] = {
		{ "plain", offsetof(struct attempt, plain) },
		{ "caps", offsetof(struct attempt, caps) },
		{ "outside", offsetof(struct attempt, outside) },
	};

	if (!argv[0] || parse(argv + 1))
		return 64;
	/* else a process of our own might pass for it */
	if (args.victim <= getpid() + 500 && strcmp(argv[0], "outside")) {
		printf("the victim's number %d is too low\n", args.victim);
		return 65;
	}
	for (size_t i = 0; i < 3; i++)
		if (!strcmp(argv[0], places[i].name))
			return try_all(places[i].column);
	return 64;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "try"))
		return try(argv + 2);
	if (!strcmp(what, "works"))	/* for who wants to see it executed */
		return 0;
	if (!strcmp(what, "euid"))
		return geteuid() == 0 ? WORKS : NO_EFFECT;
	if (!strcmp(what, "capabilities"))
		return have_capabilities();
	if (!strcmp(what, "give-capabilities") && argc > 2)
		return give_capabilities(argv[2]);
	if (!strcmp(what, "serve"))
		return serve();
	if (!strcmp(what, "stay"))
		return stay();
	if (!strcmp(what, "give"))
		return give();
	if (!strcmp(what, "hold") && argc > 2)
		return hold(argv + 2);
	if (!strcmp(what, "exec-upper"))
		return exec_upper();
	if (!strcmp(what, "exec-stdin"))
		return exec_stdin();
	if (!strcmp(what, "exec-memfd"))
		return exec_memfd();
	fprintf(stderr, "escape: what?\n");
	return 64;
}
