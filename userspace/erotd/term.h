/* SPDX-License-Identifier: GPL-2.0-only */
/* A terminal inside the sandbox. */
#ifndef EROTD_TERM_H
#define EROTD_TERM_H

#include <stdint.h>

#include "common/error.h"

/**
 * erotd_term_open() - make a terminal the controlling one and stdin, stdout and stderr
 * @rows: of its size
 * @cols: of its size
 * @uid:  who will own it
 * @err:  "terminal"
 *
 * The caller leads a session and sees the devpts of the sandbox.
 *
 * Return: the master, close-on-exec, or -errno.
 */
int erotd_term_open(unsigned short rows, unsigned short cols, uint32_t uid, struct erot_error *err);

#endif /* EROTD_TERM_H */
