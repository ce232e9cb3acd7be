// SPDX-License-Identifier: GPL-2.0-only
/* The keys of derg.conf. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/io.h"
#include "common/secret.h"
#include "dergd/config.h"
#include "liberot/names.h"

#define SECONDS_MAX	(10U * 365 * 86400)

static int set_token(void *ctx, const char *value)
{
	struct derg_config *c = ctx;

	return strncmp(value, "pkcs11:", 7) ? -EINVAL :
	       erot_conf_text(c->token, sizeof(c->token), value);
}

static int set_softhsm_conf(void *ctx, const char *value)
{
	struct derg_config *c = ctx;

	return erot_conf_path(c->softhsm_conf, sizeof(c->softhsm_conf), value);
}

static int set_database(void *ctx, const char *value)
{
	struct derg_config *c = ctx;

	if (strncmp(value, "sqlite:/", 8) && strncmp(value, "postgresql://", 13))
		return -EINVAL;
	return erot_conf_text(c->database, sizeof(c->database), value);
}

static int set_log_name(void *ctx, const char *value)
{
	struct derg_config *c = ctx;

	if (strpbrk(value, " \t+"))	/* separators of signed notes */
		return -EINVAL;
	return erot_conf_text(c->log_name, sizeof(c->log_name), value);
}

static int set_ek_roots(void *ctx, const char *value)
{
	struct derg_config *c = ctx;

	return erot_conf_path(c->ek_roots, sizeof(c->ek_roots), value);
}

static int set_attestation(void *ctx, const char *value)
{
	struct derg_config *c = ctx;

	c->attested = !strcmp(value, "required");
	return c->attested || !strcmp(value, "none") ? 0 : -EINVAL;
}

static int set_require_host(void *ctx, const char *value)
{
	struct derg_config *c = ctx;
	char names[256], *name, *save;
	uint32_t bit;

	c->require_host = 0;
	if (!strcmp(value, "none"))
		return 0;
	if (erot_conf_text(names, sizeof(names), value))
		return -EINVAL;
	for (name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		bit = erot_host_bit(name);
		if (!bit)
			return -EINVAL;
		c->require_host |= bit;
	}
	return 0;
}

#define SET_SECONDS(field, min)								\
static int set_##field(void *ctx, const char *value)					\
{											\
	return erot_conf_uint(value, min, SECONDS_MAX, &((struct derg_config *)ctx)->field);	\
}
SET_SECONDS(challenge_seconds, 1)
SET_SECONDS(valid_seconds, 1)
SET_SECONDS(receipt_seconds, 1)
SET_SECONDS(grace_seconds, 0)
SET_SECONDS(evidence_seconds, 1)

static const struct erot_conf_key keys[] = {
	{ "token", "a PKCS#11 URI", true, set_token },
	{ "softhsm_conf", "an absolute path", false, set_softhsm_conf },
	{ "database", "sqlite:/path or postgresql://...", true, set_database },
	{ "log_name", "a name without blanks and '+'", true, set_log_name },
	{ "ek_roots", "an absolute path", false, set_ek_roots },
	{ "attestation", "required or none", false, set_attestation },
	{ "require_host", "names of host states with commas between them, or none", false,
	  set_require_host },
	{ "challenge_seconds", "seconds from 1", false, set_challenge_seconds },
	{ "valid_seconds", "seconds from 1", false, set_valid_seconds },
	{ "receipt_seconds", "seconds from 1", false, set_receipt_seconds },
	{ "grace_seconds", "seconds", false, set_grace_seconds },
	{ "evidence_seconds", "seconds from 1", false, set_evidence_seconds },
};

void derg_config_defaults(struct derg_config *c)
{
	memset(c, 0, sizeof(*c));
	c->attested = true;
	c->require_host = EROT_HOST_ALL;
	c->challenge_seconds = 120;
	c->valid_seconds = 300;
	c->receipt_seconds = 86400;
	c->grace_seconds = 86400;
	c->evidence_seconds = 600;
}

int derg_config_parse(const char *text, size_t len, const char *name, struct derg_config *c,
		      struct erot_error *err)
{
	struct derg_config new;
	int ret;

	derg_config_defaults(&new);
	ret = erot_conf_parse(text, len, name, keys, sizeof(keys) / sizeof(*keys), &new, NULL, err);
	if (!ret)
		*c = new;
	return ret;
}

int derg_config_read(const char *path, struct derg_config *c, struct erot_error *err)
{
	uint8_t *data;
	size_t len;
	int ret;

	ret = erot_read_file(path, EROT_CONF_MAX, &data, &len, err);
	if (ret)
		return ret;
	ret = derg_config_parse((char *)data, len, path, c, err);
	erot_wipe_free(data, len);	/* a database's URL may have a password */
	return ret;
}

int derg_config_write(const char *path, const struct derg_config *c, struct erot_error *err)
{
	char host[256], *text;
	int ret;

	erot_host_format(c->require_host, host, sizeof(host));
	if (asprintf(&text,
		     "# See dergctl(1). Lines that begin with '#' are comments.\n\n"
		     "# the HSM's token, RFC 7512; the PIN stands in a file\n"
		     "token = %s\n"
		     "%s%s%s"
		     "\n# sqlite:/path or postgresql://...\n"
		     "database = %s\n"
		     "\n# origin of the transparency log; it can't be changed later\n"
		     "log_name = %s\n"
		     "\n# certificates of TPM makers, PEM; without it no TPM can be enrolled\n"
		     "%sek_roots = %s\n"
		     "\n# required: releases need a quote under the policy; none: to try out\n"
		     "attestation = %s\n"
		     "\n# host states that every receipt demands\n"
		     "require_host = %s\n"
		     "\nchallenge_seconds = %u\nvalid_seconds = %u\nreceipt_seconds = %u\n"
		     "grace_seconds = %u\nevidence_seconds = %u\n",
		     c->token, c->softhsm_conf[0] ? "softhsm_conf = " : "", c->softhsm_conf,
		     c->softhsm_conf[0] ? "\n" : "", c->database, c->log_name,
		     c->ek_roots[0] ? "" : "#",
		     c->ek_roots[0] ? c->ek_roots : "/etc/erot/ek-roots.pem",
		     c->attested ? "required" : "none", host, c->challenge_seconds,
		     c->valid_seconds, c->receipt_seconds, c->grace_seconds,
		     c->evidence_seconds) < 0)
		return erot_fail(err, ENOMEM, "no-memory", "configuration");
	ret = erot_create_file(path, text, strlen(text), 0600, err);
	free(text);
	return ret;
}
