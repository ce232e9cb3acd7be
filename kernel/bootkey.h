/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_BOOTKEY_H
#define EROT_BOOTKEY_H

#include <linux/types.h>

int erot_bootkey_init(void);
void erot_bootkey_exit(void);
const u8 *erot_bootkey_public(void);
const u8 *erot_bootkey_secret(void);
void erot_bootkey_wipe(void);
bool erot_bootkey_in_pcr(void);
u32 erot_bootkey_pcr(void);

#endif
