// SPDX-License-Identifier: GPL-2.0-only
/* Configuration of a DERG: parsed whole, unknown members refused. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/secret.h"
#include "dergd/config.h"
#include "liberot/names.h"

#define CONFIG_MAX 65536

static int copy(const char *from, char *to, size_t size)
{
	size_t len = strlen(from);

	if (len >= size)
		return -1;
	memcpy(to, from, len + 1);
	return 0;
}

static int host_bits(const json_t *list, uint32_t *mask)
{
	const json_t *item;
	uint32_t bit;
	size_t i;

	if (!json_is_array(list))
		return -1;
	*mask = 0;
	json_array_foreach(list, i, item) {
		bit = json_is_string(item) ? erot_host_bit(json_string_value(item)) : 0;
		if (!bit)
			return -1;
		*mask |= bit;
	}
	return 0;
}

static int parse(json_t *json, struct derg_config *c)
{
	const char *token, *conf = "";
	json_int_t grace, valid;
	json_t *host;
	int version;

	if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:i,s:s,s?s,s:o,s:I,s:I}",
			   "version", &version, "token", &token, "softhsmConf", &conf,
			   "requireHost", &host, "graceSeconds", &grace,
			   "validSeconds", &valid))
		return -1;
	if (version != 1 || grace < 0 || grace > UINT32_MAX || valid < 1 || valid > UINT32_MAX)
		return -1;
	if (copy(token, c->token, sizeof(c->token)) ||
	    copy(conf, c->softhsm_conf, sizeof(c->softhsm_conf)) ||
	    host_bits(host, &c->require_host))
		return -1;
	c->grace_seconds = grace;
	c->valid_seconds = valid;
	return 0;
}

/**
 * derg_config_read() - reads derg.json
 * @path: of the file
 * @c: filled
 * @err: "config", "not-found"
 *
 * Return: 0, -EINVAL, -ENOENT, or another negative errno.
 */
int derg_config_read(const char *path, struct derg_config *c, struct erot_error *err)
{
	json_error_t where;
	uint8_t *data;
	json_t *json;
	size_t len;
	int ret;

	memset(c, 0, sizeof(*c));
	ret = erot_read_file(path, CONFIG_MAX, &data, &len, err);
	if (ret)
		return ret;
	json = json_loadb((char *)data, len, JSON_REJECT_DUPLICATES, &where);
	erot_wipe_free(data, len);
	if (!json)
		return erot_fail(err, EINVAL, "config", "%s:%d: %s", path, where.line, where.text);
	if (parse(json, c))
		ret = erot_fail(err, EINVAL, "config",
				"%s: a member is missing, unknown or out of range", path);
	json_decref(json);
	return ret;
}

/**
 * derg_config_write() - writes derg.json
 * @path: of the file; replaced
 * @c: what to write
 * @err: reason
 *
 * Return: 0 or a negative errno.
 */
int derg_config_write(const char *path, const struct derg_config *c, struct erot_error *err)
{
	json_t *json, *host = json_array();
	unsigned int bit;
	char *text, *line = NULL;
	int ret;

	for (bit = 0; bit < 32; bit++)
		if (c->require_host & (1U << bit) && erot_host_name(bit))
			json_array_append_new(host, json_string(erot_host_name(bit)));
	json = json_pack("{s:i,s:s,s:o,s:I,s:I}", "version", 1, "token", c->token,
			 "requireHost", host, "graceSeconds", (json_int_t)c->grace_seconds,
			 "validSeconds", (json_int_t)c->valid_seconds);
	if (json && c->softhsm_conf[0])
		json_object_set_new(json, "softhsmConf", json_string(c->softhsm_conf));
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	json_decref(json);
	if (!text || asprintf(&line, "%s\n", text) < 0) {
		free(text);
		return erot_fail(err, ENOMEM, "no-memory", "configuration");
	}
	ret = erot_write_file(path, line, strlen(line), 0600, err);
	free(line);
	free(text);
	return ret;
}
