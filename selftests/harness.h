/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small test harness with the macro names of the kernel's
 * kselftest_harness.h, so that tests read the same, written for this project
 * because neither linux-headers nor linux-kbuild ships the original.
 *
 *	FIXTURE(f) { int fd; };
 *	FIXTURE_SETUP(f) { self->fd = ...; ASSERT_LE(0, self->fd); }
 *	FIXTURE_TEARDOWN(f) { close(self->fd); }
 *	TEST_F(f, name) { ASSERT_EQ(0, use(self->fd)); }
 *	TEST(name) { EXPECT_STREQ("a", get()); }
 *	TEST_HARNESS_MAIN
 *
 * Each test runs in a forked child, the leader of its own process group, with
 * a time limit (30 s, or that of TEST_TIMEOUT and TEST_F_TIMEOUT, times
 * test_patience()); what it leaves behind in its group is killed. EXPECT_* goes on after a failure,
 * ASSERT_* ends the test (teardown still runs). A block after the macro is
 * executed on failure. A helper that asserts takes
 * `struct __test_metadata *_metadata` and is handed the one in scope. Tests
 * named on the command line run alone. Output is TAP 13; the exit status is 0
 * only when at least one test ran and none failed.
 */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "selftests/patience.h"

/* literals are signed, sizes are not: comparing the two is what tests do */
#pragma GCC diagnostic ignored "-Wsign-compare"

#define TEST_TIMEOUT_DEFAULT 30

/* declared by <string.h> only for those who define _GNU_SOURCE */
extern const char *strerrorname_np(int err);

/**
 * struct __test_metadata - one registered test
 * @name: "name" or "fixture.name" or "fixture.variant.name"
 * @run: body, in the child
 * @variant: parameters of the fixture's variant, or NULL
 * @termsig: signal the test must die of, or 0
 * @timeout: in seconds
 * @shared: verdict, in memory shared with the child and its children
 */
struct __test_metadata {
	char name[160];
	void (*run)(struct __test_metadata *_metadata, const void *variant);
	const void *variant;
	int termsig;
	int timeout;
	struct __test_shared {
		volatile int failed;
		volatile int skipped;
		char reason[200];
	} *shared;
	pid_t pid;
	sigjmp_buf env;
	volatile bool trigger;
	struct __test_metadata *next;
};

struct __fixture_variant {
	const char *fixture;
	const char *name;
	const void *data;
	struct __fixture_variant *next;
};

/* a TEST_F, before it is multiplied by the variants of its fixture */
struct __fixture_test {
	const char *fixture;
	const char *name;
	void (*run)(struct __test_metadata *_metadata, const void *variant);
	int termsig;
	int timeout;
	struct __fixture_test *next;
};

static struct __fixture_test *__tests, **__tests_tail = &__tests;
static struct __fixture_variant *__variants;
static struct __fixture_variant **__variants_tail __attribute__((unused)) = &__variants;

#define TH_LOG(fmt, ...) do { \
	fprintf(stdout, "# %s:%d:%s: " fmt "\n", __FILE__, __LINE__, _metadata->name, \
		##__VA_ARGS__); \
	fflush(stdout); \
} while (0)

/* SKIP(return, "why"): reported, counted and never taken for a success */
#define SKIP(statement, fmt, ...) do { \
	snprintf(_metadata->shared->reason, sizeof(_metadata->shared->reason), fmt, \
		 ##__VA_ARGS__); \
	_metadata->shared->skipped = 1; \
	statement; \
} while (0)

#define __TEST_ADD(fix, nm, fn, sig, tmo) \
static void __attribute__((constructor)) __register_##fn(void) \
{ \
	static struct __fixture_test t = { .fixture = fix, .name = nm, .run = fn, \
					   .termsig = sig, .timeout = tmo }; \
	*__tests_tail = &t; \
	__tests_tail = &t.next; \
}

