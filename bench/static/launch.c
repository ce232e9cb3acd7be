// SPDX-License-Identifier: GPL-2.0-only
/*
 * launch NAME ROUNDS FILE: starts workloads and tells how long they took. Each line of FILE is a
 * way to start one: a name, then the command. In the command %r stands for the number of the round;
 * a command that begins with @ is not executed as it is but in seven new namespaces, which this
 * program makes for it. The ways take turns. Round 0 is for warming up and is not told.
 *
 * The workload (first.c) writes to stdout when it began. What the command writes to stderr is
 * searched for the times that `erotctl run -v` tells. Output: one JSON object a line, of the
 * benchmark NAME, as bench/report.py reads them; microseconds since just before the fork, or since
 * the step before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAYS	32
#define WORDS	64
#define LINE	2048

struct way {
	char name[32];
	char command[LINE];
};

/**
 * struct run - one launch; times in ns on the boot clock
 * @first: the workload's first instruction, as it says
 * @exit:  wait() has returned
 * @err:   what was on stderr
 */
struct run {
	uint64_t start;
	uint64_t first;
	uint64_t exit;
	int status;
	char err[8192];
	size_t err_len;
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned int read_ways(const char *path, struct way ways[WAYS])
{
	FILE *f = fopen(path, "re");
	char line[LINE + 64];
	unsigned int n = 0;

	if (!f)
		die(path);
	while (n < WAYS && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %2047[^\n]", ways[n].name, ways[n].command) == 2)
			n++;
	fclose(f);
	return n;
}

/* Splits @text, which it changes, at spaces. */
static void split(char *text, char *argv[WORDS])
{
	unsigned int n = 0;
	char *word, *rest = text;

	while (n < WORDS - 1 && (word = strsep(&rest, " ")))
		if (*word)
			argv[n++] = word;
	argv[n] = NULL;
}

static void fill_round(char *out, size_t size, const char *text, unsigned int round)
{
	size_t n = 0;

	for (; *text && n + 12 < size; text++) {
		if (text[0] == '%' && text[1] == 'r') {
			n += (size_t)snprintf(out + n, size - n, "%u", round);
			text++;
		} else {
			out[n++] = *text;
		}
	}
	out[n] = '\0';
}

static pid_t start(char *const *argv, bool spaces, int out, int err)
{
	struct clone_args args = {
		.flags = spaces ? CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
				  CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP : 0,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid)
		return (pid_t)pid;
	if (dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execv(argv[0], argv);
	_exit(127);
}

static void drain(struct run *r, int fd)
{
	ssize_t n = read(fd, r->err + r->err_len, sizeof(r->err) - 1 - r->err_len);

	if (n > 0)
		r->err_len += (size_t)n;
}

static void run(struct run *r, const char *command, unsigned int round)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	char text[LINE], *argv[WORDS];
	int out[2], err[2];
	bool spaces;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	fill_round(text, sizeof(text), command, round);
	spaces = text[0] == '@';
	split(text + spaces, argv);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	r->start = now_ns();
	pid = start(argv, spaces, out[1], err[1]);
	if (pid < 0)
		die("clone3");
	close(out[1]);
	close(err[1]);
	p[0].fd = out[0];
	p[1].fd = err[0];
	/* stderr last: a process that the command leaves behind may keep it */
	while (p[0].fd >= 0) {
		if (poll(p, 2, 300000) <= 0)
			die("no end within five minutes");
		if (p[1].revents)
			drain(r, err[0]);
		if (p[0].revents && read(out[0], &r->first, sizeof(r->first)) <= 0)
			p[0].fd = -1;
		if (p[1].revents & POLLHUP && !(p[1].revents & POLLIN))
			p[1].fd = -1;
	}
	if (waitpid(pid, &r->status, 0) != pid)
		die("waitpid");
	r->exit = now_ns();
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	drain(r, err[0]);
	close(out[0]);
	close(err[0]);
}

static const char *bench;

static void tell(const char *way, const char *what, unsigned int round, uint64_t from, uint64_t to)
{
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"metric\":\"%s\",\"unit\":\"us\","
	       "\"round\":%u,\"value\":%.1f}\n", bench, way, what, round,
	       ((double)to - (double)from) / 1000);
}

/* "erotctl: run: time 12.345678 released", seconds on the boot clock */
static void tell_times(const struct way *w, const struct run *r, unsigned int round)
{
	uint64_t last = r->start, released = 0, at;
	unsigned long long s, us;
	const char *line = r->err;
	char name[24], metric[40];

	while ((line = strstr(line, "run: time "))) {
		if (sscanf(line, "run: time %llu.%llu %23s", &s, &us, name) == 3) {
			at = s * 1000000000 + us * 1000;
			snprintf(metric, sizeof(metric), "phase-%s", name);
			tell(w->name, metric, round, last, at);
			last = at;
			if (!strcmp(name, "released"))
				released = at;
		}
		line++;
	}
	if (released) {
		tell(w->name, "phase-first", round, last, r->first);
		tell(w->name, "released-to-first", round, released, r->first);
	}
}

int main(int argc, char **argv)
{
	static struct way ways[WAYS];
	static struct run r;
	unsigned int n, i, round, rounds;

	if (argc != 4) {
		fputs("usage: launch NAME ROUNDS FILE\n", stderr);
		return 2;
	}
	bench = argv[1];
	rounds = (unsigned int)strtoul(argv[2], NULL, 10);
	n = read_ways(argv[3], ways);
	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < n; i++) {
			run(&r, ways[i].command, round);
			if (r.status || !r.first) {
				fprintf(stderr, "launch: %s: status 0x%x, %s: %s\n", ways[i].name,
					r.status, r.first ? "began" : "did not begin", r.err);
				return 1;
			}
			if (!round)
				continue;
			tell(ways[i].name, "first", round, r.start, r.first);
			tell(ways[i].name, "exit", round, r.start, r.exit);
			tell_times(&ways[i], &r, round);
		}
		fflush(stdout);
	}
	return 0;
}
