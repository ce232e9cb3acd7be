// SPDX-License-Identifier: GPL-2.0-only
/* ewc fetch: the bundle for an audit, as the DERG has it now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "tools/ewc/derg.h"
#include "tools/ewc/ewc.h"

static int digest_of(const char *path, char hex[2 * EROT_DIGEST_SIZE + 1], struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content;
	size_t len;
	int ret;

	ret = ewc_read_signed(path, NULL, &content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(content, len, &r, err);
	if (!ret)
		erot_hex(r.digest, sizeof(r.digest), hex);
	free(content);
	return ret;
}

static int fetch(const struct ewc_derg *d, const char *receipt, const char *out,
		 struct erot_error *err)
{
	char hex[2 * EROT_DIGEST_SIZE + 1], path[128];
	json_t *answer = NULL;
	char *text;
	int ret;

	ret = digest_of(receipt, hex, err);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "receipts/%s/bundle", hex);
	ret = ewc_derg_call(d, "GET", path, NULL, &answer, err);
	if (ret)
		return ret;
	text = json_dumps(answer, JSON_COMPACT);
	ret = text ? cli_write(out, text, strlen(text), err) :
	      erot_fail(err, ENOMEM, "no-memory", "bundle");
	free(text);
	json_decref(answer);
	return ret;
}

int cmd_fetch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		EWC_DERG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	struct erot_error err = { "", "", "", "" };
	static struct ewc_derg d;
	const char *out = NULL;
	int c, ret;

	ret = ewc_derg_defaults(&d, &err);
	if (ret)
		return cli_fail(ret, &err);
	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c == 'o')
			out = optarg;
		else if (ewc_derg_option(&d, c, optarg))
			return cli_usage("%s", "");
	}
	if (optind + 1 != argc || !out || !d.derg[0])
		return cli_usage("--derg, -o and one receipt are needed");
	ret = fetch(&d, argv[optind], out, &err);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}
