// SPDX-License-Identifier: GPL-2.0-only
/* erotctl kill */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "cmd.h"
#include "common/io.h"
#include "common/wire.h"

static int resolve(const char *text, char id[2 * EROT_ID_SIZE + 1], struct erot_error *err)
{
	uint8_t raw[EROT_ID_SIZE];
	struct erot_nl_session s;
	struct erot_nl *nl = NULL;
	int ret;

	if (!erot_unhex(text, raw, sizeof(raw))) {	/* whole: needs no privilege to look up */
		erot_hex(raw, sizeof(raw), id);
		return 0;
	}
	ret = erot_nl_open(&nl, err);
	if (!ret)
		ret = find_session(nl, text, &s, err);
	erot_nl_close(nl);
	if (!ret)
		erot_hex(s.id, sizeof(s.id), id);
	return ret;
}

static int ask(const struct command *cmd, const char *path, const char *id, int number)
{
	json_t *request, *answer = NULL, *error;
	struct erot_error err;
	int fds[EROTD_WIRE_FDS], sock, ret, status = EXIT_OK;
	size_t n;

	sock = connect_erotd(path, &err);
	if (sock < 0)
		return fail(cmd, &err, sock == -EACCES || sock == -EPERM ? EXIT_REFUSED :
								     EXIT_HOST);
	request = json_pack("{s:s, s:s, s:i}", "op", "kill", "id", id, "signal", number);
	ret = request ? erotd_wire_send(sock, request, NULL, 0, 0) : -ENOMEM;
	if (!ret)
		ret = erotd_wire_recv(sock, &answer, fds, &n, 0);
	json_decref(request);
	close(sock);
	if (ret) {
		erot_fail(&err, -ret, "erotd-gone", "no answer: %s", strerror(-ret));
		return fail(cmd, &err, EXIT_INTERNAL);
	}
	erotd_wire_close(fds, n);
	error = json_object_get(answer, "error");
	if (error) {
		erot_fail(&err, EACCES,
			  json_string_value(json_object_get(error, "code")) ?: "erotd", "%s",
			  json_string_value(json_object_get(error, "text")) ?: "refused");
		status = fail(cmd, &err, !strcmp(err.code, "not-found") ? EXIT_NOT_FOUND :
			      EXIT_REFUSED);
	}
	json_decref(answer);
	return status;
}

int cmd_kill(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = EROTD_SOCKET;
	char id[2 * EROT_ID_SIZE + 1];
	struct erot_error err;
	int number = SIGKILL, c, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c != 'S')
			return usage(cmd);
		path = optarg;
	}
	if (argc - optind < 1 || argc - optind > 2)
		return usage(cmd);
	if (argc - optind == 2) {
		number = parse_signal(argv[optind + 1]);
		if (number < 0) {
			erot_fail(&err, EINVAL, "usage", "\"%.20s\" is not a signal",
				  argv[optind + 1]);
			return fail(cmd, &err, EXIT_USAGE);
		}
	}
	ret = resolve(argv[optind], id, &err);
	if (ret)
		return fail(cmd, &err, status_of(ret, &err));
	return ask(cmd, path, id, number);
}
