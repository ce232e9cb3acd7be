// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "liberot/show.h"
#include "dergd/ending.h"
#include "tools/dergctl/dergctl.h"

/* With the verdict of the DERG, who has the key of its MAC. */
static int tell(const uint8_t *ev, size_t len, struct erot_error *err)
{
	json_t *o;
	int ret;

	ret = erot_describe(ev, len, NULL, &o, err);
	if (ret)
		return ret;
	json_object_set_new(o, "mac", json_string("good"));
	printf("evidence: good\n");
	ret = erot_show_object(o, 0, err);
	json_decref(o);
	return ret;
}

static int check(const char *receipt_path, const char *evidence_path, const char *record_path)
{
	uint8_t *receipt = NULL, *ev = NULL;
	struct derg_end_request in = { .tenant = NULL };
	struct derg_issued out = { .cms = NULL };
	struct erot_error err = { "", "", "", "" };
	size_t receipt_len, ev_len;
	struct derg d;
	int ret, code;

	ret = cli_read(receipt_path, &receipt, &receipt_len, &err);
	if (!ret)
		ret = cli_read(evidence_path, &ev, &ev_len, &err);
	if (ret) {
		code = cli_fail(ret, &err);
		goto out;
	}
	in.receipt = receipt;
	in.receipt_len = receipt_len;
	in.evidence = ev;
	in.evidence_len = ev_len;
	code = dergctl_open(&d);
	if (!code && !record_path) {
		ret = derg_check_evidence(&d, &in, &err);
	} else if (!code) {
		ret = derg_terminate(&d, &in, time(NULL), &out, &err);
		if (!ret)
			ret = cli_write(record_path, out.cms, out.cms_len, &err);
	}
	if (!code && ret)
		code = cli_fail(ret, &err);
	if (!code && !(record_path && !strcmp(record_path, "-"))) {
		ret = tell(ev, ev_len, &err);
		if (ret)
			code = cli_fail(ret, &err);
	}
	dergctl_close(&d);
	derg_issued_free(&out);
out:
	free(receipt);
	free(ev);
	return code;
}

int cmd_check_evidence(int argc, char **argv)
{
	static const struct option options[] = {
		{ "receipt", required_argument, NULL, 'r' },
		{ "evidence", required_argument, NULL, 'e' },
		{ "record", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	const char *receipt = NULL, *evidence = NULL, *record = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			receipt = optarg;
			break;
		case 'e':
			evidence = optarg;
			break;
		case 'o':
			record = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind != argc || !receipt || !evidence)
		return cli_usage("--receipt and --evidence are needed");
	return check(receipt, evidence, record);
}
