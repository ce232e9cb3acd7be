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
#include <unistd.h>

#include "selftests/fixture.h"

#define TRIES	3

static int open_of(const char *name, const char *file, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/%s", name, file);
	return open(path, flags | O_CLOEXEC);
}

static int shrink(const char *name)
{
	int fd = open_of(name, "shrink", O_WRONLY), ret;

	ret = write(fd, "1\n", 2) == 2 ? 0 : -1;
	if (fd >= 0)
		close(fd);
	return ret;
}

static long objects_in(int fd)
{
	char text[64];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return -1;
	text[len] = 0;
	return strtol(text, NULL, 10);
}

/*
 * A slab that a processor has taken for itself counts as all in use, so they are told to give them
 * back, and the count is read at once; the least of some, for a processor may just have taken one.
 */
long fx_slab_objects(const char *name)
{
	int fd = open_of(name, "objects", O_RDONLY), i;
	long least = -1, n;

	for (i = 0; i < TRIES; i++) {
		n = shrink(name) ? -1 : objects_in(fd);
		if (n < 0)
			break;
		least = least < 0 || n < least ? n : least;
	}
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : least;
}

/* Calls @fn for each cache once, by its name in /proc/slabinfo. */
static void each_cache(void (*fn)(struct fx_slabs *s, const char *name), struct fx_slabs *s)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512], name[40];

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
	(void)s;
	(void)shrink(name);
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
