// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: machines. Their requests are proven by their hardware, not by TLS. */
#include <string.h>

#include "common/io.h"
#include "dergd/machine.h"
#include "dergd/release.h"
#include "dergd/service.h"

#define AK_MAX		1024
#define PROOF_MAX	128
#define REASON_MAX	200

static json_t *machine_json(const struct machine *m)
{
	static const uint8_t none[EROT_DIGEST_SIZE];
	json_t *json;

	json = json_pack("{s:o,s:s,s:b,s:o,s:I}", "id", api_json_hex(m->id, sizeof(m->id)),
			 "state", machine_state_name(m->state), "software", m->software,
			 "key", api_json_base64(m->spki, m->spki_len), "created",
			 (json_int_t)m->created);
	if (json && memcmp(m->enrolment, none, sizeof(none)))
		json_object_set_new(json, "enrolment",
				    api_json_hex(m->enrolment, sizeof(m->enrolment)));
	return json;
}

static int enrol(struct api_call *call, const struct api_bytes *cert, const struct api_bytes *ak,
		 const struct api_bytes *key, struct erot_error *err)
{
	struct enrol_request in = {
		.ek_cert = cert->data, .ek_cert_len = cert->len,
		.ak_public = ak->data, .ak_public_len = ak->len,
		.spki = key->data, .spki_len = key->len,
	};
	struct enrol_answer out;
	json_t *answer;
	int ret;

	if (key->data ? cert->data || ak->data : !cert->data || !ak->data)
		return erot_fail(err, EINVAL, "json-missing",
				 "body: either ekCertificate and akPublic, or softwareKey");
	ret = machine_enrol(service_derg(call), service_tenant(call), &in, call->now, &out, err);
	if (ret)
		return ret;
	answer = json_pack("{s:o,s:o}", "id", api_json_hex(out.id, sizeof(out.id)), "secret",
			   api_json_base64(out.secret, out.secret_len));
	if (answer && !out.software)
		json_object_set_new(answer, "credentialBlob",
				    api_json_base64(out.blob, out.blob_len));
	return service_created(call, "machines", out.id, answer, err);
}

int api_machine_enrol(struct api_call *call, struct erot_error *err)
{
	struct api_bytes cert, ak, key;
	const struct api_member members[] = {
		{ "ekCertificate", API_BASE64, MACHINE_EK_MAX, &cert, true },
		{ "akPublic", API_BASE64, AK_MAX, &ak, true },
		{ "softwareKey", API_BASE64, EROT_HWKEY_MAX, &key, true },
	};
	int ret = api_read(call->body, "body", members, err);

	if (ret)
		return ret;
	ret = enrol(call, &cert, &ak, &key, err);
	api_free(&cert);
	api_free(&ak);
	api_free(&key);
	return ret;
}

int api_machine_activate(struct api_call *call, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE], enrolment[EROT_DIGEST_SIZE];
	struct api_bytes secret;
	const struct api_member members[] = {
		{ "secret", API_BASE64, PROOF_MAX, &secret },
	};
	json_t *answer;
	int ret;

	ret = api_param_digest(call, "machine", id, err);
	if (!ret)
		ret = api_read(call->body, "body", members, err);
	if (ret)
		return ret;
	ret = machine_activate(service_derg(call), service_tenant(call), id, secret.data,
			       secret.len, call->now, enrolment, err);
	api_free(&secret);
	if (ret)
		return ret;
	answer = json_pack("{s:o,s:o}", "id", api_json_hex(id, sizeof(id)), "enrolment",
			   api_json_hex(enrolment, sizeof(enrolment)));
	ret = service_proof(call, id, EROT_LOG_ENROLMENT, answer, err);
	if (!ret)
		return api_reply(call, 200, answer, err);
	json_decref(answer);
	return ret;
}

static int list_one(void *ctx, const struct machine *m)
{
	return json_array_append_new(ctx, machine_json(m)) ? -ENOMEM : 0;
}

int api_machine_list(struct api_call *call, struct erot_error *err)
{
	json_t *list = json_array();
	int ret;

	ret = machine_each(service_derg(call), service_tenant(call), list_one, list, err);
	if (ret)
		json_decref(list);
	return ret ?: api_reply(call, 200, json_pack("{s:o}", "machines", list), err);
}

int api_machine_get(struct api_call *call, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];
	struct machine m;
	int ret;

	ret = api_param_digest(call, "machine", id, err);
	if (!ret)
		ret = machine_get(service_derg(call), service_tenant(call), id, &m, err);
	return ret ?: api_reply(call, 200, machine_json(&m), err);
}

int api_machine_revoke(struct api_call *call, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];
	const char *reason;
	const struct api_member members[] = { { "reason", API_TEXT, REASON_MAX, &reason } };
	struct machine m;
	int ret;

	ret = api_param_digest(call, "machine", id, err);
	if (!ret)
		ret = api_read(call->body, "body", members, err);
	if (!ret)
		ret = machine_revoke(service_derg(call), service_tenant(call), id, reason,
				     call->now, err);
	if (!ret)
		ret = machine_get(service_derg(call), service_tenant(call), id, &m, err);
	return ret ?: api_reply(call, 200, machine_json(&m), err);
}

static json_t *pcr_list(uint32_t mask)
{
	json_t *list = json_array();
	int i;

	for (i = 0; i < 32; i++)
		if (mask & 1U << i)
			json_array_append_new(list, json_integer(i));
	return list;
}

int api_machine_challenge(struct api_call *call, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];
	struct derg_challenge c;
	int ret;

	ret = api_param_digest(call, "machine", id, err);
	if (!ret)
		ret = api_members(call->body, "body", NULL, 0, err);
	if (!ret)
		ret = derg_challenge(service_derg(call), service_tenant(call), id, call->now, &c,
				     err);
	return ret ?: api_reply(call, 201, json_pack("{s:o,s:I,s:o}", "challenge",
						     api_json_base64(c.challenge,
								     sizeof(c.challenge)),
						     "expires", (json_int_t)c.expires, "pcrs",
						     pcr_list(c.pcrs)), err);
}
