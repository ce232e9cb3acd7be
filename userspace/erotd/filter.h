/* SPDX-License-Identifier: GPL-2.0-only */
/* The seccomp filters of the sandbox. */
#ifndef EROTD_FILTER_H
#define EROTD_FILTER_H

#include "common/error.h"

/**
 * erotd_filter_load() - install both filters on the calling thread, for good
 * @err: "seccomp"
 *
 * Needs no_new_privs. Return: 0 or -errno.
 */
int erotd_filter_load(struct erot_error *err);

#endif /* EROTD_FILTER_H */
