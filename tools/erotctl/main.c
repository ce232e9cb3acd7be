// SPDX-License-Identifier: GPL-2.0-only
/* erotctl: the table of commands. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

static int cmd_help(const struct command *cmd, int argc, char **argv);
static int cmd_version(const struct command *cmd, int argc, char **argv);

static const struct command commands[] = {
	{ "run", "[-tTv] [--payload FILE] [--socket PATH] EWC RECEIPT",
	  "run a workload in the foreground", cmd_run },
	{ "list", "[--json]", "sessions of this machine", cmd_list },
	{ "show", "[--json] ID", "one session, its evidence included", cmd_show },
	{ "kill", "[--socket PATH] ID [SIGNAL]", "send a signal (KILL) to a workload", cmd_kill },
	{ "destroy", "ID", "end a session; forget one whose evidence is there", cmd_destroy },
	{ "events", "[--json] [-n COUNT]", "watch sessions come and go", cmd_events },
	{ "stats", "[--json]", "counters of the kernel module", cmd_stats },
	{ "doctor", "[--json] [--socket PATH]", "what this machine lacks, and how to mend it",
	  cmd_doctor },
	{ "version", "", "version of erotctl", cmd_version },
	{ "help", "", "this text", cmd_help },
};

#define COUNT (sizeof(commands) / sizeof(commands[0]))

static int print_help(void)
{
	puts("usage: erotctl COMMAND [ARGUMENTS]\n");
	for (size_t i = 0; i < COUNT; i++)
		printf("  %-8s %s\n           %s\n", commands[i].name, commands[i].args,
		       commands[i].help);
	puts("\nexit status: 0 ok, 1 internal, 2 usage, 3 refused, 4 not found, 5 host not fit;\n"
	     "run: the workload's, 128 + signal, 125 erot's own failure, 126 cannot be executed,\n"
	     "127 not found");
	return fflush(stdout) ? EXIT_INTERNAL : EXIT_OK;
}

static int cmd_help(const struct command *cmd, int argc, char **argv)
{
	(void)cmd;
	(void)argc;
	(void)argv;
	return print_help();
}

static int cmd_version(const struct command *cmd, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return usage(cmd);
	puts("erotctl 1");
	return EXIT_OK;
}

/* A standard descriptor that is closed would be taken by the next file that is opened. */
static int fill_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= 2);
	return close(fd);
}

int main(int argc, char **argv)
{
	if (fill_stdio())
		return EXIT_INTERNAL;
	if (argc < 2) {
		fputs("erotctl: usage: no command; see erotctl help\n", stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(&commands[i], argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_help();
	if (!strcmp(argv[1], "--version")) {
		puts("erotctl 1");
		return EXIT_OK;
	}
	fprintf(stderr, "erotctl: usage: no command \"%.40s\"; see erotctl help\n", argv[1]);
	return EXIT_USAGE;
}
