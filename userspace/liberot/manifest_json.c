// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liberot/manifest.h"
#include "liberot/manifest_json.h"

void mjson_fail(struct mjson *o, const char *code, const char *member, const char *why)
{
	if (!*o->ret)
		*o->ret = erot_fail(o->err, EINVAL, code, "manifest: %s%s%s: %s", o->path,
				    *o->path && *member ? "." : "", member, why);
}

static json_t *member(struct mjson *o, const char *name)
{
	json_t *v;

	if (*o->ret || !o->json)
		return NULL;
	v = json_object_get(o->json, name);
	if (v)
		o->asked++;
	return v;
}

void mjson_open(struct mjson *parent, const char *name, struct mjson *o)
{
	memset(o, 0, sizeof(*o));
	o->ret = parent->ret;
	o->err = parent->err;
	snprintf(o->path, sizeof(o->path), "%.60s%s%s", parent->path, *parent->path ? "." : "",
		 name);
	o->json = member(parent, name);
	if (o->json && !json_is_object(o->json)) {
		mjson_fail(parent, "manifest-type", name, "must be an object");
		o->json = NULL;
	}
}

/* Which of the members @known was not asked for? Names are short, so that a hostile one is cut. */
void mjson_close(struct mjson *o, const char *const *known)
{
	const char *key;
	char shown[40];
	json_t *v;

	if (*o->ret || !o->json || json_object_size(o->json) == o->asked)
		return;
	json_object_foreach(o->json, key, v) {
		const char *const *k = known;

		while (*k && strcmp(*k, key))
			k++;
		if (!*k) {
			snprintf(shown, sizeof(shown), "%s", key);
			mjson_fail(o, "manifest-unknown", shown, "unknown member");
			return;
		}
	}
}

bool mjson_uint(struct mjson *o, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
	json_t *v = member(o, name);
	char why[80];
	json_int_t n;

	if (!v)
		return false;
	if (!json_is_integer(v)) {
		mjson_fail(o, "manifest-type", name, "must be an integer");
		return false;
	}
	n = json_integer_value(v);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max) {
		snprintf(why, sizeof(why), "must be %" PRIu64 " to %" PRIu64, min, max);
		mjson_fail(o, "manifest-value", name, why);
		return false;
	}
	*out = (uint64_t)n;
	return true;
}

void mjson_bool(struct mjson *o, const char *name, bool *out)
{
	json_t *v = member(o, name);

	if (v && !json_is_boolean(v))
		mjson_fail(o, "manifest-type", name, "must be true or false");
	else if (v)
		*out = json_is_true(v);
}

/* I-JSON, 2.1: no noncharacters. jansson has checked the UTF-8, surrogates and zero bytes. */
static bool has_noncharacter(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; *p; p++) {
		if (p[0] == 0xef && p[1] == 0xb7 && p[2] >= 0x90 && p[2] <= 0xaf)
			return true;	/* U+FDD0 to U+FDEF */
		if (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
			return true;	/* U+FFFE, U+FFFF */
		if (p[0] >= 0xf0 && (p[1] & 0x0f) == 0x0f && p[2] == 0xbf && p[3] >= 0xbe)
			return true;	/* the last two of any other plane */
	}
	return false;
}

static const char *string_of(struct mjson *o, const char *name, json_t *v)
{
	const char *s;

	if (!json_is_string(v)) {
		mjson_fail(o, "manifest-type", name, "must be a string");
		return NULL;
	}
	s = json_string_value(v);
	if (has_noncharacter(s)) {
		mjson_fail(o, "manifest-value", name, "has a Unicode noncharacter");
		return NULL;
	}
	return s;
}

const char *mjson_string(struct mjson *o, const char *name)
{
	json_t *v = member(o, name);

	return v ? string_of(o, name, v) : NULL;
}

char *mjson_copy(struct mjson *o, const char *s)
{
	char *c = strdup(s);

	if (!c && !*o->ret)
		*o->ret = erot_fail(o->err, ENOMEM, "no-memory", "manifest: out of memory");
	return c;
}

json_t *mjson_array(struct mjson *o, const char *name, size_t max)
{
	json_t *v = member(o, name);

	if (!v)
		return NULL;
	if (!json_is_array(v)) {
		mjson_fail(o, "manifest-type", name, "must be an array");
		return NULL;
	}
	if (json_array_size(v) > max) {
		mjson_fail(o, "manifest-value", name, "has too many members");
		return NULL;
	}
	return v;
}

void mjson_strings(struct mjson *o, const char *name, char ***out, size_t *n)
{
	json_t *a = mjson_array(o, name, EROT_MANIFEST_STRINGS_MAX);
	size_t i, size = a ? json_array_size(a) : 0;
	char at[48];

	if (*o->ret)
		return;
	*out = calloc(size + 1, sizeof(char *));
	if (!*out) {
		*o->ret = erot_fail(o->err, ENOMEM, "no-memory", "manifest: out of memory");
		return;
	}
	for (i = 0; i < size && !*o->ret; i++) {
		const char *s;

		snprintf(at, sizeof(at), "%.8s[%zu]", name, i);
		s = string_of(o, at, json_array_get(a, i));
		if (s)
			(*out)[i] = mjson_copy(o, s);
		*n = i + 1;
	}
}

/* An array of names, each of which stands for a bit; none may stand twice. */
void mjson_bits(struct mjson *o, const char *name, int (*bit)(const char *), uint64_t *out)
{
	json_t *a = mjson_array(o, name, 64);
	uint64_t bits = 0;
	char at[48], why[64];
	size_t i;

	if (!a)
		return;
	for (i = 0; i < json_array_size(a) && !*o->ret; i++) {
		const char *s;
		int b;

		snprintf(at, sizeof(at), "%.20s[%zu]", name, i);
		s = string_of(o, at, json_array_get(a, i));
		if (!s)
			return;
		b = bit(s);
		if (b < 0 || bits & 1ULL << b) {
			snprintf(why, sizeof(why), "%s name \"%.32s\"",
				 b < 0 ? "unknown" : "repeated",
				 s);
			mjson_fail(o, "manifest-value", at, why);
			return;
		}
		bits |= 1ULL << b;
	}
	*out = bits;
}
