// SPDX-License-Identifier: GPL-2.0-only
/* The keys of erotd.conf. */
#include <string.h>

#include "common/conf.h"
#include "common/wire.h"
#include "erotd/config.h"

#define SUBID_WANTS "a multiple of 65536, not 0, with room for all ranges"

static int set_provider(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;
	char *save = NULL, *word;
	size_t n = 0;

	if (erot_conf_path(cfg->provider_text, sizeof(cfg->provider_text), value))
		return -EINVAL;
	for (word = strtok_r(cfg->provider_text, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (n == EROTD_PROVIDER_ARGS - 1)	/* one more is appended at the call */
			return -EINVAL;
		cfg->provider[n++] = word;
	}
	cfg->provider[n] = NULL;
	return 0;
}

static int set_provider_timeout(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_uint(value, 1, 3600, &cfg->provider_timeout);
}

static int set_socket(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_path(cfg->socket, sizeof(cfg->socket), value);
}

static int set_socket_group(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_text(cfg->socket_group, sizeof(cfg->socket_group), value);
}

static int set_state_dir(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_path(cfg->state_dir, sizeof(cfg->state_dir), value);
}

static int set_cgroup_parent(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_path(cfg->cgroup_parent, sizeof(cfg->cgroup_parent), value);
}

static int set_subid_base(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	if (erot_conf_uint(value, EROTD_ID_RANGE, UINT32_MAX, &cfg->subid_base))
		return -EINVAL;
	return cfg->subid_base % EROTD_ID_RANGE ? -EINVAL : 0;
}

static int set_max_sessions(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_uint(value, 1, EROTD_SESSIONS_MAX, &cfg->max_sessions);
}

static int set_hardware_key(void *ctx, const char *value)
{
	struct erotd_config *cfg = ctx;

	return erot_conf_path(cfg->hardware_key, sizeof(cfg->hardware_key), value);
}

static const struct erot_conf_key keys[] = {
	{ "provider", "an absolute path and at most 14 arguments", true, set_provider },
	{ "provider_timeout", "seconds, 1 to 3600", false, set_provider_timeout },
	{ "socket", "an absolute path of at most 107 bytes", false, set_socket },
	{ "socket_group", "the name of a group", false, set_socket_group },
	{ "state_dir", "an absolute path", false, set_state_dir },
	{ "cgroup_parent", "an absolute path", false, set_cgroup_parent },
	{ "subid_base", SUBID_WANTS, false, set_subid_base },
	{ "max_sessions", "1 to 1024", false, set_max_sessions },
	{ "hardware_key", "an absolute path", false, set_hardware_key },
};

static void defaults(struct erotd_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->provider_timeout = 30;
	cfg->subid_base = 0x40000000;	/* above what useradd and containers hand out */
	cfg->max_sessions = 256;
	memcpy(cfg->socket, EROTD_SOCKET, sizeof(EROTD_SOCKET));
	memcpy(cfg->state_dir, "/var/lib/erot", sizeof("/var/lib/erot"));
	memcpy(cfg->cgroup_parent, "/sys/fs/cgroup/erot", sizeof("/sys/fs/cgroup/erot"));
}

int erotd_config_parse(const char *text, size_t len, const char *name, struct erotd_config *cfg,
		       struct erot_error *err)
{
	struct erotd_config work;
	int ret;

	defaults(&work);
	ret = erot_conf_parse(text, len, name, keys, sizeof(keys) / sizeof(*keys), &work, NULL,
			      err);
	if (ret)
		return ret;
	if ((uint64_t)work.subid_base + (uint64_t)work.max_sessions * EROTD_ID_RANGE > UINT32_MAX)
		return erot_fail(err, EINVAL, "config-value", "%s: subid_base must be " SUBID_WANTS,
				 name);
	*cfg = work;
	/* The words point into the text: follow it to its new place. */
	for (size_t i = 0; work.provider[i]; i++)
		cfg->provider[i] = cfg->provider_text + (work.provider[i] - work.provider_text);
	return 0;
}
