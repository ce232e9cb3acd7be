/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_NETLINK_H
#define EROT_NETLINK_H

int erot_netlink_init(void);
void erot_netlink_exit(void);

#endif
