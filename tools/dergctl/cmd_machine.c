// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/io.h"
#include "dergd/machine.h"
#include "tools/dergctl/dergctl.h"

#define REASON_MAX 200	/* as in the API */

struct args {
	const char *tenant, *reason, *id;
	int json;
};

struct listing {
	const struct args *args;
	json_t *list;
};

static int list_one(void *ctx, const struct machine *m)
{
	const char *kind = m->software ? "software" : "tpm";
	char hex[2 * EROT_DIGEST_SIZE + 1];
	struct listing *l = ctx;

	erot_hex(m->id, sizeof(m->id), hex);
	if (!l->args->json)
		return printf("%s\t%s\t%s\n", hex, machine_state_name(m->state), kind) < 0 ?
		       -EIO : 0;
	return json_array_append_new(l->list, json_pack("{s:s,s:s,s:s}", "machine", hex, "state",
							machine_state_name(m->state), "kind",
							kind)) ? -ENOMEM : 0;
}

static int list(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct listing l = { a, json_array() };
	int ret;

	ret = machine_each(d, a->tenant, list_one, &l, err);
	if (!ret && a->json) {
		json_dumpf(l.list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(l.list);
	return ret;
}

static int revoke_one(struct derg *d, const struct args *a, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];

	if (strlen(a->id) != 2 * sizeof(id) || erot_unhex(a->id, id, sizeof(id)))
		return erot_fail(err, EINVAL, "usage", "a machine's id is 64 hexadecimal digits");
	return machine_revoke(d, a->tenant, id, a->reason, time(NULL), err);
}

/* It goes into the log, as JSON. */
static int is_reason(const char *text)
{
	json_t *s = strlen(text) <= REASON_MAX && *text ? json_string(text) : NULL;
	int good = !!s;

	json_decref(s);
	return good;
}

int cmd_machine(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tenant", required_argument, NULL, 't' },
		{ "reason", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .tenant = "default", .reason = "by the operator" };
	struct erot_error err = { "", "", "", "" };
	const char *verb;
	struct derg d;
	int c, ret, code;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't':
			a.tenant = optarg;
			break;
		case 'r':
			a.reason = optarg;
			break;
		case 'j':
			a.json = 1;
			break;
		default:
			return cli_bad_option();
		}
	}
	verb = optind < argc ? argv[optind] : "";
	if (strcmp(verb, "list") && strcmp(verb, "revoke"))
		return cli_usage("machine list, or machine revoke ID");
	if (argc - optind != (strcmp(verb, "list") ? 2 : 1))
		return cli_usage("machine list, or machine revoke ID");
	if (!is_reason(a.reason))
		return cli_usage("--reason: 1 to %d bytes of UTF-8", REASON_MAX);
	a.id = argv[optind + 1];
	code = dergctl_open(&d);
	if (!code) {
		ret = strcmp(verb, "list") ? revoke_one(&d, &a, &err) : list(&d, &a, &err);
		if (ret)
			code = cli_fail(ret, &err);
	}
	dergctl_close(&d);
	return code;
}
