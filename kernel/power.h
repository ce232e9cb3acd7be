/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_POWER_H
#define EROT_POWER_H

int erot_power_init(void);
void erot_power_exit(void);

#endif
