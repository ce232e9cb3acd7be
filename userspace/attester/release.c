// SPDX-License-Identifier: GPL-2.0-only
/* A launch: challenge, quote, release. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attester/attester.h"
#include "common/base64.h"
#include "liberot/cms.h"
#include "liberot/grant.h"

/**
 * struct asking - what erotd said
 * @receipt: base64, borrowed
 * @q: of the quote
 * @session: base64, borrowed
 */
struct asking {
	const char *receipt, *session;
	struct erot_quote_release q;
};

static int receipt_digest(const char *receipt, uint8_t digest[EROT_DIGEST_SIZE],
			  struct erot_error *err)
{
	uint8_t *cms, *content = NULL;
	struct erot_receipt_info r;
	size_t len, content_len;
	int ret;

	ret = erot_base64_decode(receipt, EROT_CMS_MAX, &cms, &len, err);
	if (ret)
		return ret;
	ret = erot_cms_content(cms, len, &content, &content_len, err);
	if (!ret)
		ret = erot_receipt_parse(content, content_len, &r, err);
	if (!ret)
		memcpy(digest, r.digest, EROT_DIGEST_SIZE);
	free(content);
	free(cms);
	return ret;
}

static int read_request(json_t *request, struct asking *in, struct erot_error *err)
{
	const char *boot;
	json_int_t host;
	int ret;

	if (json_unpack_ex(request, NULL, JSON_STRICT, "{s:s,s:s,s:s,s:I}", "receipt", &in->receipt,
			   "session_key", &in->session, "boot_key", &boot, "host_state", &host) ||
	    host < 0 || host > UINT32_MAX)
		return erot_fail(err, EINVAL, "request",
				 "request must be {receipt, session_key, boot_key, host_state}");
	in->q.host = host;
	ret = erot_base64_exact(in->session, in->q.session_pk, sizeof(in->q.session_pk), err);
	if (!ret)
		ret = erot_base64_exact(boot, in->q.boot_pk, sizeof(in->q.boot_pk), err);
	return ret ?: receipt_digest(in->receipt, in->q.receipt, err);
}

/* The DERG says which PCRs its policy wants to see. */
static int get_challenge(struct attester *a, struct asking *in, uint32_t *mask,
			 struct erot_error *err)
{
	json_t *body = json_object(), *answer = NULL, *pcrs, *item;
	char path[128];
	size_t i;
	int ret;

	*mask = 0;
	snprintf(path, sizeof(path), "machines/%s/challenges", a->id);
	ret = attester_post(a, path, body, &answer, err);
	json_decref(body);
	if (!ret)
		ret = erot_service_bytes(answer, "challenge", in->q.challenge,
					 sizeof(in->q.challenge), err);
	pcrs = json_object_get(answer, "pcrs");
	json_array_foreach(pcrs, i, item)
		if (json_integer_value(item) >= 0 && json_integer_value(item) < EROT_PCR_COUNT)
			*mask |= 1U << json_integer_value(item);
	if (!ret && !*mask)
		ret = erot_fail(err, EPROTO, "service-answer", "the DERG asks for no PCRs");
	json_decref(answer);
	return ret;
}

static int add_state(const struct erot_machine_state *state, json_t *body, struct erot_error *err)
{
	char *text = erot_machine_state_build(state);
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	return json_object_set_new(body, "state", json) ?
	       erot_fail(err, ENOMEM, "no-memory", "request") : 0;
}

static int attest(struct attester *a, struct asking *in, uint32_t mask, json_t *body,
		  struct erot_error *err)
{
	struct erot_machine_state state;
	uint8_t qualifying[EROT_DIGEST_SIZE];
	int ret;

	if (erot_quote_data_release(&in->q, qualifying))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	ret = attester_state(a, 0, &state, err);
	if (ret)
		return ret;
	state.has_boot_key = true;
	memcpy(state.boot_key, in->q.boot_pk, sizeof(state.boot_key));
	state.host = in->q.host;
	ret = attester_sign(a, mask, qualifying, body, &state.pcrs, err);
	if (!ret)
		ret = add_state(&state, body, err);
	erot_machine_state_free(&state);
	return ret;
}

int attester_release(struct attester *a, json_t *request, json_t **answer, struct erot_error *err)
{
	json_t *body, *full = NULL;
	struct asking in;
	uint32_t mask;
	int ret;

	ret = read_request(request, &in, err);
	if (!ret)
		ret = get_challenge(a, &in, &mask, err);
	if (ret)
		return ret;
	body = json_pack("{s:s,s:s,s:s}", "machine", a->id, "receipt", in.receipt, "sessionKey",
			 in.session);
	ret = attester_set_base64(body, "challenge", in.q.challenge, sizeof(in.q.challenge), err);
	if (!ret)
		ret = attest(a, &in, mask, body, err);
	if (!ret)
		ret = attester_post(a, "releases", body, &full, err);
	if (!ret) {
		*answer = json_pack("{s:O}", "release", json_object_get(full, "release"));
		if (!*answer)
			ret = erot_fail(err, EPROTO, "service-answer", "no release in the answer");
	}
	json_decref(full);
	json_decref(body);
	return ret;
}
