// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory-scan DUMP...: searches dumps of a machine's memory for secrets. On standard
 * input a line "NAME HEX" for each, at least 12 bytes long; on standard output a
 * line "DUMP NAME OFFSET LENGTH" for each place where 16 bytes of it in a row are,
 * or all of it if it is shorter, aligned or not.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRETS_MAX	4096
#define LENGTH_MAX	64
#define ENOUGH		16	/* bytes in a row */
#define SHORTEST	12
#define WORD		8
#define STEP		4	/* any 12 bytes hold a word that begins at a multiple of 4 */
#define BUCKETS		(1U << 20)

struct secret {
	char name[64];
	uint8_t bytes[LENGTH_MAX];
	size_t len;
	const uint8_t *last;	/* where it was reported last to begin */
};

/* Any WORD bytes in a row of any secret. */
struct window {
	uint64_t word;
	uint32_t secret, off;
	uint32_t next;	/* in its bucket; 0 ends it */
};

static struct secret secrets[SECRETS_MAX];
static size_t nsecrets;
static struct window windows[SECRETS_MAX * (LENGTH_MAX - WORD + 1) + 1];
static uint32_t nwindows = 1;
static uint32_t bucket[BUCKETS];

static uint32_t hash(uint64_t word)
{
	return (uint32_t)((word * 0x9e3779b97f4a7c15ULL) >> 44);
}

static void fail(const char *what)
{
	fprintf(stderr, "memory-scan: ");
	perror(what);
	exit(2);
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static bool parse(const char *hex, struct secret *s)
{
	for (; *hex && *hex != '\n'; hex += 2) {
		int hi = nibble(hex[0]), lo = hi < 0 ? -1 : nibble(hex[1]);

		if (lo < 0 || s->len == LENGTH_MAX)
			return false;
		s->bytes[s->len++] = (uint8_t)(hi << 4 | lo);
	}
	return s->len >= SHORTEST;
}

static void add_windows(uint32_t n)
{
	const struct secret *s = &secrets[n];
	uint32_t off;

	for (off = 0; off + WORD <= s->len; off++) {
		struct window *w = &windows[nwindows];
		uint32_t *head;

		memcpy(&w->word, s->bytes + off, WORD);
		head = &bucket[hash(w->word)];
		w->secret = n;
		w->off = off;
		w->next = *head;
		*head = nwindows++;
	}
}

static void read_secrets(void)
{
	char line[sizeof(secrets[0].name) + 2 * LENGTH_MAX + 3], *hex;

	while (fgets(line, sizeof(line), stdin)) {
		struct secret *s = &secrets[nsecrets];

		hex = strchr(line, ' ');
		if (nsecrets == SECRETS_MAX || !hex || hex - line >= (long)sizeof(s->name) ||
		    !parse(hex + 1, s)) {
			fprintf(stderr, "memory-scan: not a line \"NAME HEX\": %s", line);
			exit(2);
		}
		memcpy(s->name, line, (size_t)(hex - line));
		add_windows((uint32_t)nsecrets++);
	}
	if (!nsecrets) {
		fprintf(stderr, "memory-scan: nothing to search for\n");
		exit(2);
	}
}

/* A window was seen at @p: how much more is there on both sides? */
static void look(const char *dump, const uint8_t *from, const uint8_t *end, const uint8_t *p,
		 const struct window *w)
{
	struct secret *s = &secrets[w->secret];
	size_t first = w->off, last = w->off + WORD;

	if (s->last == p - w->off)
		return;
	for (; first && p - (w->off - first) > from &&
	       p[-(long)(w->off - first) - 1] == s->bytes[first - 1]; first--)
		;
	for (; last < s->len && p + (last - w->off) < end &&
	       p[last - w->off] == s->bytes[last]; last++)
		;
	if (last - first < (s->len < ENOUGH ? s->len : ENOUGH))
		return;
	s->last = p - w->off;
	printf("%s %s %#lx %zu\n", dump, s->name, (unsigned long)(p - (w->off - first) - from),
	       last - first);
}

static void scan(const char *dump)
{
	int fd = open(dump, O_RDONLY | O_CLOEXEC);
	const uint8_t *from, *p, *end;
	struct stat st;
	uint64_t word;
	uint32_t i;

	if (fd < 0 || fstat(fd, &st) || !st.st_size)
		fail(dump);
	from = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (from == MAP_FAILED)
		fail(dump);
	close(fd);
	end = from + st.st_size;
	for (i = 0; i < nsecrets; i++)
		secrets[i].last = NULL;
	for (p = from; p + WORD <= end; p += STEP) {
		memcpy(&word, p, WORD);
		if (!word)	/* most of it is free, and zero */
			continue;
		for (i = bucket[hash(word)]; i; i = windows[i].next)
			if (windows[i].word == word)
				look(dump, from, end, p, &windows[i]);
	}
	munmap((void *)from, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: memory-scan DUMP... < SECRETS\n");
		return 2;
	}
	read_secrets();
	for (i = 1; i < argc; i++)
		scan(argv[i]);
	return fflush(stdout) ? 2 : 0;
}
