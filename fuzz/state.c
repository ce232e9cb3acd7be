// SPDX-License-Identifier: GPL-2.0-only
/* Machine state: what is accepted is written, and accepted again. */
#include "fuzz/json.h"
#include "liberot/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_machine_state state, again;
	char *text;

	if (erot_machine_state_parse(data, len, &state, NULL))
		return 0;
	text = erot_machine_state_build(&state);
	if (!text || erot_machine_state_parse(text, strlen(text), &again, NULL))
		abort();
	erot_machine_state_free(&again);
	erot_machine_state_free(&state);
	free(text);
	return 0;
}
