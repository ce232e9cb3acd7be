/* SPDX-License-Identifier: GPL-2.0-only */
/* The socket and its clients. */
#ifndef EROTD_SERVER_H
#define EROTD_SERVER_H

#include <jansson.h>

#include "erotd/erotd.h"

/* Listen: mode 0600, or 0660 with the configured group. "socket". */
int erotd_server_open(struct erotd *d, struct erot_error *err);
void erotd_server_close(struct erotd *d);

/* @msg is borrowed; @fd: -1 for none. A client that does not read is dropped with its launch. */
void erotd_client_send(struct erotd_client *c, json_t *msg, int fd);

/* The launch is over: nothing more will be said. */
void erotd_client_done(struct erotd_client *c);

#endif /* EROTD_SERVER_H */