#define __TEST(test, sig, tmo) \
static void __body_##test(struct __test_metadata *_metadata); \
static void __run_##test(struct __test_metadata *_metadata, \
			 const void *variant __attribute__((unused))) \
{ \
	if (!sigsetjmp(_metadata->env, 0)) \
		__body_##test(_metadata); \
} \
__TEST_ADD(NULL, #test, __run_##test, sig, tmo) \
static void __body_##test(struct __test_metadata *_metadata __attribute__((unused)))

#define TEST(test) __TEST(test, 0, TEST_TIMEOUT_DEFAULT)
#define TEST_SIGNAL(test, sig) __TEST(test, sig, TEST_TIMEOUT_DEFAULT)
#define TEST_TIMEOUT(test, seconds) __TEST(test, 0, seconds)

#define FIXTURE(fix) \
struct __fixture_##fix; \
struct __variant_##fix; \
static void __setup_##fix(struct __test_metadata *_metadata, struct __fixture_##fix *self, \
			  const struct __variant_##fix *variant); \
static void __teardown_##fix(struct __test_metadata *_metadata, struct __fixture_##fix *self, \
			     const struct __variant_##fix *variant); \
struct __fixture_##fix

#define FIXTURE_DATA(fix) struct __fixture_##fix

#define FIXTURE_SETUP(fix) \
static void __setup_##fix(struct __test_metadata *_metadata __attribute__((unused)), \
			  struct __fixture_##fix *self __attribute__((unused)), \
			  const struct __variant_##fix *variant __attribute__((unused)))

#define FIXTURE_TEARDOWN(fix) \
static void __teardown_##fix(struct __test_metadata *_metadata __attribute__((unused)), \
			     struct __fixture_##fix *self __attribute__((unused)), \
			     const struct __variant_##fix *variant __attribute__((unused)))

#define FIXTURE_VARIANT(fix) struct __variant_##fix
#define FIXTURE_VARIANT_ADD(fix, var) \
static const struct __variant_##fix __variant_##fix##_##var; \
static void __attribute__((constructor)) __register_variant_##fix##_##var(void) \
{ \
	static struct __fixture_variant v = { .fixture = #fix, .name = #var, \
					      .data = &__variant_##fix##_##var }; \
	*__variants_tail = &v; \
	__variants_tail = &v.next; \
} \
static const struct __variant_##fix __variant_##fix##_##var

#define __TEST_F(fix, test, sig, tmo) \
static void __body_##fix##_##test(struct __test_metadata *_metadata, \
				  struct __fixture_##fix *self, \
				  const struct __variant_##fix *variant); \
static void __run_##fix##_##test(struct __test_metadata *_metadata, const void *variant) \
{ \
	static struct __fixture_##fix self; \
	static volatile int ready; \
	if (!sigsetjmp(_metadata->env, 0)) { \
		__setup_##fix(_metadata, &self, variant); \
		ready = 1; \
		if (!_metadata->shared->failed && !_metadata->shared->skipped) \
			__body_##fix##_##test(_metadata, &self, variant); \
	} \
	if (ready && !sigsetjmp(_metadata->env, 0)) \
		__teardown_##fix(_metadata, &self, variant); \
} \
__TEST_ADD(#fix, #test, __run_##fix##_##test, sig, tmo) \
static void __body_##fix##_##test(struct __test_metadata *_metadata __attribute__((unused)), \
				  struct __fixture_##fix *self __attribute__((unused)), \
				  const struct __variant_##fix *variant __attribute__((unused)))

#define TEST_F(fix, test) __TEST_F(fix, test, 0, TEST_TIMEOUT_DEFAULT)
#define TEST_F_SIGNAL(fix, test, sig) __TEST_F(fix, test, sig, TEST_TIMEOUT_DEFAULT)
#define TEST_F_TIMEOUT(fix, test, seconds) __TEST_F(fix, test, 0, seconds)

/* runs the caller's block once, then ends the test when it was an ASSERT */
static inline int __test_bail(struct __test_metadata *_metadata, bool assert)
{
	_metadata->trigger = false;
	if (!assert)
		return 0;
	fflush(NULL);
	if (getpid() != _metadata->pid)
		_exit(1);		/* a child of the test: teardown is not its business */
	siglongjmp(_metadata->env, 1);
}

#define __HANDLER(assert) \
	for (; _metadata->trigger; __test_bail(_metadata, assert))

#define __FAIL(fmt, ...) do { \
	TH_LOG(fmt, ##__VA_ARGS__); \
	_metadata->shared->failed = 1; \
	_metadata->trigger = true; \
} while (0)

#define __CMP(exp, exp_s, seen, seen_s, op, assert) do { \
	__typeof__(exp) __exp = (exp); \
	__typeof__(seen) __seen = (seen); \
	if (!(__exp op __seen)) { \
		intmax_t __e = (intmax_t)(uintptr_t)__exp, __s = (intmax_t)(uintptr_t)__seen; \
		__FAIL("expected %s (%jd, 0x%jx) %s %s (%jd, 0x%jx)", exp_s, __e, __e, #op, \
		       seen_s, __s, __s); \
	} \
} while (0); __HANDLER(assert)

#define __STR(exp, seen, op, assert) do { \
	const char *__exp = (exp), *__seen = (seen); \
	if (!__exp || !__seen || !(strcmp(__exp, __seen) op 0)) \
		__FAIL("expected '%s' %s '%s'", __exp ? __exp : "(null)", #op, \
		       __seen ? __seen : "(null)"); \
} while (0); __HANDLER(assert)

static inline void __test_hex(char *out, size_t size, const void *p, size_t len)
{
	size_t i;

	out[0] = 0;
	for (i = 0; i < len && 2 * i + 3 <= size; i++)
		snprintf(out + 2 * i, size - 2 * i, "%02x", ((const uint8_t *)p)[i]);
}

#define __MEM(exp, seen, len, assert) do { \
	const void *__exp = (exp), *__seen = (seen); \
	size_t __len = (len); \
	if (memcmp(__exp, __seen, __len)) { \
		char __e[129], __s[129]; \
		__test_hex(__e, sizeof(__e), __exp, __len); \
		__test_hex(__s, sizeof(__s), __seen, __len); \
		__FAIL("expected %s == %s over %zu bytes: %s, seen %s", #exp, #seen, __len, \
		       __e, __s); \
	} \
} while (0); __HANDLER(assert)

