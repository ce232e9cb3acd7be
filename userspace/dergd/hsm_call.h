/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DERGD_HSM_CALL_H
#define DERGD_HSM_CALL_H

#include "common/buf.h"
#include "dergd/hsm.h"

int hsm_call(struct hsm *h, struct erot_buf *req, uint8_t **data, size_t *len,
	     struct erot_reader *r, struct erot_error *err);

#endif
