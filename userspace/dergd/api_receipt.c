// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: receipts. */
#include "dergd/bundle.h"
#include "dergd/service.h"

#define REASON_MAX	200
#define TIME_MAX	(1ULL << 40)

static int reply_receipt(struct api_call *call, const struct derg_issued *out,
			 struct erot_error *err)
{
	json_t *answer;
	int ret;

	answer = json_pack("{s:o,s:o}", "digest", api_json_hex(out->digest, sizeof(out->digest)),
			   "receipt", api_json_base64(out->cms, out->cms_len));
	ret = service_proof(call, out->digest, EROT_LOG_RECEIPT, answer, err);
	if (!ret)
		return service_created(call, "receipts", out->digest, answer, err);
	json_decref(answer);
	return ret;
}

int api_receipt_make(struct api_call *call, struct erot_error *err)
{
	struct derg_receipt_request in = { .tenant = service_tenant(call) };
	struct api_bytes statement, order, envelope;
	struct derg_issued out = { .cms = NULL };
	const struct api_member members[] = {
		{ "statement", API_BASE64, EROT_CMS_MAX, &statement },
		{ "order", API_BASE64, EROT_CMS_MAX, &order },
		{ "envelope", API_BASE64, EROT_ENVELOPE_MAX, &envelope },
		{ "notBefore", API_U64, TIME_MAX, &in.not_before, true },
		{ "notAfter", API_U64, TIME_MAX, &in.not_after, true },
	};
	int ret;

	ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	in.statement = statement.data;
	in.statement_len = statement.len;
	in.order = order.data;
	in.order_len = order.len;
	in.envelope = envelope.data;
	in.envelope_len = envelope.len;
	ret = derg_receipt(service_derg(call), &in, call->now, &out, err);
	if (!ret)
		ret = reply_receipt(call, &out, err);
	derg_issued_free(&out);
	api_free(&statement);
	api_free(&order);
	api_free(&envelope);
	return ret;
}

int api_receipt_get(struct api_call *call, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct derg_receipt_state s;
	int ret;

	ret = api_param_digest(call, "receipt", digest, err);
	if (!ret)
		ret = derg_receipt_state(service_derg(call), service_tenant(call), digest,
					 call->now, &s, err);
	return ret ?: api_reply(call, 200,
				json_pack("{s:s,s:I,s:I,s:o,s:o}", "state", s.state, "notBefore",
					  (json_int_t)s.not_before, "notAfter",
					  (json_int_t)s.not_after, "statement",
					  api_json_hex(s.statement, sizeof(s.statement)), "machine",
					  api_json_hex(s.machine, sizeof(s.machine))), err);
}

int api_receipt_revoke(struct api_call *call, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	const char *reason;
	const struct api_member members[] = { { "reason", API_TEXT, REASON_MAX, &reason } };
	int ret;

	ret = api_param_digest(call, "receipt", digest, err);
	if (!ret)
		ret = api_read(call->body, "body", members, err);
	if (!ret)
		ret = derg_receipt_revoke(service_derg(call), service_tenant(call), digest, reason,
					  call->now, err);
	return ret ?: api_receipt_get(call, err);
}

int api_receipt_bundle(struct api_call *call, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	json_t *bundle = NULL;
	uint64_t since = 0;
	int ret;

	ret = api_param_digest(call, "receipt", digest, err);
	if (!ret)
		ret = api_query_u64(call, "since", EROT_TLOG_SIZE_MAX, &since, err);
	if (!ret)
		ret = derg_bundle(service_derg(call), service_tenant(call), digest, since, &bundle,
				  err);
	return ret ?: api_reply(call, 200, bundle, err);
}
