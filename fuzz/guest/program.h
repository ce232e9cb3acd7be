/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs: what the fuzzer of the module makes up, keeps and mutates. A program is a list of
 * steps; as text, which is what is kept, one line a step: name, session, 28 hexadecimal digits.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRAM_STEPS	16
#define STEP_ARGS	14
#define SLOTS		4	/* sessions that one program has at once */

enum step_op {
	STEP_NEW, STEP_PROVISION, STEP_ATTACH, STEP_BIND, STEP_GET, STEP_DUMP, STEP_DESTROY,
	STEP_HOST, STEP_STATS, STEP_LISTEN, STEP_RAW, STEP_CLOSE, STEP_FILE, STEP_REOPEN,
	STEP_IOCTL, STEP_MOUNT, STEP_BOX, STEP_FORK, STEP_RACE, STEP_OPS
};

/**
 * struct step - one operation
 * @op:   enum step_op
 * @slot: session that it is about
 * @arg:  as the operation reads them: all zeros is the valid form, see steps.c
 */
struct step {
	uint8_t op;
	uint8_t slot;
	uint8_t arg[STEP_ARGS];
};

struct program {
	uint32_t count;
	struct step steps[PROGRAM_STEPS];
};

extern const char *const step_names[STEP_OPS];

/* What the kernel compared with what, and the other way round. */
struct hint {
	uint64_t seen, wanted;
};

uint64_t random_u64(uint64_t *state);
unsigned int random_below(uint64_t *state, unsigned int n);

/* Valid but for a few steps, from NEW on. */
void program_make(struct program *p, uint64_t *random);

/* @other: to take steps from; @hints may be NULL. */
void program_mutate(struct program *p, const struct program *other, const struct hint *hints,
		    size_t n_hints, uint64_t *random);

void program_write(const struct program *p, FILE *f);

/* false: not a program. */
bool program_read(struct program *p, FILE *f);

#endif
