// SPDX-License-Identifier: GPL-2.0-only
/* Opening a DERG, and what all its decisions share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dergd/authority.h"
#include "dergd/cert.h"
#include "liberot/cms.h"
#include "liberot/derive.h"

static int path_in(const char *dir, const char *name, char path[PATH_MAX], struct erot_error *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return erot_fail(err, ENAMETOOLONG, "config", "%s: path is too long", dir);
	return 0;
}

/**
 * derg_open() - opens a DERG
 * @d: filled; derg_close() it also after a failure
 * @dir: made by derg_init()
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int derg_open(struct derg *d, const char *dir, struct erot_error *err)
{
	char path[PATH_MAX];
	int ret;

	memset(d, 0, sizeof(*d));
	d->ledger.dir = d->ledger.lock = -1;
	d->hsm.sock = d->hsm.pid = -1;
	ret = path_in(dir, "derg.json", path, err);
	if (!ret)
		ret = derg_config_read(path, &d->config, err);
	if (!ret)
		ret = path_in(dir, "receipt-cert.der", path, err);
	if (!ret)
		ret = erot_cert_read(path, &d->cert, err);
	if (!ret)
		ret = path_in(dir, "ledger", path, err);
	if (!ret)
		ret = ledger_open(&d->ledger, path, err);
	if (!ret)
		ret = hsm_start(&d->hsm, d->config.softhsm_conf[0] ? d->config.softhsm_conf : NULL,
				err);
	if (!ret)
		ret = hsm_open(&d->hsm, d->config.token, err);
	return ret;
}

/**
 * derg_close() - closes a DERG and ends its helper
 * @d: opened, or failed to open
 */
void derg_close(struct derg *d)
{
	hsm_stop(&d->hsm);
	ledger_close(&d->ledger);
	X509_free(d->cert);
	d->cert = NULL;
}

/**
 * derg_sign() - CMS by the receipt key
 * @d: open
 * @content: with its own magic and purpose
 * @len: bytes
 * @cms: to be freed
 * @cms_len: bytes
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int derg_sign(struct derg *d, const void *content, size_t len, uint8_t **cms, size_t *cms_len,
	      struct erot_error *err)
{
	struct derg_signer signer = { &d->hsm, DERG_RECEIPT_KEY };

	return erot_cms_sign_with(d->cert, derg_cert_signer, &signer, content, len, cms, cms_len,
				  err);
}

/**
 * derg_seed() - seed of the ERoT that a statement or receipt is about
 * @e: epoch that it names
 * @g: what both have in common
 * @seed: filled
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int derg_seed(const struct epoch *e, const struct erot_grant_info *g,
	      uint8_t seed[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct erot_derive_input in = {
		.tenant = e->tenant,
		.epoch = e->number,
		.hwkey = g->hwkey,
		.hwkey_len = g->hwkey_len,
		.manifest = g->manifest,
		.manifest_len = g->manifest_len,
	};

	memcpy(in.nonce, g->nonce, sizeof(in.nonce));
	return erot_derive_seed(&in, seed, err);
}