/* the expression is a system call or behaves as one: -1 and errno */
#define __ERRNO(err, expr, assert) do { \
	int __err = (err); \
	long __ret; \
	errno = 0; \
	__ret = (long)(expr); \
	if (__ret != -1 || errno != __err) \
		__FAIL("expected -1 with errno %d (%s) from %s, seen %ld with errno %d (%s)", \
		       __err, strerrorname_np(__err) ?: "none", #expr, __ret, errno, \
		       strerrorname_np(errno) ?: "none"); \
} while (0); __HANDLER(assert)

#define ASSERT_EQ(exp, seen) __CMP(exp, #exp, seen, #seen, ==, 1)
#define ASSERT_NE(exp, seen) __CMP(exp, #exp, seen, #seen, !=, 1)
#define ASSERT_LT(exp, seen) __CMP(exp, #exp, seen, #seen, <, 1)
#define ASSERT_LE(exp, seen) __CMP(exp, #exp, seen, #seen, <=, 1)
#define ASSERT_GT(exp, seen) __CMP(exp, #exp, seen, #seen, >, 1)
#define ASSERT_GE(exp, seen) __CMP(exp, #exp, seen, #seen, >=, 1)
#define ASSERT_NULL(seen) __CMP((void *)NULL, "NULL", seen, #seen, ==, 1)
#define ASSERT_TRUE(seen) __CMP(0, "0", seen, #seen, !=, 1)
#define ASSERT_FALSE(seen) __CMP(0, "0", seen, #seen, ==, 1)
#define ASSERT_STREQ(exp, seen) __STR(exp, seen, ==, 1)
#define ASSERT_STRNE(exp, seen) __STR(exp, seen, !=, 1)
#define ASSERT_MEMEQ(exp, seen, len) __MEM(exp, seen, len, 1)
#define ASSERT_ERRNO(err, expr) __ERRNO(err, expr, 1)
#define EXPECT_EQ(exp, seen) __CMP(exp, #exp, seen, #seen, ==, 0)
#define EXPECT_NE(exp, seen) __CMP(exp, #exp, seen, #seen, !=, 0)
#define EXPECT_LT(exp, seen) __CMP(exp, #exp, seen, #seen, <, 0)
#define EXPECT_LE(exp, seen) __CMP(exp, #exp, seen, #seen, <=, 0)
#define EXPECT_GT(exp, seen) __CMP(exp, #exp, seen, #seen, >, 0)
#define EXPECT_GE(exp, seen) __CMP(exp, #exp, seen, #seen, >=, 0)
#define EXPECT_NULL(seen) __CMP((void *)NULL, "NULL", seen, #seen, ==, 0)
#define EXPECT_TRUE(seen) __CMP(0, "0", seen, #seen, !=, 0)
#define EXPECT_FALSE(seen) __CMP(0, "0", seen, #seen, ==, 0)
#define EXPECT_STREQ(exp, seen) __STR(exp, seen, ==, 0)
#define EXPECT_STRNE(exp, seen) __STR(exp, seen, !=, 0)
#define EXPECT_MEMEQ(exp, seen, len) __MEM(exp, seen, len, 0)
#define EXPECT_ERRNO(err, expr) __ERRNO(err, expr, 0)

static inline void __test_child(struct __test_metadata *t, const sigset_t *mask)
{
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	t->pid = getpid();
	t->run(t, t->variant);
	fflush(NULL);
	_exit(t->shared->failed ? 1 : 0);
}

