/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * derg.conf in the DERG's directory: what dergctl and dergd both need, "key = value" lines with '#'
 * comments (common/conf.h). Relative names do not exist in it.
 *
 *	token = pkcs11:token=...?module-path=...&pin-source=file:...
 *	softhsm_conf = /.../softhsm2.conf	only where the module is SoftHSM2
 *	database = sqlite:/.../derg.db		or postgresql://...
 *	log_name = example.org/erot		origin of the transparency log
 *	ek_roots = /.../ek-roots.pem		whose TPMs may be enrolled
 *	attestation = required			or none: nobody is asked for a quote
 *	require_host = attested,lockdown	added to what manifests ask
 *	challenge_seconds = 120
 *	valid_seconds = 300			from a session's start to its provisioning
 *	receipt_seconds = 86400			that a receipt lasts where nobody says
 *	grace_seconds = 86400			an epoch outlives its last launch by this
 *	evidence_seconds = 600			after its longest end a launch is unaccounted
 */
#ifndef DERGD_CONFIG_H
#define DERGD_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "dergd/hsm_wire.h"

#define DERG_URL_MAX		1024
#define DERG_LOG_NAME_MAX	255

/**
 * struct derg_config - parsed
 * @token: RFC 7512 URI
 * @softhsm_conf: absolute path, or ""
 * @database: URL, as db_open() takes it
 * @log_name: see above
 * @ek_roots: absolute path, or "": no TPM can be enrolled
 * @attested: releases need a quote
 * @require_host: EROT_HOST_*
 * @challenge_seconds: see above
 * @valid_seconds: see above
 * @receipt_seconds: see above
 * @grace_seconds: see above
 * @evidence_seconds: see above
 */
struct derg_config {
	char token[HSM_URI_MAX + 1];
	char softhsm_conf[PATH_MAX];
	char database[DERG_URL_MAX];
	char log_name[DERG_LOG_NAME_MAX + 1];
	char ek_roots[PATH_MAX];
	bool attested;
	uint32_t require_host;
	unsigned int challenge_seconds;
	unsigned int valid_seconds;
	unsigned int receipt_seconds;
	unsigned int grace_seconds;
	unsigned int evidence_seconds;
};

/* Defaults; token and database stay empty. */
void derg_config_defaults(struct derg_config *c);

/**
 * derg_config_parse() - parse a configuration whole
 * @text: not necessarily zero-terminated
 * @len:  bytes
 * @name: of the file, for messages
 * @c:    filled on success only
 * @err:  as of erot_conf_parse()
 *
 * Return: 0 or a negative errno.
 */
int derg_config_parse(const char *text, size_t len, const char *name, struct derg_config *c,
		      struct erot_error *err);

/* The same of a file; also "not-found", "io". */
int derg_config_read(const char *path, struct derg_config *c, struct erot_error *err);

/* Writes a new file with every key and what it means: -EEXIST where there is one. */
int derg_config_write(const char *path, const struct derg_config *c, struct erot_error *err);

#endif
