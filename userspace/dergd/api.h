/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request as a handler sees it: parsed, limited, its caller known. No HTTP
 * library and no database in here.
 *
 * A handler returns 0 after it has set an answer, or a negative errno with
 * @err filled: problem.c makes the status and the problem+json of it. It runs in
 * a thread of its own pool (not of the network) and may block.
 */
#ifndef DERGD_API_H
#define DERGD_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

#include "common/error.h"

#define API_PARAMS_MAX	4	/* in a path */
#define API_QUERY_MAX	4
#define API_LABEL_MAX	64	/* of a client */
#define API_ID_SIZE	33	/* of a request, as text */

/**
 * enum api_role - who may use a route
 * @API_NONE: anybody
 * @API_MACHINE: anybody; the handler checks what the machine's hardware says (quote, credential)
 * @API_CUSTOMER: a client certificate of the tenant in the path, or an administrator's
 * @API_ADMIN: an administrator's client certificate
 */
enum api_role { API_NONE, API_MACHINE, API_CUSTOMER, API_ADMIN };

/**
 * struct api_client - who a client certificate belongs to, as the database has it
 * @role: API_CUSTOMER or API_ADMIN
 * @tenant: that it may act for; "" for an administrator: every tenant
 * @label: for logs and records
 * @fingerprint: SHA-256 of the certificate's DER; filled by the server
 */
struct api_client {
	enum api_role role;
	char tenant[EROT_TENANT_MAX + 1];
	char label[API_LABEL_MAX + 1];
	uint8_t fingerprint[EROT_DIGEST_SIZE];
};

/**
 * struct api_param - name and value, decoded, zero-terminated UTF-8
 */
struct api_param {
	char *name;
	char *value;
};

struct api_route;

/**
 * struct api_call - a request and its answer
 * @app: what the program gave the server for its handlers
 * @worker: what the program's @worker_open() made for the calling thread
 * @route: that matched
 * @id: of the request, in the log and in the header X-Request-Id
 * @now: seconds since 1970, when the request was complete
 * @params: of the path
 * @query: only names that the route knows, each at most once
 * @body: JSON object; NULL without a body
 * @client: NULL: no client certificate
 *
 * @status: of the answer, 200 unless the handler says otherwise
 * @reply: JSON; the server drops its reference
 * @raw: bytes instead of @reply, from malloc(); the server wipes and frees them
 * @raw_len: of them
 * @type: media type of @raw, a literal
 * @max_age: seconds that the answer may be kept by caches; 0: not at all
 * @location: path of what was made, from malloc(), or NULL
 */
struct api_call {
	void *app;
	void *worker;
	const struct api_route *route;
	char id[API_ID_SIZE];
	uint64_t now;
	struct api_param params[API_PARAMS_MAX];
	struct api_param query[API_QUERY_MAX];
	const json_t *body;
	const struct api_client *client;

	unsigned int status;
	json_t *reply;
	uint8_t *raw;
	size_t raw_len;
	const char *type;
	unsigned int max_age;
	char *location;
};

/**
 * struct api_route - one method of one path
 * @method: "GET", "POST", "PUT", "DELETE"; HEAD and OPTIONS come by themselves
 * @path: segments; "{name}" takes one, "{name*}" at the end all that are left
 * @role: see there
 * @handler: see above
 * @body_max: bytes of JSON; 0: has no body
 * @query: names that are allowed, separated by blanks; NULL: none
 * @produces: media type; NULL: application/json
 * @help: one line, as in openapi.yaml
 */
struct api_route {
	const char *method;
	const char *path;
	enum api_role role;
	int (*handler)(struct api_call *call, struct erot_error *err);
	size_t body_max;
	const char *query;
	const char *produces;
	const char *help;
};

/* ---- what handlers read with: api_call.c, api_json.c */

/* Value of a path parameter; never NULL for one that the route names. */
const char *api_param(const struct api_call *call, const char *name);
/* Value of a query parameter, or NULL. */
const char *api_query(const struct api_call *call, const char *name);
/* A path parameter of 64 lower-case hexadecimal digits: -EINVAL, "param". */
int api_param_digest(const struct api_call *call, const char *name,
		     uint8_t out[EROT_DIGEST_SIZE], struct erot_error *err);
/* A path parameter that is a decimal number of at most @max. */
int api_param_u64(const struct api_call *call, const char *name, uint64_t max, uint64_t *out,
		  struct erot_error *err);
/* A query parameter that is a decimal number of at most @max; absent: @out stays as it is. */
int api_query_u64(const struct api_call *call, const char *name, uint64_t max, uint64_t *out,
		  struct erot_error *err);
/* A query parameter "true" or "false"; absent: false. */
int api_query_bool(const struct api_call *call, const char *name, bool *out,
		   struct erot_error *err);

/**
 * enum api_type - of a member of an object
 * @API_TEXT: string of 1 to @max bytes -> const char **, into the object
 * @API_BASE64: of at most @max bytes -> struct api_bytes *, to be freed with api_free()
 * @API_BYTES: base64 of @max bytes exactly -> uint8_t[@max]
 * @API_HEX: lower-case hexadecimal of @max bytes exactly -> uint8_t[@max]
 * @API_U64: integer from 0 to @max -> uint64_t *
 * @API_U32: integer from 0 to @max -> uint32_t *
 * @API_BOOL: -> bool *
 * @API_OBJECT: -> const json_t **
 * @API_ARRAY: of at most @max elements -> const json_t **
 */
enum api_type {
	API_TEXT, API_BASE64, API_BYTES, API_HEX, API_U64, API_U32, API_BOOL, API_OBJECT, API_ARRAY,
};

/**
 * struct api_bytes - decoded base64
 */
struct api_bytes {
	uint8_t *data;
	size_t len;
};

/**
 * struct api_member - one member that an object may have
 * @name: of it
 * @type: see there
 * @max: see there; 0 with API_U64 and API_U32: no limit but the type's
 * @out: see there; left alone where an optional member is absent
 * @optional: may be absent
 * @seen: NULL, or told whether it was there
 */
struct api_member {
	const char *name;
	enum api_type type;
	uint64_t max;
	void *out;
	bool optional;
	bool *seen;
};

/**
 * api_members() - read an object: all of its members, of the right types, and no others
 * @object: call->body or an object in it; NULL: as if empty
 * @what:   for messages: "body"
 * @list:   members
 * @n:      of them
 * @err:    "json-type", "json-missing", "json-unknown", "json-value"
 *
 * Nothing is left to be freed after a failure.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int api_members(const json_t *object, const char *what, const struct api_member *list, size_t n,
		struct erot_error *err);
#define api_read(object, what, list, err)							\
	api_members(object, what, list, sizeof(list) / sizeof(*(list)), err)

/* Wipes, frees, leaves it empty. */
void api_free(struct api_bytes *bytes);

/* ---- what handlers write with */

/* Takes the reference; -ENOMEM when @reply is NULL (json_pack() without memory). */
int api_reply(struct api_call *call, unsigned int status, json_t *reply, struct erot_error *err);
/* Copies @data. @type is a literal. */
int api_reply_raw(struct api_call *call, const char *type, const void *data, size_t len,
		  struct erot_error *err);
/* New references; NULL without memory. */
json_t *api_json_base64(const void *data, size_t len);
json_t *api_json_hex(const void *data, size_t len);

#endif
