// SPDX-License-Identifier: GPL-2.0-only
/*
 * reader FILE...: reads files as it is told, one line on stdin for each run:
 *
 *	PATTERN READERS BYTES FILE-NUMBER
 *
 * and answers one line with the nanoseconds that it took, or "error" and why. Patterns: "seq" in
 * reads of 128 KiB, "rand4k" and "rand128k" at places drawn without repetition, "map" a walk
 * through a mapping that touches each page. Readers are threads, each bound to a processor of its
 * own, which share BYTES and begin together. What the page cache holds of the file is given up
 * first, so that all of it comes from below. The same program reads inside a sandbox, a mounted
 * peer and the devices of bench_raw.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BIG	(128 * 1024)
#define SMALL	4096
#define READERS	64

/**
 * struct share - of one reader
 * @first: byte of the file that its share begins with
 * @bytes: of its share
 * @error: errno
 */
struct share {
	pthread_t thread;
	unsigned int number;
	const char *pattern;
	const char *path;
	uint64_t first;
	uint64_t bytes;
	int error;
};

static pthread_barrier_t barrier;
static volatile uint8_t sink;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int read_at(int fd, void *buf, size_t len, uint64_t at)
{
	ssize_t n = pread(fd, buf, len, (off_t)at);

	return n == (ssize_t)len ? 0 : n < 0 ? errno : EIO;
}

static int sequential(const struct share *s, int fd, void *buf)
{
	int err = 0;

	for (uint64_t at = 0; at < s->bytes && !err; at += BIG)
		err = read_at(fd, buf, BIG, s->first + at);
	return err;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

/* Every block once: a step that has no divisor in common with their number visits all. */
static int scattered(const struct share *s, int fd, void *buf, size_t block)
{
	uint64_t n = s->bytes / block, step = n * 5 / 8 | 1, i, at = n / 3;
	int err = 0;

	while (common_divisor(n, step) > 1)
		step++;
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (i = 0; i < n && !err; i++, at = (at + step) % n)
		err = read_at(fd, buf, block, s->first + at * block);
	return err;
}

static int mapped(const struct share *s, int fd)
{
	const uint8_t *p = mmap(NULL, s->bytes, PROT_READ, MAP_SHARED, fd, (off_t)s->first);
	uint64_t at;

	if (p == MAP_FAILED)
		return errno;
	for (at = 0; at < s->bytes; at += SMALL)
		sink = p[at];
	return munmap((void *)p, s->bytes) ? errno : 0;
}

static int run_share(const struct share *s, int fd, void *buf)
{
	if (!strcmp(s->pattern, "seq"))
		return sequential(s, fd, buf);
	if (!strcmp(s->pattern, "rand4k"))
		return scattered(s, fd, buf, SMALL);
	if (!strcmp(s->pattern, "rand128k"))
		return scattered(s, fd, buf, BIG);
	return strcmp(s->pattern, "map") ? EINVAL : mapped(s, fd);
}

static void *reader(void *arg)
{
	struct share *s = arg;
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	void *buf = aligned_alloc(SMALL, BIG);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(s->number, &set);
	if (fd < 0 || !buf || sched_setaffinity(0, sizeof(set), &set))
		s->error = errno ?: ENOMEM;
	pthread_barrier_wait(&barrier);		/* ready */
	if (!s->error)
		s->error = run_share(s, fd, buf);
	pthread_barrier_wait(&barrier);		/* done */
	free(buf);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* A device has no pages to give up, and says so. */
static int make_cold(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return errno;
	err = S_ISREG(st.st_mode) ? posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) : 0;
	close(fd);
	return err;
}

static int measure(const char *pattern, unsigned int readers, uint64_t bytes, const char *path,
		   uint64_t *ns)
{
	static struct share shares[READERS];
	uint64_t start;
	int err = make_cold(path);

	if (err)
		return err;
	pthread_barrier_init(&barrier, NULL, readers + 1);
	for (unsigned int i = 0; i < readers; i++) {
		shares[i] = (struct share){ .number = i, .pattern = pattern, .path = path,
					    .bytes = bytes / readers / BIG * BIG };
		shares[i].first = i * shares[i].bytes;
		err = pthread_create(&shares[i].thread, NULL, reader, &shares[i]);
		if (err)
			return err;	/* ends the program, and those that wait */
	}
	pthread_barrier_wait(&barrier);
	start = now_ns();
	pthread_barrier_wait(&barrier);
	*ns = now_ns() - start;
	for (unsigned int i = 0; i < readers; i++) {
		pthread_join(shares[i].thread, NULL);
		err = err ?: shares[i].error;
	}
	pthread_barrier_destroy(&barrier);
	return err;
}

int main(int argc, char **argv)
{
	unsigned int readers, file;
	unsigned long long bytes;
	char line[128], pattern[16];
	uint64_t ns = 0;
	int err;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%15s %u %llu %u", pattern, &readers, &bytes, &file) != 4 ||
		    !readers || readers > READERS || file + 1 >= (unsigned int)argc)
			err = EINVAL;
		else
			err = measure(pattern, readers, bytes, argv[file + 1], &ns);
		if (err)
			printf("error %s\n", strerror(err));
		else
			printf("%llu\n", (unsigned long long)ns);
		fflush(stdout);
		if (err)
			return 1;
	}
	return 0;
}
