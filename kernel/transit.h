/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_TRANSIT_H
#define EROT_TRANSIT_H

struct erot_session;

void erot_transit_panic(const struct erot_session *s);

#endif
