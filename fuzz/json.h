/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mutations for targets that read one JSON document: they go into its values, and into what those
 * hold in base64, so that a document stays one. One time in four bytes are changed as anywhere.
 */
#ifndef EROT_FUZZ_JSON_H
#define EROT_FUZZ_JSON_H

#include <jansson.h>

#include "common/base64.h"
#include "fuzz/fuzz.h"

#define FUZZ_JSON_VALUE	8192	/* bytes of a string that was changed, at most */

/* what is compared here is nothing that the target compares */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

static uint32_t fuzz_json_state;

/* xorshift; 0 to @n - 1 */
static uint32_t fuzz_json_pick(uint32_t n)
{
	fuzz_json_state ^= fuzz_json_state << 13;
	fuzz_json_state ^= fuzz_json_state >> 17;
	fuzz_json_state ^= fuzz_json_state << 5;
	return fuzz_json_state % n;
}

/**
 * struct fuzz_json_place - where a value is
 * @in: array or object
 * @key: its name in an object; else @at
 */
struct fuzz_json_place {
	json_t *in;
	const char *key;
	size_t at;
};

/* Each value with the same chance. */
static void fuzz_json_walk(json_t *in, uint32_t *seen, struct fuzz_json_place *place)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(in, key, value) {
		if (!fuzz_json_pick(++*seen))
			*place = (struct fuzz_json_place) { .in = in, .key = key };
		fuzz_json_walk(value, seen, place);
	}
	json_array_foreach(in, i, value) {
		if (!fuzz_json_pick(++*seen))
			*place = (struct fuzz_json_place) { .in = in, .at = i };
		fuzz_json_walk(value, seen, place);
	}
}

static json_t *fuzz_json_get(const struct fuzz_json_place *p)
{
	return p->key ? json_object_get(p->in, p->key) : json_array_get(p->in, p->at);
}

/* NULL: it is left out. */
static void fuzz_json_set(const struct fuzz_json_place *p, json_t *value)
{
	if (p->key && value)
		json_object_set_new(p->in, p->key, value);
	else if (p->key)
		json_object_del(p->in, p->key);
	else if (value)
		json_array_set_new(p->in, p->at, value);
	else
		json_array_remove(p->in, p->at);
}

static json_t *fuzz_json_base64(const uint8_t *data, size_t len)
{
	char *text = erot_base64_encode(data, len);
	json_t *json = text ? json_string(text) : NULL;

	free(text);
	return json;
}

/* Bytes in base64: changed, or a few taken off the end. NULL: they are too many. */
static json_t *fuzz_json_bytes(const uint8_t *data, size_t len)
{
	static uint8_t buf[FUZZ_JSON_VALUE];

	if (len > sizeof(buf) / 2)
		return NULL;
	if (fuzz_json_pick(2))
		return fuzz_json_base64(data, len - fuzz_json_pick(len < 32 ? len + 1 : 33));
	memcpy(buf, data, len);
	return fuzz_json_base64(buf, LLVMFuzzerMutate(buf, len, 2 * len));
}

/* Changed or cut. Without NUL, which no target takes; UTF-8, if need be ASCII. */
static json_t *fuzz_json_text(const char *text, size_t len)
{
	static char buf[FUZZ_JSON_VALUE + 1];
	json_t *json;
	size_t i;

	if (len > FUZZ_JSON_VALUE / 2)
		len = FUZZ_JSON_VALUE / 2;
	memcpy(buf, text, len);
	if (fuzz_json_pick(3))
		len = LLVMFuzzerMutate((uint8_t *)buf, len, 2 * len + 1);
	else
		len = fuzz_json_pick(len + 1);
	for (i = 0; i < len; i++)
		buf[i] = buf[i] ?: '0';
	json = json_stringn(buf, len);
	for (i = 0; i < len; i++)
		buf[i] = buf[i] & 0x7f ?: '0';
	return json ?: json_stringn(buf, len);
}

static json_t *fuzz_json_string(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t len, text_len = json_string_length(value);
	json_t *json = NULL;
	uint8_t *data = NULL;

	if (text_len >= 8 && fuzz_json_pick(4) &&
	    !erot_base64_decode(text, FUZZ_JSON_VALUE, &data, &len, NULL) && len)
		json = fuzz_json_bytes(data, len);
	free(data);
	return json ?: fuzz_json_text(text, text_len);
}

static json_t *fuzz_json_number(json_int_t value)
{
	static const json_int_t edges[] = { 0, 1, -1, 255, 65535, 0x7fffffff, 0xffffffff,
					    (json_int_t)1 << 53, INT64_MAX, INT64_MIN };

	switch (fuzz_json_pick(3)) {
	case 0:
		return json_integer(edges[fuzz_json_pick(sizeof(edges) / sizeof(edges[0]))]);
	case 1:
		return json_integer((json_int_t)((uint64_t)value + 1 - 2 * fuzz_json_pick(2)));
	default:
		return json_integer((json_int_t)((uint64_t)value ^ 1ULL << fuzz_json_pick(63)));
	}
}

/* An element or a member more. */
static json_t *fuzz_json_more(json_t *value)
{
	json_t *copy = json_deep_copy(value);
	size_t n = json_array_size(copy), from;

	if (json_is_object(copy)) {
		json_object_set_new(copy, "more", json_true());
	} else if (n) {
		from = fuzz_json_pick(n);
		json_array_insert_new(copy, fuzz_json_pick(n + 1),
				      json_deep_copy(json_array_get(copy, from)));
	} else {
		json_array_append_new(copy, json_string(""));
	}
	return copy;
}

static json_t *fuzz_json_other(json_t *value)
{
	if (json_is_string(value))
		return fuzz_json_string(value);
	if (json_is_integer(value))
		return fuzz_json_number(json_integer_value(value));
	return json_is_object(value) || json_is_array(value) ? fuzz_json_more(value) : json_null();
}

static void fuzz_json_change(json_t *top)
{
	struct fuzz_json_place place = { 0 }, from = { 0 };
	json_t *value = NULL;
	uint32_t seen = 0;

	fuzz_json_walk(top, &seen, &place);
	if (!place.in || !fuzz_json_pick(64)) {
		if (json_is_object(top))
			json_object_set_new(top, "more", json_true());
		return;
	}
	switch (fuzz_json_pick(8)) {
	case 0:
		break;
	case 1:
		seen = 0;
		fuzz_json_walk(top, &seen, &from);
		value = json_deep_copy(fuzz_json_get(&from));
		break;
	default:
		value = fuzz_json_other(fuzz_json_get(&place));
	}
	fuzz_json_set(&place, value);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	json_t *top = json_loadb((const char *)data, size, 0, NULL);
	char *text = NULL;
	size_t len;

	fuzz_json_state = seed | 1;
	if (top && fuzz_json_pick(4)) {
		fuzz_json_change(top);
		text = json_dumps(top, JSON_COMPACT);
	}
	json_decref(top);
	len = text ? strlen(text) : 0;
	if (text && len <= max)
		memcpy(data, text, len);
	else
		len = LLVMFuzzerMutate(data, size, max);
	free(text);
	return len;
}

#pragma clang attribute pop

#endif /* EROT_FUZZ_JSON_H */
