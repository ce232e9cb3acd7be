// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/secret.h"

#define SECRET_MAX	(1U << 20)
#define SECRET_MAGIC	0x65726f742d736563ULL

/* At the start of the locked pages; the secret follows, aligned to a cache line. */
struct head {
	uint64_t magic;
	size_t total;		/* of the mapping, guard pages included */
	size_t locked;		/* between them */
	uint8_t pad[40];
};

_Static_assert(sizeof(struct head) == 64, "secrets start on a cache line");

void *erot_secret_alloc(size_t len, struct erot_error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t locked, total;
	struct head *h;
	uint8_t *map;

	if (!len || len > SECRET_MAX) {
		erot_fail(err, EINVAL, "secret-memory", "no secret has %zu bytes", len);
		return NULL;
	}
	locked = (sizeof(*h) + len + page - 1) / page * page;
	total = locked + 2 * page;
	map = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		erot_fail(err, errno, "secret-memory", "mmap: %s", strerror(errno));
		return NULL;
	}
	h = (struct head *)(map + page);
	if (mprotect(h, locked, PROT_READ | PROT_WRITE) || madvise(h, locked, MADV_DONTDUMP) ||
	    madvise(h, locked, MADV_DONTFORK) || mlock(h, locked)) {
		erot_fail(err, errno, "secret-memory",
			  "%zu bytes of locked memory: %s; raise RLIMIT_MEMLOCK", locked,
			  strerror(errno));
		munmap(map, total);
		return NULL;
	}
	h->magic = SECRET_MAGIC;
	h->total = total;
	h->locked = locked;
	return h + 1;
}

void erot_secret_free(void *secret)
{
	size_t page, total, locked;
	struct head *h;

	if (!secret)
		return;
	page = (size_t)sysconf(_SC_PAGESIZE);
	h = (struct head *)secret - 1;
	if (h->magic != SECRET_MAGIC)
		/* a pointer from elsewhere, or an underrun: nothing can be trusted */
		abort();
	total = h->total;
	locked = h->locked;
	explicit_bzero(h, locked);
	munmap((uint8_t *)h - page, total);
}

void erot_wipe_free(void *p, size_t len)
{
	erot_wipe(p, len);
	free(p);
}

int erot_secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;
	size_t i;

	for (i = 0; i < len; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

int erot_no_dumps(struct erot_error *err)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
		return erot_fail(err, errno, "secret-memory", "switching core dumps off: %s",
				 strerror(errno));
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return erot_fail(err, EPERM, "secret-memory", "the process stays dumpable");
	return 0;
}
