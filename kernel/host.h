/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_HOST_H
#define EROT_HOST_H

#include <linux/key.h>
#include <linux/types.h>

extern bool erot_open;
extern struct key *erot_keyring;

int erot_host_init(void);
void erot_host_exit(void);
u32 erot_host_state(void);
int erot_host_fit(u32 state, const char **why);
int erot_host_keeps(u32 required, const char **why);
int erot_host_set_hwkey(const u8 digest[32], const char **why);
bool erot_host_hwkey(u8 digest[32]);

#endif
