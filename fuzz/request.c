// SPDX-License-Identifier: GPL-2.0-only
/*
 * What dergd reads of a request: method, target and body, in three lines. No parameter that comes
 * out may have what its segment could not; no body is read in part.
 */
#include "fuzz/fuzz.h"

#include "dergd/api_call.c"
#include "dergd/api_json.c"
#include "dergd/problem.c"
#include "dergd/route.c"

static const struct api_route routes[] = {
	{ "GET", "/v1/log/{tile*}", API_NONE, NULL, 0, NULL },
	{ "GET", "/v1/{tenant}/things", API_NONE, NULL, 0, "dryRun other" },
	{ "POST", "/v1/{tenant}/things/{thing}", API_NONE, NULL, 4096, "dryRun" },
	{ "DELETE", "/v1/{tenant}/things/{thing}", API_NONE, NULL, 0, NULL },
};

static void check_params(const struct api_param *params, size_t n)
{
	const unsigned char *p;
	size_t i;

	for (i = 0; i < n && params[i].name; i++) {
		for (p = (const unsigned char *)params[i].value; *p; p++)
			if (*p < 0x20 || *p == 0x7f)
				abort();
		if (strchr(params[i].value, '/') && strcmp(params[i].name, "tile"))
			abort();
	}
}

static void read_target(char *method, char *target)
{
	struct api_call call = { .status = 200 };
	char allow[ROUTE_ALLOW_MAX], *query;
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_error err = { "", "" };
	bool dry;
	int ret;

	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	ret = route_find(routes, sizeof(routes) / sizeof(*routes), method, target, call.params,
			 allow, &call.route, &err);
	if (!ret)
		ret = route_query(call.route, query, call.query, &err);
	if (!ret)
		ret = api_query_bool(&call, "dryRun", &dry, &err);
	if (!ret)
		api_param_digest(&call, "thing", digest, &err);
	if (ret) {
		json_t *problem = problem_json(problem_status(ret, err.code), &err);

		if (!err.code[0] || !problem)
			abort();
		json_decref(problem);
	}
	check_params(call.params, API_PARAMS_MAX);
	check_params(call.query, API_QUERY_MAX);
	route_params_free(call.params, API_PARAMS_MAX);
	route_params_free(call.query, API_QUERY_MAX);
}

static void read_json(const char *text, size_t len)
{
	uint8_t digest[EROT_DIGEST_SIZE], key[EROT_KEY_SIZE];
	const char *string = NULL;
	struct api_bytes bytes;
	uint64_t number = 0;
	uint32_t small = 0;
	const struct api_member members[] = {
		{ "t", API_TEXT, 16, &string },
		{ "b", API_BASE64, 64, &bytes, true },
		{ "d", API_HEX, sizeof(digest), digest, true },
		{ "k", API_BYTES, sizeof(key), key, true },
		{ "n", API_U64, 0, &number, true },
		{ "s", API_U32, 100, &small, true },
	};
	struct erot_error err = { "", "" };
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	if (!json)
		return;
	if (api_read(json, "body", members, &err)) {
		if (strncmp(err.code, "json-", 5) || bytes.data)
			abort();
	} else {
		if (!string || strlen(string) > 16 || small > 100 || bytes.len > 64)
			abort();
		api_free(&bytes);
	}
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), *target, *body;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	target = memchr(text, '\n', len);
	body = target ? memchr(target + 1, '\n', len - (size_t)(target + 1 - text)) : NULL;
	if (body) {
		*target++ = '\0';
		*body++ = '\0';
		read_target(text, target);
		read_json(body, len - (size_t)(body - text));
	}
	free(text);
	return 0;
}
