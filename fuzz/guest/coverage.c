// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/guest/coverage.h"

#define WORDS	(256 << 10)

struct coverage {
	int fd;
	bool compare;
	uint64_t *area;		/* a count, then that many records */
};

struct coverage *coverage_open(void)
{
	struct coverage *c;
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c || ioctl(fd, KCOV_INIT_TRACE, WORDS))
		goto fail;
	c->fd = fd;
	c->area = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (c->area != MAP_FAILED)
		return c;
fail:
	free(c);
	close(fd);
	return NULL;
}

void coverage_begin(struct coverage *c, bool compare)
{
	if (!c)
		return;
	c->compare = compare;
	if (ioctl(c->fd, KCOV_ENABLE, compare ? KCOV_TRACE_CMP : KCOV_TRACE_PC))
		abort();
	__atomic_store_n(&c->area[0], 0, __ATOMIC_RELAXED);
}

void coverage_end(struct coverage *c)
{
	if (c && ioctl(c->fd, KCOV_DISABLE, 0))
		abort();
}

size_t coverage_places(const struct coverage *c, const uint64_t **pc)
{
	uint64_t n;

	if (!c || c->compare)
		return 0;
	n = __atomic_load_n(&c->area[0], __ATOMIC_RELAXED);
	*pc = c->area + 1;
	return n < WORDS ? n : WORDS - 1;
}

size_t coverage_hints(const struct coverage *c, struct hint *out, size_t max)
{
	size_t n, i, found = 0;
	const uint64_t *r;

	if (!c || !c->compare)
		return 0;
	n = __atomic_load_n(&c->area[0], __ATOMIC_RELAXED);
	/* a record: kind, both operands, place */
	for (i = 0; i < n && 4 * (i + 1) < WORDS && found + 2 <= max; i++) {
		r = c->area + 1 + 4 * i;
		if (r[1] == r[2])
			continue;
		out[found++] = (struct hint){ r[2], r[1] };
		if (!(r[0] & KCOV_CMP_CONST))
			out[found++] = (struct hint){ r[1], r[2] };
	}
	return found;
}
