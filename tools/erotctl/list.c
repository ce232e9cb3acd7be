// SPDX-License-Identifier: GPL-2.0-only
/* erotctl list */
#include <getopt.h>
#include <stdio.h>

#include "cmd.h"
#include "common/io.h"
#include "liberot/names.h"

static int to_text(void *ctx, const struct erot_nl_session *s)
{
	char id[2 * EROT_ID_SIZE + 1];

	(void)ctx;
	printf("%-32s  %-11s  %-9s  %u\n", erot_hex(s->id, EROT_ID_SIZE, id),
	       erot_state_name(s->state), s->end ? erot_end_name(s->end) : "-", s->pid);
	return 0;
}

static int to_json(void *ctx, const struct erot_nl_session *s)
{
	json_array_append_new(ctx, session_json(s));
	return 0;
}

int cmd_list(const struct command *cmd, int argc, char **argv)
{
	struct erot_nl *nl = NULL;
	struct erot_error err;
	json_t *list = NULL;
	bool json = false;
	int ret = begin(cmd, argc, argv, 0, &json, &nl);

	if (ret)
		return ret - 1;
	if (json) {
		list = json_array();
		ret = erot_nl_dump(nl, to_json, list, &err);
	} else {
		printf("%-32s  %-11s  %-9s  %s\n", "SESSION", "STATE", "END", "PID");
		ret = erot_nl_dump(nl, to_text, NULL, &err);
	}
	erot_nl_close(nl);
	if (ret) {
		json_decref(list);
		return fail(cmd, &err, status_of(ret, &err));
	}
	return json ? print_json(list) : EXIT_OK;
}
