/* SPDX-License-Identifier: GPL-2.0-only */
/* erotd.conf: "key = value" lines, '#' begins a comment line. Pure code. */
#ifndef EROTD_CONFIG_H
#define EROTD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf.h"

#define EROTD_CONFIG_FILE	"/etc/erot/erotd.conf"
#define EROTD_CONFIG_MAX	EROT_CONF_MAX
#define EROTD_PROVIDER_ARGS	16
#define EROTD_ID_RANGE		65536U	/* ids per launch */
#define EROTD_SESSIONS_MAX	1024

/**
 * struct erotd_config - what the file says
 * @provider:      command and its arguments, NULL-terminated; split at blanks, there is no quoting
 * @provider_text: what @provider points into
 * @provider_timeout: seconds until it is killed
 * @socket:        path
 * @socket_group:  may use the socket besides root; empty: nobody
 * @state_dir:     receipts of what runs, records of what ended
 * @cgroup_parent: directory in cgroup v2; erotd makes and owns it
 * @subid_base:    first user and group id of the ranges
 * @max_sessions:  at once
 * @hardware_key:  SubjectPublicKeyInfo, PEM or DER; empty: somebody else tells the module
 */
struct erotd_config {
	char *provider[EROTD_PROVIDER_ARGS + 1];
	char provider_text[PATH_MAX];
	unsigned int provider_timeout;
	char socket[108];
	char socket_group[64];
	char state_dir[512];
	char cgroup_parent[512];
	uint32_t subid_base;
	unsigned int max_sessions;
	char hardware_key[512];
};

/**
 * erotd_config_parse() - read a configuration whole
 * @text: not necessarily zero-terminated
 * @len:  bytes
 * @name: of the file, for messages
 * @cfg:  filled on success only, with defaults for what is not said
 * @err:  "config-syntax", "config-unknown", "config-twice", "config-value", "config-missing"; the
 *        text begins with name:line
 *
 * Return: 0 or -EINVAL.
 */
int erotd_config_parse(const char *text, size_t len, const char *name, struct erotd_config *cfg,
		       struct erot_error *err);

#endif /* EROTD_CONFIG_H */
