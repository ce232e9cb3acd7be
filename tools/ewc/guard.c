// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work with plaintext on the disk is done by a child. Its parent does nothing
 * but wait, and removes the temporary directory whatever becomes of the child:
 * finished, failed, crashed or interrupted.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/ewc/ewc.h"

/* Also of a tree whose directories have no permissions for us. */
static int remove_tree(int parent, const char *name)
{
	struct dirent *entry;
	int fd, ret = 0;
	DIR *dir;

	if (!unlinkat(parent, name, 0) || errno == ENOENT)
		return 0;
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	if (fchmodat(parent, name, 0700, 0))
		return -1;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret |= remove_tree(fd, entry->d_name);
	closedir(dir);
	return unlinkat(parent, name, AT_REMOVEDIR) ? -1 : ret;
}

static int wait_for(pid_t child, const sigset_t *set, int *fatal)
{
	int status, sig;

	*fatal = 0;
	for (;;) {
		sig = sigwaitinfo(set, NULL);
		if (sig > 0 && sig != SIGCHLD) {
			*fatal = sig;
			kill(child, SIGKILL);
		}
		if (waitpid(child, &status, *fatal ? 0 : WNOHANG) == child)
			return status;
	}
}

static void __attribute__((noreturn)) child(int (*work)(void *ctx, const char *tmp), void *ctx,
					    const char *tmp, pid_t parent, const sigset_t *old)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CLI_INTERNAL);
	sigprocmask(SIG_SETMASK, old, NULL);
	exit(work(ctx, tmp));
}

static void set_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGTERM);
}

/**
 * ewc_guard() - runs work that has plaintext in a private directory
 * @work: in a child; returns an exit code
 * @ctx: for @work
 * @unfinished: file to remove unless @work succeeds, or NULL
 *
 * Return: exit code; does not return after a deadly signal, of which the
 * process dies as if it had not caught it.
 */
int ewc_guard(int (*work)(void *ctx, const char *tmp), void *ctx, const char *unfinished)
{
	const char *base = getenv("TMPDIR");
	char tmp[PATH_MAX];
	sigset_t set, old;
	int status, fatal, ret;
	pid_t pid, self = getpid();

	set_signals(&set);
	if (snprintf(tmp, sizeof(tmp), "%s/ewc-XXXXXX", base && *base == '/' ? base : "/var/tmp") >=
	    (int)sizeof(tmp))
		return cli_usage("TMPDIR is too long");
	sigprocmask(SIG_BLOCK, &set, &old);
	if (!mkdtemp(tmp)) {
		fprintf(stderr, "ewc: %s: %s (io)\n", tmp, strerror(errno));
		sigprocmask(SIG_SETMASK, &old, NULL);
		return CLI_INTERNAL;
	}
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(work, ctx, tmp, self, &old);
	status = CLI_INTERNAL << 8;
	fatal = 0;
	if (pid > 0)
		status = wait_for(pid, &set, &fatal);
	ret = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_INTERNAL;
	if (pid < 0 || (WIFSIGNALED(status) && !fatal))
		fprintf(stderr, "ewc: %s\n",
			pid < 0 ? strerror(errno) : strsignal(WTERMSIG(status)));
	if (ret && unfinished)
		unlink(unfinished);
	if (remove_tree(AT_FDCWD, tmp)) {
		fprintf(stderr, "ewc: %s: cannot remove plaintext, do it by hand (io)\n", tmp);
		ret = CLI_INTERNAL;
	}
	if (fatal) {
		signal(fatal, SIG_DFL);
		raise(fatal);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}
