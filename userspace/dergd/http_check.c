// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is asked of a request before its handler sees it, in this order: where it ends, size of the
 * header, path, method, query, size of the body, its type, what the client accepts, its
 * certificate; then, with the whole body, in a worker: who it is, the JSON.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/io.h"
#include "dergd/http_priv.h"

#define JSON_DEPTH_MAX	16
#define JSON_VALUES_MAX	4096	/* a parsed value takes a hundred times its text */

static int count_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	unsigned int *n = ctx;

	(void)kind;
	(void)value;
	n[0] += !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH);
	n[1] += !strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING);
	n[2] += !strcasecmp(name, MHD_HTTP_HEADER_CONTENT_TYPE);
	n[3] += !strcasecmp(name, MHD_HTTP_HEADER_HOST);
	return MHD_YES;
}

static const char *header(struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* "application/json" and parameters, of which only UTF-8 makes sense. */
static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	const char *rest;

	if (!type || strncasecmp(type, json, sizeof(json) - 1))
		return false;
	rest = type + sizeof(json) - 1;
	rest += strspn(rest, " \t");
	if (!*rest)
		return true;
	rest += 1 + strspn(rest + 1, " \t");
	return rest[-1] != ',' && (!strcasecmp(rest, "charset=utf-8") ||
				   !strcasecmp(rest, "charset=\"utf-8\""));
}

/* One media range of an Accept header against a type. */
static bool range_takes(const char *range, size_t len, const char *type)
{
	size_t n = strcspn(range, "; \t");
	const char *q;

	if (n > len)
		n = len;
	q = memmem(range, len, ";q=0", 4);
	if (q && strspn(q + 4, ".0 \t") == len - (size_t)(q + 4 - range))
		return false;
	if (n == 3 && !memcmp(range, "*/*", 3))
		return true;
	if (n > 2 && range[n - 1] == '*')
		return !strncasecmp(range, type, n - 1);
	return strlen(type) == n && !strncasecmp(range, type, n);
}

static bool accepts(const char *accept, const char *type)
{
	size_t len;

	if (!accept)
		return true;
	for (; *accept; accept += len + (accept[len] == ',')) {
		accept += strspn(accept, " \t");
		len = strcspn(accept, ",");
		if (range_takes(accept, len, type))
			return true;
	}
	return false;
}

static int check_target(struct http_request *r, const char *method)
{
	const struct http_hooks *hooks = &r->server->hooks;
	struct erot_error *err = &r->err;
	char *query;
	int ret;

	query = strchr(r->target, '?');
	if (query)
		*query++ = '\0';
	ret = route_find(hooks->routes, hooks->n_routes, method, r->target, r->call.params,
			 r->allow, &r->call.route, err);
	if (ret == -EOPNOTSUPP && r->options)
		return 0;
	return ret ?: route_query(r->call.route, query, r->call.query, err);
}

/* First of all: until it is known where the request ends nothing can be answered after its end. */
static int read_length(struct http_request *r)
{
	const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned int counts[4] = { 0 };
	struct erot_error *err = &r->err;
	uint64_t size = 0;

	r->body_size = SIZE_MAX;
	MHD_get_connection_values(r->connection, MHD_HEADER_KIND,
				  (MHD_KeyValueIterator)count_header, counts);
	/* two answers to where a request ends are two requests to somebody in between */
	if (counts[0] > 1 || counts[2] > 1 || counts[3] > 1)
		return erot_fail(err, EINVAL, "header-twice",
				 "Content-Length, Content-Type and Host may stand once each");
	if (counts[1])
		return erot_fail(err, EINVAL, "length-required",
				 "a body must come with Content-Length, not in chunks");
	if (length && erot_parse_u64(length, SIZE_MAX - 1, &size))
		return erot_fail(err, EINVAL, "header-syntax", "Content-Length is not a number");
	r->body_size = (size_t)size;
	return 0;
}

static int check_body_header(struct http_request *r)
{
	size_t max = r->call.route ? r->call.route->body_max : 0;
	struct erot_error *err = &r->err;

	if (!max && r->body_size)
		return erot_fail(err, EINVAL, "body-unexpected", "this request has no body");
	if (r->body_size > max)
		return erot_fail(err, EFBIG, "body-size", "the body has %zu bytes, at most %zu",
				 r->body_size, max);
	if (r->body_size && !is_json(header(r, MHD_HTTP_HEADER_CONTENT_TYPE)))
		return erot_fail(err, EINVAL, "content-type", "the body must be application/json");
	return 0;
}

