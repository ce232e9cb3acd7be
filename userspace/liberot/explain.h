/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a machine does not fit a policy, event by event. */
#ifndef EROT_LIBEROT_EXPLAIN_H
#define EROT_LIBEROT_EXPLAIN_H

#include <jansson.h>

#include "common/error.h"
#include "liberot/policy.h"

/**
 * erot_policy_explain() - every check's verdict, and the events that make the difference
 * @policy: parsed
 * @state:  of the machine
 * @out:    new reference:
 *	{
 *	  "accepted": bool,
 *	  "checks": [{"check": "pcrs", "ok": bool, "code": "...", "detail": "...",
 *		      "expected": "...", "actual": "..."}, ...],	all of them, in order
 *	  "pcrs": [{"pcr": n, "accepted": ["hex", ...], "actual": "hex" or null, "ok": bool,
 *		    "replays": bool,				where there is an event log
 *		    "events": [{"is": "same|missing|new", "type": "EV_...", "digest": "hex",
 *				"text": "..."}, ...]}, ...]	where the value is not accepted
 *	}
 *	"missing" stands in the log that was learned from, "new" in the machine's. Of several that
 *	were learned from, the one that is nearest is compared.
 * @err:    "no-memory"
 *
 * Return: 0 or -ENOMEM; a machine that does not fit is no failure.
 */
int erot_policy_explain(const struct erot_policy *policy, const struct erot_machine_state *state,
			json_t **out, struct erot_error *err);

#endif /* EROT_LIBEROT_EXPLAIN_H */
