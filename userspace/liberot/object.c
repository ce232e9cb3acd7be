// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liberot/object.h"

static int fail(const struct erot_object *o, int num, const char *what, const char *member,
		const char *why)
{
	char code[sizeof(o->err->code)];

	snprintf(code, sizeof(code), "%.20s-%.10s", o->kind, what);
	return erot_fail(o->err, num, code, "%s: %s%s%s: %s", o->kind, o->path,
			 *o->path && *member ? "." : "", member, why);
}

void erot_object_fail(struct erot_object *o, const char *what, const char *member, const char *why)
{
	if (!*o->ret)
		*o->ret = fail(o, EINVAL, what, member, why);
}

void erot_object_no_memory(struct erot_object *o)
{
	if (!*o->ret)
		*o->ret = erot_fail(o->err, ENOMEM, "no-memory", "%s: out of memory", o->kind);
}

int erot_object_load(const char *kind, const void *text, size_t len, size_t max, json_t **json,
		     struct erot_error *err)
{
	json_error_t why;
	char code[32];

	*json = NULL;
	if (!len || len > max) {
		snprintf(code, sizeof(code), "%.20s-size", kind);
		return erot_fail(err, EFBIG, code, "%s: %zu bytes, 1 to %zu are allowed", kind, len,
				 max);
	}
	*json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!*json) {
		snprintf(code, sizeof(code), "%.20s-syntax", kind);
		return erot_fail(err, EINVAL, code, "%s: line %d, column %d: %.120s", kind,
				 why.line, why.column, why.text);
	}
	if (!json_is_object(*json)) {
		json_decref(*json);
		*json = NULL;
		snprintf(code, sizeof(code), "%.20s-type", kind);
		return erot_fail(err, EINVAL, code, "%s: must be an object", kind);
	}
	return 0;
}

void erot_object_top(struct erot_object *o, const char *kind, json_t *json, int *ret,
		     struct erot_error *err)
{
	memset(o, 0, sizeof(*o));
	o->kind = kind;
	o->json = json;
	o->ret = ret;
	o->err = err;
}

json_t *erot_object_member(struct erot_object *o, const char *name)
{
	json_t *v;

	if (*o->ret || !o->json)
		return NULL;
	v = json_object_get(o->json, name);
	if (v)
		o->asked++;
	return v;
}

void erot_object_open(struct erot_object *parent, const char *name, struct erot_object *o)
{
	erot_object_top(o, parent->kind, NULL, parent->ret, parent->err);
	snprintf(o->path, sizeof(o->path), "%.60s%s%s", parent->path, *parent->path ? "." : "",
		 name);
	o->json = erot_object_member(parent, name);
	if (o->json && !json_is_object(o->json)) {
		erot_object_fail(parent, "type", name, "must be an object");
		o->json = NULL;
	}
}

void erot_object_item(struct erot_object *parent, const char *name, json_t *a, size_t i,
		      struct erot_object *o)
{
	erot_object_top(o, parent->kind, json_array_get(a, i), parent->ret, parent->err);
	snprintf(o->path, sizeof(o->path), "%.40s%s%s[%zu]", parent->path,
		 *parent->path ? "." : "", name, i);
	if (!json_is_object(o->json)) {
		erot_object_fail(o, "type", "", "must be an object");
		o->json = NULL;
	}
}

/* A name is shown short: it may be a hostile one. */
void erot_object_close(struct erot_object *o, const char *const *known)
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
			erot_object_fail(o, "unknown", shown, "unknown member");
			return;
		}
	}
}

bool erot_object_uint(struct erot_object *o, const char *name, uint64_t min, uint64_t max,
		      uint64_t *out)
{
	json_t *v = erot_object_member(o, name);
	char why[80];
	json_int_t n;

	if (!v)
		return false;
	if (!json_is_integer(v)) {
		erot_object_fail(o, "type", name, "must be an integer");
		return false;
	}
	n = json_integer_value(v);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max) {
		snprintf(why, sizeof(why), "must be %" PRIu64 " to %" PRIu64, min, max);
		erot_object_fail(o, "value", name, why);
		return false;
	}
	*out = (uint64_t)n;
	return true;
}

void erot_object_bool(struct erot_object *o, const char *name, bool *out)
{
	json_t *v = erot_object_member(o, name);

	if (v && !json_is_boolean(v))
		erot_object_fail(o, "type", name, "must be true or false");
	else if (v)
		*out = json_is_true(v);
}

/* jansson has checked the UTF-8, surrogates and zero bytes. */
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

const char *erot_object_string_of(struct erot_object *o, const char *name, json_t *v)
{
	const char *s;

	if (!json_is_string(v)) {
		erot_object_fail(o, "type", name, "must be a string");
		return NULL;
	}
	s = json_string_value(v);
	if (has_noncharacter(s)) {
		erot_object_fail(o, "value", name, "has a Unicode noncharacter");
		return NULL;
	}
	return s;
}

const char *erot_object_string(struct erot_object *o, const char *name)
{
	json_t *v = erot_object_member(o, name);

	return v ? erot_object_string_of(o, name, v) : NULL;
}

char *erot_object_copy(struct erot_object *o, const char *s)
{
	char *c = strdup(s);

	if (!c)
		erot_object_no_memory(o);
	return c;
}

json_t *erot_object_array(struct erot_object *o, const char *name, size_t max)
{
	json_t *v = erot_object_member(o, name);

	if (!v)
		return NULL;
	if (!json_is_array(v)) {
		erot_object_fail(o, "type", name, "must be an array");
		return NULL;
	}
	if (json_array_size(v) > max) {
		erot_object_fail(o, "value", name, "has too many members");
		return NULL;
	}
	return v;
}

void erot_object_strings(struct erot_object *o, const char *name, size_t max, char ***out,
			 size_t *n)
{
	json_t *a = erot_object_array(o, name, max);
	size_t i, size = a ? json_array_size(a) : 0;
	char at[48];

	if (*o->ret)
		return;
	*out = calloc(size + 1, sizeof(char *));
	if (!*out) {
		erot_object_no_memory(o);
		return;
	}
	for (i = 0; i < size && !*o->ret; i++) {
		const char *s;

		snprintf(at, sizeof(at), "%.20s[%zu]", name, i);
		s = erot_object_string_of(o, at, json_array_get(a, i));
		if (s)
			(*out)[i] = erot_object_copy(o, s);
		*n = i + 1;
	}
}

void erot_object_bits(struct erot_object *o, const char *name, int (*bit)(const char *),
		      uint64_t *out)
{
	json_t *a = erot_object_array(o, name, 64);
	uint64_t bits = 0;
	char at[48], why[64];
	size_t i;

	if (!a)
		return;
	for (i = 0; i < json_array_size(a) && !*o->ret; i++) {
		const char *s;
		int b;

		snprintf(at, sizeof(at), "%.20s[%zu]", name, i);
		s = erot_object_string_of(o, at, json_array_get(a, i));
		if (!s)
			return;
		b = bit(s);
		if (b < 0 || bits & 1ULL << b) {
			snprintf(why, sizeof(why), "%s name \"%.32s\"",
				 b < 0 ? "unknown" : "repeated", s);
			erot_object_fail(o, "value", at, why);
			return;
		}
		bits |= 1ULL << b;
	}
	*out = bits;
}
