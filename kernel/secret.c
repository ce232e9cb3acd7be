// SPDX-License-Identifier: GPL-2.0-only
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "secret.h"

static struct kmem_cache *secret_cache;
static atomic_t secret_live = ATOMIC_INIT(0);

/**
 * erot_secret_init - make the slab of secrets
 *
 * Merged into another cache, a secret would share pages with objects that a
 * stray write or an overread elsewhere reaches. No usercopy region: hardened
 * usercopy stops any copy of a secret to userspace. Typesafe RCU would delay
 * the reuse of a wiped object for nothing.
 *
 * Return: 0 or -ENOMEM.
 */
int erot_secret_init(void)
{
	secret_cache = kmem_cache_create("erot_secret", sizeof(struct erot_secret), 0,
					 SLAB_HWCACHE_ALIGN | SLAB_NO_MERGE, NULL);
	return secret_cache ? 0 : -ENOMEM;
}

/** erot_secret_exit - undo erot_secret_init(); every secret has been freed */
void erot_secret_exit(void)
{
	WARN_ON(atomic_read(&secret_live));
	kmem_cache_destroy(secret_cache);
	secret_cache = NULL;
}

/**
 * erot_secret_alloc - memory for the secrets of one session
 * @gfp: as for kmalloc()
 *
 * Return: zeroed memory for erot_secret_free(), or NULL.
 */
struct erot_secret *erot_secret_alloc(gfp_t gfp)
{
	struct erot_secret *s = kmem_cache_zalloc(secret_cache, gfp);

	if (s)
		atomic_inc(&secret_live);
	return s;
}

/**
 * erot_secret_free - wipe and give back
 * @s: from erot_secret_alloc(), or NULL; any context
 */
void erot_secret_free(struct erot_secret *s)
{
	if (!s)
		return;
	memzero_explicit(s, sizeof(*s));
	kmem_cache_free(secret_cache, s);
	atomic_dec(&secret_live);
}

/** erot_secret_live - secrets that exist now; 1, the boot key's, when no session holds a key */
u32 erot_secret_live(void)
{
	return atomic_read(&secret_live);
}

/**
 * erot_scratch_alloc - a temporary buffer that will carry secrets
 * @n:   bytes
 * @gfp: as for kvmalloc()
 *
 * Return: zeroed memory for erot_scratch_free(), perhaps not contiguous in
 * physical memory; or NULL.
 */
void *erot_scratch_alloc(size_t n, gfp_t gfp)
{
	return kvzalloc(n, gfp);
}

/**
 * erot_scratch_free - wipe and give back; may sleep
 * @p: from erot_scratch_alloc(), or NULL
 * @n: bytes, as asked for
 */
void erot_scratch_free(void *p, size_t n)
{
	kvfree_sensitive(p, n);
}
