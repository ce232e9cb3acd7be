// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves a trace in each place where a workload keeps data, for the search of
 * the machine's memory (qemu-test/memory-scan.sh). The file /data/seed, which is read
 * through a mapping, holds 32 random bytes; each other trace is the seed with
 * one byte XORed into it, made in its place, so that no two are alike and none
 * lies where it should not. Prints "ready", waits, and ends by a signal:
 * TERM: exit; USR1: executes what is not of the payload.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LENGTH	32

/* As in memory-scan.py. */
enum trace {
	HEAP = 0x11, STACK = 0x22, SCRATCH = 0x33, OVERLAY = 0x44, PIPE = 0x55, SOCKET = 0x66
};

static const volatile unsigned char *seed;
static volatile sig_atomic_t got;

static void make(volatile unsigned char *to, enum trace which)
{
	for (int i = 0; i < LENGTH; i++)
		to[i] = (unsigned char)(seed[i] ^ which);
}

/* Behind zeros, so that it lies in a later page. What was given away is not kept. */
static int give(int fd, enum trace which)
{
	static char zeros[20000];
	unsigned char trace[LENGTH];
	const struct iovec parts[] = { { zeros, sizeof(zeros) }, { trace, sizeof(trace) } };
	ssize_t n;

	make(trace, which);
	n = writev(fd, parts, 2);
	explicit_bzero(trace, sizeof(trace));
	return n == sizeof(zeros) + LENGTH ? 0 : -1;
}

static int give_file(const char *path, enum trace which)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : give(fd, which);	/* stays open */
}

static int map_seed(void)
{
	int fd = open("/data/seed", O_RDONLY | O_CLOEXEC);

	seed = mmap(NULL, LENGTH, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return seed == MAP_FAILED ? -1 : 0;
}

static int exec_copy(void)
{
	static char buf[65536];
	char *const argv[] = { "copy", NULL }, *const envp[] = { NULL };
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = memfd_create("copy", 0);
	ssize_t n;

	while (from >= 0 && to >= 0 && (n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return 94;
	fexecve(to, argv, envp);
	return 93;
}

static void on_signal(int sig)
{
	got = sig;
}

int main(void)
{
	volatile unsigned char stack[LENGTH], *heap = malloc(1 << 16);
	int pipes[2], sockets[2];
	sigset_t mine, before;

	sigemptyset(&mine);
	sigaddset(&mine, SIGTERM);
	sigaddset(&mine, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mine, &before);
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	if (!heap || map_seed() || pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return 1;
	make(stack, STACK);
	make(heap + 1000, HEAP);
	if (give_file("/tmp/trace", SCRATCH) || give_file("/data/trace", OVERLAY) ||
	    give(pipes[1], PIPE) || give(sockets[1], SOCKET))
		return 2;
	if (puts("ready") < 0 || fflush(stdout))
		return 3;
	while (!got)
		sigsuspend(&before);
	if (got == SIGUSR1)
		return exec_copy();
	return stack[0] == heap[0];	/* both are kept until here */
}
