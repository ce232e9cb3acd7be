// SPDX-License-Identifier: GPL-2.0-only
/* A policy, and the explanation of a machine that has nothing of it. */
#include "fuzz/json.h"
#include "liberot/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_machine_state state = { .pcrs.mask = 0xffff };
	struct erot_policy policy;
	json_t *json;

	if (erot_policy_parse(data, len, &policy, NULL))
		return 0;
	if (!erot_policy_explain(&policy, &state, &json, NULL))
		json_decref(json);
	erot_policy_free(&policy);
	return 0;
}
