/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Strict reading of JSON objects (I-JSON, RFC 7493): members are asked for by name, and whatever
 * nobody asked for is an error. The first failure is kept in *ret and everything after it does
 * nothing, so that callers check once.
 *
 * Codes are "<kind>-size", "<kind>-syntax" (duplicates too), "<kind>-type", "<kind>-unknown",
 * "<kind>-missing", "<kind>-value" and "no-memory"; texts have the path of the member.
 */
#ifndef EROT_LIBEROT_OBJECT_H
#define EROT_LIBEROT_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define EROT_JSON_INT_MAX	((1ULL << 53) - 1)	/* exact in every implementation */

/**
 * struct erot_object - an object that is being read
 * @kind:  first part of codes and texts, at most 20 bytes
 * @json:  borrowed; NULL: absent, all of its members take their defaults
 * @path:  "" for the whole
 * @asked: members that were asked for and are there
 * @ret:   0 or the first failure
 * @err:   says why
 */
struct erot_object {
	const char *kind;
	json_t *json;
	char path[80];
	size_t asked;
	int *ret;
	struct erot_error *err;
};

/**
 * erot_object_load() - parse a text that must be one object
 * @kind: as above
 * @text: not necessarily zero-terminated
 * @len:  1 to @max bytes
 * @max:  limit
 * @json: new reference, NULL on failure
 * @err:  "<kind>-size", "<kind>-syntax", "<kind>-type"
 *
 * Return: 0, -EFBIG or -EINVAL.
 */
int erot_object_load(const char *kind, const void *text, size_t len, size_t max, json_t **json,
		     struct erot_error *err);

/* Begins to read the outermost object; *@ret must be 0. */
void erot_object_top(struct erot_object *o, const char *kind, json_t *json, int *ret,
		     struct erot_error *err);

/* Begins to read the object in member @name. */
void erot_object_open(struct erot_object *parent, const char *name, struct erot_object *o);

/* Begins to read member @i of the array @a that stands in member @name. */
void erot_object_item(struct erot_object *parent, const char *name, json_t *a, size_t i,
		      struct erot_object *o);

/* Everything has been asked for: what else is there is unknown. @known ends with NULL. */
void erot_object_close(struct erot_object *o, const char *const *known);

/* Fails with "<kind>-<what>" unless something has failed before; @member may be "". */
void erot_object_fail(struct erot_object *o, const char *what, const char *member,
		      const char *why);
void erot_object_no_memory(struct erot_object *o);

/* The member, borrowed, or NULL. */
json_t *erot_object_member(struct erot_object *o, const char *name);

/* Is it there? Then *@out is set, unless it fails. */
bool erot_object_uint(struct erot_object *o, const char *name, uint64_t min, uint64_t max,
		      uint64_t *out);
void erot_object_bool(struct erot_object *o, const char *name, bool *out);

/* Borrowed, or NULL where it is absent. No Unicode noncharacters (I-JSON, 2.1). */
const char *erot_object_string(struct erot_object *o, const char *name);

/* The same of a value that stands at @name: a member of an array. */
const char *erot_object_string_of(struct erot_object *o, const char *name, json_t *v);

/* Borrowed, of at most @max members, or NULL where it is absent. */
json_t *erot_object_array(struct erot_object *o, const char *name, size_t max);

/* NULL-terminated copies of an array of strings; empty where it is absent. To be freed. */
void erot_object_strings(struct erot_object *o, const char *name, size_t max, char ***out,
			 size_t *n);

/* Like strdup(). */
char *erot_object_copy(struct erot_object *o, const char *s);

/*
 * An array of names, each of which stands for a bit; none may stand twice. @bit: number of a name's
 * bit, or negative. *@out is left alone where it is absent.
 */
void erot_object_bits(struct erot_object *o, const char *name, int (*bit)(const char *),
		      uint64_t *out);

#endif /* EROT_LIBEROT_OBJECT_H */