/* SIGCHLD is blocked, so it can be waited for with a limit and without a race */
static inline int __test_wait(pid_t pid, int timeout, bool *late)
{
	struct timespec end, now, left = { .tv_sec = timeout };
	sigset_t chld;
	int status;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout;
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (sigtimedwait(&chld, NULL, &left) < 0 && errno == EAGAIN) {
			*late = true;
			kill(-pid, SIGKILL);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = end.tv_sec - now.tv_sec - (now.tv_nsec > end.tv_nsec);
		left.tv_nsec = end.tv_nsec - now.tv_nsec +
			       (now.tv_nsec > end.tv_nsec ? 1000000000L : 0);
		if (left.tv_sec < 0)
			left = (struct timespec){};
	}
	kill(-pid, SIGKILL);
	return status;
}

static inline bool __test_one(struct __test_metadata *t, unsigned int n)
{
	sigset_t block, old;
	bool late = false;
	int status;
	pid_t pid;

	t->shared->failed = 0;
	t->shared->skipped = 0;
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		printf("not ok %u %s # fork: %s\n", n, t->name, strerror(errno));
		return false;
	}
	if (!pid)
		__test_child(t, &old);
	setpgid(pid, pid);	/* in both, so that neither has to wait for the other */
	status = __test_wait(pid, t->timeout, &late);
	sigprocmask(SIG_SETMASK, &old, NULL);

	if (late)
		printf("# %s: no end within %d s\n", t->name, t->timeout);
	else if (WIFSIGNALED(status) && WTERMSIG(status) != t->termsig)
		printf("# %s: killed by signal %d (%s)\n", t->name, WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	else if (t->termsig && !WIFSIGNALED(status))
		printf("# %s: lived, signal %d expected\n", t->name, t->termsig);
	else if (WIFEXITED(status) && WEXITSTATUS(status))
		t->shared->failed = 1;
	if (late || t->shared->failed ||
	    (t->termsig ? !WIFSIGNALED(status) || WTERMSIG(status) != t->termsig :
			  !WIFEXITED(status))) {
		printf("not ok %u %s\n", n, t->name);
		return false;
	}
	if (t->shared->skipped)
		printf("ok %u %s # SKIP %s\n", n, t->name, t->shared->reason);
	else
		printf("ok %u %s\n", n, t->name);
	return true;
}

static inline struct __test_metadata *__test_new(const struct __fixture_test *t,
						 const struct __fixture_variant *v,
						 int argc, char **argv)
{
	struct __test_metadata *m = calloc(1, sizeof(*m));
	int i;

	if (!m)
		exit(1);
	snprintf(m->name, sizeof(m->name), "%s%s%s%s%s", t->fixture ?: "", t->fixture ? "." : "",
		 v ? v->name : "", v ? "." : "", t->name);
	m->run = t->run;
	m->variant = v ? v->data : NULL;
	m->termsig = t->termsig;
	m->timeout = t->timeout * test_patience();
	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], m->name) || !strcmp(argv[i], t->name))
			return m;
	if (argc <= 1)
		return m;
	free(m);
	return NULL;
}

static inline int __test_main(int argc, char **argv)
{
	struct __test_metadata *list = NULL, **tail = &list, *m;
	unsigned int n = 0, i = 0, failed = 0;
	struct __fixture_variant *v;
	struct __fixture_test *t;
	struct __test_shared *shared;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED) {
		printf("Bail out! mmap: %s\n", strerror(errno));
		return 1;
	}
	for (t = __tests; t; t = t->next) {
		bool any = false;

		for (v = __variants; v; v = v->next) {
			if (!t->fixture || strcmp(v->fixture, t->fixture))
				continue;
			any = true;
			m = __test_new(t, v, argc, argv);
			if (m)
				*tail = m, tail = &m->next, n++;
		}
		m = any ? NULL : __test_new(t, NULL, argc, argv);
		if (m)
			*tail = m, tail = &m->next, n++;
	}
	printf("TAP version 13\n1..%u\n", n);
	while (list) {
		m = list;
		list = m->next;
		m->shared = shared;
		failed += !__test_one(m, ++i);
		free(m);
	}
	munmap(shared, sizeof(*shared));
	if (!n)
		printf("# no test ran\n");
	printf("# %u passed, %u failed\n", n - failed, failed);
	fflush(stdout);
	return n && !failed ? 0 : 1;
}

#define TEST_HARNESS_MAIN \
int main(int argc, char **argv) \
{ \
	return __test_main(argc, argv); \
}

#endif
