// SPDX-License-Identifier: GPL-2.0-only
/*
 * ewc pack: prepare, ask for a key statement, seal. The manifest with the code
 * hash is part of the statement, and the statement of the envelope, hence the
 * command in the middle.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ewc/ewc.h"

#define WORDS_MAX 64

/**
 * struct names - files of one pack; all but @temp stay
 * @temp: @payload is to be removed: it is inside the EWC then
 */
struct names {
	char payload[PATH_MAX], key[PATH_MAX], manifest[PATH_MAX], statement[PATH_MAX];
	int temp;
};

static int make_names(struct names *n, const char *out, const char *payload, const char *key)
{
	const char *dot = strrchr(out, '.'), *slash = strrchr(out, '/');
	int base = dot && dot > (slash ? slash + 1 : out) ? dot - out : (int)strlen(out);

	if (strlen(out) + 32 > PATH_MAX || (payload && strlen(payload) >= PATH_MAX) ||
	    (key && strlen(key) >= PATH_MAX))
		return -1;
	n->temp = !payload;
	snprintf(n->payload, PATH_MAX, "%.*s%s", payload ? PATH_MAX : base, payload ?: out,
		 payload ? "" : ".payload.part");
	snprintf(n->key, PATH_MAX, "%.*s%s", key ? PATH_MAX : base, key ?: out, key ? "" : ".key");
	snprintf(n->manifest, PATH_MAX, "%.*s.manifest", base, out);
	snprintf(n->statement, PATH_MAX, "%.*s.statement", base, out);
	return 0;
}

/* Words at blanks; there is no quoting, and no shell. */
static int derive(const char *command, const struct names *n)
{
	struct erot_error err = { "", "" };
	char *words = strdup(command), *save, *word, *argv[WORDS_MAX + 5];
	int i = 0, ret;

	if (!words)
		return CLI_INTERNAL;
	for (word = strtok_r(words, " \t", &save); word && i < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &save))
		argv[i++] = word;
	if (!i || word) {
		free(words);
		return cli_usage("--derive: empty or too long");
	}
	argv[i++] = "--manifest";
	argv[i++] = (char *)n->manifest;
	argv[i++] = "-o";
	argv[i++] = (char *)n->statement;
	argv[i] = NULL;
	ret = ewc_run(argv, -1, &err);
	free(words);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

int cmd_pack(int argc, char **argv)
{
	static const struct option options[] = {
		{ "manifest", required_argument, NULL, 'm' },
		{ "derive", required_argument, NULL, 'd' },
		{ "cert", required_argument, NULL, 'c' },
		{ "payload", required_argument, NULL, 'p' },
		{ "key", required_argument, NULL, 'k' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	const char *payload = NULL, *key = NULL, *command = NULL;
	struct ewc_prepare prepare = { 0 };
	struct ewc_seal seal = { 0 };
	static struct names n;
	int c, ret;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			prepare.manifest = optarg;
			break;
		case 'd':
			command = optarg;
			break;
		case 'c':
			seal.cert = optarg;
			break;
		case 'p':
			payload = optarg;
			break;
		case 'k':
			key = optarg;
			break;
		case 'o':
			seal.out = optarg;
			break;
		default:
			return cli_usage("%s", "");
		}
	}
	if (optind + 1 != argc || !prepare.manifest || !command || !seal.out)
		return cli_usage("--manifest, --derive, -o and one directory or tar are needed");
	if (make_names(&n, seal.out, payload, key))
		return cli_usage("a name is too long");
	prepare.source = argv[optind];
	prepare.payload = seal.payload = n.payload;
	prepare.key = seal.key = n.key;
	prepare.finished = seal.manifest = n.manifest;
	seal.statement = n.statement;
	seal.one_file = n.temp;
	ret = ewc_prepare(&prepare);
	if (!ret)
		ret = derive(command, &n);
	if (!ret)
		ret = ewc_seal(&seal);
	if (n.temp)
		unlink(n.payload);
	return ret;
}
