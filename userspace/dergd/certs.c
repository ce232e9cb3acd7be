// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/certs.h"
#include "liberot/cms.h"

#define MOST	64

/**
 * struct kept - one of them
 * @der:  what it was decoded from; NULL: free
 * @used: by which count of all uses
 */
struct kept {
	uint8_t *der;
	size_t len;
	X509 *cert;
	uint64_t used;
};

/**
 * struct certs - the last of them that were used
 * @lock: over the rest
 */
struct certs {
	pthread_mutex_t lock;
	uint64_t uses;
	struct kept kept[MOST];
};

struct certs *certs_new(void)
{
	struct certs *c = calloc(1, sizeof(*c));

	if (c && pthread_mutex_init(&c->lock, NULL)) {
		free(c);
		c = NULL;
	}
	return c;
}

static void drop(struct kept *k)
{
	X509_free(k->cert);
	free(k->der);
	memset(k, 0, sizeof(*k));
}

void certs_free(struct certs *c)
{
	int i;

	if (!c)
		return;
	for (i = 0; i < MOST; i++)
		drop(&c->kept[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Under the lock. */
static struct kept *find(struct certs *c, const void *der, size_t len)
{
	struct kept *k;

	for (k = c->kept; k < c->kept + MOST; k++)
		if (k->der && k->len == len && !memcmp(k->der, der, len))
			return k;
	return NULL;
}

/* Takes the place of the one that was not used for the longest time. Under the lock. */
static void keep(struct certs *c, uint8_t *der, size_t len, X509 *cert)
{
	struct kept *k, *oldest = c->kept;

	for (k = c->kept; k < c->kept + MOST; k++)
		if (k->used < oldest->used)
			oldest = k;
	drop(oldest);
	*oldest = (struct kept) { der, len, cert, ++c->uses };
}

int certs_get(struct certs *c, const void *der, size_t len, X509 **cert, struct erot_error *err)
{
	struct kept *k;
	uint8_t *copy;
	int ret;

	*cert = NULL;
	pthread_mutex_lock(&c->lock);
	k = find(c, der, len);
	if (k && X509_up_ref(k->cert)) {
		k->used = ++c->uses;
		*cert = k->cert;
	}
	pthread_mutex_unlock(&c->lock);
	if (*cert)
		return 0;
	ret = erot_cert_parse(der, len, cert, err);
	/* one whose key could not be decoded for want of memory must not stay */
	copy = ret || erot_cms_signer(*cert, NULL) ? NULL : malloc(len);
	if (!copy)
		return ret;
	memcpy(copy, der, len);
	pthread_mutex_lock(&c->lock);
	if (!find(c, der, len) && X509_up_ref(*cert)) {
		keep(c, copy, len, *cert);
		copy = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	free(copy);
	return 0;
}
