// SPDX-License-Identifier: GPL-2.0-only
/* The module goes and comes back: for tests of what that leaves behind. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/fixture.h"

extern char **environ;

int fx_unload_module(void)
{
	return syscall(SYS_delete_module, "erot", O_NONBLOCK) ? -errno : 0;
}

int fx_load_module(void)
{
	char *const argv[] = { "modprobe", "erot", "open=1", NULL };
	int status, ret;
	pid_t pid;

	ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (ret)
		return -ret;
	if (waitpid(pid, &status, 0) != pid || status)
		return -EIO;
	ret = fx_load_certificate();
	if (ret)
		return ret;
	if (fx.nl)
		erot_nl_close(fx.nl);
	return fx_begin();
}
