// SPDX-License-Identifier: GPL-2.0-only
/* erotctl show */
#include <endian.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>

#include "cmd.h"
#include "common/io.h"
#include "liberot/names.h"

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static void print_evidence(const struct erot_evidence *e)
{
	uint32_t flags = le32toh(e->flags);
	int status = (int)le32toh(e->exit_status);
	uint64_t from = le64toh(e->started_ns);

	printf("evidence:\n");
	if (WIFSIGNALED(status))
		printf("  exit         signal %d\n", WTERMSIG(status));
	else
		printf("  exit         %d\n", WEXITSTATUS(status));
	printf("  reason       %s\n", erot_end_name(le32toh(e->reason)));
	printf("  ran          %s\n", flags & EROT_EV_RAN ? "yes" : "no");
	printf("  keys gone    %.6f s after provisioning\n", seconds(le64toh(e->ended_ns) - from));
	printf("  plaintext    %s %.6f s after provisioning\n",
	       flags & EROT_EV_RELEASED ? "gone" : "was held for too long, cut off",
	       seconds(le64toh(e->released_ns) - from));
	if (flags & EROT_EV_DAMAGED)
		printf("  damaged      at least one chunk was refused\n");
}

static void print_session(const struct erot_nl_session *s)
{
	char hex[2 * EROT_DIGEST_SIZE + 1], bits[256];

	printf("session        %s\n", erot_hex(s->id, EROT_ID_SIZE, hex));
	printf("state          %s\n", erot_state_name(s->state));
	printf("end            %s\n", s->end ? erot_end_name(s->end) : "-");
	printf("pid            %u\n", s->pid);
	printf("receipt        %s\n",
	       s->has_receipt ? erot_hex(s->receipt, EROT_DIGEST_SIZE, hex) : "-");
	printf("session key    %s\n", erot_hex(s->session_key, EROT_KEY_SIZE, hex));
	if (s->deadline)
		printf("deadline       %.3f s on the boot clock\n", seconds(s->deadline));
	printf("host           %s\n", erot_host_format(s->host_state, bits, sizeof(bits)));
	printf("isolation      %s\n", erot_isolation_format(s->isolation, bits, sizeof(bits)));
	if (s->has_evidence)
		print_evidence(&s->evidence);
}

int cmd_show(const struct command *cmd, int argc, char **argv)
{
	struct erot_nl_session s;
	struct erot_nl *nl = NULL;
	struct erot_error err;
	bool json = false;
	int ret = begin(cmd, argc, argv, 1, &json, &nl);

	if (ret)
		return ret - 1;
	ret = find_session(nl, argv[optind], &s, &err);
	erot_nl_close(nl);
	if (ret)
		return fail(cmd, &err, status_of(ret, &err));
	if (json)
		return print_json(session_json(&s));
	print_session(&s);
	return EXIT_OK;
}
