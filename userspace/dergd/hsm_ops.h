/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the HSM helper: operations that see private keys. */
#ifndef DERGD_HSM_OPS_H
#define DERGD_HSM_OPS_H

#include "dergd/hsm.h"
#include "dergd/p11.h"

int hsm_op_derive(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		  uint8_t pk[EROT_KEY_SIZE], struct erot_error *err);
int hsm_op_release(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		   const struct hsm_release *in, struct erot_release *out,
		   struct erot_error *err);
int hsm_op_check(struct p11 *t, const char *root, const uint8_t seed[EROT_DIGEST_SIZE],
		 const uint8_t pk[EROT_KEY_SIZE], const uint8_t receipt[EROT_DIGEST_SIZE],
		 const void *ev, size_t ev_len, struct erot_error *err);

#endif
