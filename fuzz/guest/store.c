// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/guest/store.h"

/* QEMU's ivshmem-plain: its second BAR is the memory. -1: there is no such device. */
static int host_memory(void)
{
	char path[256], id[16] = "";
	int fd = -1;
	size_t i, n;
	glob_t g;

	if (glob("/sys/bus/pci/devices/*/device", 0, NULL, &g))
		return -1;
	for (i = 0; i < g.gl_pathc && fd < 0; i++) {
		FILE *f = fopen(g.gl_pathv[i], "re");

		n = strlen(g.gl_pathv[i]) - strlen("device");
		if (f && fgets(id, sizeof(id), f) && !strcmp(id, "0x1110\n") &&
		    n + sizeof("resource2") <= sizeof(path)) {
			memcpy(path, g.gl_pathv[i], n);
			memcpy(path + n, "resource2", sizeof("resource2"));
			fd = open(path, O_RDWR | O_CLOEXEC);
		}
		if (f)
			fclose(f);
	}
	globfree(&g);
	return fd;
}

struct store *store_open(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : host_memory();
	struct store *s;

	if (path && fd < 0)
		return NULL;
	s = mmap(NULL, STORE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (fd >= 0)
		close(fd);
	if (s == MAP_FAILED)
		return NULL;
	s->magic = STORE_MAGIC;
	return s;
}

bool store_see(uint32_t *set, uint32_t *count, uint64_t hash)
{
	uint32_t at = (uint32_t)hash % STORE_SIGNALS, bit = 1U << (at % 32);

	if (__atomic_load_n(&set[at / 32], __ATOMIC_RELAXED) & bit)
		return false;
	if (__atomic_fetch_or(&set[at / 32], bit, __ATOMIC_RELAXED) & bit)
		return false;
	__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	return true;
}

void store_keep(struct store *s, const struct program *p)
{
	uint32_t at = __atomic_fetch_add(&s->n_kept, 1, __ATOMIC_RELAXED);

	if (at < STORE_KEPT)
		s->kept[at] = *p;
	else
		__atomic_store_n(&s->n_kept, STORE_KEPT, __ATOMIC_RELAXED);
}

bool store_pick(struct store *s, uint64_t *random, struct program *p)
{
	uint32_t n = __atomic_load_n(&s->n_kept, __ATOMIC_RELAXED);

	if (!n)
		return false;
	*p = s->kept[random_below(random, n < STORE_KEPT ? n : STORE_KEPT)];
	return p->count > 0 && p->count <= PROGRAM_STEPS;
}

static int put(const char *dir, const char *name, uint64_t number, const struct program *p)
{
	char path[512];
	FILE *f;

	if (!p->count || p->count > PROGRAM_STEPS)
		return 0;
	snprintf(path, sizeof(path), "%s/%s-%05u", dir, name, (unsigned int)number);
	f = fopen(path, "we");
	if (!f)
		return -1;
	program_write(p, f);
	return fclose(f);
}

int store_unpack(struct store *s, const char *dir, bool died)
{
	unsigned int i, w;
	int bad = 0;

	for (i = 0; i < s->n_kept && i < STORE_KEPT; i++)
		bad |= put(dir, "kept", i, &s->kept[i]);
	/* the newest has the highest number */
	for (w = 0; died && w < STORE_WORKERS; w++) {
		char name[16];

		snprintf(name, sizeof(name), "last-%u", w);
		for (i = 1; s->runs[w] && i <= STORE_RECENT; i++)
			bad |= put(dir, name, i, &s->recent[w][(s->runs[w] + i) % STORE_RECENT]);
	}
	return bad;
}

/* FNV-1a */
uint64_t store_hash(const void *data, size_t len, uint64_t seed)
{
	uint64_t h = seed ^ 0xcbf29ce484222325ULL;
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h ^ h >> 32;
}
