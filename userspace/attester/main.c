// SPDX-License-Identifier: GPL-2.0-only
/*
 * erot-attester: the provider command of erotd. A request on standard input, an answer on standard
 * output, exit status 0 granted, 3 refused. A refusal is an answer too:
 * {"code": ..., "detail": ...}.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attester/attester.h"
#include "common/cli.h"
#include "common/io.h"
#include "common/secret.h"

#define REQUEST_MAX	(256 * 1024)

/**
 * struct op - an operation
 * @input: reads a request
 */
static const struct op {
	const char *name;
	int (*fn)(struct attester *a, json_t *request, json_t **answer, struct erot_error *err);
	int input;
	const char *help;
} ops[] = {
	{ "enrol", attester_enrol, 0, "make this machine known to the DERG, once" },
	{ "release", attester_release, 1, "for erotd: the sealed key of a launch" },
	{ "terminate", attester_terminate, 1, "for erotd: the destruction record of a launch" },
	{ "state", attester_show_state, 0, "machine state as dergctl policy learn reads it" },
	{ NULL, NULL, 0, NULL },
};

#define USAGE	"usage: erot-attester [--config FILE] OPERATION"

static int help(void)
{
	const struct op *op;

	puts(USAGE);
	for (op = ops; op->name; op++)
		printf("  %-13s%s\n", op->name, op->help);
	printf("  %-13s%s\n", "hardware-key", "SubjectPublicKeyInfo, DER");
	return fflush(stdout) ? CLI_INTERNAL : CLI_OK;
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "erot-attester: %s%s; " USAGE "; --help lists them\n", why, what);
	return CLI_USAGE;
}

static int print(json_t *json)
{
	int ret;

	ret = !json || json_dumpf(json, stdout, JSON_COMPACT) || putchar('\n') == EOF ||
	      fflush(stdout);
	json_decref(json);
	return ret ? CLI_INTERNAL : CLI_OK;
}

static int tell(int code, const struct erot_error *err)
{
	fprintf(stderr, "erot-attester: %s (%s)\n", err->text, err->code);
	if (print(json_pack("{s:s,s:s}", "code", err->code, "detail", err->text)))
		return CLI_INTERNAL;
	return code;
}

/* What the DERG refuses is told apart from what does not work: erotd may try that again. */
static int refuse(int ret, const struct erot_error *err)
{
	int code = CLI_INTERNAL;

	if (!strcmp(err->code, "no-module"))
		return tell(CLI_HOST, err);
	switch (ret) {
	case -EINVAL:
	case -EACCES:
	case -EEXIST:
	case -ENOENT:
	case -EKEYREJECTED:
	case -EBADMSG:
		code = CLI_REFUSED;
		break;
	case -ENODEV:
		code = CLI_HOST;
	}
	return tell(code, err);
}

/* Nobody was asked: whatever it is, it is no refusal. */
static int unfit(int ret, const struct attester *a, const struct erot_error *err)
{
	if (!a->config.derg[0])
		return tell(CLI_USAGE, err);
	return tell(ret == -ENODEV ? CLI_HOST : CLI_INTERNAL, err);
}

static int read_request(json_t **out, struct erot_error *err)
{
	json_error_t where;
	uint8_t *data;
	size_t len;
	int ret;

	ret = erot_read_fd(0, "request", REQUEST_MAX, &data, &len, err);
	if (ret)
		return ret;
	*out = json_loadb((char *)data, len, JSON_REJECT_DUPLICATES, &where);
	erot_wipe_free(data, len);
	return *out ? 0 : erot_fail(err, EINVAL, "request", "request: %s", where.text);
}

static int run(const char *config, const char *name)
{
	struct erot_error err = { "", "", "", "" };
	json_t *request = NULL, *answer = NULL;
	const struct op *op;
	struct attester a;
	int ret, code;

	for (op = ops; op->name && strcmp(op->name, name); op++)
		;
	if (!op->name && strcmp(name, "hardware-key"))
		return usage("no such operation: ", name);
	ret = attester_open(&a, config, &err);
	if (ret) {
		code = unfit(ret, &a, &err);
		goto out;
	}
	if (!op->name) {
		code = fwrite(a.spki, a.spki_len, 1, stdout) == 1 && !fflush(stdout) ? CLI_OK :
		       CLI_INTERNAL;
		goto out;
	}
	if (op->input)
		ret = read_request(&request, &err);
	if (!ret)
		ret = op->fn(&a, request, &answer, &err);
	code = ret ? refuse(ret, &err) : print(answer);
out:
	attester_close(&a);
	json_decref(request);
	return code;
}

int main(int argc, char **argv)
{
	const char *config = ATTESTER_CONFIG_FILE;

	signal(SIGPIPE, SIG_IGN);
	if (!getenv("TSS2_LOG"))	/* one line of ours instead of many of tpm2-tss */
		setenv("TSS2_LOG", "all+none", 1);
	if (argc > 2 && !strcmp(argv[1], "--config")) {
		config = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help();
	return argc == 2 ? run(config, argv[1]) : usage("one operation is needed", "");
}
