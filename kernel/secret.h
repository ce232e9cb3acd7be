/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that carries keys: its own slab, wiped when given back. */
#ifndef EROT_SECRET_H
#define EROT_SECRET_H

#include <linux/types.h>
#include <linux/erot_format.h>

/**
 * struct erot_secret - the secrets of one session; there is one copy of each
 * @session_sk:   X25519, made at NEW; wiped when PROVISION has used it
 * @sk:           ERoT private key, from PROVISION to ATTACH
 * @evidence_key: from PROVISION until the evidence is sealed
 *
 * The session that holds the pointer says which lock covers it.
 */
struct erot_secret {
	u8 session_sk[EROT_KEY_SIZE];
	u8 sk[EROT_KEY_SIZE];
	u8 evidence_key[EROT_KEY_SIZE];
};

int erot_secret_init(void);
void erot_secret_exit(void);

struct erot_secret *erot_secret_alloc(gfp_t gfp);
void erot_secret_free(struct erot_secret *s);
u32 erot_secret_live(void);

void *erot_scratch_alloc(size_t n, gfp_t gfp);
void erot_scratch_free(void *p, size_t n);

#endif /* EROT_SECRET_H */
