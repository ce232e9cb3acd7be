// SPDX-License-Identifier: GPL-2.0-only
/* PCR policies: made from known-good machines, tried, and mismatches explained. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "liberot/explain.h"
#include "liberot/names.h"
#include "liberot/policy.h"
#include "tools/dergctl/dergctl.h"

/**
 * struct args - command line of policy
 * @learn:    choices
 * @out:      where the policy goes
 * @policy:   file
 * @json:     explanation as JSON
 * @software: the machine has a software key
 * @tenant:   of put and show
 */
struct args {
	struct erot_learn learn;
	const char *out;
	const char *policy;
	int json;
	int software;
	const char *tenant;
};

static int read_input(const char *path, size_t max, uint8_t **data, size_t *len,
		      struct erot_error *err)
{
	if (!strcmp(path, "-"))
		return erot_read_fd(STDIN_FILENO, "standard input", max, data, len, err);
	return erot_read_file(path, max, data, len, err);
}

static int read_state(const char *path, struct erot_machine_state *state, struct erot_error *err)
{
	uint8_t *data;
	size_t len;
	int ret;

	ret = read_input(path, EROT_STATE_MAX, &data, &len, err);
	if (ret)
		return ret;
	ret = erot_machine_state_parse(data, len, state, err);
	free(data);
	if (ret)
		erot_error_prefix(err, "%s", path);
	return ret;
}

static int read_policy(const char *path, struct erot_policy *policy, struct erot_error *err)
{
	uint8_t *data;
	size_t len;
	int ret;

	ret = erot_read_file(path, EROT_POLICY_MAX, &data, &len, err);
	if (ret)
		return ret;
	ret = erot_policy_parse(data, len, policy, err);
	free(data);
	if (ret)
		erot_error_prefix(err, "%s", path);
	return ret;
}

static int learn(const struct args *a, char **files, size_t n)
{
	struct erot_machine_state *states = calloc(n, sizeof(*states));
	struct erot_error err = { "", "" };
	char *text = NULL;
	size_t i;
	int ret = states ? 0 : erot_fail(&err, ENOMEM, "no-memory", "out of memory");

	for (i = 0; !ret && i < n; i++)
		ret = read_state(files[i], &states[i], &err);
	if (!ret)
		ret = erot_policy_learn(&a->learn, states, n, &text, &err);
	if (!ret)
		ret = cli_write(a->out, text, strlen(text), &err);
	for (i = 0; states && i < n; i++)
		erot_machine_state_free(&states[i]);
	free(states);
	free(text);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

static void tell(void *ctx, const char *check, int ret, const struct erot_error *err)
{
	(void)ctx;
	if (!ret) {
		printf("ok      %s\n", check);
		return;
	}
	printf("refused %s: %s (%s)\n", check, err->text, err->code);
	if (*err->expected || *err->actual)
		printf("        expected %s\n        actual   %s\n", err->expected, err->actual);
}

static int test(const struct args *a, const char *file)
{
	struct erot_machine_state state = { 0 };
	struct erot_error err = { "", "" };
	struct erot_policy policy = { 0 };
	char digest[2 * EROT_DIGEST_SIZE + 1];
	int ret;

	ret = read_policy(a->policy, &policy, &err);
	if (!ret)
		ret = read_state(file, &state, &err);
	if (!ret) {
		printf("policy  %s\n", erot_hex(policy.digest, sizeof(policy.digest), digest));
		state.software = a->software;
		ret = erot_policy_verdicts(&policy, &state, tell, NULL, &err);
		printf("%s\n", ret ? "refused" : "accepted");
	}
	erot_machine_state_free(&state);
	erot_policy_free(&policy);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

static const char *string_in(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ?: "";
}

static void show_event(const json_t *e)
{
	const char *is = string_in(e, "is");

	printf("    %c %-33s %.16s  %s\n", *is == 's' ? ' ' : *is == 'm' ? '-' : '+',
	       string_in(e, "type"), string_in(e, "digest"), string_in(e, "text"));
}

static void show_pcr(const json_t *p)
{
	int pcr = (int)json_integer_value(json_object_get(p, "pcr"));
	const json_t *v, *actual = json_object_get(p, "actual");
	size_t i;

	if (json_is_true(json_object_get(p, "ok"))) {
		printf("PCR %d: accepted\n", pcr);
		return;
	}
	printf("PCR %d: not accepted\n", pcr);
	json_array_foreach(json_object_get(p, "accepted"), i, v)
		printf("  %s %s\n", i ? "or      " : "expected", json_string_value(v));
	printf("  actual   %s\n", json_is_null(actual) ? "not there" : json_string_value(actual));
	if (json_is_false(json_object_get(p, "replays")))
		printf("  the event log does not replay to this: its events explain nothing\n");
	if (!json_object_get(p, "events"))
		return;
	printf("  events (- learned, missing here; + only here):\n");
	json_array_foreach(json_object_get(p, "events"), i, v)
		show_event(v);
}

static void show_explanation(const json_t *o)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(o, "checks"), i, v) {
		if (json_is_true(json_object_get(v, "ok")))
			printf("ok      %s\n", string_in(v, "check"));
		else
			printf("refused %s: %s (%s)\n", string_in(v, "check"),
			       string_in(v, "detail"), string_in(v, "code"));
	}
	json_array_foreach(json_object_get(o, "pcrs"), i, v)
		show_pcr(v);
}

