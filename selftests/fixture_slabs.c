// SPDX-License-Identifier: GPL-2.0-only
/* Objects that the kernel holds, cache by cache. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>

#include "selftests/fixture.h"

/* "name <active_objs> ..." of /proc/slabinfo */
void fx_slabs_measure(struct fx_slabs *s)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512], name[40];
	long active;

	s->n = 0;
	while (f && fgets(line, sizeof(line), f) && s->n < FX_SLABS) {
		if (line[0] == '#' || sscanf(line, "%39s %ld", name, &active) != 2)
			continue;
		memcpy(s->cache[s->n].name, name, sizeof(name));
		s->cache[s->n++].objects = active;
	}
	if (f)
		fclose(f);
}

void fx_slabs_shrink(void)
{
	static struct fx_slabs s;
	char path[96];
	FILE *f;

	fx_slabs_measure(&s);
	while (s.n--) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", s.cache[s.n].name);
		f = fopen(path, "we");
		if (!f)
			continue;	/* none but those of the running kernel's own tests */
		fputs("1\n", f);
		fclose(f);
	}
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

		if (more <= limit)
			continue;
		printf("# slab %s: %ld -> %ld objects\n", name, before, is->cache[i].objects);
		n++;
	}
	return n;
}
