/* SPDX-License-Identifier: GPL-2.0-only */
/* The seccomp filters of the sandbox. */
#ifndef EROTD_FILTER_H
#define EROTD_FILTER_H

#include "common/error.h"

/**
 * erotd_filter_prepare() - make both filters, once
 * @err: "seccomp"
 *
 * Return: 0 or -errno.
 */
int erotd_filter_prepare(struct erot_error *err);

/**
 * erotd_filter_load() - install both filters on the calling thread, for good
 * @err: "seccomp"
 *
 * Needs no_new_privs. Return: 0 or -errno; -ENODATA if they were not made before.
 */
int erotd_filter_load(struct erot_error *err);

#endif /* EROTD_FILTER_H */
