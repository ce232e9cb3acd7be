/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * derg.json in the DERG's directory:
 *
 *	{
 *	  "version": 1,
 *	  "token": "pkcs11:token=...?module-path=...&pin-source=file:...",
 *	  "softhsmConf": "/.../softhsm2.conf",	absent for other modules
 *	  "requireHost": ["attested"],		added to what manifests ask
 *	  "graceSeconds": 86400,		an epoch outlives its last launch by this
 *	  "validSeconds": 300			from a session's start to its provisioning
 *	}
 */
#ifndef DERGD_CONFIG_H
#define DERGD_CONFIG_H

#include <limits.h>
#include <stdint.h>

#include "common/error.h"
#include "dergd/hsm_wire.h"

/**
 * struct derg_config - parsed
 * @token: RFC 7512 URI
 * @softhsm_conf: absolute path, or ""
 * @require_host: EROT_HOST_*
 * @grace_seconds: see above
 * @valid_seconds: see above, not 0
 */
struct derg_config {
	char token[HSM_URI_MAX + 1];
	char softhsm_conf[PATH_MAX];
	uint32_t require_host;
	uint32_t grace_seconds;
	uint32_t valid_seconds;
};

int derg_config_read(const char *path, struct derg_config *c, struct erot_error *err);
int derg_config_write(const char *path, const struct derg_config *c, struct erot_error *err);

#endif
