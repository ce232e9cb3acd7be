// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "dergd/problem.h"

/* What an errno says too little of. */
static const struct {
	const char *code;
	unsigned int status;
} by_code[] = {
	{ "method", 405 },
	{ "accept", 406 },
	{ "length-required", 411 },
	{ "body-size", 413 },
	{ "content-type", 415 },
	{ "header-size", 431 },
	{ "busy", 503 },
	{ "stopping", 503 },
	{ "no-memory", 503 },
	{ "db-busy", 503 },
	{ "db-outcome-unknown", 503 },
};

/* Whatever their errno: not the request's fault. */
static const char *const own_faults[] = { "db-", "hsm-", "msg-", "crypto", "secret-memory" };

static const struct {
	int num;
	unsigned int status;
} by_errno[] = {
	{ EINVAL, 400 }, { EBADMSG, 400 }, { ERANGE, 400 }, { EILSEQ, 400 },
	{ EPERM, 403 }, { EACCES, 403 }, { EKEYREJECTED, 403 }, { EKEYEXPIRED, 403 },
	{ EKEYREVOKED, 403 }, { ENOKEY, 403 }, { ESTALE, 403 }, { ETIME, 403 },
	{ ENOENT, 404 },
	{ EEXIST, 409 }, { EBUSY, 409 }, { EALREADY, 409 },
	{ E2BIG, 413 }, { EFBIG, 413 }, { EMSGSIZE, 413 },
	{ ENOMEM, 503 }, { EAGAIN, 503 },
};

unsigned int problem_status(int ret, const char *code)
{
	size_t i;

	for (i = 0; i < sizeof(by_code) / sizeof(*by_code); i++)
		if (!strcmp(by_code[i].code, code))
			return by_code[i].status;
	for (i = 0; i < sizeof(own_faults) / sizeof(*own_faults); i++)
		if (!strncmp(own_faults[i], code, strlen(own_faults[i])))
			return 500;
	for (i = 0; i < sizeof(by_errno) / sizeof(*by_errno); i++)
		if (by_errno[i].num == -ret)
			return by_errno[i].status;
	return 500;
}

bool problem_is_ours(int ret, const char *code)
{
	return problem_status(ret, code) >= 500;
}

json_t *problem_json(unsigned int status, const struct erot_error *err)
{
	const char *detail = status != 500 ? err->text : "the log of the service has it";
	const char *code = err->code[0] ? err->code : "internal";
	char title[sizeof(err->code)];
	json_t *json;
	char *p;

	memcpy(title, code, strlen(code) + 1);
	for (p = title; *p; p++)
		if (*p == '-')
			*p = ' ';
	json = json_pack("{s:s+,s:s,s:i,s:s,s:s}", "type", "urn:erot:problem:", code, "title",
			 title, "status", (int)status, "detail", detail, "code", code);
	if (json && err->expected[0] && status != 500) {
		json_object_set_new(json, "expected", json_string(err->expected));
		json_object_set_new(json, "actual", json_string(err->actual));
	}
	if (!json)	/* a text that quotes half of a UTF-8 sequence */
		json = json_pack("{s:s+,s:s,s:i,s:s,s:s}", "type", "urn:erot:problem:", code,
				 "title", title, "status", (int)status, "detail", "", "code", code);
	return json;
}
