/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for keys: locked, not dumped, not inherited by children, wiped when freed. */
#ifndef EROT_COMMON_SECRET_H
#define EROT_COMMON_SECRET_H

#include <stddef.h>
#include <string.h>

#include "common/error.h"

/**
 * erot_secret_alloc() - zeroed memory for a secret
 * @len: bytes, at most 1 MiB
 * @err: code "secret-memory"
 *
 * Pages of its own between two inaccessible ones, with mlock(), MADV_DONTDUMP and MADV_DONTFORK: a
 * child that touches it gets SIGSEGV. Where one of these cannot be had there is no memory either.
 *
 * Return: the memory, or NULL.
 */
void *erot_secret_alloc(size_t len, struct erot_error *err);

/**
 * erot_secret_free() - wipe and give back
 * @secret: from erot_secret_alloc(), or NULL
 */
void erot_secret_free(void *secret);

/**
 * erot_wipe() - overwrite, whatever the compiler thinks of it
 * @p:   may be NULL
 * @len: bytes
 */
static inline void erot_wipe(void *p, size_t len)
{
	if (p)
		explicit_bzero(p, len);
}

/**
 * erot_wipe_free() - wipe memory from malloc() and free it
 * @p:   may be NULL
 * @len: bytes
 */
void erot_wipe_free(void *p, size_t len);

/**
 * erot_secret_equal() - compare in time that depends on @len only
 *
 * Return: 1 when equal, else 0.
 */
int erot_secret_equal(const void *a, const void *b, size_t len);

/**
 * erot_no_dumps() - keep this whole process out of core files
 * @err: code "secret-memory"
 *
 * PR_SET_DUMPABLE 0 and RLIMIT_CORE 0. For processes that handle keys.
 *
 * Return: 0 or -errno.
 */
int erot_no_dumps(struct erot_error *err);

#endif /* EROT_COMMON_SECRET_H */
