// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"
#include "selftests/fault.h"
#include "selftests/fixture.h"

static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return erot_fail(&fx_err, errno, "fault", "%s: %s", path, strerror(errno));
	ret = erot_write_full(fd, value, strlen(value));
	close(fd);
	return ret ? erot_fail(&fx_err, -ret, "fault", "%s: %s", path, strerror(-ret)) : 0;
}

static int set(const char *kind, const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kind, name);
	return put(path, value);
}

static int set_all(const char *name, const char *value)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < KINDS && !ret; i++)
		ret = set(kinds[i], name, value);
	return ret;
}

/* One that may sleep fails as well; the log stays free of what is meant. */
static int below(uint64_t start, uint64_t end)
{
	char from[24], to[24];
	int ret;

	if (start >= end)
		return erot_fail(&fx_err, ENOENT, "fault", "no such text in /proc/kallsyms");
	snprintf(from, sizeof(from), "0x%llx", (unsigned long long)start);
	snprintf(to, sizeof(to), "0x%llx", (unsigned long long)end);
	ret = fault_none() ?: set_all("verbose", "0") ?: set("failslab", "ignore-gfp-wait", "N") ?:
	      set("fail_page_alloc", "ignore-gfp-wait", "N") ?:
	      set("fail_page_alloc", "ignore-gfp-highmem", "N") ?:
	      set("fail_page_alloc", "min-order", "0");
	return ret ?: set_all("require-start", from) ?: set_all("require-end", to);
}

/* One line of /proc/kallsyms: address, kind, name, and a module's name in brackets. */
static bool parse(const char *line, uint64_t *addr, char *kind, char name[128], char mod[64])
{
	unsigned long long a;

	mod[0] = 0;
	if (sscanf(line, "%llx %c %127s [%63[^]]", &a, kind, name, mod) < 3)
		return false;
	*addr = a;
	return true;
}

int fault_in_module(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	uint64_t addr, low = UINT64_MAX, high = 0;
	char line[256], name[128], mod[64], kind;

	while (f && fgets(line, sizeof(line), f)) {
		if (!parse(line, &addr, &kind, name, mod) || (kind != 't' && kind != 'T') ||
		    strcmp(mod, "erot"))
			continue;
		low = addr < low ? addr : low;
		high = addr > high ? addr : high;
	}
	if (f)
		fclose(f);
	return below(low, (high | 0xfff) + 1);	/* text is whole pages */
}

/* Up to whatever follows; modules come in no order. */
int fault_in_function(const char *wanted)
{
	uint64_t addr, start = 0, end = UINT64_MAX;
	char line[256], name[128], mod[64], kind;
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && !start && fgets(line, sizeof(line), f))
		if (parse(line, &addr, &kind, name, mod) && !strcmp(name, wanted) &&
		    (!mod[0] || !strcmp(mod, "erot")))
			start = addr;
	if (f)
		rewind(f);
	while (f && fgets(line, sizeof(line), f))
		if (parse(line, &addr, &kind, name, mod) && addr > start && addr < end)
			end = addr;
	if (f)
		fclose(f);
	return below(start, start ? end : 0);
}

int fault_arm(struct fault *f, pid_t pid, unsigned int nth)
{
	char path[64], value[16];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/fail-nth", (int)pid, (int)pid);
	else
		snprintf(path, sizeof(path), "/proc/thread-self/fail-nth");
	f->fd = open(path, O_RDWR | O_CLOEXEC);
	if (f->fd < 0)
		return erot_fail(&fx_err, errno, "fault", "%s: %s", path, strerror(errno));
	snprintf(value, sizeof(value), "%u", nth);
	return pwrite(f->fd, value, strlen(value), 0) == (ssize_t)strlen(value) ? 0 : -errno;
}

int fault_disarm(struct fault *f)
{
	char left[16] = "";
	int ret;

	if (pread(f->fd, left, sizeof(left) - 1, 0) <= 0 || pwrite(f->fd, "0", 1, 0) != 1)
		ret = errno == ESRCH ? -ESRCH : -EIO;
	else
		ret = !strtoul(left, NULL, 10);
	close(f->fd);
	f->fd = -1;
	return ret;
}

int fault_all(void)
{
	return set_all("times", "-1") ?: set_all("probability", "100");
}

int fault_none(void)
{
	return set_all("probability", "0");
}
