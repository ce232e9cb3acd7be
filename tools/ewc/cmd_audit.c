// SPDX-License-Identifier: GPL-2.0-only
/* ewc audit: a verdict on every link of the chain, and one on the whole. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "liberot/audit.h"
#include "liberot/cms.h"
#include "tools/ewc/ewc.h"

#define ROOTS_MAX	(4U << 20)

/**
 * struct args - command line of audit
 * @receipt: empty: none
 * @beside: @receipt was not named, and need not be there
 */
struct args {
	const char *cert, *ewc, *customer, *roots, *since;
	int json;
	char bundle[PATH_MAX], receipt[PATH_MAX];
	bool beside;
};

/**
 * struct report - what is printed
 * @list: with --json
 */
struct report {
	int json;
	json_t *list;
};

static const char *verdict(int ret)
{
	switch (ret) {
	case 0:
		return "good";
	case -ENODATA:
		return "missing";
	case -ECANCELED:
		return "not checked";
	default:
		return "BAD";
	}
}

static void tell(void *ctx, const char *name, const char *what, int ret,
		 const struct erot_error *err)
{
	struct report *r = ctx;

	if (r->json) {
		json_array_append_new(r->list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "check",
							 name, "establishes", what, "verdict",
							 verdict(ret), "code", err->code, "detail",
							 err->text, "expected", err->expected,
							 "actual", err->actual));
		return;
	}
	printf("%-12s %-12s %s\n", name, verdict(ret), what);
	if (ret && ret != -ECANCELED)
		printf("             %s (%s)\n", err->text, err->code);
	if (err->expected[0])
		printf("             expected %s\n             actual   %s\n", err->expected,
		       err->actual);
}

/*
 * The launch that is asked about. A bundle alone says which launch it is about, and whoever made it
 * may have chosen; the container is of one launch, too.
 */
static int read_launch(const struct args *a, struct erot_audit_input *in,
		       uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err)
{
	int ret = a->receipt[0] ? ewc_read_receipt(a->receipt, digest, err) : -ENOENT;

	if (!ret)
		in->receipt = digest;
	if (ret != -ENOENT || (a->receipt[0] && !a->beside))
		return ret;
	return a->ewc ? 0 : erot_fail(err, EINVAL, "usage", "a bundle of which launch? Name its "
				      "receipt (--receipt) or its container (--ewc)");
}

static int read_inputs(const struct args *a, struct erot_audit_input *in, uint8_t **bundle,
		       uint8_t **envelope, struct erot_ek_roots **roots, char **since,
		       struct erot_error *err)
{
	struct erot_envelope_info e;
	uint8_t *pem;
	size_t len;
	int ret;

	ret = erot_read_file(a->bundle, EROT_BUNDLE_MAX, bundle, &in->bundle_len, err);
	in->bundle = *bundle;
	if (!ret)
		ret = erot_cert_read(a->cert, &in->cert, err);
	if (!ret && a->customer)
		ret = erot_cert_read(a->customer, &in->customer, err);
	if (!ret && a->ewc) {
		ret = ewc_open_envelope(a->ewc, NULL, envelope, &e, err);
		in->envelope = *envelope;
		in->envelope_len = ret ? 0 : e.len;
	}
	if (!ret && a->roots) {
		ret = erot_read_file(a->roots, ROOTS_MAX, &pem, &len, err);
		if (!ret) {
			ret = erot_ek_roots_load(pem, len, roots, err);
			free(pem);
		}
		in->roots = *roots;
	}
	if (!ret && a->since) {
		ret = ewc_read_checkpoint(a->since, since, &in->since_len, err);
		in->since = *since;
	}
	return ret;
}

static int audit(const struct args *a)
{
	struct report r = { a->json, a->json ? json_array() : NULL };
	struct erot_audit_input in = { .bundle = NULL };
	uint8_t receipt[EROT_DIGEST_SIZE];
	struct erot_error err = { "", "", "", "" };
	uint8_t *bundle = NULL, *envelope = NULL;
	struct erot_ek_roots *roots = NULL;
	char *since = NULL;
	int ret, code;

	ret = read_launch(a, &in, receipt, &err) ?:
	      read_inputs(a, &in, &bundle, &envelope, &roots, &since, &err);
	if (ret) {
		code = cli_fail(ret, &err);
		goto out;
	}
	ret = erot_audit(&in, tell, &r, &err);
	if (a->json) {
		json_dumpf(r.list, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		puts(ret ? "\nThe chain does not hold." : "\nThe chain holds.");
	}
	code = ret ? CLI_REFUSED : CLI_OK;
out:
	json_decref(r.list);
	erot_ek_roots_free(roots);
	X509_free(in.customer);
	X509_free(in.cert);
	free(since);
	free(envelope);
	free(bundle);
	return code;
}

/* @name with @to for @from at its end; else *@out is empty. */
static int beside(const char *name, const char *from, const char *to, char out[PATH_MAX])
{
	const char *dot = strrchr(name, '.');

	out[0] = '\0';
	if (!dot || strcmp(dot, from))
		return 0;
	return snprintf(out, PATH_MAX, "%.*s%s", (int)(dot - name), name, to) < PATH_MAX ? 0 : -1;
}

static int put(char out[PATH_MAX], const char *name)
{
	return snprintf(out, PATH_MAX, "%s", name) < PATH_MAX ? 0 : -1;
}

/* app.receipt stands for app.audit beside it, and by either name the two are compared. */
static int name_files(const char *name, const char *receipt, struct args *a)
{
	int ret = beside(name, ".receipt", ".audit", a->bundle);

	if (a->bundle[0]) {
		if (receipt)
			return cli_usage("the receipt is named twice");
		receipt = name;
	} else {
		ret = put(a->bundle, name);
	}
	a->beside = !receipt;
	if (!ret)
		ret = receipt ? put(a->receipt, receipt) :
		      beside(name, ".audit", ".receipt", a->receipt);
	return ret ? cli_usage("a name is too long") : CLI_OK;
}

int cmd_audit(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cert", required_argument, NULL, 'c' },
		{ "receipt", required_argument, NULL, 'R' },
		{ "ewc", required_argument, NULL, 'e' },
		{ "customer-cert", required_argument, NULL, 'u' },
		{ "ek-roots", required_argument, NULL, 'r' },
		{ "since", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	const char *receipt = NULL;
	static struct args a;
	int c, ret;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a.cert = optarg;
			break;
		case 'R':
			receipt = optarg;
			break;
		case 'e':
			a.ewc = optarg;
			break;
		case 'u':
			a.customer = optarg;
			break;
		case 'r':
			a.roots = optarg;
			break;
		case 's':
			a.since = optarg;
			break;
		case 'j':
			a.json = 1;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind + 1 != argc || !a.cert)
		return cli_usage("--cert and one bundle (or its receipt) are needed");
	ret = name_files(argv[optind], receipt, &a);
	return ret ?: audit(&a);
}
