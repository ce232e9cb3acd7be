// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors that leave the sandbox by a socket that was handed in. give() sends what would keep
 * the plaintext alive; hold(), outside, launches it, keeps what came, and looks what can be reached
 * through it before and after the session's end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "escape.h"

enum { A_FILE, A_DIRECTORY, A_ROOT, A_NAMESPACE, A_MEMORY, GIFTS };

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(GIFTS * sizeof(int))];
};

static int send_descriptors(int sock, const int *fds, size_t n)
{
	union control control = { 0 };
	struct iovec v = { "g", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	return sendmsg(sock, &m, 0) == 1 ? 0 : -1;
}

/* A byte of a file below a directory. */
static ssize_t read_below(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char c;

	if (fd < 0)
		return -1;
	n = pread(fd, &c, 1, 0);
	close(fd);
	return n;
}

/* Twice: what is taken out of the socket, and what stays in it on its way. */
int give(void)
{
	int fds[GIFTS] = {
		[A_FILE] = open("/data/big", O_RDONLY),
		[A_DIRECTORY] = open("/data", O_RDONLY | O_DIRECTORY),
		[A_ROOT] = open("/", O_PATH | O_DIRECTORY),
		[A_NAMESPACE] = open("/proc/self/ns/mnt", O_RDONLY),
		[A_MEMORY] = open("/proc/self/mem", O_RDONLY),
	};
	char c;

	for (int i = 0; i < GIFTS; i++)
		if (fds[i] < 0)
			return 10 + i;
	/* into the page cache, where they can be had from outside as long as we live */
	if (pread(fds[A_FILE], &c, 1, 0) != 1 || read_below(fds[A_DIRECTORY], "canary") != 1 ||
	    read_below(fds[A_ROOT], "bin/escape") != 1)
		return 4;
	if (send_descriptors(0, fds, GIFTS) || send_descriptors(0, fds, GIFTS))
		return 2;
	return read(0, &c, 1) == 1 ? 0 : 3;
}

static int receive(int sock, int fds[GIFTS])
{
	union control control;
	char c;
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *h;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	h = CMSG_FIRSTHDR(&m);
	if (!h || h->cmsg_len != CMSG_LEN(GIFTS * sizeof(int)))
		return -1;
	memcpy(fds, CMSG_DATA(h), GIFTS * sizeof(int));
	return 0;
}

static sigjmp_buf on_bus;

static void bus(int sig)
{
	(void)sig;
	siglongjmp(on_bus, 1);
}

static const char *touch(const volatile char *p)
{
	if (sigsetjmp(on_bus, 1))
		return "SIGBUS";
	(void)*p;
	return "works";
}

static const char *say(long ret)
{
	return ret < 0 ? strerrorname_np(errno) : ret ? "works" : "nothing";
}

static void look(const char *when, const int *fds, const volatile char *mapped)
{
	char c;

	printf("%s mapped %s\n", when, touch(mapped));
	printf("%s file %s\n", when, say(pread(fds[A_FILE], &c, 1, 0)));
	printf("%s big %s\n", when, say(pread(fds[A_FILE], &c, 1, 1 << 20)));
	printf("%s directory %s\n", when, say(read_below(fds[A_DIRECTORY], "canary")));
	printf("%s root %s\n", when, say(read_below(fds[A_ROOT], "bin/escape")));
	printf("%s memory %s\n", when, say(pread(fds[A_MEMORY], &c, 1, 0x400000)));
	fflush(stdout);
}

/* hold PROGRAM ARGUMENT...: with a socket as standard input. */
int hold(char **argv)
{
	int pair[2], fds[GIFTS], status;
	const volatile char *mapped;
	pid_t pid;

	signal(SIGBUS, bus);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return 1;
	pid = fork();
	if (!pid) {
		dup2(pair[1], 0);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pair[1]);
	if (pid < 0 || receive(pair[0], fds)) {
		printf("nothing came\n");
		return 2;
	}
	mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[A_FILE], 0);
	if (mapped == MAP_FAILED)
		return 3;
	look("before", fds, mapped);
	if (write(pair[0], "x", 1) != 1 || waitpid(pid, &status, 0) != pid)
		return 4;
	printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	look("after", fds, mapped);
	return 0;
}
