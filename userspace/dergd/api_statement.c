// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: key statements. */
#include <stdlib.h>

#include "dergd/service.h"

static json_t *issued_json(const char *name, const struct derg_issued *out)
{
	return json_pack("{s:o,s:o}", "digest", api_json_hex(out->digest, sizeof(out->digest)),
			 name, api_json_base64(out->cms, out->cms_len));
}

int api_statement_make(struct api_call *call, struct erot_error *err)
{
	uint8_t machine[EROT_DIGEST_SIZE];
	struct derg_issued out = { .cms = NULL };
	struct api_bytes manifest;
	uint32_t epoch = 0;
	const struct api_member members[] = {
		{ "machine", API_HEX, sizeof(machine), machine },
		{ "manifest", API_BASE64, EROT_MANIFEST_MAX, &manifest },
		{ "epoch", API_U32, 0, &epoch, true },
	};
	struct derg_statement_request in = { .tenant = service_tenant(call), .machine = machine };
	json_t *answer = NULL;
	int ret;

	ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	in.epoch = epoch;
	in.manifest = manifest.data;
	in.manifest_len = manifest.len;
	ret = derg_statement(service_derg(call), &in, call->now, &out, err);
	api_free(&manifest);
	if (!ret) {
		answer = issued_json("statement", &out);
		ret = service_proof(call, out.digest, EROT_LOG_STATEMENT, answer, err);
	}
	if (!ret)
		ret = service_created(call, "statements", out.digest, answer, err);
	else
		json_decref(answer);
	derg_issued_free(&out);
	return ret;
}

static int load(struct api_call *call, struct derg_issued *out, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret;

	ret = api_param_digest(call, "statement", digest, err);
	return ret ?: derg_statement_get(service_derg(call), service_tenant(call), digest, out,
					 err);
}

int api_statement_get(struct api_call *call, struct erot_error *err)
{
	struct derg_issued out = { .cms = NULL };
	int ret;

	ret = load(call, &out, err);
	if (!ret)
		ret = api_reply(call, 200, issued_json("statement", &out), err);
	derg_issued_free(&out);
	return ret;
}

int api_key_get(struct api_call *call, struct erot_error *err)
{
	struct derg_issued out = { .cms = NULL };
	struct erot_statement_info info;
	uint8_t *content = NULL;
	size_t len = 0;
	int ret;

	ret = load(call, &out, err);
	if (!ret)
		ret = derg_verify(service_derg(call), out.cms, out.cms_len, &content, &len, err);
	if (!ret)
		ret = erot_statement_parse(content, len, &info, err);
	if (!ret)
		ret = api_reply(call, 200,
				json_pack("{s:o}", "publicKey",
					  api_json_base64(info.grant.erot_pk,
							  sizeof(info.grant.erot_pk))), err);
	free(content);
	derg_issued_free(&out);
	return ret;
}
