// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/cli.h"
#include "common/conf.h"
#include "common/io.h"
#include "tools/ewc/derg.h"

#define TENANT_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/**
 * struct field - an option and a key of the file
 */
static const struct field {
	const char *key;
	size_t offset, size;
} fields[] = {
#define FIELD(name) { #name, offsetof(struct ewc_derg, name), sizeof(((struct ewc_derg *)0)->name) }
	FIELD(derg), FIELD(ca), FIELD(tenant), FIELD(client_cert), FIELD(client_key),
	FIELD(order_cert), FIELD(order_key), FIELD(receipt_cert),
};

static int set(struct ewc_derg *d, unsigned int i, const char *value)
{
	return erot_conf_text((char *)d + fields[i].offset, fields[i].size, value);
}

#define SET(i, name)						\
static int set_##name(void *ctx, const char *value)		\
{								\
	return set(ctx, i, value);				\
}
SET(0, derg)
SET(1, ca)
SET(2, tenant)
SET(3, client_cert)
SET(4, client_key)
SET(5, order_cert)
SET(6, order_key)
SET(7, receipt_cert)

static const struct erot_conf_key keys[] = {
	{ "derg", "https://host:port", false, set_derg },
	{ "ca", "a path", false, set_ca },
	{ "tenant", "a name", false, set_tenant },
	{ "client_cert", "a path", false, set_client_cert },
	{ "client_key", "a path", false, set_client_key },
	{ "order_cert", "a path", false, set_order_cert },
	{ "order_key", "a path", false, set_order_key },
	{ "receipt_cert", "a path", false, set_receipt_cert },
};

static int config_path(char path[PATH_MAX])
{
	const char *own = getenv("EWC_CONFIG"), *home = getenv("HOME");

	if (own)
		return snprintf(path, PATH_MAX, "%s", own) < PATH_MAX ? 0 : -1;
	if (!home)
		return -1;
	return snprintf(path, PATH_MAX, "%s/.config/erot/ewc.conf", home) < PATH_MAX ? 0 : -1;
}

int ewc_derg_defaults(struct ewc_derg *d, struct erot_error *err)
{
	char path[PATH_MAX];
	uint8_t *text;
	size_t len;
	int ret;

	memset(d, 0, sizeof(*d));
	memcpy(d->tenant, "default", sizeof("default"));
	if (config_path(path))
		return 0;
	ret = erot_read_file(path, EROT_CONF_MAX, &text, &len, err);
	if (ret)
		return ret == -ENOENT && !getenv("EWC_CONFIG") ? 0 : ret;
	ret = erot_conf_parse((char *)text, len, path, keys, sizeof(keys) / sizeof(*keys), d, NULL,
			      err);
	free(text);
	return ret;
}

int ewc_derg_option(struct ewc_derg *d, int option, const char *value)
{
	unsigned int i = option - 256;

	if (option < 256 || i >= sizeof(fields) / sizeof(*fields))
		return -ENOENT;
	return set(d, i, value);
}

static const char *or_none(const char *text)
{
	return text[0] ? text : NULL;
}

int ewc_derg_call(const struct ewc_derg *d, const char *method, const char *path,
		  const json_t *body, json_t **answer, struct erot_error *err)
{
	const struct erot_service_config config = {
		.url = d->derg,
		.ca = or_none(d->ca),
		.cert = or_none(d->client_cert),
		.key = or_none(d->client_key),
	};
	struct erot_service *service;
	char full[512];
	int ret;

	if (strspn(d->tenant, TENANT_CHARS) != strlen(d->tenant) ||
	    snprintf(full, sizeof(full), "/v1/tenants/%s/%s", d->tenant, path) >= (int)sizeof(full))
		return erot_fail(err, EINVAL, "tenant",
				 "a tenant's name has letters, digits, '-', '_' and '.'");
	ret = erot_service_open(&config, &service, err);
	if (ret)
		return ret;
	ret = erot_service_call(service, method, full, body, answer, err);
	erot_service_close(service);
	return ret;
}

int ewc_set_bytes(json_t *json, const char *name, const void *data, size_t len,
		  struct erot_error *err)
{
	char *text = erot_base64_encode(data, len);
	int ret;

	ret = text ? json_object_set_new(json, name, json_string(text)) : -1;
	free(text);
	return ret ? erot_fail(err, ENOMEM, "no-memory", "request") : 0;
}

int ewc_set_file(json_t *json, const char *name, const char *path, struct erot_error *err)
{
	uint8_t *data;
	size_t len;
	int ret;

	ret = cli_read(path, &data, &len, err);
	if (ret)
		return ret;
	ret = ewc_set_bytes(json, name, data, len, err);
	free(data);
	return ret;
}
