// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that are not of the payload. Executing them is stopped, by noexec or by the exec gate,
 * which ends the session. Code that a program of the payload loads by itself is not, and can't be:
 * those rows say so.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

#define COPY	"/tmp/escape-copy"
#define SCRIPT	"/tmp/escape-script"

int copy_self(int to)
{
	int from = open(args.self, O_RDONLY | O_CLOEXEC);
	char data[65536];
	ssize_t n;

	if (from < 0)
		return errno;
	while ((n = read(from, data, sizeof(data))) > 0)
		if (write(to, data, (size_t)n) != n)
			return errno ?: EIO;
	close(from);
	return n < 0 ? errno : 0;
}

static int make_copy(const char *path)
{
	int fd, ret;

	unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	if (fd < 0)
		return errno;
	ret = copy_self(fd);
	close(fd);
	return ret;
}

static int make_script(void)
{
	static const char text[] = "#!/bin/sh\nexit 0\n";
	int fd;

	unlink(SCRIPT);
	fd = open(SCRIPT, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
		return errno ?: EIO;
	return close(fd);
}

/* errno of execve(), or the program's status. */
static int run(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execv(argv[0], argv);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return NO_SETUP;
	return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED + WTERMSIG(status);
}

static int run_copy(const char *path)
{
	char *const argv[] = { (char *)path, "works", NULL };
	int ret = make_copy(path) ? NO_SETUP : run(argv);

	unlink(path);
	return ret;
}

static int from_tmp(void)
{
	return run_copy(COPY);
}

static int from_shm(void)
{
	return run_copy("/dev/shm/escape-copy");
}

static int by_descriptor(void)
{
	char path[40];
	char *const argv[] = { path, "works", NULL };
	int fd = make_copy(COPY) ? -1 : open(COPY, O_RDONLY);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	unlink(COPY);
	return fd < 0 ? NO_SETUP : run(argv);
}

static int script(void)
{
	char *const argv[] = { SCRIPT, NULL };
	int ret = make_script() ? NO_SETUP : run(argv);

	unlink(SCRIPT);
	return ret;
}

static int map_copy(int flags, int prot, int then)
{
	int fd = make_copy(COPY) ? -1 : open(COPY, O_RDONLY | O_CLOEXEC), ret;
	void *p;

	if (fd < 0)
		return NO_SETUP;
	p = mmap(NULL, 4096, prot, flags, fd, 0);
	ret = p == MAP_FAILED ? errno : WORKS;
	if (!ret && then && mprotect(p, 4096, then))
		ret = errno;
	unlink(COPY);
	return ret;
}

static int map_executable(void)
{
	return map_copy(MAP_PRIVATE, PROT_READ | PROT_EXEC, 0);
}

static int make_executable(void)
{
	return map_copy(MAP_PRIVATE, PROT_READ, PROT_READ | PROT_EXEC);
}

/* What is not stopped. */
static int shell_reads_script(void)
{
	char *const argv[] = { "/bin/sh", SCRIPT, NULL };
	int ret = make_script() ? NO_SETUP : run(argv);

	unlink(SCRIPT);
	return ret;
}

static int map_memfd(void)
{
	int fd = memfd_create("escape", MFD_CLOEXEC);

	if (fd < 0 || copy_self(fd))
		return NO_SETUP;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno :
	       WORKS;
}

static int write_code(void)
{
	static const unsigned char code[] = { 0xb8, 0, 0, 0, 0, 0xc3 };	/* return 0 */
	int (*f)(void) = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (f == MAP_FAILED)
		return errno;
	memcpy((void *)f, code, sizeof(code));
	return f();
}

const struct attempt attempts_exec[] = {
	{ "a program in /tmp", from_tmp, EACCES, EACCES, WORKS },
	{ "a program in /dev/shm", from_shm, EACCES, EACCES, WORKS },
	{ "a program in /tmp by its descriptor", by_descriptor, EACCES, EACCES, WORKS },
	{ "a script in /tmp", script, EACCES, EACCES, WORKS },
	{ "map a program in /tmp", map_executable, EPERM, EPERM, WORKS },
	{ "map it, then make it executable", make_executable, EACCES, EACCES, WORKS },
	{ "not stopped: a shell that reads a script", shell_reads_script, WORKS, WORKS, WORKS },
	{ "not stopped: map a program in memory", map_memfd, WORKS, WORKS, WORKS },
	{ "not stopped: write code", write_code, WORKS, WORKS, WORKS },
	{ 0 }
};

/* The rest ends the session; each is a launch of its own. Told apart from a success by 0. */

/* From the overlay's writable side: the root is not noexec. */
int exec_upper(void)
{
	char *const argv[] = { "/data/escape-copy", "works", NULL };

	if (make_copy(argv[0]))
		return NO_SETUP;
	execv(argv[0], argv);
	return errno;
}

/* A program of the host that was given as standard input. */
int exec_stdin(void)
{
	char *const argv[] = { "escape", "works", NULL }, *const env[] = { NULL };

	syscall(SYS_execveat, 0, "", argv, env, AT_EMPTY_PATH);
	return errno;
}

int exec_memfd(void)
{
	char *const argv[] = { "escape", "works", NULL }, *const env[] = { NULL };
	int fd = memfd_create("escape", MFD_CLOEXEC);

	if (fd < 0 || copy_self(fd))
		return NO_SETUP;
	fexecve(fd, argv, env);
	return errno;
}
