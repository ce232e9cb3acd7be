// SPDX-License-Identifier: GPL-2.0-only
/* Objects that the kernel holds, cache by cache. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "selftests/fixture.h"

#define TRIES	3
#define NAME	40

/*
 * struct counter - the files of one cache. They stay open: what the kernel needs for each opening
 * (names, inodes, nodes that are freed seconds later) would be counted with the rest.
 */
struct counter {
	char name[NAME];
	int objects;
	int shrink;
};

static struct counter counters[FX_SLABS];
static unsigned int n_counters;

static int open_of(const char *name, const char *file, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", name, file);
	return open(path, flags | O_CLOEXEC);
}

static void counter_close(struct counter *c)
{
	if (c->objects >= 0)
		close(c->objects);
	if (c->shrink >= 0)
		close(c->shrink);
}

static bool shrink(const struct counter *c)
{
	return pwrite(c->shrink, "1\n", 2, 0) == 2;
}

static long objects_in(const struct counter *c)
{
	char text[64];
	ssize_t len = pread(c->objects, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return -1;
	text[len] = 0;
	return strtol(text, NULL, 10);
}

/* The first reading makes the buffer that the file has from then on. */
static bool counter_open(struct counter *c)
{
	c->objects = open_of(c->name, "objects", O_RDONLY);
	c->shrink = open_of(c->name, "shrink", O_WRONLY);
	return c->shrink >= 0 && objects_in(c) >= 0;
}

/* Two files of each cache are more than a process usually has. */
static void allow_files(void)
{
	struct rlimit most;

	if (!getrlimit(RLIMIT_NOFILE, &most) && most.rlim_cur < most.rlim_max) {
		most.rlim_cur = most.rlim_max;
		setrlimit(RLIMIT_NOFILE, &most);
	}
}

static struct counter *counter_of(const char *name)
{
	struct counter *c;
	unsigned int i;

	for (i = 0; i < n_counters; i++)
		if (!strcmp(counters[i].name, name))
			return &counters[i];
	if (i == FX_SLABS)
		return NULL;
	if (!i)
		allow_files();
	c = &counters[i];
	snprintf(c->name, sizeof(c->name), "%s", name);
	if (!counter_open(c)) {
		counter_close(c);
		return NULL;
	}
	n_counters++;
	return c;
}

/*
 * A slab that a processor has taken for itself counts as all in use, so they are told to give them
 * back, and the count is read at once; the least of some, for a processor may just have taken one.
 */
static long least_of(const struct counter *c)
{
	long least = -1, n;
	int i;

	for (i = 0; i < TRIES; i++) {
		n = shrink(c) ? objects_in(c) : -1;
		if (n < 0)
			return -1;
		least = least < 0 || n < least ? n : least;
	}
	return least;
}

/* A cache may have gone with its module, and another of this name have come. */
static bool counter_again(struct counter *c)
{
	counter_close(c);
	return counter_open(c);
}

long fx_slab_objects(const char *name)
{
	struct counter *c = counter_of(name);
	long n = c ? least_of(c) : -1;

	return n < 0 && c && counter_again(c) ? least_of(c) : n;
}

/* Calls @fn for each cache once, by its name in /proc/slabinfo. */
static void each_cache(void (*fn)(struct fx_slabs *s, const char *name), struct fx_slabs *s)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512], name[NAME];

	while (f && fgets(line, sizeof(line), f))
		if (line[0] != '#' && sscanf(line, "%39s %*d", name) == 1)
			fn(s, name);
	if (f)
		fclose(f);
}

static void measure_one(struct fx_slabs *s, const char *name)
{
	long objects = fx_slab_objects(name);

	/* the first line is no cache; some kernel's own tests remove theirs */
	if (objects < 0 || s->n == FX_SLABS)
		return;
	snprintf(s->cache[s->n].name, sizeof(s->cache[s->n].name), "%s", name);
	s->cache[s->n++].objects = objects;
}

int fx_slabs_measure(struct fx_slabs *s)
{
	s->n = 0;
	each_cache(measure_one, s);
	return s->n ? 0 : erot_fail(&fx_err, ENOENT, "slabs", "no cache can be counted");
}

static void shrink_one(struct fx_slabs *s, const char *name)
{
	struct counter *c = counter_of(name);

	(void)s;
	if (c && !shrink(c) && counter_again(c))
		(void)shrink(c);
}

void fx_slabs_shrink(void)
{
	each_cache(shrink_one, NULL);
}

static long objects_of(const struct fx_slabs *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->cache[i].name, name))
			return s->cache[i].objects;
	return 0;
}

unsigned int fx_slabs_grown(const struct fx_slabs *was, const struct fx_slabs *is, long limit)
{
	unsigned int i, n = 0;

	for (i = 0; i < is->n; i++) {
		const char *name = is->cache[i].name;
		long before = objects_of(was, name), more = is->cache[i].objects - before;

		/* the kernel keeps those of areas that it will unmap some day */
		if (more <= limit || !strcmp(name, "vmap_area"))
			continue;
		printf("# slab %s: %ld -> %ld objects\n", name, before, is->cache[i].objects);
		n++;
	}
	return n;
}
