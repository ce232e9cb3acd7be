/* SPDX-License-Identifier: GPL-2.0-only */
/* Evidence: the module's word that keys and plaintext are gone. */
#ifndef EROT_EVIDENCE_H
#define EROT_EVIDENCE_H

#include <linux/types.h>
#include <linux/erot_format.h>

struct erot_hmac_work;

int erot_evidence_key(const u8 sk[EROT_KEY_SIZE], u8 out[EROT_KEY_SIZE]);
int erot_evidence_seal(struct erot_evidence *ev, const u8 key[EROT_KEY_SIZE],
		       struct erot_hmac_work *work);

#endif /* EROT_EVIDENCE_H */
