/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Configuration files: "key = value" lines, '#' begins a comment line. Pure
 * code; each program brings a table of its keys.
 */
#ifndef EROT_COMMON_CONF_H
#define EROT_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define EROT_CONF_MAX	65536	/* bytes of a file */

/**
 * struct erot_conf_key - one key
 * @name:     as in the file
 * @wants:    what its value must be: "an absolute path"
 * @required: a file without it is refused
 * @apply:    writes the value into @cfg; anything but 0 refuses it
 */
struct erot_conf_key {
	const char *name;
	const char *wants;
	bool required;
	int (*apply)(void *cfg, const char *value);
};

/**
 * erot_conf_parse() - read a configuration
 * @text:  not necessarily zero-terminated
 * @len:   bytes
 * @name:  of the file, for messages
 * @keys:  table
 * @n:     entries of @keys
 * @cfg:   handed to @apply; half filled after a failure, so give a copy
 * @lines: gets the line of each key, 0 for one that is not in the file; may be NULL
 * @err:   "config-syntax", "config-unknown", "config-twice", "config-value", "config-missing"; the
 *         text begins with name:line
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int erot_conf_parse(const char *text, size_t len, const char *name,
		    const struct erot_conf_key *keys, size_t n, void *cfg, unsigned int *lines,
		    struct erot_error *err);

/* What @apply is made of. Each returns 0 or -EINVAL. */
int erot_conf_text(char *out, size_t size, const char *value);
/* In the file system: absolute, and without a way back up. */
int erot_conf_path(char *out, size_t size, const char *value);
int erot_conf_u64(const char *value, uint64_t min, uint64_t max, uint64_t *out);
int erot_conf_uint(const char *value, unsigned int min, unsigned int max, unsigned int *out);

#endif /* EROT_COMMON_CONF_H */
