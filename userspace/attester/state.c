// SPDX-License-Identifier: GPL-2.0-only
/* Machine state, for dergctl policy learn: not quoted, so taken where the machine is known good. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attester/attester.h"

int attester_show_state(struct attester *a, json_t *nothing, json_t **answer,
			struct erot_error *err)
{
	struct erot_machine_state state;
	char *text;
	int ret;

	(void)nothing;
	ret = attester_state(a, a->tpm ? (1U << EROT_PCR_COUNT) - 1 : 0, &state, err);
	if (ret)
		return ret;
	state.host = a->host.host_state;
	state.has_boot_key = true;
	memcpy(state.boot_key, a->host.boot_key, sizeof(state.boot_key));
	text = erot_machine_state_build(&state);
	erot_machine_state_free(&state);
	*answer = text ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return *answer ? 0 : erot_fail(err, ENOMEM, "no-memory", "machine state");
}
