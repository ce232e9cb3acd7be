/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of erotctl, and what they share. */
#ifndef EROTCTL_CMD_H
#define EROTCTL_CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liberot/netlink.h"

enum {
	EXIT_OK = 0,
	EXIT_INTERNAL = 1,
	EXIT_USAGE = 2,
	EXIT_REFUSED = 3,
	EXIT_NOT_FOUND = 4,
	EXIT_HOST = 5,
};

/* struct command - one command; @run gets argv[0] = its name and returns the exit status */
struct command {
	const char *name;
	const char *args;
	const char *help;
	int (*run)(const struct command *cmd, int argc, char **argv);
};

int cmd_run(const struct command *cmd, int argc, char **argv);
int cmd_list(const struct command *cmd, int argc, char **argv);
int cmd_show(const struct command *cmd, int argc, char **argv);
int cmd_kill(const struct command *cmd, int argc, char **argv);
int cmd_destroy(const struct command *cmd, int argc, char **argv);
int cmd_events(const struct command *cmd, int argc, char **argv);
int cmd_stats(const struct command *cmd, int argc, char **argv);
int cmd_doctor(const struct command *cmd, int argc, char **argv);

/* "erotctl: run: code: text" on stderr; returns @status. */
int fail(const struct command *cmd, const struct erot_error *err, int status);

/* The status for a negative errno of liberot/netlink.h. */
int status_of(int ret, const struct erot_error *err);

int usage(const struct command *cmd);

/* Options of commands that have only --json and --help: 0, or the status + 1 to exit with. */
int only_json(const struct command *cmd, int argc, char **argv, bool *json);

/* only_json() unless @json is NULL, so many operands from optind on, the module: as only_json(). */
int begin(const struct command *cmd, int argc, char **argv, int operands, bool *json,
	  struct erot_nl **nl);

int print_json(json_t *value);

/**
 * find_session() - a session by its id or an unambiguous beginning of it
 *
 * Return: 0; -ENOENT "not-found"; -EINVAL "ambiguous", "usage"; else -errno.
 */
int find_session(struct erot_nl *nl, const char *text, struct erot_nl_session *out,
		 struct erot_error *err);

json_t *session_json(const struct erot_nl_session *s);
json_t *bits_json(uint32_t mask, const char *(*name)(unsigned int bit));

/* A connection to erotd at @path, or -errno; "erotd-gone". */
int connect_erotd(const char *path, struct erot_error *err);

/* TERM, SIGTERM or 15; -1 for what is none. */
int parse_signal(const char *text);

#endif /* EROTCTL_CMD_H */
