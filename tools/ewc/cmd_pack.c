// SPDX-License-Identifier: GPL-2.0-only
/*
 * ewc pack: prepare, ask for a key statement, seal. The manifest with the code
 * hash is part of the statement, and the statement of the envelope, hence the
 * DERG (or a command) in the middle. A DERG is also asked for the receipt.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ewc/derg.h"
#include "tools/ewc/ewc.h"

#define WORDS_MAX 64

/**
 * struct names - files of one pack; all but @temp stay
 * @temp: @payload is to be removed: it is inside the EWC then
 */
struct names {
	char payload[PATH_MAX], key[PATH_MAX], manifest[PATH_MAX], statement[PATH_MAX];
	char order[PATH_MAX], receipt[PATH_MAX];
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
	snprintf(n->order, PATH_MAX, "%.*s.order", base, out);
	snprintf(n->receipt, PATH_MAX, "%.*s.receipt", base, out);
	return 0;
}

/* Words at blanks; there is no quoting, and no shell. */
static int derive(const char *command, const struct names *n)
{
	struct erot_error err = { "", "", "", "" };
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
	ret = ewc_run(argv, -1, -1, &err);
	free(words);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

/**
 * struct pack - command line of pack
 * @command: of --derive, or NULL
 * @machine: id, for a DERG
 * @derg: for that
 */
struct pack {
	const char *command, *machine, *payload, *key;
	struct ewc_prepare prepare;
	struct ewc_seal seal;
	struct ewc_derg derg;
	struct names n;
	char manifest[PATH_MAX], out[PATH_MAX];
};

static int write_member(const json_t *answer, const char *name, const char *path,
			struct erot_error *err)
{
	uint8_t *data;
	size_t len;
	int ret;

	ret = erot_service_base64(answer, name, EROT_CMS_MAX, &data, &len, err);
	if (!ret)
		ret = cli_write(path, data, len, err);
	free(data);
	return ret;
}

static int ask_statement(const struct pack *p, struct erot_error *err)
{
	json_t *body = json_object(), *answer = NULL;
	int ret;

	json_object_set_new(body, "machine", json_string(p->machine));
	ret = ewc_set_file(body, "manifest", p->n.manifest, err);
	if (!ret)
		ret = ewc_derg_call(&p->derg, "POST", "statements", body, &answer, err);
	if (!ret)
		ret = write_member(answer, "statement", p->n.statement, err);
	json_decref(answer);
	json_decref(body);
	return ret;
}

static int set_envelope(json_t *body, const char *ewc, struct erot_error *err)
{
	struct erot_envelope_info info;
	uint8_t *env;
	int ret;

	ret = ewc_open_envelope(ewc, NULL, &env, &info, err);
	if (ret)
		return ret;
	ret = ewc_set_bytes(body, "envelope", env, info.len, err);
	free(env);
	return ret;
}

static int ask_receipt(const struct pack *p, struct erot_error *err)
{
	const struct ewc_order order = {
		.statement = p->n.statement,
		.ewc = p->seal.out,
		.key = p->derg.order_key,
		.cert = p->derg.order_cert,
		.derg = p->seal.cert,
		.out = p->n.order,
	};
	json_t *body = json_object(), *answer = NULL;
	int ret;

	ret = ewc_order(&order, err);
	if (!ret)
		ret = ewc_set_file(body, "statement", p->n.statement, err);
	if (!ret)
		ret = ewc_set_file(body, "order", p->n.order, err);
	if (!ret)
		ret = set_envelope(body, p->seal.out, err);
	if (!ret)
		ret = ewc_derg_call(&p->derg, "POST", "receipts", body, &answer, err);
	if (!ret)
		ret = write_member(answer, "receipt", p->n.receipt, err);
	json_decref(answer);
	json_decref(body);
	return ret;
}

static int pack(struct pack *p)
{
	struct erot_error err = { "", "", "", "" };
	int code, ret = 0;

	code = ewc_prepare(&p->prepare);
	if (!code && p->command)
		code = derive(p->command, &p->n);
	else if (!code)
		ret = ask_statement(p, &err);
	if (!code && !ret)
		code = ewc_seal(&p->seal);
	if (!code && !ret && !p->command)
		ret = ask_receipt(p, &err);
	if (p->n.temp)
		unlink(p->n.payload);
	return ret ? cli_fail(ret, &err) : code;
}

static int take_options(struct pack *p, int argc, char **argv)
{
	static const struct option options[] = {
		{ "manifest", required_argument, NULL, 'm' },
		{ "derive", required_argument, NULL, 'd' },
		{ "machine", required_argument, NULL, 'M' },
		{ "cert", required_argument, NULL, 'c' },
		{ "payload", required_argument, NULL, 'p' },
		{ "key", required_argument, NULL, 'k' },
		{ "output", required_argument, NULL, 'o' },
		EWC_DERG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			p->prepare.manifest = optarg;
			break;
		case 'd':
			p->command = optarg;
			break;
		case 'M':
			p->machine = optarg;
			break;
		case 'c':
			p->seal.cert = optarg;
			break;
		case 'p':
			p->payload = optarg;
			break;
		case 'k':
			p->key = optarg;
			break;
		case 'o':
			p->seal.out = optarg;
			break;
		default:
			if (ewc_derg_option(&p->derg, c, optarg))
				return cli_bad_option();
		}
	}
	return CLI_OK;
}

/* rootfs/ -> rootfs.json, rootfs.ewc */
static int take_defaults(struct pack *p, const char *source)
{
	int len = strlen(source);

	while (len > 1 && source[len - 1] == '/')
		len--;
	if (len + 16 > PATH_MAX)
		return cli_usage("a name is too long");
	snprintf(p->manifest, sizeof(p->manifest), "%.*s.json", len, source);
	snprintf(p->out, sizeof(p->out), "%.*s.ewc", len, source);
	if (!p->prepare.manifest)
		p->prepare.manifest = p->manifest;
	if (!p->seal.out)
		p->seal.out = p->out;
	if (!p->seal.cert && p->derg.receipt_cert[0])
		p->seal.cert = p->derg.receipt_cert;
	return CLI_OK;
}

int cmd_pack(int argc, char **argv)
{
	struct erot_error err = { "", "", "", "" };
	static struct pack p;
	int ret;

	ret = ewc_derg_defaults(&p.derg, &err);
	if (ret)
		return cli_fail(ret, &err);
	ret = take_options(&p, argc, argv);
	if (ret)
		return ret;
	if (optind + 1 != argc)
		return cli_usage("one directory or tar is needed");
	if (!p.command && (!p.derg.derg[0] || !p.machine || !p.derg.order_key[0] ||
			   !p.derg.order_cert[0]))
		return cli_usage("--derive; or --derg, --machine, --order-key and --order-cert");
	ret = take_defaults(&p, argv[optind]);
	if (ret)
		return ret;
	if (make_names(&p.n, p.seal.out, p.payload, p.key))
		return cli_usage("a name is too long");
	p.prepare.source = argv[optind];
	p.prepare.payload = p.seal.payload = p.n.payload;
	p.prepare.key = p.seal.key = p.n.key;
	p.prepare.finished = p.seal.manifest = p.n.manifest;
	p.seal.statement = p.n.statement;
	p.seal.one_file = p.n.temp;
	p.seal.machine = p.machine;
	return pack(&p);
}
