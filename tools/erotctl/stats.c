// SPDX-License-Identifier: GPL-2.0-only
/* erotctl stats */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"

int cmd_stats(const struct command *cmd, int argc, char **argv)
{
	struct erot_nl_stats s;
	struct erot_nl *nl = NULL;
	struct erot_error err;
	bool json = false;
	int ret = begin(cmd, argc, argv, 0, &json, &nl);

	if (ret)
		return ret - 1;
	ret = erot_nl_stats(nl, &s, &err);
	erot_nl_close(nl);
	if (ret)
		return fail(cmd, &err, status_of(ret, &err));
	if (json)
		return print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
					    "sessions", (json_int_t)s.sessions,
					    "keys", (json_int_t)s.keys,
					    "created", (json_int_t)s.created,
					    "refused", (json_int_t)s.refused,
					    "chunks", (json_int_t)s.chunks,
					    "shared", (json_int_t)s.shared,
					    "damaged", (json_int_t)s.damaged,
					    "pinned", (json_int_t)s.pinned));
	printf("sessions  %" PRIu32 "\nkeys      %" PRIu32 "\n", s.sessions, s.keys);
	printf("created   %" PRIu64 "\nrefused   %" PRIu64 "\n", s.created, s.refused);
	printf("chunks    %" PRIu64 "\nshared    %" PRIu64 "\n", s.chunks, s.shared);
	printf("damaged   %" PRIu64 "\npinned    %" PRIu64 "\n", s.damaged, s.pinned);
	return EXIT_OK;
}
