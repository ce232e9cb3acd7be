// SPDX-License-Identifier: GPL-2.0-only
/* JSON objects of requests: each member of the right type, and no other. */
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "common/secret.h"
#include "dergd/api.h"

static int bad(struct erot_error *err, const char *what, const struct api_member *m,
	       const char *wants)
{
	return erot_fail(err, EINVAL, "json-value", "%s: %s must be %s", what, m->name, wants);
}

static int read_text(const json_t *value, const char *what, const struct api_member *m,
		     struct erot_error *err)
{
	if (!json_string_length(value) || json_string_length(value) > m->max)
		return erot_fail(err, EINVAL, "json-value", "%s: %s must have 1 to %llu bytes",
				 what, m->name, (unsigned long long)m->max);
	*(const char **)m->out = json_string_value(value);
	return 0;
}

static int read_base64(const json_t *value, const char *what, const struct api_member *m,
		       struct erot_error *err)
{
	struct api_bytes *out = m->out;
	struct erot_error why;
	int ret;

	ret = erot_base64_decode(json_string_value(value), m->max, &out->data, &out->len, &why);
	if (ret == -ENOMEM)
		return erot_fail(err, ENOMEM, "no-memory", "%s: %s", what, m->name);
	return ret ? bad(err, what, m, ret == -EFBIG ? "shorter" : "base64 with padding") : 0;
}

static int read_exact(const json_t *value, const char *what, const struct api_member *m,
		      struct erot_error *err)
{
	const char *text = json_string_value(value);
	struct erot_error why;
	int ret;

	if (m->type == API_BYTES)
		ret = erot_base64_exact(text, m->out, m->max, &why);
	else
		ret = strpbrk(text, "ABCDEF") ? -EINVAL : erot_unhex(text, m->out, m->max);
	if (ret)
		return erot_fail(err, EINVAL, "json-value", "%s: %s must be %llu bytes in %s",
				 what, m->name, (unsigned long long)m->max,
				 m->type == API_BYTES ? "base64" : "lower-case hexadecimal");
	return 0;
}

static int read_number(const json_t *value, const char *what, const struct api_member *m,
		       struct erot_error *err)
{
	uint64_t max = m->type == API_U32 ? UINT32_MAX : INT64_MAX;
	json_int_t n = json_integer_value(value);

	if (m->max && m->max < max)
		max = m->max;
	if (n < 0 || (uint64_t)n > max)
		return erot_fail(err, EINVAL, "json-value", "%s: %s must be from 0 to %llu", what,
				 m->name, (unsigned long long)max);
	if (m->type == API_U32)
		*(uint32_t *)m->out = (uint32_t)n;
	else
		*(uint64_t *)m->out = (uint64_t)n;
	return 0;
}

static bool right_type(const json_t *value, enum api_type type)
{
	switch (type) {
	case API_TEXT:
	case API_BASE64:
	case API_BYTES:
	case API_HEX:
		return json_is_string(value);
	case API_U64:
	case API_U32:
		return json_is_integer(value);
	case API_BOOL:
		return json_is_boolean(value);
	case API_OBJECT:
		return json_is_object(value);
	case API_ARRAY:
		return json_is_array(value);
	}
	return false;
}

static int read_value(const json_t *value, const char *what, const struct api_member *m,
		      struct erot_error *err)
{
	static const char *const wants[] = {
		[API_TEXT] = "a string", [API_BASE64] = "a string of base64",
		[API_BYTES] = "a string of base64", [API_HEX] = "a string of hexadecimal",
		[API_U64] = "an integer", [API_U32] = "an integer",
		[API_BOOL] = "true or false", [API_OBJECT] = "an object", [API_ARRAY] = "an array",
	};

	if (!right_type(value, m->type))
		return erot_fail(err, EINVAL, "json-type", "%s: %s must be %s", what, m->name,
				 wants[m->type]);
	switch (m->type) {
	case API_TEXT:
		return read_text(value, what, m, err);
	case API_BASE64:
		return read_base64(value, what, m, err);
	case API_BYTES:
	case API_HEX:
		return read_exact(value, what, m, err);
	case API_U64:
	case API_U32:
		return read_number(value, what, m, err);
	case API_BOOL:
		*(bool *)m->out = json_is_true(value);
		return 0;
	case API_ARRAY:
		if (json_array_size(value) > m->max)
			return bad(err, what, m, "a shorter array");
		/* fall through */
	case API_OBJECT:
		*(const json_t **)m->out = value;
		return 0;
	}
	return -EINVAL;
}

static int unknown_member(const json_t *object, const char *what, const struct api_member *list,
			  size_t n, struct erot_error *err)
{
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)object, name, value) {
		for (i = 0; i < n && strcmp(list[i].name, name); i++)
			;
		if (i == n)
			return erot_fail(err, EINVAL, "json-unknown",
					 "%s: there is no member \"%.40s\"", what, name);
	}
	return 0;
}

int api_members(const json_t *object, const char *what, const struct api_member *list, size_t n,
		struct erot_error *err)
{
	const json_t *value;
	size_t i;
	int ret;

	if (object && !json_is_object(object))
		return erot_fail(err, EINVAL, "json-type", "%s must be an object", what);
	for (i = 0; i < n; i++)
		if (list[i].type == API_BASE64)
			memset(list[i].out, 0, sizeof(struct api_bytes));
	ret = unknown_member(object, what, list, n, err);
	for (i = 0; i < n && !ret; i++) {
		value = json_object_get(object, list[i].name);
		if (list[i].seen)
			*list[i].seen = value;
		if (value)
			ret = read_value(value, what, &list[i], err);
		else if (!list[i].optional)
			ret = erot_fail(err, EINVAL, "json-missing", "%s: %s is missing", what,
					list[i].name);
	}
	for (i = 0; i < n && ret; i++)
		if (list[i].type == API_BASE64)
			api_free(list[i].out);
	return ret;
}

void api_free(struct api_bytes *bytes)
{
	erot_wipe_free(bytes->data, bytes->len);
	bytes->data = NULL;
	bytes->len = 0;
}
