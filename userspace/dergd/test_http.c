// SPDX-License-Identifier: GPL-2.0-only
/*
 * The HTTPS server with routes of its own. Without arguments it hands over to
 * test_http.py, which starts it again as a server and is its client:
 *
 *	test_http --serve FILE ADMIN CUSTOMER	fingerprints, in hexadecimal
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <time.h>

#include "common/io.h"
#include "common/tap.h"
#include "dergd/logline.h"
#include "dergd/serve.h"

static struct metrics *metrics;
static uint8_t admin[EROT_DIGEST_SIZE], customer[EROT_DIGEST_SIZE];

/* Requests that wait until another one lets them go. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static unsigned int held, passes;

static int ping(struct api_call *call, struct erot_error *err)
{
	return api_reply(call, 200, json_pack("{s:b}", "pong", 1), err);
}

static int echo(struct api_call *call, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE] = { 0 };
	const json_t *list = NULL, *object = NULL;
	struct api_bytes bytes;
	const char *text;
	uint64_t number = 0;
	uint32_t small = 0;
	bool flag = false, seen;
	const struct api_member members[] = {
		{ "text", API_TEXT, 16, &text },
		{ "bytes", API_BASE64, 64, &bytes, true },
		{ "digest", API_HEX, sizeof(digest), digest, true },
		{ "number", API_U64, 0, &number, true, &seen },
		{ "small", API_U32, 100, &small, true },
		{ "flag", API_BOOL, 0, &flag, true },
		{ "list", API_ARRAY, 2, &list, true },
		{ "object", API_OBJECT, 0, &object, true },
	};
	int ret = api_read(call->body, "body", members, err);

	if (ret)
		return ret;
	ret = api_reply(call, 201, json_pack("{s:s,s:o,s:I,s:b,s:b}", "text", text, "bytes",
					     api_json_base64(bytes.data, bytes.len), "number",
					     (json_int_t)number, "flag", flag, "seen", seen), err);
	api_free(&bytes);
	return ret;
}

static int big(struct api_call *call, struct erot_error *err)
{
	const char *text;
	const struct api_member members[] = { { "text", API_TEXT, 1 << 20, &text } };
	int ret = api_read(call->body, "body", members, err);

	return ret ?: api_reply(call, 200, json_pack("{s:I}", "bytes",
						     (json_int_t)strlen(text)), err);
}

static int hold(struct api_call *call, struct erot_error *err)
{
	pthread_mutex_lock(&gate_lock);
	held++;
	while (!passes)
		pthread_cond_wait(&gate, &gate_lock);
	passes--;
	held--;
	pthread_mutex_unlock(&gate_lock);
	return ping(call, err);
}

static int pass(struct api_call *call, struct erot_error *err)
{
	unsigned int n;

	pthread_mutex_lock(&gate_lock);
	n = held;
	passes = held;
	pthread_cond_broadcast(&gate);
	pthread_mutex_unlock(&gate_lock);
	return api_reply(call, 200, json_pack("{s:i}", "held", (int)n), err);
}

static int waiting(struct api_call *call, struct erot_error *err)
{
	unsigned int n;

	pthread_mutex_lock(&gate_lock);
	n = held;
	pthread_mutex_unlock(&gate_lock);
	return api_reply(call, 200, json_pack("{s:i}", "held", (int)n), err);
}

static int things(struct api_call *call, struct erot_error *err)
{
	return api_reply(call, 200, json_pack("{s:s,s:s}", "tenant", api_param(call, "tenant"),
					      "label", call->client->label), err);
}

static int raw(struct api_call *call, struct erot_error *err)
{
	call->max_age = 60;
	return api_reply_raw(call, "application/octet-stream", api_param(call, "rest"),
			     strlen(api_param(call, "rest")), err);
}

/* As large as a client asks, for one that does not read. */
static int lots(struct api_call *call, struct erot_error *err)
{
	char *data = calloc(1, 8 << 20);
	int ret;

	if (!data)
		return erot_fail(err, ENOMEM, "no-memory", "lots");
	ret = api_reply_raw(call, "application/octet-stream", data, 8 << 20, err);
	free(data);
	return ret;
}

