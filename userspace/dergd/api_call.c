// SPDX-License-Identifier: GPL-2.0-only
/* What handlers ask of a request's path and query, and how they answer. */
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "dergd/api.h"

static const char *find(const struct api_param *list, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n && list[i].name; i++)
		if (!strcmp(list[i].name, name))
			return list[i].value;
	return NULL;
}

const char *api_param(const struct api_call *call, const char *name)
{
	return find(call->params, API_PARAMS_MAX, name) ?: "";
}

const char *api_query(const struct api_call *call, const char *name)
{
	return find(call->query, API_QUERY_MAX, name);
}

int api_param_digest(const struct api_call *call, const char *name,
		     uint8_t out[EROT_DIGEST_SIZE], struct erot_error *err)
{
	const char *text = api_param(call, name);

	/* one spelling each, so that a path and a record never differ by case */
	if (strpbrk(text, "ABCDEF") || erot_unhex(text, out, EROT_DIGEST_SIZE))
		return erot_fail(err, EINVAL, "param", "%s: not 64 lower-case hexadecimal digits",
				 name);
	return 0;
}

int api_param_u64(const struct api_call *call, const char *name, uint64_t max, uint64_t *out,
		  struct erot_error *err)
{
	if (erot_parse_u64(api_param(call, name), max, out))
		return erot_fail(err, EINVAL, "param", "%s: not a number up to %llu", name,
				 (unsigned long long)max);
	return 0;
}

int api_query_u64(const struct api_call *call, const char *name, uint64_t max, uint64_t *out,
		  struct erot_error *err)
{
	const char *text = api_query(call, name);

	if (text && erot_parse_u64(text, max, out))
		return erot_fail(err, EINVAL, "query", "%s: not a number up to %llu", name,
				 (unsigned long long)max);
	return 0;
}

int api_query_bool(const struct api_call *call, const char *name, bool *out,
		   struct erot_error *err)
{
	const char *text = api_query(call, name) ?: "false";

	*out = !strcmp(text, "true");
	if (!*out && strcmp(text, "false"))
		return erot_fail(err, EINVAL, "query", "%s: neither true nor false", name);
	return 0;
}

int api_reply(struct api_call *call, unsigned int status, json_t *reply, struct erot_error *err)
{
	if (!reply)
		return erot_fail(err, ENOMEM, "no-memory", "answer");
	call->status = status;
	call->reply = reply;
	return 0;
}

int api_reply_raw(struct api_call *call, const char *type, const void *data, size_t len,
		  struct erot_error *err)
{
	call->raw = malloc(len ?: 1);
	if (!call->raw)
		return erot_fail(err, ENOMEM, "no-memory", "answer");
	memcpy(call->raw, data, len);
	call->raw_len = len;
	call->type = type;
	return 0;
}

json_t *api_json_base64(const void *data, size_t len)
{
	char *text = erot_base64_encode(data, len);
	json_t *json = text ? json_string(text) : NULL;

	free(text);
	return json;
}

json_t *api_json_hex(const void *data, size_t len)
{
	char *text = malloc(2 * len + 1);
	json_t *json = text ? json_string(erot_hex(data, len, text)) : NULL;

	free(text);
	return json;
}
