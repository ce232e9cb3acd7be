// SPDX-License-Identifier: GPL-2.0-only
/* Commands, errors, times and files of the command-line tools. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/io.h"

static const char *program;
static const struct cli_command *running;
static char **arguments;	/* of it */

static const char *name_of_program(void)
{
	return program ?: program_invocation_short_name;
}

static int help(const struct cli_command *commands, const char *options)
{
	const struct cli_command *c;

	printf("usage: %s %sCOMMAND ...\n\n", program, options);
	for (c = commands; c->name; c++)
		printf("  %s %s\n      %s\n", c->name, c->usage, c->help);
	printf("\nExit status: 0 ok, 1 internal, 2 usage, 3 refused, 4 not found, "
	       "5 host not fit.\n");
	return CLI_OK;
}

/* What was printed and has not arrived is a failure; one that has been told of is told of once. */
static int flushed(int code)
{
	if ((fflush(stdout) || ferror(stdout)) && code == CLI_OK) {
		fprintf(stderr, "%s: standard output cannot be written (io)\n", program);
		return CLI_INTERNAL;
	}
	return code;
}

/**
 * cli_main() - finds a command and runs it
 * @prog: name of the tool
 * @commands: ends with an empty one
 * @options: of the tool itself, for its help
 * @argc: without the tool's own options
 * @argv: argv[0] is the command
 *
 * Return: exit code.
 */
int cli_main(const char *prog, const struct cli_command *commands, const char *options, int argc,
	     char **argv)
{
	const struct cli_command *c;

	program = prog;
	if (argc < 1)
		return cli_usage("no command; %s help lists them", prog);
	if (!strcmp(argv[0], "help") || !strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
		return flushed(help(commands, options));
	for (c = commands; c->name; c++) {
		if (strcmp(c->name, argv[0]))
			continue;
		running = c;
		arguments = argv;
		opterr = 0;	/* cli_usage() says it, in our words */
		if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
			printf("usage: %s %s%s %s\n%s\n", prog, options, c->name, c->usage,
			       c->help);
			return flushed(CLI_OK);
		}
		return flushed(c->run(argc, argv));
	}
	return cli_usage("unknown command \"%s\"; %s help lists them", argv[0], prog);
}

/**
 * cli_usage() - says in one line what is wrong with the arguments, and how they should be
 * @fmt: what is wrong
 *
 * Return: CLI_USAGE.
 */
int cli_usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", name_of_program());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (running)
		fprintf(stderr, "; usage: %s %s %s", program, running->name, running->usage);
	fputc('\n', stderr);
	return CLI_USAGE;
}

/**
 * cli_bad_option() - the same after getopt has found something wrong
 *
 * Return: CLI_USAGE.
 */
int cli_bad_option(void)
{
	return cli_usage("%s: no such option, or not with its argument", arguments[optind - 1]);
}

/* Exit code of a library's negative errno. */
int cli_exit(int ret)
{
	switch (-ret) {
	case 0:
		return CLI_OK;
	case ENOENT:
	case ENOTDIR:
		return CLI_NOT_FOUND;
	case EPERM:
	case EACCES:
	case EISDIR:
	case EINVAL:
	case EBADMSG:
	case EBUSY:
	case EALREADY:
	case EEXIST:
	case EFBIG:
	case EMSGSIZE:
	case ENOKEY:
	case EKEYREJECTED:
	case EKEYEXPIRED:
		return CLI_REFUSED;
	default:
		return CLI_INTERNAL;
	}
}

/**
 * cli_fail() - prints an error
 * @ret: negative errno
 * @err: why
 *
 * Return: exit code.
 */
int cli_fail(int ret, const struct erot_error *err)
{
	fprintf(stderr, "%s: %s (%s)\n", name_of_program(), err->text, err->code);
	return strcmp(err->code, "usage") ? cli_exit(ret) : CLI_USAGE;
}

static int parse_rfc3339(const char *text, uint64_t *out)
{
	struct tm tm = { 0 };
	long offset = 0;
	const char *end;
	time_t t;
	int h, m;

	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return -EINVAL;
	if (*end == 'Z' && !end[1]) {
		offset = 0;
	} else if ((*end == '+' || *end == '-') && strlen(end) == 6 && end[3] == ':') {
		if (strspn(end + 1, "0123456789") != 2 || strspn(end + 4, "0123456789") != 2)
			return -EINVAL;
		h = (end[1] - '0') * 10 + end[2] - '0';
		m = (end[4] - '0') * 10 + end[5] - '0';
		if (h > 23 || m > 59)
			return -EINVAL;
		offset = (h * 60 + m) * 60 * (*end == '+' ? 1 : -1);
	} else {
		return -EINVAL;
	}
	t = timegm(&tm) - offset;
	if (t <= 0)
		return -EINVAL;
	*out = t;
	return 0;
}

/**
 * cli_time() - reads a point in time
 * @text: RFC 3339 without fractions ("2026-01-31T12:00:00Z"), or +seconds, or -seconds
 * @now: that the sign counts from
 * @out: seconds since 1970
 *
 * Return: 0, -EINVAL or -ERANGE.
 */
int cli_time(const char *text, uint64_t now, uint64_t *out)
{
	uint64_t n;
	int ret;

	if (*text != '+' && *text != '-')
		return parse_rfc3339(text, out);
	ret = erot_parse_u64(text + 1, *text == '-' ? now - 1 : UINT32_MAX, &n);
	if (!ret)
		*out = *text == '+' ? now + n : now - n;
	return ret;
}

/* RFC 3339, UTC. */
void cli_time_text(uint64_t t, char out[32])
{
	time_t when = t;
	struct tm tm;

	if (t > 253402300799ULL || !gmtime_r(&when, &tm) ||
	    !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(out, 32, "%llu", (unsigned long long)t);
}

/* A file, or standard input for "-"; at most CLI_FILE_MAX bytes. To be freed. */
int cli_read(const char *path, uint8_t **data, size_t *len, struct erot_error *err)
{
	if (!strcmp(path, "-"))
		return erot_read_fd(0, "standard input", CLI_FILE_MAX, data, len, err);
	return erot_read_file(path, CLI_FILE_MAX, data, len, err);
}

/* A file, written whole or not at all, or standard output for "-". */
int cli_write(const char *path, const void *data, size_t len, struct erot_error *err)
{
	int ret;

	if (strcmp(path, "-"))
		return erot_write_file(path, data, len, 0644, err);
	ret = erot_write_full(1, data, len);
	return ret ? erot_fail(err, -ret, "io", "standard output: %s", strerror(-ret)) : 0;
}