/* Explaining is no verdict: the status is 0 also for a machine that is refused. */
static int explain(const struct args *a, const char *file)
{
	struct erot_machine_state state = { 0 };
	struct erot_error err = { "", "" };
	struct erot_policy policy = { 0 };
	json_t *o = NULL;
	int ret;

	ret = read_policy(a->policy, &policy, &err);
	if (!ret)
		ret = read_state(file, &state, &err);
	state.software = a->software;
	if (!ret)
		ret = erot_policy_explain(&policy, &state, &o, &err);
	if (!ret && a->json) {
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!ret) {
		show_explanation(o);
	}
	json_decref(o);
	erot_machine_state_free(&state);
	erot_policy_free(&policy);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

/* "0,4,7" */
static int parse_pcrs(char *list, uint32_t *mask)
{
	char *save = NULL, *s;
	int n;

	*mask = 0;
	for (s = strtok_r(list, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		n = erot_pcr_number(s);
		if (n < 0)
			return -EINVAL;
		*mask |= 1U << n;
	}
	return *mask ? 0 : -EINVAL;
}

/* "lockdown,no-swap", or "none" */
static int parse_host(char *list, uint32_t *host)
{
	char *save = NULL, *s;
	uint32_t bit;

	*host = 0;
	if (!strcmp(list, "none"))
		return 0;
	for (s = strtok_r(list, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		bit = erot_host_bit(s);
		if (!bit)
			return -EINVAL;
		*host |= bit;
	}
	return *host ? 0 : -EINVAL;
}

static int parse_option(int c, struct args *a)
{
	uint64_t n;

	switch (c) {
	case 'P':
		return parse_pcrs(optarg, &a->learn.mask) ?
		       cli_usage("--pcrs: numbers from 0 to 15, as in 0,4,7") : 0;
	case 'b':
		if (erot_parse_u64(optarg, EROT_POLICY_PCRS - 1, &n) || n < 8)
			return cli_usage("--boot-pcr: 8 to 15");
		a->learn.boot_pcr = (uint32_t)n;
		return 0;
	case 'H':
		return parse_host(optarg, &a->learn.host) ?
		       cli_usage("--host-state: names, as in lockdown,no-swap, or none") : 0;
	case 'l':
		a->learn.optional_log = true;
		return 0;
	case 'S':
		a->learn.allow_software = true;
		a->software = 1;
		return 0;
	case 'u':
		if (erot_parse_u64(optarg, EROT_UNACCOUNTED_ANY - 1, &n))
			return cli_usage("--max-unaccounted: a number");
		a->learn.max_unaccounted = (uint32_t)n;
		return 0;
	case 'p':
		a->policy = optarg;
		return 0;
	case 'j':
		a->json = 1;
		return 0;
	case 't':
		a->tenant = optarg;
		return 0;
	case 'o':
		a->out = optarg;
		return 0;
	}
	return cli_bad_option();
}

int cmd_policy(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pcrs", required_argument, NULL, 'P' },
		{ "boot-pcr", required_argument, NULL, 'b' },
		{ "host-state", required_argument, NULL, 'H' },
		{ "event-log-optional", no_argument, NULL, 'l' },
		{ "software-key", no_argument, NULL, 'S' },
		{ "max-unaccounted", required_argument, NULL, 'u' },
		{ "policy", required_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "tenant", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .learn = { .boot_pcr = EROT_BOOT_PCR, .host = EROT_HOST_ALL,
				     .max_unaccounted = EROT_UNACCOUNTED_ANY },
			  .tenant = "default" };
	const char *verb;
	int c, ret;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		ret = parse_option(c, &a);
		if (ret)
			return ret;
	}
	if (optind == argc)
		return cli_usage("policy learn, test, explain, put or show");
	verb = argv[optind++];
	if (!strcmp(verb, "show") && optind == argc)
		return dergctl_policy_show(a.tenant);
	if (!strcmp(verb, "put") && optind + 1 == argc)
		return dergctl_policy_put(a.tenant, argv[optind]);
	if (optind == argc)
		return cli_usage("policy %s: a file is needed", verb);
	if (!strcmp(verb, "learn")) {
		if (!a.out)
			return cli_usage("policy learn needs -o");
		return learn(&a, argv + optind, (size_t)(argc - optind));
	}
	if (strcmp(verb, "test") && strcmp(verb, "explain"))
		return cli_usage("policy learn, test, explain, put or show");
	if (!a.policy || optind + 1 != argc)
		return cli_usage("policy %s needs --policy and one machine state", verb);
	return strcmp(verb, "test") ? explain(&a, argv[optind]) : test(&a, argv[optind]);
}
