// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel holds: counted before and after, it tells of what was not given back. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftests/fixture.h"

static long lines_with(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	if (f)
		fclose(f);
	return n;
}

/* All but stacks of tasks and programs of seccomp, which come and go with every process. */
static long vmalloc_areas(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	char line[1024];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, " vmalloc") && !strstr(line, "kernel_clone") &&
		     !strstr(line, "dup_task_struct") && !strstr(line, "bpf_");
	if (f)
		fclose(f);
	return n;
}

long fx_meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128], seen[64];
	long n = -1, kib;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^:]: %ld", seen, &kib) == 2 && !strcmp(seen, name))
			n = kib;
	if (f)
		fclose(f);
	return n;
}

/* "count: N" of /proc/zoneinfo, pages. */
long fx_kept_by_processors(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	char line[128];
	long n, sum = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &n) == 1)
			sum += n;
	if (f)
		fclose(f);
	return sum * sysconf(_SC_PAGESIZE) / 1024;
}

/* Stacks of tasks are vmalloc'ed: they are counted there. */
static long unaccounted(void)
{
	static const char *const known[] = {
		"MemFree", "Buffers", "Cached", "SwapCached", "AnonPages", "Slab", "PageTables",
		"SecPageTables", "Percpu", "VmallocUsed",
	};
	long left = fx_meminfo("MemTotal") - fx_kept_by_processors();
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		left -= fx_meminfo(known[i]);
	return left;
}

static long number_in(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

/* Entries of @dir that begin with @prefix, and have @file in them if it is not NULL. */
static long entries(const char *dir, const char *prefix, const char *file)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[512];
	long n = 0;

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) || e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", dir, e->d_name, file ?: "");
		n += !access(path, F_OK);
	}
	if (d)
		closedir(d);
	return n;
}

/* "nr_dying_descendants N" */
static long dying_cgroups(void)
{
	FILE *f = fopen("/sys/fs/cgroup/cgroup.stat", "re");
	char line[128];
	long n = -1, found;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "nr_dying_descendants %ld", &found) == 1)
			n = found;
	if (f)
		fclose(f);
	return n;
}

static int count_one(void *ctx, const struct erot_nl_session *s)
{
	(void)s;
	++*(long *)ctx;
	return 0;
}

static long sessions(void)
{
	long n = 0;

	return erot_nl_dump(fx.nl, count_one, &n, &fx_err) ? -1 : n;
}

static long processes(const char *name)
{
	DIR *d = opendir("/proc");
	char path[300], comm[32];
	struct dirent *e;
	long n = 0;
	FILE *f;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		n += fscanf(f, "%31s", comm) == 1 && !strcmp(comm, name);
		fclose(f);
	}
	if (d)
		closedir(d);
	return n;
}

void fx_measure(struct fx_memory *m)
{
	m->sessions = sessions();
	m->secrets = fx_slab_objects("erot_secret");
	m->refs = number_in("/sys/module/erot/refcnt");
	m->vmalloc = vmalloc_areas();
	m->rings = lines_with("/proc/keys", " .erot:");
	m->unreclaimable = fx_meminfo("SUnreclaim");
	m->used = fx_meminfo("VmallocUsed");
	m->unaccounted = unaccounted();
	m->mounts = lines_with("/proc/self/mountinfo", "");
	m->cgroups = entries("/sys/fs/cgroup", "", "cgroup.procs");
	m->dying = dying_cgroups();
	m->loops = entries("/sys/block", "loop", "loop/backing_file");
	m->fds = entries("/proc/self/fd", "", NULL);
	m->agents = processes("agent");
}

int fx_settle(void)
{
	int ret = fx_nothing_left();
	FILE *f;

	if (ret)
		return ret;
	f = fopen("/proc/sys/vm/drop_caches", "we");
	if (f) {
		fputs("3\n", f);
		fclose(f);
	}
	fx_slabs_shrink();
	return 0;
}

/*
 * What is counted one by one; the rest is the kernel's own, too, and never still. Writes what is
 * not as before to @text, which is empty then if all is.
 */
static void compare(const struct fx_memory *was, const struct fx_memory *is, char *text,
		    size_t size)
{
	static const struct {
		const char *name;
		size_t at;
	} exact[] = {
		{ "sessions", offsetof(struct fx_memory, sessions) },
		{ "secrets", offsetof(struct fx_memory, secrets) },
		{ "references", offsetof(struct fx_memory, refs) },
		{ "vmalloc", offsetof(struct fx_memory, vmalloc) },
		{ "keyrings", offsetof(struct fx_memory, rings) },
		{ "mounts", offsetof(struct fx_memory, mounts) },
		{ "cgroups", offsetof(struct fx_memory, cgroups) },
		{ "dying cgroups", offsetof(struct fx_memory, dying) },
		{ "loop devices", offsetof(struct fx_memory, loops) },
		{ "descriptors", offsetof(struct fx_memory, fds) },
		{ "agents", offsetof(struct fx_memory, agents) },
	};
	size_t i, len = 0;

	text[0] = 0;
	for (i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		long before = *(const long *)((const char *)was + exact[i].at);
		long now = *(const long *)((const char *)is + exact[i].at);

		if (before != now && len < size)
			len += (size_t)snprintf(text + len, size - len, " %s %ld -> %ld",
						exact[i].name, before, now);
	}
}

int fx_as_before(const struct fx_memory *was, struct fx_memory *is)
{
	uint64_t end = fx_end_ms(60);
	char text[EROT_TEXT_SIZE];
	int ret;

	do {
		ret = fx_settle();
		if (ret)
			return ret;
		fx_measure(is);
		compare(was, is, text, sizeof(text));
		if (!text[0])
			return 0;
		poll(NULL, 0, 100);	/* no event tells that the kernel has freed something */
	} while (fx_left_ms(end));
	return erot_fail(&fx_err, EBUSY, "left", "not as before:%s", text);
}
