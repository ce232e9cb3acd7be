// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/secret.h"
#include "tools/dergctl/dergctl.h"

static int derive(const char *tenant, uint32_t epoch, const char *machine, const char *manifest,
		  const char *out)
{
	uint8_t *spki = NULL, *text = NULL, *cms = NULL;
	size_t spki_len = 0, text_len = 0, cms_len;
	struct erot_error err = { "", "" };
	struct derg d;
	int ret, code;

	ret = erot_read_file(machine, EROT_HWKEY_MAX, &spki, &spki_len, &err);
	if (!ret)
		ret = erot_read_file(manifest, EROT_MANIFEST_MAX, &text, &text_len, &err);
	if (ret) {
		code = cli_fail(ret, &err);
		goto out;
	}
	code = dergctl_open(&d);
	if (!code) {
		ret = derg_statement(&d, tenant, epoch, spki, spki_len, text, text_len, &cms,
				     &cms_len, &err);
		if (!ret)
			ret = cli_write(out, cms, cms_len, &err);
		if (ret)
			code = cli_fail(ret, &err);
	}
	derg_close(&d);
	free(cms);
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
			return cli_usage("%s", "");
		}
	}
	if (optind != argc || !machine || !manifest || !out)
		return cli_usage("--machine, --manifest and -o are needed");
	return derive(tenant, epoch, machine, manifest, out);
}
