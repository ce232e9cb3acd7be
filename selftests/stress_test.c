// SPDX-License-Identifier: GPL-2.0-only
/*
 * Launches without number, struck at random moments of each of their steps while
 * processors and memory are scarce: afterwards the kernel holds what it held
 * before, and the next launch works. STRESS_SEED and STRESS_LAUNCHES (150) come
 * from the environment.
 *
 * guest: stress
 */
#define _GNU_SOURCE
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "liberot/crypto.h"
#include "selftests/harness.h"
#include "selftests/stress.h"

#define WORKERS		3
#define STRIKES_MAX	3
#define HANG_SECONDS	120
#define WARM_UP		30		/* launches before anything is counted */
#define ENDS		(EROT_END_FAILED + 1)
#define HOG		"/selftests/workload/hog"
#define HOG_CGROUP	"/sys/fs/cgroup/erot-hog"

/* What a launch may end with that was struck; nothing that tells of altered bytes or keys. */
static const int expected[] = {
	EINTR, ESHUTDOWN, ENOENT, EPIPE, ETIMEDOUT, EBADF, ENOTTY, EIO, EFAULT, EACCES, EINVAL,
	ENOTSOCK, EPROTO, ENOMEM, ESRCH, ENOTBLK, ENODATA, EBUSY, ECONNRESET,
};

/* And when the file has been changed: that is noticed. Altered bytes, EILSEQ, never arrive. */
static const int expected_of_file[] = { EBADMSG, EUCLEAN, EKEYREJECTED, ENOEXEC, ELIBBAD };

/* struct tally - of one worker; shared, each has its own */
struct tally {
	unsigned int launches;
	unsigned int whole;			/* came to their end */
	unsigned int failures;
	unsigned int struck[STRIKES][STEPS];
	unsigned int failed_at[STEPS];
	unsigned int ends[ENDS];		/* as the module says */
	unsigned int evidence;
};

struct shared {
	unsigned int left;		/* launches to be begun */
	uint64_t usual_ns[STEPS];	/* of each, undisturbed */
	struct tally tally[WORKERS + 1];
	struct stress_launch launch[WORKERS + 1];
};

static struct shared *shared;
static uint64_t seed;
static struct fx_payload payload;	/* each worker has its own, to be changed */

static bool is_one_of(int ret, const int *list, size_t n)
{
	while (n--)
		if (ret == -list[n])
			return true;
	return false;
}

static bool is_expected(int ret, bool file_changed)
{
	return !ret || is_one_of(ret, expected, sizeof(expected) / sizeof(expected[0])) ||
	       (file_changed && is_one_of(ret, expected_of_file, sizeof(expected_of_file) /
								 sizeof(expected_of_file[0])));
}

static int restore_payload(void)
{
	off_t at = 0, size = lseek(fx.payload.fd, 0, SEEK_END);

	if (size <= 0 || lseek(payload.fd, 0, SEEK_SET) || ftruncate(payload.fd, size))
		return -1;
	while (at < size)
		if (sendfile(payload.fd, fx.payload.fd, &at, (size_t)(size - at)) <= 0)
			return -1;
	return 0;
}

