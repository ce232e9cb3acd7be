/* SPDX-License-Identifier: GPL-2.0-only */
/* Between log.c, log_sign.c and log_read.c. */
#ifndef DERGD_LOG_PRIV_H
#define DERGD_LOG_PRIV_H

#include "dergd/log.h"
#include "dergd/log_nodes.h"

int log_add_stream(struct db *db, const uint8_t stream[EROT_DIGEST_SIZE], struct erot_error *err);

#endif
