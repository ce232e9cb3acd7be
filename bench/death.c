// SPDX-License-Identifier: GPL-2.0-only
/*
 * death ROUNDS LIVE: from the last instruction of a workload to the end of its keys and of
 * everything, first alone, then among LIVE others that are bound and have their keys. The workload
 * reads the clock, tells it, and exits; when the keys and when everything was gone the module has
 * written into the evidence, by the same clock. In turns with it the same program in plaintext, in
 * namespaces of its own as well. Then says "ready", and keeps those others until the end of stdin.
 *
 * death plain N: says "ready" when there are N of the latter, and keeps them likewise.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

#define PLAIN_AGENT	FX_DIR "/tree/bin/agent"	/* that the image was made of */

static const struct fx_box box;
static struct fx_session base, *others;

/* The clock as the agent read it, which has nothing more to do than to say so and to exit. */
static uint64_t last_instruction(struct fx_session *s)
{
	const struct agent_request r = { .op = AGENT_LAST };
	static struct agent_answer a;
	uint64_t at;

	NEED(fx_ask(s, &r, &a));
	memcpy(&at, a.data, sizeof(at));
	return at;
}

/* With the one receipt. */
static void make_bound(struct fx_session *s)
{
	*s = base;
	NEED(fx_new(s));
	NEED(fx_release(s));
	NEED(fx_provision(s));
	NEED(fx_attach(s));
	NEED(fx_box_bind(s, &box));
}

static void launch(struct fx_session *s)
{
	static struct agent_answer a;

	make_bound(s);
	NEED(fx_mount(s));
	NEED(fx_box_exec(s));
	NEED(fx_read(s, AGENT_READ, FX_BIG, 0, 4096, &a));
	if (a.err)
		bench_die("the agent's first read", -a.err);
}

/* What belongs to all stays. */
static void end(struct fx_session *s)
{
	s->env_fd = -1;
	s->env = NULL;
	s->cms = NULL;
	fx_end(s);
}

static void die_once(const char *what, unsigned int round)
{
	struct fx_session s;
	struct erot_evidence ev;
	uint64_t at, waited;
	int status;

	launch(&s);
	at = last_instruction(&s);
	if (waitpid(s.pid, &status, 0) != s.pid || status)
		bench_die("waitpid", -ECHILD);
	waited = bench_ns();
	s.pid = 0;
	NEED(fx_evidence(&s, 20, &ev));
	if (!(le32toh(ev.flags) & EROT_EV_RELEASED))
		bench_die("plaintext had to be cut off", -EBUSY);
	bench_tell("death", what, "keys", "us", round, bench_us(at, le64toh(ev.ended_ns)));
	bench_tell("death", what, "wait", "us", round, bench_us(at, waited));
	bench_tell("death", what, "released", "us", round, bench_us(at, le64toh(ev.released_ns)));
	end(&s);
}

/* ---- the same program, by nobody's protection */

static void plain(struct fx_session *s)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
			 CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&s->pidfd,
		.exit_signal = SIGCHLD,
	};
	char *const argv[] = { (char *)FX_AGENT, (char *)"serve", NULL }, *const envp[] = { NULL };
	int pair[2];
	long pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		bench_die("socketpair", -errno);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (!pid) {
		if (dup2(pair[1], 0) == 0)
			execve(PLAIN_AGENT, argv, envp);
		_exit(127);
	}
	if (pid < 0)
		bench_die("clone3", -errno);
	close(pair[1]);
	s->pid = (pid_t)pid;
	s->sock = pair[0];
}

static void plain_end(struct fx_session *s)
{
	close(s->sock);
	close(s->pidfd);
}

static void plain_once(const char *what, unsigned int round)
{
	const struct agent_request first = { .op = AGENT_READ, .path = PLAIN_AGENT, .len = 4096 };
	static struct agent_answer a;
	struct fx_session s;
	uint64_t at;
	int status;

	plain(&s);
	NEED(fx_ask(&s, &first, &a));
	at = last_instruction(&s);
	if (waitpid(s.pid, &status, 0) != s.pid || status)
		bench_die("waitpid", -ECHILD);
	bench_tell("death", what, "wait", "us", round, bench_us(at, bench_ns()));
	plain_end(&s);
}

/* ---- many */

static unsigned int make_others(unsigned int n, bool live)
{
	uint64_t start = bench_ns();
	unsigned int i;

	others = calloc(n, sizeof(*others));
	if (!others)
		bench_die("calloc", -ENOMEM);
	for (i = 0; i < n && bench_may_make(start); i++) {
		if (live)
			make_bound(&others[i]);
		else
			plain(&others[i]);
	}
	printf("# %u %s in %.0f s\n", i, live ? "sessions" : "processes",
	       bench_us(start, bench_ns()) / 1e6);
	return i;
}

/* All die at once, as they do when the machine goes down. */
static void end_others(unsigned int n, bool live)
{
	uint64_t start = bench_ns();
	struct erot_nl_stats st;
	unsigned int i;

	for (i = 0; i < n; i++)
		kill(others[i].pid, SIGKILL);
	if (live) {
		bench_keys_gone(&st);
		bench_tell("death", "all", "released", "us", 1, bench_us(start, bench_ns()) / n);
	}
	for (i = 0; i < n; i++) {
		if (live) {
			end(&others[i]);
		} else {
			waitpid(others[i].pid, NULL, 0);
			plain_end(&others[i]);
		}
	}
	free(others);
}

static void hold(void)
{
	char byte;

	printf("ready\n");
	while (read(0, &byte, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	const struct fx_knobs k = { 0 };
	bool live = argc == 3 && strcmp(argv[1], "plain");
	unsigned int rounds, n, i;

	bench_begin();
	NEED(fx_grant(&base, &k));
	rounds = live ? bench_number(argc, argv, 1) : 0;
	n = bench_number(argc, argv, 2);
	for (i = 0; live && i <= rounds; i++) {
		die_once("alone", i);
		plain_once("plain", i);
	}
	n = make_others(n, live);
	for (i = 0; live && i <= rounds; i++) {
		die_once("among", i);
		plain_once("plain-among", i);
	}
	if (live)
		bench_tell("death", "among", "sessions", "1", 1, n);
	hold();
	end_others(n, live);
	NEED(fx_nothing_left());
	return 0;
}
