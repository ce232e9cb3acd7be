/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands, errors, times and files of the command-line tools. */
#ifndef EROT_COMMON_CLI_H
#define EROT_COMMON_CLI_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* Exit codes of the tools. */
enum cli_exit {
	CLI_OK = 0,
	CLI_INTERNAL = 1,
	CLI_USAGE = 2,
	CLI_REFUSED = 3,
	CLI_NOT_FOUND = 4,
	CLI_HOST = 5,
};

#define CLI_FILE_MAX	(1U << 20)	/* signed things, envelopes and manifests are smaller */

/**
 * struct cli_command - one of a tool's commands
 * @name: as typed
 * @run: returns an exit code
 * @usage: its arguments
 * @help: one line
 */
struct cli_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
	const char *help;
};

int cli_main(const char *prog, const struct cli_command *commands, const char *options, int argc,
	     char **argv);
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_bad_option(void);
int cli_exit(int ret);
int cli_fail(int ret, const struct erot_error *err);
int cli_time(const char *text, uint64_t now, uint64_t *out);
void cli_time_text(uint64_t t, char out[32]);
int cli_read(const char *path, uint8_t **data, size_t *len, struct erot_error *err);
int cli_write(const char *path, const void *data, size_t len, struct erot_error *err);

#endif
