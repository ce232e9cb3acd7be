// SPDX-License-Identifier: GPL-2.0-only
/* Making, mutating, reading and writing programs; no system calls. */
#include <string.h>

#include "fuzz/guest/program.h"

const char *const step_names[STEP_OPS] = {
	[STEP_NEW] = "new", [STEP_PROVISION] = "provision", [STEP_ATTACH] = "attach",
	[STEP_BIND] = "bind", [STEP_GET] = "get", [STEP_DUMP] = "dump",
	[STEP_DESTROY] = "destroy", [STEP_HOST] = "host", [STEP_STATS] = "stats",
	[STEP_LISTEN] = "listen", [STEP_RAW] = "raw", [STEP_CLOSE] = "close",
	[STEP_FILE] = "file", [STEP_REOPEN] = "reopen", [STEP_IOCTL] = "ioctl",
	[STEP_MOUNT] = "mount", [STEP_BOX] = "box", [STEP_FORK] = "fork", [STEP_RACE] = "race",
};

/* How often each is made up; a sandbox costs as much as a hundred others. */
static const uint8_t weights[STEP_OPS] = {
	[STEP_NEW] = 14, [STEP_PROVISION] = 14, [STEP_ATTACH] = 14, [STEP_BIND] = 6,
	[STEP_GET] = 8, [STEP_DUMP] = 4, [STEP_DESTROY] = 8, [STEP_HOST] = 4, [STEP_STATS] = 2,
	[STEP_LISTEN] = 3, [STEP_RAW] = 10, [STEP_CLOSE] = 8, [STEP_FILE] = 12,
	[STEP_REOPEN] = 6, [STEP_IOCTL] = 8, [STEP_MOUNT] = 4, [STEP_BOX] = 1, [STEP_FORK] = 2,
	[STEP_RACE] = 6,
};

static const uint64_t interesting[] = {
	0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 96, 97, 120, 127, 128, 160, 255, 256, 4095, 4096,
	16384, 32767, 32768, 59999, 60000, 60001, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
	0x7fffffffffffffff, 0x8000000000000000, ~0ULL,
};

