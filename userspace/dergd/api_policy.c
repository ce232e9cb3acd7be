// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: the PCR policy of a tenant, as bytes: its digest is over them. */
#include <stdlib.h>

#include "dergd/policies.h"
#include "dergd/service.h"
#include "liberot/crypto.h"

struct text {
	const char *tenant;
	uint8_t *data;
	size_t len;
};

static int read_text(struct db *db, void *ctx, struct erot_error *err)
{
	struct text *t = ctx;

	free(t->data);
	t->data = NULL;
	return policies_text(db, t->tenant, &t->data, &t->len, err);
}

static int reply(struct api_call *call, const void *data, size_t len, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	if (erot_sha256(data, len, digest))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	return api_reply(call, 200, json_pack("{s:o,s:o}", "digest",
					      api_json_hex(digest, sizeof(digest)), "policy",
					      api_json_base64(data, len)), err);
}

int api_policy_get(struct api_call *call, struct erot_error *err)
{
	struct text t = { .tenant = service_tenant(call) };
	int ret;

	ret = db_transaction(service_derg(call)->db, DB_READ, read_text, &t, err);
	if (!ret)
		ret = reply(call, t.data, t.len, err);
	free(t.data);
	return ret;
}

int api_policy_put(struct api_call *call, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct api_bytes policy;
	const struct api_member members[] = {
		{ "policy", API_BASE64, EROT_POLICY_MAX, &policy },
	};
	int ret;

	ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	ret = policies_put(service_derg(call), service_tenant(call), policy.data, policy.len,
			   call->now, digest, err);
	if (!ret)
		ret = reply(call, policy.data, policy.len, err);
	api_free(&policy);
	return ret;
}
