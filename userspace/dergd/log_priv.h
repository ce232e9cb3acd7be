/* SPDX-License-Identifier: GPL-2.0-only */
/* Between log.c, log_sign.c and log_read.c. */
#ifndef DERGD_LOG_PRIV_H
#define DERGD_LOG_PRIV_H

#include "dergd/log.h"

int log_fetch(void *ctx, const uint64_t *nodes, size_t n, uint8_t (*out)[EROT_DIGEST_SIZE],
	      struct erot_error *err);
int log_add_stream(struct db *db, const uint8_t stream[EROT_DIGEST_SIZE], struct erot_error *err);

#endif
