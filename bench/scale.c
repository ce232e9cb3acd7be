// SPDX-License-Identifier: GPL-2.0-only
/*
 * scale N ROUNDS: makes N provisioned sessions and keeps them: what each costs in memory, whether
 * the last is made as fast as the first, how long GET takes, their end, and the module's after
 * them.
 *
 * One receipt serves for all, since it is the DERG that lets each be used once; its signature is
 * verified each time. The release is sealed to each session anew, in userspace, which is the same
 * work for the first and the last: what that takes tells how fast the machine was meanwhile.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "bench/bench.h"

#define SOME		200	/* sessions in each group that is compared */
#define GETS		100

static struct fx_session base;

/* struct made - a session, and the microseconds that it took */
static struct made {
	struct erot_nl_new n;
	double make;	/* NEW and PROVISION */
	double seal;
} *made;

static void make(struct made *m)
{
	struct fx_session s = base;
	uint64_t start = bench_ns(), created, sealed;

	NEED(fx_new(&s));
	created = bench_ns();
	NEED(fx_release(&s));
	sealed = bench_ns();
	NEED(fx_provision(&s));
	m->make = bench_us(start, created) + bench_us(sealed, bench_ns());
	m->seal = bench_us(created, sealed);
	m->n = s.n;
}

/* ---- memory */

/* struct memory - KiB */
struct memory {
	long slab;
	long vmalloc;
	long percpu;
	long all;	/* that is not free, of a file or of a process */
};

static long meminfo(const char *name)
{
	long n = fx_meminfo(name);

	if (n < 0)
		bench_die(name, -ENOENT);
	return n;
}

static void measure(struct memory *m, struct fx_slabs *slabs)
{
	static const char *const others[] = { "MemFree", "Buffers", "Cached", "AnonPages",
					      "PageTables" };
	size_t i;

	NEED(fx_slabs_measure(slabs));
	m->slab = meminfo("Slab");
	m->vmalloc = meminfo("VmallocUsed");
	m->percpu = meminfo("Percpu");
	m->all = meminfo("MemTotal") - fx_kept_by_processors();
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		m->all -= meminfo(others[i]);
}

static void tell_each(const char *metric, long was, long is, unsigned int n)
{
	bench_tell("scale", "erot", metric, "B", 1, (double)(is - was) * 1024 / n);
}

static void tell_memory(const struct memory *was, const struct memory *is, unsigned int n)
{
	tell_each("memory", was->all, is->all, n);
	tell_each("slab", was->slab, is->slab, n);
	tell_each("vmalloc", was->vmalloc, is->vmalloc, n);
	tell_each("percpu", was->percpu, is->percpu, n);
}

/* ---- what the kernel tells of them */

static int count(void *ctx, const struct erot_nl_session *s)
{
	*(unsigned int *)ctx += s->state == EROT_STATE_PROVISIONED;
	return 0;
}

/* All of @n sessions, and single ones of them, so many times. */
static void ask(const char *what, unsigned int n, unsigned int rounds)
{
	struct erot_nl_session got;
	unsigned int round, seen, i;
	uint64_t start;
	double us;

	for (round = 0; round <= rounds; round++) {
		seen = 0;
		start = bench_ns();
		NEED(erot_nl_dump(fx.nl, count, &seen, &fx_err));
		us = bench_us(start, bench_ns());
		bench_tell("scale", what, "dump", "ms", round, us / 1000);
		bench_tell("scale", what, "dump-each", "us", round, us / n);
		if (seen != n)
			bench_die("GET does not tell of all, or not all live", -ENOENT);
		start = bench_ns();
		for (i = 0; i < GETS; i++)
			NEED(erot_nl_get(fx.nl, made[(uint64_t)i * n / GETS].n.id, &got, &fx_err));
		bench_tell("scale", what, "get", "us", round, bench_us(start, bench_ns()) / GETS);
	}
}

/* ---- the end */

/* Closing a descriptor ends the session; its last key goes when its evidence is made. */
static void end(unsigned int n)
{
	uint64_t start = bench_ns(), closed;
	struct erot_nl_stats st;
	unsigned int i;

	for (i = 0; i < n; i++)
		close(made[i].n.fd);
	closed = bench_ns();
	bench_keys_gone(&st);
	bench_tell("scale", "erot", "close", "us", 1, bench_us(start, closed) / n);
	bench_tell("scale", "erot", "release", "us", 1, bench_us(start, bench_ns()) / n);
	if (st.sessions != n)
		bench_die("evidence does not wait for an acknowledgement", -ENOENT);
}

static void unload(const char *what, unsigned int round)
{
	uint64_t start = bench_ns();

	NEED(fx_unload_module());
	bench_tell("scale", what, "unload", "ms", round, bench_us(start, bench_ns()) / 1000);
	NEED(fx_load_module());
}

static unsigned int make_all(unsigned int n, unsigned int few, unsigned int rounds)
{
	uint64_t start = bench_ns(), pause;
	unsigned int i;

	for (i = 0; i < n && bench_may_make(start); i++) {
		make(&made[i]);
		if (i + 1 == few) {
			pause = bench_ns();
			ask("few", few, rounds);
			start += bench_ns() - pause;
		}
	}
	printf("# %u sessions in %.0f s\n", i, bench_us(start, bench_ns()) / 1e6);
	return i;
}

int main(int argc, char **argv)
{
	unsigned int n, rounds, few, some, i;
	static struct fx_slabs slabs, slabs_then;
	struct memory was, is;
	struct fx_knobs k = { 0 };
	struct made warm;

	bench_begin();
	n = bench_number(argc, argv, 1);
	rounds = bench_number(argc, argv, 2);
	few = n < 100 ? 1 : n / 100;
	NEED(fx_grant(&base, &k));
	made = malloc(n * sizeof(*made));
	if (!made)
		bench_die("malloc", -ENOMEM);
	memset(made, 1, n * sizeof(*made));	/* pages of this process are not what is measured */

	for (i = 0; i < SOME; i++) {		/* code and caches of both sides */
		make(&warm);
		close(warm.n.fd);
		NEED(fx_wait_state(warm.n.id, EROT_STATE_RELEASED, 20,
				   &(struct erot_nl_session){ 0 }));
		NEED(erot_nl_destroy(fx.nl, warm.n.id, &fx_err));
	}
	erot_nl_close(fx.nl);			/* it listens: events would pile up in it */
	NEED(fx_begin());
	NEED(fx_settle());
	measure(&was, &slabs);
	n = make_all(n, few, rounds);
	ask("many", n, rounds);		/* while they live */
	measure(&is, &slabs_then);
	tell_memory(&was, &is, n);
	fx_slabs_grown(&slabs, &slabs_then, n / 2);
	bench_tell("scale", "erot", "sessions", "1", 1, n);
	some = n / 2 < SOME ? n / 2 : SOME;
	for (i = 0; i < some; i++) {
		bench_tell("scale", "first", "make", "us", i + 1, made[i].make);
		bench_tell("scale", "last", "make", "us", i + 1, made[n - some + i].make);
		bench_tell("scale", "first", "seal", "us", i + 1, made[i].seal);
		bench_tell("scale", "last", "seal", "us", i + 1, made[n - some + i].seal);
	}
	end(n);
	unload("many", 1);
	for (i = 0; i <= rounds; i++)
		unload("none", i);
	return 0;
}
