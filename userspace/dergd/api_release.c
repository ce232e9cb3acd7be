// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: releases, and what would become of one. */
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "dergd/release.h"
#include "dergd/service.h"

#define SIGNATURE_MAX 1024
#define ATTEST_MAX 2048

/**
 * struct body - a request as read
 * @state_json: borrowed
 * @has_machine: and the other two: members that were there
 */
struct body {
	struct api_bytes receipt, quote, signature;
	uint8_t machine[EROT_DIGEST_SIZE];
	uint8_t challenge[DERG_CHALLENGE_SIZE];
	const json_t *state_json;
	bool has_machine, has_challenge, has_quote, dry_run;
	struct derg_release_request in;
};

static int read_state(struct body *b, struct erot_error *err)
{
	char *text = json_dumps(b->state_json, JSON_COMPACT);
	int ret;

	if (!text)
		return erot_fail(err, ENOMEM, "no-memory", "state");
	ret = erot_machine_state_parse(text, strlen(text), &b->in.state, err);
	free(text);
	return ret;
}

static void free_body(struct body *b)
{
	api_free(&b->receipt);
	api_free(&b->quote);
	api_free(&b->signature);
	erot_machine_state_free(&b->in.state);
}

static int read_body(struct api_call *call, struct body *b, struct erot_error *err)
{
	const struct api_member members[] = {
		{ "receipt", API_BASE64, EROT_CMS_MAX, &b->receipt },
		{ "sessionKey", API_BYTES, EROT_KEY_SIZE, b->in.session_pk },
		{ "state", API_OBJECT, 0, &b->state_json },
		{ "machine", API_HEX, EROT_DIGEST_SIZE, b->machine, true, &b->has_machine },
		{ "challenge", API_BYTES, DERG_CHALLENGE_SIZE, b->challenge, true,
		  &b->has_challenge },
		{ "quote", API_BASE64, ATTEST_MAX, &b->quote, true, &b->has_quote },
		{ "signature", API_BASE64, SIGNATURE_MAX, &b->signature, true },
	};
	struct derg_release_request *in = &b->in;
	int ret;

	ret = api_query_bool(call, "dryRun", &b->dry_run, err);
	if (!ret)
		ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	ret = read_state(b, err);
	if (ret) {
		free_body(b);
		return ret;
	}
	in->tenant = service_tenant(call);
	in->receipt = b->receipt.data;
	in->receipt_len = b->receipt.len;
	in->machine = b->has_machine ? b->machine : NULL;
	in->challenge = b->has_challenge ? b->challenge : NULL;
	if (b->has_quote) {
		in->quote.attest = b->quote.data;
		in->quote.attest_len = b->quote.len;
		in->quote.signature = b->signature.data;
		in->quote.signature_len = b->signature.len;
	} else {
		in->signature = b->signature.data;
		in->signature_len = b->signature.len;
	}
	return 0;
}

static int release(struct api_call *call, struct body *b, struct erot_error *err)
{
	struct erot_release out;
	struct erot_receipt_info r;
	uint8_t *content = NULL;
	json_t *answer = NULL;
	size_t len;
	int ret;

	ret = derg_release(service_derg(call), &b->in, call->now, &out, err);
	if (!ret)
		ret = derg_verify(service_derg(call), b->in.receipt, b->in.receipt_len, &content,
				  &len, err);
	if (!ret)
		ret = erot_receipt_parse(content, len, &r, err);
	if (!ret) {
		answer = json_pack("{s:o}", "release", api_json_base64(&out, sizeof(out)));
		ret = service_proof(call, r.digest, EROT_LOG_RELEASE, answer, err);
	}
	free(content);
	if (!ret)
		return api_reply(call, 200, answer, err);
	json_decref(answer);
	return ret;
}

static void tell(void *ctx, const char *check, int ret, const struct erot_error *err)
{
	const char *verdict = !ret ? "ok" : ret == -ECANCELED ? "skipped" : "refused";
	json_t *one;

	one = json_pack("{s:s,s:s}", "check", check, "verdict", verdict);
	if (one && ret && ret != -ECANCELED) {
		json_object_set_new(one, "code", json_string(err->code));
		json_object_set_new(one, "detail", json_string(err->text));
		if (err->expected[0]) {
			json_object_set_new(one, "expected", json_string(err->expected));
			json_object_set_new(one, "actual", json_string(err->actual));
		}
	}
	json_array_append_new(ctx, one);
}

static int dry_run(struct api_call *call, struct body *b, struct erot_error *err)
{
	json_t *checks = json_array();
	int ret;

	ret = derg_release_dry(service_derg(call), &b->in, call->now, tell, checks, err);
	/* nothing was found out where the receipt could not even be read */
	if (ret && !json_array_size(checks)) {
		json_decref(checks);
		return ret;
	}
	return api_reply(call, 200, json_pack("{s:b,s:o}", "wouldRelease", !ret, "checks", checks),
			 err);
}

int api_release_make(struct api_call *call, struct erot_error *err)
{
	struct body *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return erot_fail(err, ENOMEM, "no-memory", "request");
	ret = read_body(call, b, err);
	if (!ret) {
		ret = b->dry_run ? dry_run(call, b, err) : release(call, b, err);
		free_body(b);
	}
	erot_wipe_free(b, sizeof(*b));
	return ret;
}
