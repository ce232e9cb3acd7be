// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests run inside the sandbox: one word names what it does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const again[] = { "/bin/work", "exit", "9", NULL };

/* pause() returns for signals that were handled, and then waits again. */
static int for_ever(void)
{
	while (pause() < 0)
		;
	return 1;
}

static void *thread(void *arg)
{
	if (arg)
		execv(again[0], again);
	return NULL;
}

static int threads(void)
{
	pthread_t t[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, thread, NULL))
			return 1;
	for (i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	return puts("threads") < 0;
}

static int exec_from_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread, "exec"))
		return 1;
	return for_ever();
}

static void *last_thread(void *arg)
{
	(void)arg;
	puts("after the leader");
	fflush(stdout);
	_exit(11);
}

static int leader_exits(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, last_thread, NULL))
		return 1;
	pthread_exit(NULL);
	return 1;
}

/* The first process ends; its children would wait for ever. */
static int first_exits(void)
{
	if (!fork())
		_exit(for_ever());
	return 5;
}

static int many(void)
{
	int i, status, sum = 0;

	for (i = 0; i < 20; i++)
		if (!fork())
			_exit(1);
	while (wait(&status) > 0)
		sum += WEXITSTATUS(status);
	return sum;
}

/* Children until the limit; then says so. */
static int fork_bomb(void)
{
	int i;

	for (i = 0; i < 10000; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 44;
		if (!pid)
			_exit(for_ever());
	}
	return 0;
}

static int eat(void)
{
	char *p;

	while ((p = malloc(1 << 20)))
		memset(p, 0x5a, 1 << 20);
	return 1;
}

static int sum(const char *path)
{
	unsigned long total = 0;
	struct stat st;
	unsigned char *p;
	off_t i;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		return 1;
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return 1;
	for (i = 0; i < st.st_size; i++)
		total = total * 31 + p[i];
	return printf("%lu\n", total) < 0;
}

static int ignore_term(void)
{
	signal(SIGTERM, SIG_IGN);
	puts("ready");
	fflush(stdout);
	return for_ever();
}

static void on_term(int sig)
{
	(void)sig;
	_exit(33);
}

static int handle_term(void)
{
	signal(SIGTERM, on_term);
	puts("ready");
	fflush(stdout);
	return for_ever();
}

/* How much of the program a fault brings in is the kernel's choice: all of it is wanted. */
static int populate(void)
{
	extern char __executable_start, edata;
	uintptr_t start = (uintptr_t)&__executable_start & ~4095UL;

	return madvise((void *)start, (uintptr_t)&edata - start, MADV_POPULATE_READ);
}

/* Waits for a line, then reads the file again, itself in memory. */
static int read_on_line(const char *path)
{
	static char line[16], data[1 << 16];
	size_t total = 0;
	ssize_t n;
	int fd;

	if (populate())
		return 3;
	puts("ready");
	fflush(stdout);
	if (read(0, line, sizeof(line)) <= 0)
		return 1;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 2;
	while ((n = read(fd, data, sizeof(data))) > 0)
		total += n;
	if (n < 0) {
		printf("error after %zu\n", total);
		return 21;
	}
	return printf("whole %zu\n", total) < 0;
}

static int refused(const char *what, long ret, int want)
{
	if (ret < 0 && errno == want)
		return 0;
	printf("%s: %ld %s\n", what, ret, strerror(errno));
	return 1;
}

/* Each would lend pages of a file to a pipe or a socket; each call is right but for that. */
static int lend(const char *path)
{
	int fd = open(path, O_RDONLY), sock = socket(AF_INET, SOCK_STREAM, 0), p[2], q[2];
	int one = 1, bad = 0;
	struct iovec iov = { .iov_len = 1 };

	if (fd < 0 || sock < 0 || pipe(p) || pipe(q) || write(p[1], "x", 1) != 1)
		return 2;
	iov.iov_base = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (iov.iov_base == MAP_FAILED)
		return 2;
	bad |= refused("splice", splice(fd, NULL, q[1], NULL, 1, 0), EINVAL);
	bad |= refused("tee", tee(p[0], q[1], 1, 0), EINVAL);
	bad |= refused("vmsplice", vmsplice(q[1], &iov, 1, 0), EINVAL);
	bad |= refused("sendfile", sendfile(q[1], fd, NULL, 1), EINVAL);
	bad |= refused("SO_ZEROCOPY",
		       setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)), ENOPROTOOPT);
	return bad;
}

static void size(const char *when)
{
	struct winsize w = { 0 };

	ioctl(0, TIOCGWINSZ, &w);
	printf("%s %ux%u\n", when, w.ws_row, w.ws_col);
	fflush(stdout);
}

/* Says which signals come, until USR2; WINCH with the terminal's size. */
static int hear_signals(void)
{
	static const int heard[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
	};
	sigset_t set;
	size_t i;
	int sig;

	sigemptyset(&set);
	for (i = 0; i < sizeof(heard) / sizeof(heard[0]); i++)
		sigaddset(&set, heard[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("tty %d%d%d ", isatty(0), isatty(1), isatty(2));
	size("ready");
	while (!sigwait(&set, &sig)) {
		if (sig == SIGWINCH)
			size("size");
		else
			printf("signal %d\n", sig);
		fflush(stdout);
		if (sig == SIGUSR2)
			return 12;
	}
	return 1;
}

/* Writes until nobody reads. */
static int chatter(void)
{
	signal(SIGPIPE, SIG_IGN);
	while (write(1, "y\n", 2) == 2)
		;
	return errno == EPIPE ? 45 : 1;
}

static int segv(void)
{
	volatile int *nowhere = NULL;

	return *nowhere;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "exit"))
		return argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
	if (!strcmp(what, "threads"))
		return threads();
	if (!strcmp(what, "exec-from-thread"))
		return exec_from_thread();
	if (!strcmp(what, "leader-exits"))
		return leader_exits();
	if (!strcmp(what, "first-exits"))
		return first_exits();
	if (!strcmp(what, "many"))
		return many();
	if (!strcmp(what, "fork-bomb"))
		return fork_bomb();
	if (!strcmp(what, "eat"))
		return eat();
	if (!strcmp(what, "sum") && argc > 2)
		return sum(argv[2]);
	if (!strcmp(what, "ignore-term"))
		return ignore_term();
	if (!strcmp(what, "handle-term"))
		return handle_term();
	if (!strcmp(what, "read-on-line") && argc > 2)
		return read_on_line(argv[2]);
	if (!strcmp(what, "lend") && argc > 2)
		return lend(argv[2]);
	if (!strcmp(what, "hear-signals"))
		return hear_signals();
	if (!strcmp(what, "chatter"))
		return chatter();
	if (!strcmp(what, "segv"))
		return segv();
	if (!strcmp(what, "abort"))
		abort();
	fprintf(stderr, "work: what?\n");
	return 64;
}
