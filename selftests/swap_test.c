// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: swap
 *
 * A machine that really swaps: nothing of a sandbox is ever found in the swap
 * device. That the search finds what is there, and that there was swapping, is
 * shown with a pattern of the test's own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

#define PAGE	4096
#define READ_AT_ONCE	(1 << 20)
#define CANARY_BYTES	(40 << 20)

FIXTURE(swap) {
	struct fx_session s;
	struct agent_answer a;
	char device[64];
};

FIXTURE_SETUP(swap)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[256];

	self->s.n.fd = -1;
	WORKS(fx_begin());
	while (f && fgets(line, sizeof(line), f))
		if (line[0] == '/')
			sscanf(line, "%63s", self->device);
	if (f)
		fclose(f);
	ASSERT_NE(0, self->device[0]) { TH_LOG("this guest has no swap"); }
}

FIXTURE_TEARDOWN(swap)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* Fills more memory than there is, then says so and waits. */
static pid_t press_once(struct __test_metadata *_metadata, size_t bytes, int *done)
{
	static const char mine[] = "pressed-pressed-";
	int pipefd[2];
	size_t i;
	pid_t pid;
	char *p;

	ASSERT_EQ(0, pipe(pipefd));
	fflush(stdout);
	pid = fork();
	if (pid) {
		close(pipefd[1]);
		*done = pipefd[0];
		return pid;
	}
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	for (i = 0; i + PAGE <= bytes; i += PAGE) {
		memcpy(p + i, mine, 16);
		memcpy(p + i + 16, &i, sizeof(i));
	}
	if (write(pipefd[1], "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/*
 * A kernel that does not keep up with writing out kills it, although swap is free, and has more
 * written out the next time.
 */
static pid_t press(struct __test_metadata *_metadata, size_t bytes)
{
	unsigned int tries;
	pid_t pid = -1;
	ssize_t n = 0;
	int done;
	char c;

	for (tries = 0; tries < 5 && n != 1; tries++) {
		pid = press_once(_metadata, bytes, &done);
		n = read(done, &c, 1);
		close(done);
		if (n != 1)
			waitpid(pid, NULL, 0);
	}
	ASSERT_EQ(1, n) { TH_LOG("the process that presses has died %u times", tries); }
	return pid;
}

struct found {
	unsigned long pages;	/* of the device */
	unsigned long pressed;	/* of the control */
	unsigned long canary;	/* of the sandbox's anonymous memory */
	unsigned long payload;	/* of the payload */
};

static int by_head(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

/* First bytes of the pages of FX_BIG, sorted. They are random: eight tell. */
static uint8_t (*page_heads(size_t *n))[8]
{
	uint8_t (*heads)[8];
	size_t i;

	*n = FX_BIG_SIZE / PAGE;
	heads = malloc(*n * sizeof(*heads));
	for (i = 0; heads && i < *n; i++)
		memcpy(heads[i], fx.big + i * PAGE, 8);
	if (heads)
		qsort(heads, *n, sizeof(*heads), by_head);
	return heads;
}

/* Direct: what stands on the device, whatever a cache believes. */
static void search(struct __test_metadata *_metadata, const char *device, struct found *out)
{
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	uint8_t (*heads)[8], *buf = NULL;
	ssize_t n, i;
	size_t n_heads;

	ASSERT_LE(0, fd);
	heads = page_heads(&n_heads);
	ASSERT_NE(NULL, heads);
	ASSERT_EQ(0, posix_memalign((void **)&buf, PAGE, READ_AT_ONCE));
	memset(out, 0, sizeof(*out));
	while ((n = read(fd, buf, READ_AT_ONCE)) > 0) {
		for (i = 0; i + PAGE <= n; i += PAGE) {
			const uint8_t *p = buf + i;

			out->pages++;
			out->pressed += !memcmp(p, "pressed-pressed-", 16);
			out->canary += !memcmp(p, "EROT-plain-half1", 16) ||
				       !memcmp(p + 2048, "EROT-plain-half1", 16);
			out->payload += bsearch(p, heads, n_heads, 8, by_head) != NULL;
		}
	}
	ASSERT_EQ(0, n);
	free(buf);
	free(heads);
	close(fd);
}

TEST_F_TIMEOUT(swap, holds_nothing_of_a_sandbox, 240)
{
	struct agent_request r = { .op = AGENT_CANARY, .off = CANARY_BYTES };
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct sysinfo si;
	struct found f;
	uint64_t off;
	int status;
	pid_t presser;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_ask(s, &r, &self->a));
	ASSERT_EQ(0, self->a.err);
	ASSERT_EQ(CANARY_BYTES >> 10, self->a.len);
	for (off = 0; off < FX_BIG_SIZE; off += AGENT_DATA_MAX)
		WORKS(fx_read(s, AGENT_READ, FX_BIG, off, AGENT_DATA_MAX, &self->a));

	ASSERT_EQ(0, sysinfo(&si));
	presser = press(_metadata, (size_t)si.totalram * si.mem_unit);
	ASSERT_EQ(0, sysinfo(&si));
	ASSERT_LT(64UL << 20, (si.totalswap - si.freeswap) * si.mem_unit);
	/* it lives on, with what it has */
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 4096, 64, &self->a));
	ASSERT_MEMEQ(fx.big + 4096, self->a.data, 64);

	search(_metadata, self->device, &f);
	TH_LOG("%lu pages: %lu of the control, %lu of the sandbox, %lu of the payload", f.pages,
	       f.pressed, f.canary, f.payload);
	EXPECT_LT(1000, f.pressed);
	EXPECT_EQ(0, f.canary);
	EXPECT_EQ(0, f.payload);

	ASSERT_EQ(0, kill(presser, SIGKILL));
	ASSERT_EQ(presser, waitpid(presser, &status, 0));
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	search(_metadata, self->device, &f);
	EXPECT_EQ(0, f.canary);
	EXPECT_EQ(0, f.payload);
}

/*
 * The search would find it: the same memory where swapping is allowed. Comes
 * last, since what it leaves stays on the device.
 */
TEST_F_TIMEOUT(swap, search_finds_what_is_there, 240)
{
	int pipefd[2], status;
	pid_t holder, presser;
	struct sysinfo si;
	struct found f;
	size_t i;
	char *p, c;

	ASSERT_EQ(0, pipe(pipefd));
	holder = fork();
	if (!holder) {
		p = mmap(NULL, CANARY_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(1);
		for (i = 0; i < CANARY_BYTES; i += 32) {
			memcpy(p + i, "EROT-plain-half1", 16);
			memcpy(p + i + 16, "half2-nialp-TORE", 16);
		}
		if (write(pipefd[1], "h", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipefd[1]);
	ASSERT_EQ(1, read(pipefd[0], &c, 1));
	ASSERT_EQ(0, sysinfo(&si));
	presser = press(_metadata, (size_t)si.totalram * si.mem_unit);
	search(_metadata, self->device, &f);
	EXPECT_LT(100, f.canary);
	kill(presser, SIGKILL);
	kill(holder, SIGKILL);
	waitpid(presser, &status, 0);
	waitpid(holder, &status, 0);
}

FX_MAIN
