// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attester/config.h"
#include "common/conf.h"
#include "common/io.h"

static int set_derg(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	return strncmp(value, "https://", 8) ? -EINVAL :
	       erot_conf_text(c->derg, sizeof(c->derg), value);
}

static int set_ca(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	return erot_conf_path(c->ca, sizeof(c->ca), value);
}

/* It stands in paths of URLs: no escaping, then nothing to get wrong. */
static int set_tenant(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	if (strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
	    strlen(value))
		return -EINVAL;
	return erot_conf_text(c->tenant, sizeof(c->tenant), value);
}

static int set_tpm(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	return erot_conf_text(c->tpm, sizeof(c->tpm), value);
}

static int set_software_key(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	return erot_conf_path(c->software_key, sizeof(c->software_key), value);
}

static int set_event_log(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	return erot_conf_path(c->event_log, sizeof(c->event_log), value);
}

static int set_timeout(void *ctx, const char *value)
{
	struct attester_config *c = ctx;

	return erot_conf_uint(value, 1, 3600, &c->timeout);
}

static const struct erot_conf_key keys[] = {
	{ "derg", "https://host:port", true, set_derg },
	{ "ca", "an absolute path", false, set_ca },
	{ "tenant", "letters, digits, '-', '_' and '.'", false, set_tenant },
	{ "tpm", "a TCTI, \"device:/dev/tpmrm0\"", false, set_tpm },
	{ "software_key", "an absolute path", false, set_software_key },
	{ "event_log", "an absolute path", false, set_event_log },
	{ "timeout", "seconds, 1 to 3600", false, set_timeout },
};

static const struct attester_config defaults = {
	.tenant = "default",
	.tpm = "device:/dev/tpmrm0",
	.event_log = "/sys/kernel/security/tpm0/binary_bios_measurements",
	.timeout = 60,
};

int attester_config_read(const char *path, struct attester_config *c, struct erot_error *err)
{
	struct attester_config fresh = defaults;
	uint8_t *text;
	size_t len;
	int ret;

	ret = erot_read_file(path, EROT_CONF_MAX, &text, &len, err);
	if (ret)
		return ret;
	ret = erot_conf_parse((char *)text, len, path, keys, sizeof(keys) / sizeof(*keys), &fresh,
			      NULL, err);
	free(text);
	if (!ret)
		*c = fresh;
	return ret;
}