/* They have left their cgroup; that is some time before they can be waited for. */
static void wait_for_children(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/*
 * Whatever the launcher left: the sandbox, which is ours then, its cgroup, its session, whose
 * evidence is that of this receipt.
 */
static int clean_up(struct stress_launch *l, struct tally *t)
{
	struct fx_session s = l->s;
	const uint8_t zero[EROT_ID_SIZE] = { 0 };
	struct erot_nl_session got;
	struct erot_evidence ev;
	int ret;

	fx_remove_cgroup(&s);
	wait_for_children();
	if (!memcmp(s.n.id, zero, sizeof(zero)))
		return 0;
	ret = fx_wait_state(s.n.id, EROT_STATE_RELEASED, HANG_SECONDS, &got);
	if (!ret && got.end < ENDS)
		t->ends[got.end]++;
	if (!ret && got.has_evidence) {
		ret = fx_evidence(&s, 0, &ev);
		t->evidence += !ret;
	}
	if (!ret)
		ret = erot_nl_destroy(fx.nl, s.n.id, &fx_err);
	return ret == -ENOENT ? 0 : ret;
}

/* Until the launch has come to @want; not if it ends before. */
static bool reach(struct stress_launch *l, int pidfd, enum step want)
{
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN },
			       { .fd = l->steps, .events = POLLIN } };
	uint8_t step = STEP_NONE;

	while (step < want)
		if (poll(p, 2, HANG_SECONDS * 1000) < 1 || p[0].revents ||
		    read(l->steps, &step, 1) != 1)
			return false;
	return true;
}

/* Up to @n strikes, each some time into a step; the last one, or -1 for none. */
static int strike_at_random(struct stress_launch *l, pid_t pid, int pidfd, struct tally *t,
			    uint64_t *random, unsigned int n, bool *file_changed)
{
	enum step step = STEP_NEW;
	int last = -1;

	while (n--) {
		enum strike what = stress_random(random) % STRIKES;
		uint64_t ns;

		step += stress_random(random) % (STEPS - step);
		ns = shared->usual_ns[step] * (stress_random(random) % 4096) / 1024;
		if (l->step < step && !reach(l, pidfd, step))
			break;
		if (stress_wait(pidfd, ns))
			break;
		t->struck[what][l->step]++;
		*file_changed |= what == STRIKE_FILE;
		stress_strike(l, pid, what, ns, stress_random(random));
		last = what;
	}
	return last;
}

/* What a launch came to; 0, or -1 when it has been printed what is wrong. */
static int judge(struct stress_launch *l, struct tally *t, int last, bool file_changed)
{
	const char *name = last < 0 ? "none" : stress_strikes[last];
	int ret = 0, left;

	t->launches++;
	t->whole += !l->result;
	t->failed_at[l->result ? l->step : STEP_NONE]++;
	if (last >= 0 || l->deadline ? !is_expected(l->result, file_changed) : l->result != 0) {
		printf("# step %s, last strike: %s: %s: %s\n", stress_steps[l->step], name,
		       strerror(-l->result), l->text);
		ret = -1;
	}
	left = clean_up(l, t);
	if (left) {
		printf("# left over after step %s, last strike: %s: %s: %s\n",
		       stress_steps[l->step], name, strerror(-left), fx_err.text);
		ret = -1;
	}
	return ret;
}

/* One launch, with up to @strikes */
static void one(struct stress_launch *l, struct tally *t, uint64_t *random, unsigned int strikes)
{
	bool file_changed = false;
	int last, pidfd;
	pid_t pid;

	memset(l, 0, sizeof(*l));
	l->random = stress_random(random);
	l->victim = (uint32_t)stress_random(random);
	l->deadline = strikes && stress_random(random) % 8 == 0;
	l->knobs.runtime = l->deadline;
	l->knobs.payload = &payload;
	pid = restore_payload() ? -1 : stress_start(l);
	pidfd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		printf("# no launcher: %s\n", strerror(errno));
		t->failures++;
		return;
	}
	last = strike_at_random(l, pid, pidfd, t, random, strikes, &file_changed);
	if (!stress_wait(pidfd, HANG_SECONDS * 1000000000ULL)) {
		printf("# hangs in step %s\n", stress_steps[l->step]);
		kill(pid, SIGKILL);
		t->failures++;
	}
	waitpid(pid, NULL, 0);
	close(pidfd);
	close(l->steps);
	t->failures += judge(l, t, last, file_changed) != 0;
}

static int make_payload(const char *name)
{
	payload = fx.payload;
	payload.fd = fx_temp_file("", 0);
	return payload.fd < 0 ? erot_fail(&fx_err, errno, "payload", "%s: none", name) : 0;
}

