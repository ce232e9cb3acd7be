// SPDX-License-Identifier: GPL-2.0-only
/* erotctl destroy */
#include <getopt.h>

#include "cmd.h"

int cmd_destroy(const struct command *cmd, int argc, char **argv)
{
	struct erot_nl_session s;
	struct erot_nl *nl = NULL;
	struct erot_error err;
	int ret = begin(cmd, argc, argv, 1, NULL, &nl);

	if (ret)
		return ret - 1;
	ret = find_session(nl, argv[optind], &s, &err);
	if (!ret)
		ret = s.end ? erot_nl_destroy(nl, s.id, &err) : erot_nl_end(nl, s.id, &err);
	if (ret == -ESHUTDOWN)	/* by itself meanwhile; nobody has read its evidence */
		ret = 0;
	erot_nl_close(nl);
	return ret ? fail(cmd, &err, status_of(ret, &err)) : EXIT_OK;
}
