// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_family: programs of netlink messages, ioctls and system calls against the loaded module,
 * made of valid ones and mutated, guided by what the module ran (KCOV) where the kernel tells, and
 * by the answers everywhere.
 *
 *	fuzz_family [--seconds N] [--workers N] [--seed N] [--corpus DIR]
 *						fuzz; 0: until interrupted
 *	fuzz_family --replay FILE...		each program once
 *	fuzz_family --unpack MEMORY DIR [--died]	on the host: programs of a run
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/guest/coverage.h"
#include "fuzz/guest/steps.h"
#include "fuzz/guest/store.h"
#include "selftests/fixture.h"

#define HINTS	256

/**
 * struct worker - one process
 * @number: which
 * @fresh:  the program that runs showed something new
 * @hints:  what was compared in the program that showed something new last
 */
struct worker {
	unsigned int number;
	uint64_t random;
	struct store *store;
	struct coverage *coverage;
	bool fresh;
	struct hint hints[HINTS];
	size_t n_hints;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void on_answer(void *ctx, const struct step *s, int verdict, const char *text)
{
	uint64_t hash = store_hash(text, strlen(text), (uint64_t)s->op << 32 ^ (uint32_t)verdict);
	struct worker *w = ctx;

	if (!verdict)
		__atomic_fetch_add(&w->store->done[s->op % STEP_OPS], 1, __ATOMIC_RELAXED);
	if (store_see(w->store->answers, &w->store->n_answers, hash))
		w->fresh = true;
}

/* An edge is two places, one after the other; addresses differ from boot to boot, hence the mix. */
static void look_at_places(struct worker *w)
{
	uint64_t last = 0, mixed;
	const uint64_t *pc;
	size_t i, n = coverage_places(w->coverage, &pc);

	for (i = 0; i < n; i++) {
		mixed = store_hash(&pc[i], sizeof(pc[i]), 0);
		store_see(w->store->places, &w->store->n_places, mixed);
		w->fresh |= store_see(w->store->edges, &w->store->n_edges, mixed ^ last >> 1);
		last = mixed;
	}
}

static void run(struct worker *w, const struct program *p)
{
	struct store *s = w->store;
	uint64_t n = __atomic_load_n(&s->runs[w->number], __ATOMIC_RELAXED) + 1;

	s->recent[w->number][n % STORE_RECENT] = *p;
	__atomic_store_n(&s->runs[w->number], n, __ATOMIC_RELEASE);
	w->fresh = false;
	coverage_begin(w->coverage, false);
	steps_run(p, on_answer, w);
	coverage_end(w->coverage);
	look_at_places(w);
	s->steps[w->number] += p->count;
}

/* Something new: keep the program, and ask what it was compared with. */
static void keep(struct worker *w, const struct program *p)
{
	store_keep(w->store, p);
	if (!w->coverage)
		return;
	coverage_begin(w->coverage, true);
	steps_run(p, NULL, NULL);
	coverage_end(w->coverage);
	w->n_hints = coverage_hints(w->coverage, w->hints, HINTS);
}

static void work(struct worker *w)
{
	struct program p, other;

	while (!stop) {
		if (!random_below(&w->random, 4) || !store_pick(w->store, &w->random, &p)) {
			program_make(&p, &w->random);
		} else {
			if (!store_pick(w->store, &w->random, &other))
				other.count = 0;
			program_mutate(&p, &other, w->hints, w->n_hints, &w->random);
		}
		run(w, &p);
		if (w->fresh)
			keep(w, &p);
	}
}

static int replay_file(struct worker *w, const char *path)
{
	FILE *f = fopen(path, "re");
	struct program p;
	bool ok;

	if (!f)
		return -errno;
	ok = program_read(&p, f);
	fclose(f);
	if (!ok)
		return -EINVAL;
	run(w, &p);
	if (w->fresh)
		store_keep(w->store, &p);
	return 0;
}

static void replay_dir(struct worker *w, const char *dir)
{
	struct dirent *e;
	char path[600];
	DIR *d = opendir(dir);

	while (d && !stop && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			replay_file(w, path);
	}
	if (d)
		closedir(d);
}

static void __attribute__((noreturn)) worker_main(struct worker *w, const char *corpus)
{
	w->coverage = coverage_open();
	steps_prepare();
	if (corpus && !w->number)
		replay_dir(w, corpus);
	work(w);
	if (steps_finish())
		_exit(2);
	_exit(0);
}

/* 0: all is well. */
static int fuzz(struct store *store, unsigned int workers, unsigned int seconds, const char *corpus,
		uint64_t seed)
{
	struct worker w = { .store = store };
	int status, bad = 0;
	sigset_t wanted;
	pid_t pids[STORE_WORKERS];
	unsigned int i;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGCHLD);
	for (i = 0; i < workers; i++) {
		w.number = i;
		w.random = seed * 2654435761U + i + 1;
		fflush(NULL);
		pids[i] = fork();
		if (!pids[i])
			worker_main(&w, corpus);
	}
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	sigtimedwait(&wanted, NULL, &(struct timespec){ .tv_sec = seconds ?: 1 << 30 });
	for (i = 0; i < workers; i++)
		kill(pids[i], SIGTERM);
	for (i = 0; i < workers; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			bad = status ?: -1;
	return bad;
}

static void report(const struct store *s, int bad, uint64_t seconds, bool coverage)
{
	uint64_t runs = 0, steps = 0;
	unsigned int i;

	for (i = 0; i < STORE_WORKERS; i++) {
		runs += s->runs[i];
		steps += s->steps[i];
	}
	printf("# %llu programs of %llu steps, %llu a second, %u kept\n", (unsigned long long)runs,
	       (unsigned long long)steps, (unsigned long long)(runs / (seconds ?: 1)), s->n_kept);
	printf("# %u different answers; %u places and %u edges of the module%s\n", s->n_answers,
	       s->n_places, s->n_edges, coverage ? "" : " (this kernel does not tell)");
	printf("%s 1 - workers end as they should\n", bad ? "not ok" : "ok");
	if (bad)
		printf("#   status 0x%x\n", bad);
	printf("# succeeded:");
	for (i = 0; i < STEP_OPS; i++)
		if (s->done[i])
			printf(" %s %llu", step_names[i], (unsigned long long)s->done[i]);
	/* as deep as a mount in a sandbox, and refused in many ways */
	printf("\n%s 2 - programs got everywhere\n",
	       s->done[STEP_ATTACH] && s->done[STEP_BOX] && s->n_answers > 30 ? "ok" : "not ok");
	printf("%s 3 - no session and no key is left\n", fx_nothing_left() ? "not ok" : "ok");
}

static int unpack(char **argv)
{
	struct store *s = store_open(argv[0]);
	unsigned int i;

	for (i = 0; s && i < STORE_WORKERS; i++)
		if (s->runs[i])
			printf("# worker %u: at %llu\n", i, (unsigned long long)s->runs[i]);
	if (!s || store_unpack(s, argv[1], argv[2] && !strcmp(argv[2], "--died"))) {
		fprintf(stderr, "fuzz_family: %s: %s\n", argv[0], strerror(errno));
		return 1;
	}
	return 0;
}

static int replay(struct store *store, char **files)
{
	struct worker w = { .store = store };
	unsigned int n = 0, failed = 0;
	int ret;

	steps_prepare();
	for (; *files; files++) {
		ret = replay_file(&w, *files);
		printf("%s %u - %s\n", ret ? "not ok" : "ok", ++n, strrchr(*files, '/') ?: *files);
		failed += ret != 0;
	}
	ret = steps_finish() ?: fx_nothing_left();
	printf("%s %u - no session and no key is left\n1..%u\n", ret ? "not ok" : "ok", n + 1,
	       n + 1);
	return failed || ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "workers", required_argument, NULL, 'w' },
		{ "seed", required_argument, NULL, 'n' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "replay", no_argument, NULL, 'r' },
		{ "unpack", no_argument, NULL, 'u' },
		{ 0 },
	};
	unsigned int seconds = 30, workers = 2;
	uint64_t began, seed = (uint64_t)time(NULL);
	const char *corpus = NULL;
	bool again = false;
	struct store *store;
	int opt, bad;

	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (opt) {
		case 's': seconds = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'w': workers = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'n': seed = strtoull(optarg, NULL, 10); break;
		case 'c': corpus = optarg; break;
		case 'r': again = true; break;
		case 'u': return argc - optind < 2 ? 2 : unpack(argv + optind);
		default: return 2;
		}
	}
	store = store_open(NULL);
	if (!store || !workers || workers > STORE_WORKERS)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGPIPE, SIG_IGN);
	fx_prepare();
	printf("TAP version 13\n");
	if (again)
		return replay(store, argv + optind);
	printf("1..3\n# seed %llu\n", (unsigned long long)seed);
	began = fx_now_ms();
	bad = fuzz(store, workers, seconds, corpus, seed);
	if (fx_begin())
		return 1;
	report(store, bad, (fx_now_ms() - began) / 1000, !access("/sys/kernel/debug/kcov", W_OK));
	return bad != 0;
}
