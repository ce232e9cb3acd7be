// SPDX-License-Identifier: GPL-2.0-only
/* Opening a DERG, and what all its decisions share. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/secret.h"
#include "dergd/authority.h"
#include "dergd/cert.h"
#include "liberot/cms.h"

#define EK_ROOTS_MAX	(4U << 20)

static int path_in(const char *dir, const char *name, char path[PATH_MAX], struct erot_error *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return erot_fail(err, ENAMETOOLONG, "path", "%s: path is too long", dir);
	return 0;
}

static int open_config(struct authority *a, const char *dir, struct erot_error *err)
{
	char path[PATH_MAX];
	int ret;

	ret = path_in(dir, DERG_CONFIG_FILE, path, err);
	if (!ret)
		ret = derg_config_read(path, &a->config, err);
	if (!ret)
		ret = path_in(dir, DERG_CERT_FILE, path, err);
	if (!ret)
		ret = erot_cert_read(path, &a->cert, err);
	if (!ret)
		ret = path_in(dir, DERG_LOG_CERT_FILE, path, err);
	if (!ret)
		ret = erot_cert_read(path, &a->log_cert, err);
	return ret;
}

static int open_roots(struct authority *a, struct erot_error *err)
{
	uint8_t *pem;
	size_t len;
	int ret;

	if (!a->config.ek_roots[0])
		return 0;
	ret = erot_read_file(a->config.ek_roots, EK_ROOTS_MAX, &pem, &len, err);
	if (ret)
		return ret;
	ret = erot_ek_roots_load(pem, len, &a->ek_roots, err);
	if (ret)
		erot_error_prefix(err, "%s", a->config.ek_roots);
	free(pem);
	return ret;
}

static int sign_checkpoint(void *ctx, const void *text, size_t len, uint8_t sig[64],
			   struct erot_error *err)
{
	struct authority *a = ctx;

	return hsm_ed25519_sign(&a->hsm, LOG_KEY, text, len, sig, err);
}

static int open_log(struct authority *a, struct erot_error *err)
{
	uint8_t pk[EROT_KEY_SIZE];
	int ret;

	ret = hsm_ed25519_public(&a->hsm, LOG_KEY, pk, err);
	if (!ret)
		ret = erot_note_key(a->config.log_name, pk, &a->log_key, err);
	if (!ret)
		ret = db_open(a->config.database, &a->db, err);
	if (!ret)
		ret = db_schema(a->db, err);
	return ret ?: log_open(a->db, &a->log_key, sign_checkpoint, a, &a->log, err);
}

int authority_open(struct authority *a, const char *dir, struct erot_error *err)
{
	const char *conf;
	int ret;

	memset(a, 0, sizeof(*a));
	hsm_none(&a->hsm);
	ret = open_config(a, dir, err);
	if (!ret)
		ret = open_roots(a, err);
	conf = a->config.softhsm_conf[0] ? a->config.softhsm_conf : NULL;
	if (!ret)
		ret = hsm_start(&a->hsm, conf, err);
	if (!ret)
		ret = hsm_open(&a->hsm, a->config.token, err);
	if (!ret)
		ret = open_log(a, err);
	if (!ret)
		a->group = db_group_new();
	if (!ret)
		a->certs = certs_new();
	if (!ret && (!a->group || !a->certs))
		ret = erot_fail(err, ENOMEM, "no-memory", "out of memory");
	return ret;
}

void authority_close(struct authority *a)
{
	log_close(a->log, a->db);
	db_close(a->db);
	db_group_free(a->group);
	certs_free(a->certs);
	hsm_stop(&a->hsm);
	erot_ek_roots_free(a->ek_roots);
	X509_free(a->cert);
	X509_free(a->log_cert);
	explicit_bzero(&a->config, sizeof(a->config));
	a->log = NULL;
	a->db = NULL;
	a->group = NULL;
	a->certs = NULL;
	a->ek_roots = NULL;
	a->cert = a->log_cert = NULL;
}

int derg_open(struct derg *d, struct authority *a, struct erot_error *err)
{
	int ret;

	d->a = a;
	d->db = NULL;
	ret = db_open(a->config.database, &d->db, err);
	if (!ret)
		db_join(d->db, a->group);
	return ret;
}

void derg_close(struct derg *d)
{
	db_close(d->db);
	d->db = NULL;
}

int derg_sign(struct derg *d, const void *content, size_t len, uint8_t **cms, size_t *cms_len,
	      struct erot_error *err)
{
	struct derg_signer signer = { &d->a->hsm, DERG_RECEIPT_KEY };

	return erot_cms_sign_with(d->a->cert, derg_cert_signer, &signer, content, len, cms, cms_len,
				  err);
}

int derg_verify(struct derg *d, const void *cms, size_t cms_len, uint8_t **content, size_t *len,
		struct erot_error *err)
{
	return erot_cms_verify(cms, cms_len, d->a->cert, content, len, err);
}

int derg_record(struct db *db, const char *tenant, uint32_t kind, const uint8_t *subject,
		uint64_t now, const void *content, size_t len, uint64_t *index,
		struct erot_error *err)
{
	struct log_new entry = {
		.kind = kind,
		.time = now,
		.tenant = tenant,
		.subject = subject,
		.content = content,
		.len = len,
	};
	uint64_t ignored;

	return log_append(db, &entry, index ?: &ignored, err);
}

int derg_record_json(struct db *db, const char *tenant, uint32_t kind, const uint8_t *subject,
		     uint64_t now, json_t *content, uint64_t *index, struct erot_error *err)
{
	char *text = content ? json_dumps(content, JSON_COMPACT) : NULL;
	int ret;

	json_decref(content);
	if (!text)
		return erot_fail(err, ENOMEM, "no-memory", "log entry");
	ret = derg_record(db, tenant, kind, subject, now, text, strlen(text), index, err);
	free(text);
	return ret;
}
