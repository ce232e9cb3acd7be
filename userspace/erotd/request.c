// SPDX-License-Identifier: GPL-2.0-only
/* The parser of requests. */
#include <string.h>

#include "common/io.h"
#include "erotd/request.h"

static int parse_signal(json_int_t number, struct erotd_request *out, struct erot_error *err)
{
	if (number < 1 || number > 64)
		return erot_fail(err, EINVAL, "request-syntax", "request: no such signal");
	out->signal = (int)number;
	return 0;
}

static int parse_run(json_t *msg, struct erotd_request *out, struct erot_error *err)
{
	json_int_t rows = 24, cols = 80;
	int payload = 0, tty = -1;

	if (json_unpack(msg, "{s:s, s?b, s?b, s?I, s?I !}", "op", &(const char *){ NULL },
			"payload", &payload, "tty", &tty, "rows", &rows, "cols", &cols))
		return erot_fail(err, EINVAL, "request-syntax", "request: run: wrong members");
	if (rows < 0 || rows > 65535 || cols < 0 || cols > 65535)
		return erot_fail(err, EINVAL, "request-syntax", "request: run: terminal size");
	out->op = EROTD_OP_RUN;
	out->payload = payload;
	out->tty = tty == 1;
	out->tty_set = tty >= 0;
	out->rows = (unsigned short)rows;
	out->cols = (unsigned short)cols;
	return 0;
}

static int parse_kill(json_t *msg, struct erotd_request *out, struct erot_error *err)
{
	const char *id = NULL;
	json_int_t number = 0;

	if (json_unpack(msg, "{s:s, s:s, s:I !}", "op", &(const char *){ NULL }, "id", &id,
			"signal", &number) || erot_unhex(id, out->id, sizeof(out->id)))
		return erot_fail(err, EINVAL, "request-syntax", "request: kill: wrong members");
	out->op = EROTD_OP_KILL;
	return parse_signal(number, out, err);
}

static int parse_send(json_t *msg, struct erotd_request *out, struct erot_error *err)
{
	json_int_t number = 0;

	if (json_unpack(msg, "{s:s, s:I !}", "op", &(const char *){ NULL }, "signal", &number))
		return erot_fail(err, EINVAL, "request-syntax", "request: signal: wrong members");
	out->op = EROTD_OP_SIGNAL;
	return parse_signal(number, out, err);
}

int erotd_request_parse(json_t *msg, size_t n, struct erotd_request *out, struct erot_error *err)
{
	const char *op = json_string_value(json_object_get(msg, "op"));
	size_t want = 0;
	int ret;

	memset(out, 0, sizeof(*out));
	if (!op)
		return erot_fail(err, EINVAL, "request-syntax", "request: op is missing");
	if (!strcmp(op, "run")) {
		ret = parse_run(msg, out, err);
		want = 2 + (out->payload ? 1 : 0) + (out->tty ? 0 : 3);
	} else if (!strcmp(op, "signal")) {
		ret = parse_send(msg, out, err);
	} else if (!strcmp(op, "kill")) {
		ret = parse_kill(msg, out, err);
	} else if (!strcmp(op, "ping") && json_object_size(msg) == 1) {
		out->op = EROTD_OP_PING;
		ret = 0;
	} else {
		return erot_fail(err, EINVAL, "request-syntax", "request: unknown op");
	}
	if (ret)
		return ret;
	if (n != want)
		return erot_fail(err, EINVAL, "request-fds", "request: %zu descriptors, not %zu", n,
				 want);
	return 0;
}
