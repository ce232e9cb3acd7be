// SPDX-License-Identifier: GPL-2.0-only
/* Runs a program, without a shell. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/ewc/ewc.h"

/**
 * ewc_run() - runs a program to its end
 * @argv: looked up in PATH
 * @keep_fd: descriptor that it inherits under its number, or -1
 * @err_fd: its standard error, or -1: ours
 * @err: "command" with its status
 *
 * Standard input and output are /dev/null. It dies with us.
 *
 * Return: 0 when it exits with 0, -EPERM when it says that it was refused
 * (exit status 3), -ENOENT for 4 and 127, else -EIO.
 */
int ewc_run(char *const argv[], int keep_fd, int err_fd, struct erot_error *err)
{
	int status, null, code;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		return erot_fail(err, errno, "command", "fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_DFL);
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
		    (err_fd >= 0 && dup2(err_fd, 2) < 0) ||
		    (keep_fd >= 0 && fcntl(keep_fd, F_SETFD, 0)))
			_exit(126);
		execvp(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return erot_fail(err, errno, "command", "wait: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return erot_fail(err, EIO, "command", "%s: %s", argv[0],
				 strsignal(WTERMSIG(status)));
	code = WEXITSTATUS(status);
	if (code == 127)
		return erot_fail(err, ENOENT, "command", "%s: not installed", argv[0]);
	if (code)
		return erot_fail(err, code == 3 ? EPERM : code == 4 ? ENOENT : EIO, "command",
				 "%s failed with status %d", argv[0], code);
	return 0;
}
