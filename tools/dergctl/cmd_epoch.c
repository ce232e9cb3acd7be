// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/io.h"
#include "dergd/epoch.h"
#include "tools/dergctl/dergctl.h"

/**
 * struct args - command line of epoch
 * @epoch: 0: not given
 */
struct args {
	const char *tenant;
	uint32_t epoch;
	int json, force;
};

static int make(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct epoch e;
	int ret;

	ret = epoch_new(d, a->tenant, a->epoch, time(NULL), &e, err);
	if (!ret)
		printf("epoch %" PRIu32 " of %s: active\n", e.number, a->tenant);
	return ret;
}

static int drain(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct epoch e;
	int ret;

	ret = epoch_drain(d, a->tenant, a->epoch, time(NULL), &e, err);
	if (!ret)
		printf("epoch %" PRIu32 " of %s: draining\n", a->epoch, a->tenant);
	return ret;
}

struct listing {
	const struct args *args;
	json_t *list;
};

static int list_one(void *ctx, const struct epoch *e)
{
	struct listing *l = ctx;
	char created[32], last[32];
	json_t *o;

	cli_time_text(e->created, created);
	cli_time_text(e->last_use, last);
	if (!l->args->json) {
		printf("%s\t%" PRIu32 "\t%s\t%s\t%s\n", e->tenant, e->number,
		       epoch_state_name(e->state), created, e->last_use ? last : "-");
		return 0;
	}
	o = json_pack("{s:s,s:I,s:s,s:s}", "tenant", e->tenant, "epoch", (json_int_t)e->number,
		      "state", epoch_state_name(e->state), "created", created);
	json_object_set_new(o, "lastUse", e->last_use ? json_string(last) : json_null());
	json_array_append_new(l->list, o);
	return 0;
}

static int list(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct listing l = { a, json_array() };
	int ret;

	ret = epoch_each(d, a->tenant, list_one, &l, err);
	if (!ret && a->json) {
		json_dumpf(l.list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(l.list);
	return ret;
}

static int destroy(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct epoch e;
	int ret;

	ret = epoch_destroy(d, a->tenant, a->epoch, a->force, time(NULL), &e, err);
	if (!ret)
		printf("epoch %" PRIu32 " of %s: destroyed\n", a->epoch, a->tenant);
	return ret;
}

/**
 * struct verb - one of the command's verbs
 * @one: works on one tenant ("default") and needs --epoch
 */
static const struct verb {
	const char *name;
	int (*fn)(struct derg *d, const struct args *a, struct erot_error *err);
	int one;
} verbs[] = {
	{ "new", make, 0 },
	{ "list", list, 0 },
	{ "drain", drain, 1 },
	{ "destroy", destroy, 1 },
	{ NULL, NULL, 0 },
};

static int run(const struct verb *verb, struct args *a)
{
	struct erot_error err = { "", "", "", "" };
	struct derg d;
	int ret, code;

	if (!a->tenant && verb->fn != list)
		a->tenant = "default";
	code = dergctl_open(&d);
	if (!code) {
		ret = verb->fn(&d, a, &err);
		if (ret)
			code = cli_fail(ret, &err);
	}
	dergctl_close(&d);
	return code;
}

int cmd_epoch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tenant", required_argument, NULL, 't' },
		{ "epoch", required_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	const struct verb *verb;
	struct args a = { 0 };
	uint64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't':
			a.tenant = optarg;
			break;
		case 'e':
			if (erot_parse_u64(optarg, UINT32_MAX, &n) || !n)
				return cli_usage("--epoch: a number from 1");
			a.epoch = n;
			break;
		case 'j':
			a.json = 1;
			break;
		case 'f':
			a.force = 1;
			break;
		default:
			return cli_bad_option();
		}
	}
	for (verb = verbs; verb->name && optind + 1 == argc; verb++)
		if (!strcmp(argv[optind], verb->name))
			break;
	if (optind + 1 != argc || !verb->name)
		return cli_usage("epoch new, list, drain or destroy");
	if (verb->one && !a.epoch)
		return cli_usage("epoch %s needs --epoch", verb->name);
	return run(verb, &a);
}