uint64_t random_u64(uint64_t *state)
{
	/* xorshift64*, Vigna */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

unsigned int random_below(uint64_t *state, unsigned int n)
{
	return (unsigned int)(random_u64(state) >> 33) % n;
}

static uint8_t random_op(uint64_t *random)
{
	unsigned int op, sum = 0, n;

	for (op = 0; op < STEP_OPS; op++)
		sum += weights[op];
	n = random_below(random, sum);
	for (op = 0; n >= weights[op]; op++)
		n -= weights[op];
	return (uint8_t)op;
}

static void mutate_args(struct step *s, uint64_t *random)
{
	static const uint8_t widths[] = { 1, 1, 1, 2, 4, 8 };
	unsigned int n = widths[random_below(random, sizeof(widths))];
	unsigned int at = random_below(random, STEP_ARGS - n + 1);
	uint64_t value;

	switch (random_below(random, 4)) {
	case 0:
		value = interesting[random_below(random,
						 sizeof(interesting) / sizeof(*interesting))];
		break;
	case 1:
		value = random_below(random, 16);
		break;
	case 2:
		memcpy(&value, s->arg + at, n);
		value += random_below(random, 7) - 3;
		break;
	default:
		value = random_u64(random);
	}
	memcpy(s->arg + at, &value, n);
}

static void random_step(struct step *s, uint64_t *random)
{
	unsigned int n = random_below(random, 4);

	memset(s, 0, sizeof(*s));
	s->op = random_op(random);
	s->slot = (uint8_t)(random_below(random, 4) ? 0 : random_below(random, SLOTS));
	while (n--)
		mutate_args(s, random);
}

/* The straight way to a bound session, cut off anywhere, with something else in between. */
void program_make(struct program *p, uint64_t *random)
{
	static const uint8_t way[] = { STEP_NEW, STEP_PROVISION, STEP_ATTACH, STEP_BOX };
	unsigned int i, depth = random_below(random, 16);
	struct step *s;

	memset(p, 0, sizeof(*p));
	depth = depth < 15 ? depth % 4 : 4;
	for (i = 0; i < depth; i++) {
		s = &p->steps[p->count++];
		s->op = way[i];
		if (!random_below(random, 8))
			mutate_args(s, random);
		if (!random_below(random, 3))
			random_step(&p->steps[p->count++], random);
	}
	for (i = 1 + random_below(random, 6); i && p->count < PROGRAM_STEPS; i--)
		random_step(&p->steps[p->count++], random);
}

static void remove_step(struct program *p, unsigned int at)
{
	memmove(&p->steps[at], &p->steps[at + 1], (--p->count - at) * sizeof(p->steps[0]));
}

static void insert_step(struct program *p, unsigned int at, const struct step *s)
{
	if (p->count == PROGRAM_STEPS)
		return;
	memmove(&p->steps[at + 1], &p->steps[at], (p->count++ - at) * sizeof(p->steps[0]));
	p->steps[at] = *s;
}

/* A value that was compared is replaced by what it was compared with. */
static bool use_hint(struct program *p, const struct hint *h, uint64_t *random)
{
	unsigned int first = random_below(random, p->count), i, at, n;
	struct step *s;

	for (n = 8; n; n /= 2) {
		if (n < 8 && h->seen >> (8 * n))
			continue;
		for (i = 0; i < p->count; i++) {
			s = &p->steps[(first + i) % p->count];
			for (at = 0; at + n <= STEP_ARGS; at++)
				if (!memcmp(s->arg + at, &h->seen, n)) {
					memcpy(s->arg + at, &h->wanted, n);
					return true;
				}
		}
	}
	return false;
}

static void splice(struct program *p, const struct program *other, uint64_t *random)
{
	unsigned int from = random_below(random, other->count), to = random_below(random, p->count);

	while (to < PROGRAM_STEPS && from < other->count)
		p->steps[to++] = other->steps[from++];
	if (to > p->count)
		p->count = to;
}

void program_mutate(struct program *p, const struct program *other, const struct hint *hints,
		    size_t n_hints, uint64_t *random)
{
	unsigned int rounds = 1 + random_below(random, 4), at, to;
	struct step s;

	while (rounds--) {
		at = random_below(random, p->count);
		switch (random_below(random, 8)) {
		case 0:
			random_step(&s, random);
			insert_step(p, at, &s);
			break;
		case 1:
			if (p->count > 1)
				remove_step(p, at);
			break;
		case 2:
			to = random_below(random, p->count);
			s = p->steps[at];
			p->steps[at] = p->steps[to];
			p->steps[to] = s;
			break;
		case 3:
			if (other->count)
				splice(p, other, random);
			break;
		case 4:
			p->steps[at].slot = (uint8_t)random_below(random, SLOTS);
			break;
		case 5:
			to = n_hints ? random_below(random, (unsigned int)n_hints) : 0;
			if (n_hints && use_hint(p, &hints[to], random))
				break;
			/* fall through */
		default:
			mutate_args(&p->steps[at], random);
		}
	}
}

void program_write(const struct program *p, FILE *f)
{
	unsigned int i, k;

	for (i = 0; i < p->count; i++) {
		fprintf(f, "%s %u ", step_names[p->steps[i].op % STEP_OPS],
			p->steps[i].slot % SLOTS);
		for (k = 0; k < STEP_ARGS; k++)
			fprintf(f, "%02x", p->steps[i].arg[k]);
		fputc('\n', f);
	}
}

static bool read_step(struct step *s, const char *line)
{
	char name[16], digits[2 * STEP_ARGS + 1];
	unsigned int slot, op, k, byte;

	if (sscanf(line, "%15s %u %28s", name, &slot, digits) != 3 ||
	    strlen(digits) != 2 * STEP_ARGS || slot >= SLOTS)
		return false;
	for (op = 0; op < STEP_OPS && strcmp(step_names[op], name); op++)
		;
	s->op = (uint8_t)op;
	s->slot = (uint8_t)slot;
	for (k = 0; k < STEP_ARGS; k++) {
		if (sscanf(digits + 2 * k, "%2x", &byte) != 1)
			return false;
		s->arg[k] = (uint8_t)byte;
	}
	return op < STEP_OPS;
}

bool program_read(struct program *p, FILE *f)
{
	char line[128];

	memset(p, 0, sizeof(*p));
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (p->count == PROGRAM_STEPS || !read_step(&p->steps[p->count], line))
			return false;
		p->count++;
	}
	return p->count > 0;
}
