/* SPDX-License-Identifier: GPL-2.0-only */
/* How manifest.c reads JSON; nothing else includes this. */
#ifndef EROT_LIBEROT_MANIFEST_JSON_H
#define EROT_LIBEROT_MANIFEST_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define MJSON_PATH_SIZE	80

/**
 * struct mjson - a reader of one object
 * @json:  NULL: absent, all of its members take their defaults
 * @path:  "" for the whole
 * @asked: members that were asked for and are there
 * @ret:   0 or the first failure's negative errno
 * @err:   of that failure
 *
 * Members are asked for by name, and whatever nobody asked for is an error. The first failure is
 * kept and everything after it does nothing, so that callers check once. Codes are those of
 * erot_manifest_parse().
 */
struct mjson {
	json_t *json;
	char path[MJSON_PATH_SIZE];
	size_t asked;
	int *ret;
	struct erot_error *err;
};

void mjson_fail(struct mjson *o, const char *code, const char *member, const char *why);

/* An object that is a member; @known ends with NULL and names all that may be in it. */
void mjson_open(struct mjson *parent, const char *name, struct mjson *o);
void mjson_close(struct mjson *o, const char *const *known);

/* Where the member is absent, or wrong, @out stays as it was. */
bool mjson_uint(struct mjson *o, const char *name, uint64_t min, uint64_t max, uint64_t *out);
void mjson_bool(struct mjson *o, const char *name, bool *out);
void mjson_bits(struct mjson *o, const char *name, int (*bit)(const char *), uint64_t *out);

/* NULL where the member is absent, or wrong; the text lives as long as the document. */
const char *mjson_string(struct mjson *o, const char *name);
json_t *mjson_array(struct mjson *o, const char *name, size_t max);

/* Copies, to be freed; @out ends with NULL. */
char *mjson_copy(struct mjson *o, const char *s);
void mjson_strings(struct mjson *o, const char *name, char ***out, size_t *n);

#endif