static int refused(struct api_call *call, struct erot_error *err)
{
	bool own;
	int ret = api_query_bool(call, "own", &own, err);

	if (ret)
		return ret;
	if (own)
		return erot_fail(err, EIO, "hsm-helper", "/secret/path is broken");
	return erot_fail_digests(err, EPERM, "policy-pcr", admin, customer, "PCR 7 differs");
}

static int show_metrics(struct api_call *call, struct erot_error *err)
{
	struct erot_buf out = { 0 };
	int ret;

	metrics_write(metrics, &out);
	ret = erot_buf_done(&out, err);
	if (!ret)
		ret = api_reply_raw(call, "text/plain; version=0.0.4", out.data, out.len, err);
	erot_buf_free(&out);
	return ret;
}

static const struct api_route routes[] = {
	{ "GET", "/v1/ping", API_NONE, ping },
	{ "POST", "/v1/echo", API_MACHINE, echo, 4096 },
	{ "POST", "/v1/big", API_MACHINE, big, 1 << 19 },
	{ "POST", "/v1/hold", API_NONE, hold },
	{ "POST", "/v1/pass", API_NONE, pass, 64 },
	{ "GET", "/v1/waiting", API_NONE, waiting },
	{ "GET", "/v1/tenants/{tenant}/things", API_CUSTOMER, things },
	{ "DELETE", "/v1/tenants/{tenant}/things", API_ADMIN, things },
	{ "GET", "/v1/lots", API_NONE, lots, .produces = "application/octet-stream" },
	{ "GET", "/v1/raw/{rest*}", API_NONE, raw, .produces = "application/octet-stream" },
	{ "GET", "/v1/refused", API_NONE, refused, .query = "other own" },
	{ "GET", "/metrics", API_NONE, show_metrics, .produces = "text/plain" },
};

static int client_find(void *app, void *worker, const uint8_t fingerprint[EROT_DIGEST_SIZE],
		       struct api_client *out, struct erot_error *err)
{
	(void)app;
	(void)worker;
	memset(out, 0, sizeof(*out));
	if (!memcmp(fingerprint, admin, sizeof(admin))) {
		out->role = API_ADMIN;
		snprintf(out->label, sizeof(out->label), "the admin");
		return 0;
	}
	if (!memcmp(fingerprint, customer, sizeof(customer))) {
		out->role = API_CUSTOMER;
		snprintf(out->tenant, sizeof(out->tenant), "acme");
		snprintf(out->label, sizeof(out->label), "acme's build");
		return 0;
	}
	return erot_fail(err, ENOENT, "client-unknown", "no such client");
}

static int run_server(char **argv)
{
	struct http_hooks hooks = {
		.routes = routes,
		.n_routes = sizeof(routes) / sizeof(*routes),
		.client_find = client_find,
	};
	struct settings settings;
	struct erot_error err;
	int ret;

	if (erot_unhex(argv[3], admin, sizeof(admin)) ||
	    erot_unhex(argv[4], customer, sizeof(customer)))
		return 2;
	metrics = metrics_new(routes, hooks.n_routes);
	ret = metrics ? settings_read(argv[2], &settings, &err) ?:
			serve_prepare(settings.memory_lock, &err) ?:
			serve(argv[2], &settings, &hooks, metrics, &err) : -ENOMEM;
	if (ret == -ETIMEDOUT)
		_exit(3);
	if (ret)
		log_error("failed", &err);
	metrics_free(metrics);
	return ret ? 1 : 0;
}

int main(int argc, char **argv)
{
	char self[4096];
	ssize_t n;

	if (argc == 5 && !strcmp(argv[1], "--serve"))
		return run_server(argv);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return 1;
	self[n] = '\0';
	execl("/usr/bin/python3", "python3", tap_source("userspace/dergd/test_http.py"), self,
	      NULL);
	printf("Bail out! no python3\n");
	return 1;
}
