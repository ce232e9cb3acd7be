// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dergd/derg_init.h"
#include "tools/dergctl/dergctl.h"

static const char *const modules[] = {
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
};

static const char *find_module(void)
{
	size_t i;

	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (!access(modules[i], R_OK))
			return modules[i];
	return NULL;
}

int cmd_init(int argc, char **argv)
{
	static const struct option options[] = {
		{ "uri", required_argument, NULL, 'u' },
		{ "module", required_argument, NULL, 'm' },
		{ "open-mode", no_argument, NULL, 'o' },
		{ "name", required_argument, NULL, 'n' },
		{ "log-name", required_argument, NULL, 'l' },
		{ "database", required_argument, NULL, 'd' },
		{ "ek-roots", required_argument, NULL, 'e' },
		{ "no-attestation", no_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	struct derg_init in = { .dir = dergctl_dir, .name = "ERoT receipt key", .attested = true };
	struct erot_error err = { "", "", "", "" };
	int c, ret;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			in.uri = optarg;
			break;
		case 'm':
			in.module = optarg;
			break;
		case 'o':
			in.open_mode = true;
			in.attested = false;
			break;
		case 'x':
			in.attested = false;
			break;
		case 'l':
			in.log_name = optarg;
			break;
		case 'd':
			in.database = optarg;
			break;
		case 'e':
			in.ek_roots = optarg;
			break;
		case 'n':
			in.name = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind != argc || (in.uri && in.module))
		return cli_usage("too many arguments");
	if (!in.uri && !in.module)
		in.module = find_module();
	if (!in.uri && !in.module) {
		fprintf(stderr, "dergctl: SoftHSM2's module is missing; apt install softhsm2, "
			"or name a token with --uri (hsm-module)\n");
		return CLI_HOST;
	}
	ret = derg_init(&in, &err);
	if (ret)
		return cli_fail(ret, &err);
	printf("%s: ready; receipt certificate in %s/receipt-cert.der\n", dergctl_dir, dergctl_dir);
	if (!in.attested)
		printf("warning: no quotes are asked for: for one machine, or for trying out\n");
	if (in.open_mode)
		printf("warning: machines in open mode get releases: for development only\n");
	return CLI_OK;
}
