/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests of clients. Pure code. */
#ifndef EROTD_REQUEST_H
#define EROTD_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

#include "common/error.h"

enum erotd_op { EROTD_OP_RUN, EROTD_OP_SIGNAL, EROTD_OP_KILL, EROTD_OP_PING };

/**
 * struct erotd_request - one request
 * @op:      what
 * @payload: run: the payload is a file of its own
 * @tty:     run: make a terminal, when @tty_set
 * @tty_set: run: the manifest's wish does not count
 * @rows:    run: of the terminal
 * @cols:    run: of the terminal
 * @signal:  signal, kill: 1 to 64
 * @id:      kill
 */
struct erotd_request {
	enum erotd_op op;
	bool payload;
	bool tty;
	bool tty_set;
	unsigned short rows;
	unsigned short cols;
	int signal;
	uint8_t id[EROT_ID_SIZE];
};

/**
 * erotd_request_parse() - check a request; members that its op does not have are errors
 * @msg: object
 * @n:   descriptors that came along
 * @err: "request-syntax", "request-fds"
 *
 * Return: 0 or -EINVAL.
 */
int erotd_request_parse(json_t *msg, size_t n, struct erotd_request *out, struct erot_error *err);

#endif /* EROTD_REQUEST_H */
