// SPDX-License-Identifier: GPL-2.0-only
/* Answers: what a handler left in its call, or a problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "dergd/http_priv.h"
#include "dergd/problem.h"

/* Bytes that the library has until they are sent. */
struct content {
	size_t len;
	uint8_t data[];
};

static void content_free(void *ctx)
{
	struct content *c = ctx;

	erot_wipe_free(c, sizeof(*c) + c->len);
}

static struct MHD_Response *from_bytes(const void *data, size_t len)
{
	struct content *c = malloc(sizeof(*c) + len);
	struct MHD_Response *response;

	if (!c)
		return NULL;
	c->len = len;
	memcpy(c->data, data, len);
	response = MHD_create_response_from_buffer_with_free_callback_cls(len, c->data,
									  content_free, c);
	if (!response)
		content_free(c);
	return response;
}

static struct MHD_Response *from_json(const json_t *json)
{
	struct MHD_Response *response = NULL;
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (text) {
		response = from_bytes(text, strlen(text));
		erot_wipe_free(text, strlen(text));
	}
	return response;
}

static struct MHD_Response *from_problem(struct http_request *r)
{
	struct MHD_Response *response;
	json_t *problem;

	problem = problem_json(r->call.status, &r->err);
	response = from_json(problem);
	json_decref(problem);
	return response ?: from_bytes("{}", 2);
}

static void add_headers(struct http_request *r, struct MHD_Response *response, const char *type)
{
	unsigned int status = r->call.status;
	char cache[64] = "no-store";

	if (type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Request-Id", r->call.id);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (!r->ret && r->call.max_age)
		snprintf(cache, sizeof(cache), "public, max-age=%u", r->call.max_age);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
	if (r->call.location && !r->ret)
		MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, r->call.location);
	if (r->options || status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	if (atomic_load(&r->server->stopping))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

/**
 * http_reply_send() - hand the answer to the library
 * @r: refused, or through its handler
 *
 * Return: MHD_NO closes the connection: there was no memory for any answer.
 */
enum MHD_Result http_reply_send(struct http_request *r)
{
	const char *type = "application/json";
	struct MHD_Response *response;
	enum MHD_Result result;

	if (r->ret) {
		r->call.status = problem_status(r->ret, r->err.code);
		type = PROBLEM_TYPE;
		response = from_problem(r);
	} else if (r->options) {
		r->call.status = MHD_HTTP_NO_CONTENT;
		type = NULL;
		response = from_bytes("", 0);
	} else if (r->call.raw) {
		type = r->call.type;
		response = from_bytes(r->call.raw, r->call.raw_len);
	} else if (r->call.reply) {
		response = from_json(r->call.reply);
	} else {
		type = NULL;
		response = from_bytes("", 0);
	}
	if (!response)
		return MHD_NO;
	add_headers(r, response, type);
	http_conn_phase(&r->server->conns, r->conn, HTTP_SEND);
	result = MHD_queue_response(r->connection, r->call.status, response);
	MHD_destroy_response(response);
	r->answered = result == MHD_YES;
	return result;
}
