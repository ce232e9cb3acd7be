// SPDX-License-Identifier: GPL-2.0-only
/* The end of a launch: evidence and a quote over it, for a destruction record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attester/attester.h"
#include "common/base64.h"

int attester_terminate(struct attester *a, json_t *request, json_t **answer, struct erot_error *err)
{
	uint8_t qualifying[EROT_DIGEST_SIZE];
	const char *receipt, *evidence;
	struct erot_evidence ev;
	json_t *body, *full = NULL;
	int ret;

	if (json_unpack_ex(request, NULL, JSON_STRICT, "{s:s,s:s}", "receipt", &receipt, "evidence",
			   &evidence))
		return erot_fail(err, EINVAL, "request", "request must be {receipt, evidence}");
	ret = erot_base64_exact(evidence, &ev, sizeof(ev), err);
	if (!ret)
		ret = attester_host(a, err);
	if (ret)
		return ret;
	if (erot_quote_data_end(&ev, qualifying))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	body = json_pack("{s:s,s:s,s:s}", "machine", a->id, "receipt", receipt, "evidence",
			 evidence);
	ret = attester_sign(a, 1U << a->host.pcr, qualifying, body, NULL, err);
	if (!ret)
		ret = attester_post(a, "terminations", body, &full, err);
	if (!ret) {
		*answer = json_pack("{s:O}", "record", json_object_get(full, "record"));
		if (!*answer)
			ret = erot_fail(err, EPROTO, "service-answer", "no record in the answer");
	}
	json_decref(full);
	json_decref(body);
	return ret;
}
