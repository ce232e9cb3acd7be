/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROTD_NOTIFY_H
#define EROTD_NOTIFY_H

/* That requests are taken, where $NOTIFY_SOCKET names somebody who wants to know. */
void erotd_notify_ready(void);

#endif /* EROTD_NOTIFY_H */
