// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of one request:
 *
 *	begin      its first line is there
 *	access     network thread: header checked; body collected; handed to the pool, suspended
 *	run        worker: who is it, JSON, handler; resumed
 *	access     network thread: answered
 *	completed  logged, counted, freed
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/io.h"
#include "common/secret.h"
#include "dergd/http_priv.h"
#include "dergd/logline.h"
#include "dergd/problem.h"

/* A refused body up to this is read first: a client that still writes does not see the answer. */
#define DISCARD_MAX	(1U << 20)

/* Random, so that an id names one request in the logs of a fleet. */
static void make_id(char id[API_ID_SIZE])
{
	uint8_t bytes[(API_ID_SIZE - 1) / 2] = { 0 };

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	erot_hex(bytes, sizeof(bytes), id);
}

void *http_request_begin(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info;
	struct http_request *r;

	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	r = info && info->socket_context ? calloc(1, sizeof(*r)) : NULL;
	if (!r)
		return NULL;
	r->server = ctx;
	r->conn = info->socket_context;
	r->connection = connection;
	r->started = http_now_ns();
	r->call.app = r->server->hooks.app;
	r->call.status = MHD_HTTP_OK;
	make_id(r->call.id);
	r->target = strdup(uri);
	return r;
}

/* In a worker, or nowhere when there are no more. */
static void run(struct http_job *job, void *worker)
{
	struct http_request *r = (struct http_request *)job;
	json_t *body = NULL;

	if (atomic_load(&r->server->cancelled)) {
		r->ret = erot_fail(&r->err, EAGAIN, "stopping", "the service is stopping");
	} else {
		r->call.worker = worker;
		r->call.now = (uint64_t)time(NULL);
		r->ret = http_check_caller(r, worker) ?: http_check_body(r, &body);
		r->call.body = body;
		if (!r->ret)
			r->ret = r->call.route->handler(&r->call, &r->err);
		r->call.body = NULL;
		json_decref(body);
	}
	MHD_resume_connection(r->connection);
}

/* Return: true: a worker has it, and the connection is suspended. */
static bool submit(struct http_request *r)
{
	if (!http_pool_reserve(&r->server->pool)) {
		r->ret = erot_fail(&r->err, EAGAIN, "busy", "too many requests are waiting");
		return false;
	}
	http_conn_phase(&r->server->conns, r->conn, HTTP_WORK);
	r->submitted = true;
	r->job.run = run;
	/* first: the worker may be done before this thread goes on */
	MHD_suspend_connection(r->connection);
	http_pool_add(&r->server->pool, &r->job);
	return true;
}

static void drop_body(struct http_request *r)
{
	http_conn_body_done(&r->server->conns, r->conn);
	erot_wipe_free(r->body, r->body ? r->body_size : 0);
	r->body = NULL;
}

static void refuse(struct http_request *r, int ret)
{
	r->ret = ret;
	r->refused = true;
	drop_body(r);
}

/* Return: false: the peer sends more than it announced, which the library should have seen. */
static bool take_body(struct http_request *r, const char *data, size_t len)
{
	if (len > r->body_size - r->body_len)
		return false;
	r->body_len += len;
	if (r->refused)
		return true;
	if (!r->body)
		r->body = malloc(r->body_size);
	if (!http_conn_body(&r->server->conns, r->conn, len) || !r->body)
		refuse(r, erot_fail(&r->err, EAGAIN, "busy", "too many bodies are being read"));
	else
		memcpy(r->body + r->body_len - len, data, len);
	return true;
}

/* The header is complete. */
static enum MHD_Result begin(struct http_request *r, const char *method)
{
	int ret;

	r->head = !strcmp(method, "HEAD");
	r->options = !strcmp(method, "OPTIONS");
	snprintf(r->method, sizeof(r->method), "%s", method);
	ret = http_check_header(r, method);
	if (ret)
		refuse(r, ret);
	if (r->refused && r->body_size > DISCARD_MAX)
		return http_reply_send(r);
	http_conn_phase(&r->server->conns, r->conn, HTTP_BODY);
	return MHD_YES;
}

enum MHD_Result http_request_access(void *ctx, struct MHD_Connection *connection, const char *url,
				    const char *method, const char *version, const char *data,
				    size_t *size, void **request)
{
	struct http_request *r = *request;

	(void)ctx;
	(void)connection;
	(void)url;
	(void)version;
	if (!r || !r->target)
		return MHD_NO;
	if (!r->method[0])
		return begin(r, method);
	if (*size) {
		if (!take_body(r, data, *size))
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	if (r->body_len != r->body_size)
		return MHD_NO;
	/* here for the second time when the worker has resumed it */
	if (!r->refused && !r->options && !r->submitted && submit(r))
		return MHD_YES;
	return http_reply_send(r);
}

static void log_request(struct http_request *r, uint64_t ns, enum MHD_RequestTerminationCode why)
{
	/* what a client or a file said stays out of codes like these */
	const char *detail = r->ret && strncmp(r->err.code, "json-", 5) ? r->err.text : NULL;
	char status[16], ms[32];

	snprintf(status, sizeof(status), "%u", r->call.status);
	snprintf(ms, sizeof(ms), "%.3f", (double)ns / 1e6);
	log_line(r->call.status >= 500 ? LOG_LINE_ERROR : LOG_LINE_INFO, "request",
		 "id", r->call.id, "method", r->method[0] ? r->method : "-",
		 "route", r->call.route ? r->call.route->path : "-",
		 "status", r->answered ? status : "-", "code", r->ret ? r->err.code : NULL,
		 "ms", ms, "caller", r->call.client ? r->client.label : NULL,
		 "detail", detail,
		 "end", why == MHD_REQUEST_TERMINATED_COMPLETED_OK ? NULL : "cut");
}

void http_request_completed(void *ctx, struct MHD_Connection *connection, void **request,
			    enum MHD_RequestTerminationCode why)
{
	struct http_request *r = *request;
	uint64_t ns;

	(void)ctx;
	(void)connection;
	if (!r)
		return;
	*request = NULL;
	ns = http_now_ns() - r->started;
	if (r->answered)
		metrics_request(r->server->metrics, r->call.route, r->call.status,
				r->ret ? r->err.code : NULL, ns);
	log_request(r, ns, why);
	http_conn_phase(&r->server->conns, r->conn, HTTP_HEADER);
	drop_body(r);
	json_decref(r->call.reply);
	erot_wipe_free(r->call.raw, r->call.raw ? r->call.raw_len : 0);
	free(r->call.location);
	route_params_free(r->call.params, API_PARAMS_MAX);
	route_params_free(r->call.query, API_QUERY_MAX);
	free(r->target);
	free(r);
}
