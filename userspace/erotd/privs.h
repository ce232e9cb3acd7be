/* SPDX-License-Identifier: GPL-2.0-only */
/* Dropping privileges in the sandbox and in the mounter, each drop verified. */
#ifndef EROTD_PRIVS_H
#define EROTD_PRIVS_H

#include <stdint.h>

#include "liberot/manifest.h"

/* Become root of the sandbox's user namespace. Code "privs". */
int erotd_privs_root(struct erot_error *err);

/* The manifest's limits, and RLIMIT_CORE 1. Code "rlimit". */
int erotd_privs_rlimits(const struct erot_manifest *m, struct erot_error *err);

/* The manifest's user, group and capabilities, and no_new_privs. Code "privs". */
int erotd_privs_drop(const struct erot_manifest *m, struct erot_error *err);

/* The user stays; only capabilities of @mask are left, bit n being capability n. Code "privs". */
int erotd_privs_keep(uint64_t mask, struct erot_error *err);

#endif /* EROTD_PRIVS_H */