static void __attribute__((noreturn)) worker(unsigned int n)
{
	uint64_t random = seed + n * 0x100000001b3;

	/* a dead launcher's sandbox becomes our child */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fx_begin() || make_payload("worker"))
		_exit(1);
	while ((int)__atomic_fetch_sub(&shared->left, 1, __ATOMIC_RELAXED) > 0)
		one(&shared->launch[n], &shared->tally[n], &random,
		    (unsigned int)(stress_random(&random) % (STRIKES_MAX + 1)));
	_exit(0);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void add_up(struct tally *sum)
{
	unsigned int n;
	size_t i;

	memset(sum, 0, sizeof(*sum));
	for (n = 0; n < WORKERS; n++)
		for (i = 0; i < sizeof(*sum) / sizeof(unsigned int); i++)
			((unsigned int *)sum)[i] += ((unsigned int *)&shared->tally[n])[i];
}

static void show(const struct tally *t)
{
	unsigned int i, step;

	printf("# %u launches, %u to their end, %u with evidence\n#%24s", t->launches, t->whole,
	       t->evidence, "");
	for (step = STEP_NEW; step < STEPS; step++)
		printf(" %9s", stress_steps[step]);
	for (i = 0; i < STRIKES; i++) {
		printf("\n# %22s:", stress_strikes[i]);
		for (step = STEP_NEW; step < STEPS; step++)
			printf(" %9u", t->struck[i][step]);
	}
	printf("\n# %22s:", "ended");
	for (step = STEP_NEW; step < STEPS; step++)
		printf(" %9u", t->failed_at[step]);
	printf("\n# ends of sessions:");
	for (i = 0; i < ENDS; i++)
		printf(" %u", t->ends[i]);
	printf("\n");
}

/* Enough of them, and each strike and each step has had its turn, as has each end. */
static void was_stress(struct __test_metadata *_metadata, const struct tally *t)
{
	static const unsigned int ends[] = { EROT_END_EXIT, EROT_END_KILLED, EROT_END_DESTROYED,
					     EROT_END_CLOSED, EROT_END_DEADLINE };
	unsigned int i, step, n;

	EXPECT_LT(t->whole, t->launches);
	EXPECT_LT(0, t->whole);
	if (t->launches < 100)
		return;
	for (i = 0; i < STRIKES; i++) {
		for (n = 0, step = STEP_NEW; step < STEPS; step++)
			n += t->struck[i][step];
		EXPECT_LT(0, n) { TH_LOG("never: %s", stress_strikes[i]); }
	}
	for (step = STEP_NEW; step < STEPS; step++) {
		for (n = 0, i = 0; i < STRIKES; i++)
			n += t->struck[i][step];
		EXPECT_LT(0, n) { TH_LOG("nothing in step %s", stress_steps[step]); }
	}
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		EXPECT_LT(0, t->ends[ends[i]]) { TH_LOG("no end %u", ends[i]); }
}

/* Without any strike: what is allocated once is there afterwards, by whomever. */
static void warm_up(struct __test_metadata *_metadata)
{
	struct stress_launch *l = &shared->launch[WORKERS];
	struct tally *t = &shared->tally[WORKERS];
	uint64_t random = seed;
	int i, step;

	for (i = 0; i < 6; i++) {
		one(l, t, &random, 0);
		ASSERT_EQ(0, t->failures);
		for (step = STEP_NEW; step < STEPS; step++)
			shared->usual_ns[step] = (step + 1 < STEPS ? l->began_ns[step + 1] :
						  stress_now_ns()) - l->began_ns[step];
	}
}

static pid_t hog_begin(struct __test_metadata *_metadata)
{
	char *const argv[] = { HOG, HOG_CGROUP, NULL };
	pid_t pid;

	ASSERT_EQ(0, posix_spawn(&pid, HOG, NULL, NULL, argv, environ));
	return pid;
}

