// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/io.h"
#include "common/secret.h"
#include "dergd/issue.h"
#include "tools/dergctl/dergctl.h"

static int derive(const char *tenant, uint32_t epoch, const char *machine, const char *manifest,
		  const char *path)
{
	struct derg_statement_request in = { .tenant = tenant, .epoch = epoch };
	uint8_t *spki = NULL, *text = NULL, id[EROT_DIGEST_SIZE];
	size_t spki_len = 0, text_len = 0;
	struct erot_error err = { "", "", "", "" };
	struct derg_issued out;
	struct derg d;
	int ret, code;

	/* 64 hexadecimal digits are the id of an enrolled machine, anything else a file */
	if (strlen(machine) == 2 * sizeof(id) && !erot_unhex(machine, id, sizeof(id))) {
		in.machine = id;
		ret = 0;
	} else {
		ret = erot_read_file(machine, EROT_HWKEY_MAX, &spki, &spki_len, &err);
	}
	if (!ret)
		ret = erot_read_file(manifest, EROT_MANIFEST_MAX, &text, &text_len, &err);
	if (ret) {
		code = cli_fail(ret, &err);
		goto out;
	}
	code = dergctl_open(&d);
	if (!code) {
		in.spki = spki;
		in.spki_len = spki_len;
		in.manifest = text;
		in.manifest_len = text_len;
		ret = derg_statement(&d, &in, time(NULL), &out, &err);
		if (!ret)
			ret = cli_write(path, out.cms, out.cms_len, &err);
		if (ret)
			code = cli_fail(ret, &err);
		derg_issued_free(&out);
	}
	dergctl_close(&d);
out:
	erot_wipe_free(spki, spki_len);
	erot_wipe_free(text, text_len);
	return code;
}

int cmd_derive(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tenant", required_argument, NULL, 't' },
		{ "epoch", required_argument, NULL, 'e' },
		{ "machine", required_argument, NULL, 'm' },
		{ "manifest", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	const char *tenant = "default", *machine = NULL, *manifest = NULL, *out = NULL;
	uint64_t epoch = 0;
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 't':
			tenant = optarg;
			break;
		case 'e':
			if (erot_parse_u64(optarg, UINT32_MAX, &epoch) || !epoch)
				return cli_usage("--epoch: a number from 1");
			break;
		case 'm':
			machine = optarg;
			break;
		case 'f':
			manifest = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind != argc || !machine || !manifest || !out)
		return cli_usage("--machine, --manifest and -o are needed");
	return derive(tenant, epoch, machine, manifest, out);
}
