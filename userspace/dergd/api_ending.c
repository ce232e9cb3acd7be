// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: ends of launches. */
#include "dergd/ending.h"
#include "dergd/service.h"

#define SIGNATURE_MAX 1024
#define ATTEST_MAX 2048

static int terminate(struct api_call *call, const struct derg_end_request *in,
		     struct erot_error *err)
{
	struct derg_issued out = { .cms = NULL };
	int ret;

	ret = derg_terminate(service_derg(call), in, call->now, &out, err);
	if (!ret)
		ret = api_reply(call, 200,
				json_pack("{s:o,s:o}", "digest",
					  api_json_hex(out.digest, sizeof(out.digest)), "record",
					  api_json_base64(out.cms, out.cms_len)), err);
	derg_issued_free(&out);
	return ret;
}

int api_termination_make(struct api_call *call, struct erot_error *err)
{
	struct api_bytes receipt, quote, signature;
	uint8_t machine[EROT_DIGEST_SIZE];
	struct erot_evidence evidence;
	bool quoted;
	const struct api_member members[] = {
		{ "receipt", API_BASE64, EROT_CMS_MAX, &receipt },
		{ "evidence", API_BYTES, sizeof(evidence), &evidence },
		{ "machine", API_HEX, sizeof(machine), machine, true },
		{ "quote", API_BASE64, ATTEST_MAX, &quote, true, &quoted },
		{ "signature", API_BASE64, SIGNATURE_MAX, &signature, true },
	};
	struct derg_end_request in = { .tenant = service_tenant(call) };
	int ret;

	ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	in.receipt = receipt.data;
	in.receipt_len = receipt.len;
	in.evidence = &evidence;
	in.evidence_len = sizeof(evidence);
	if (quoted) {
		in.quote.attest = quote.data;
		in.quote.attest_len = quote.len;
		in.quote.signature = signature.data;
		in.quote.signature_len = signature.len;
	} else {
		in.signature = signature.data;
		in.signature_len = signature.len;
	}
	ret = terminate(call, &in, err);
	api_free(&receipt);
	api_free(&quote);
	api_free(&signature);
	return ret;
}

int api_destruction_get(struct api_call *call, struct erot_error *err)
{
	struct derg_issued out = { .cms = NULL };
	uint8_t receipt[EROT_DIGEST_SIZE];
	int ret;

	ret = api_param_digest(call, "receipt", receipt, err);
	if (!ret)
		ret = derg_destruction_get(service_derg(call), service_tenant(call), receipt, &out,
					   err);
	if (!ret)
		ret = api_reply(call, 200,
				json_pack("{s:o,s:o}", "digest",
					  api_json_hex(out.digest, sizeof(out.digest)), "record",
					  api_json_base64(out.cms, out.cms_len)), err);
	derg_issued_free(&out);
	return ret;
}