static int check_certificate(struct http_request *r)
{
	const union MHD_ConnectionInfo *info;
	int ret;

	if (!r->call.route || r->call.route->role < API_CUSTOMER)
		return 0;
	info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	ret = info ? http_tls_peer(r->conn->tls, info->tls_session, r->fingerprint, &r->err) :
	      -ENOENT;
	if (ret == -ENOENT)
		return erot_fail(&r->err, EACCES, "client-missing",
				 "this needs a client certificate");
	return ret;
}

/**
 * http_check_header() - everything that the header tells
 * @r: request; @r->target is cut into path and query
 * @method: as sent
 *
 * Return: 0 or a negative errno, @r->err filled.
 */
int http_check_header(struct http_request *r, const char *method)
{
	const union MHD_ConnectionInfo *info;
	const char *type;
	int ret;

	ret = read_length(r);
	if (ret)
		return ret;
	info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!info || info->header_size > r->server->settings.max_header)
		return erot_fail(&r->err, EINVAL, "header-size", "the header has over %u bytes",
				 r->server->settings.max_header);
	ret = check_target(r, method) ?: check_body_header(r);
	if (ret || r->options)
		return ret;
	type = r->call.route->produces ?: "application/json";
	if (!accepts(header(r, MHD_HTTP_HEADER_ACCEPT), type))
		return erot_fail(&r->err, EINVAL, "accept", "the answer would be %s", type);
	return check_certificate(r);
}

/**
 * http_check_caller() - may this client use this route?
 * @r: request that passed http_check_header()
 * @worker: of the calling thread
 *
 * An administrator of one tenant is no administrator of what belongs to none.
 *
 * Return: 0 or a negative errno, @r->err filled: "client-unknown", "client-role", "client-tenant".
 */
int http_check_caller(struct http_request *r, void *worker)
{
	const struct http_hooks *hooks = &r->server->hooks;
	enum api_role role = r->call.route->role;
	int ret;

	if (role < API_CUSTOMER)
		return 0;
	ret = hooks->client_find(hooks->app, worker, r->fingerprint, &r->client, &r->err);
	if (ret == -ENOENT)
		return erot_fail(&r->err, EACCES, "client-unknown",
				 "nobody here knows the client certificate");
	if (ret)
		return ret;
	memcpy(r->client.fingerprint, r->fingerprint, sizeof(r->fingerprint));
	r->call.client = &r->client;
	if (role == API_ADMIN && r->client.role != API_ADMIN)
		return erot_fail(&r->err, EACCES, "client-role", "this is for administrators");
	if (r->client.role != API_ADMIN && !r->client.tenant[0])
		return erot_fail(&r->err, EACCES, "client-tenant", "the client has no tenant");
	if (r->client.tenant[0] && strcmp(r->client.tenant, api_param(&r->call, "tenant")))
		return erot_fail(&r->err, EACCES, "client-tenant",
				 "the client belongs to another tenant");
	return 0;
}

/* A cheap look before the parser: how deep, and how many values, without believing the syntax. */
static int check_json_size(const uint8_t *text, size_t len, struct erot_error *err)
{
	unsigned int depth = 0, values = 0;
	bool string = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				string = false;
			continue;
		}
		switch (text[i]) {
		case '"':
			string = true;
			break;
		case '{':
		case '[':
			depth++;
			values++;
			break;
		case '}':
		case ']':
			depth -= depth > 0;
			break;
		case ',':
		case ':':
			values++;
			break;
		}
		if (depth > JSON_DEPTH_MAX || values > JSON_VALUES_MAX)
			return erot_fail(err, EINVAL, "json-limit",
					 "body: deeper than %d or of more than %d values",
					 JSON_DEPTH_MAX, JSON_VALUES_MAX);
	}
	return 0;
}

/**
 * http_check_body() - parse the body
 * @r: request with its whole body
 * @out: a new reference; NULL where there is no body
 *
 * Return: 0 or -EINVAL, @r->err filled: "json-limit", "json-syntax", "json-type".
 */
int http_check_body(struct http_request *r, json_t **out)
{
	json_error_t where;
	int ret;

	*out = NULL;
	if (!r->body_len)
		return 0;
	ret = check_json_size(r->body, r->body_len, &r->err);
	if (ret)
		return ret;
	*out = json_loadb((char *)r->body, r->body_len, JSON_REJECT_DUPLICATES, &where);
	if (!*out)	/* not its text: that quotes the body, and this goes into the log */
		return erot_fail(&r->err, EINVAL, "json-syntax",
				 "body: line %d, column %d: not JSON, or a member twice",
				 where.line, where.column);
	if (json_is_object(*out))
		return 0;
	json_decref(*out);
	*out = NULL;
	return erot_fail(&r->err, EINVAL, "json-type", "body must be an object");
}
