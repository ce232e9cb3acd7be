// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/fuzz.h"
#include "liberot/eventlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char type[16], text[EROT_EVENT_TEXT_MAX];
	struct erot_eventlog log;
	size_t i, j;

	if (erot_eventlog_parse(data, len, &log, NULL))
		return 0;
	for (i = 0; i < log.count; i++) {
		erot_tcg_event_type(log.events[i].type, type);
		erot_tcg_event_text(&log.events[i], text);
		for (j = 0; text[j]; j++)
			if (text[j] < 0x20 || text[j] > 0x7e)
				abort();
	}
	erot_eventlog_free(&log);
	return 0;
}