static void strike(struct __test_metadata *_metadata, unsigned int launches)
{
	pid_t pids[WORKERS], hog;
	unsigned int i;
	int status;

	shared->left = launches;
	hog = hog_begin(_metadata);
	for (i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			worker(i);
	}
	for (i = 0; i < WORKERS; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	ASSERT_EQ(0, kill(hog, SIGTERM));
	ASSERT_EQ(hog, waitpid(hog, &status, 0));
	EXPECT_EQ(0, status);
}

static void begin(struct __test_metadata *_metadata)
{
	if (erot_random(&seed, sizeof(seed)))
		abort();
	seed = from_environment("STRESS_SEED", seed);
	TH_LOG("STRESS_SEED=%llu", (unsigned long long)seed);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)shared);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	WORKS(fx_begin());
	WORKS(make_payload("warm up"));
	warm_up(_metadata);
}

/* The queue of the socket that there was is full of events that nobody reads. */
static void other_socket(struct __test_metadata *_metadata)
{
	erot_nl_close(fx.nl);
	WORKS(fx_begin());
}

static void measure(struct __test_metadata *_metadata, struct fx_memory *m, struct fx_slabs *slabs)
{
	WORKS(fx_settle());
	fx_measure(m);
	WORKS(fx_slabs_measure(slabs));
}

/* A cgroup that was removed is there until the kernel comes to it. */
static void measure_at_rest(struct __test_metadata *_metadata, struct fx_memory *m,
			    struct fx_slabs *slabs)
{
	uint64_t end = fx_end_ms(60);

	do {
		measure(_metadata, m, slabs);
	} while (m->dying && !poll(NULL, 0, 100) && fx_left_ms(end));
	ASSERT_EQ(0, m->dying);
}

TEST_TIMEOUT(random_kills, 1 << 24)	/* that of the whole program comes first */
{
	static struct fx_slabs slabs_before, slabs_after;
	struct fx_memory before, after, again;
	unsigned int launches, tries, grown = 0;
	struct tally sum;

	launches = (unsigned int)from_environment("STRESS_LAUNCHES", 150);
	ASSERT_LT(WARM_UP, launches);
	begin(_metadata);
	strike(_metadata, WARM_UP);
	other_socket(_metadata);
	measure_at_rest(_metadata, &before, &slabs_before);
	ASSERT_EQ(1, before.secrets);	/* the boot key */
	ASSERT_EQ(0, before.sessions);

	launches -= WARM_UP;
	strike(_metadata, launches);
	add_up(&sum);
	show(&sum);
	EXPECT_EQ(0, sum.failures);
	was_stress(_metadata, &sum);

	other_socket(_metadata);
	WORKS(fx_as_before(&before, &after));
	TH_LOG("slab %ld -> %ld KiB, vmalloc %ld -> %ld KiB, unaccounted %ld -> %ld KiB",
	       before.unreclaimable, after.unreclaimable, before.used, after.used,
	       before.unaccounted, after.unaccounted);
	/*
	 * What else there is moves less than this; a leak is of most launches. Some of what is
	 * free is given back seconds later (kfree_rcu).
	 */
	for (tries = 0; tries < 5; tries++) {
		measure(_metadata, &again, &slabs_after);
		grown = fx_slabs_grown(&slabs_before, &slabs_after, 32 + (long)launches / 16);
		if (!grown)
			break;
		poll(NULL, 0, 6000);
	}
	EXPECT_EQ(0, grown);
	EXPECT_LT(after.unreclaimable - before.unreclaimable, 1024 + (long)launches);
	EXPECT_LT(after.used - before.used, 256 + (long)launches);
	EXPECT_LT(after.unaccounted - before.unaccounted, 256 + (long)launches);

	warm_up(_metadata);
	WORKS(fx_nothing_left());
	/* it waits for the last inode of the payload filesystem */
	WORKS(fx_unload_module());
	WORKS(fx_load_module());
}

FX_MAIN
