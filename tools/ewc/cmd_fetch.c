// SPDX-License-Identifier: GPL-2.0-only
/* ewc fetch: the bundle for an audit, as the DERG has it now. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "liberot/audit.h"
#include "liberot/cms.h"
#include "liberot/note.h"
#include "tools/ewc/derg.h"
#include "tools/ewc/ewc.h"

_Static_assert(EROT_SERVICE_ANSWER_MAX >= EROT_BUNDLE_MAX, "what can be audited can be fetched");

/* The launch that was asked for, and no better one. All else is for the audit. */
static int check_launch(const json_t *bundle, const uint8_t receipt[EROT_DIGEST_SIZE],
			struct erot_error *err)
{
	uint8_t *cms, *content = NULL;
	struct erot_receipt_info r;
	size_t len;
	int ret;

	ret = erot_service_base64(bundle, "receipt", EROT_CMS_MAX, &cms, &len, err);
	if (ret)
		return ret;
	ret = erot_cms_content(cms, len, &content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(content, len, &r, err);
	if (!ret && memcmp(r.digest, receipt, EROT_DIGEST_SIZE))
		ret = erot_fail_digests(err, EKEYREJECTED, "audit-launch", receipt, r.digest,
					"the DERG's answer is the bundle of another launch");
	free(content);
	free(cms);
	return ret;
}

/* Entries of the log at an earlier checkpoint. It is the audit that checks it. */
static int size_at(const char *path, uint64_t *size, struct erot_error *err)
{
	struct erot_checkpoint cp;
	const char *end;
	size_t len;
	char *note;
	int ret;

	ret = ewc_read_checkpoint(path, &note, &len, err);
	if (ret)
		return ret;
	end = memmem(note, len, "\n\n", 2);
	ret = erot_checkpoint_parse(note, end ? (size_t)(end - note) + 1 : len, &cp, err);
	if (ret)
		erot_error_prefix(err, "%s", path);
	else
		*size = cp.size;
	free(note);
	return ret;
}

static int fetch(const struct ewc_derg *d, const char *receipt, const char *since, const char *out,
		 struct erot_error *err)
{
	char hex[2 * EROT_DIGEST_SIZE + 1], path[128];
	uint8_t digest[EROT_DIGEST_SIZE];
	json_t *answer = NULL;
	uint64_t size = 0;
	char *text = NULL;
	int ret;

	ret = ewc_read_receipt(receipt, digest, err);
	if (!ret && since)
		ret = size_at(since, &size, err);
	if (ret)
		return ret;
	erot_hex(digest, sizeof(digest), hex);
	if (since)
		snprintf(path, sizeof(path), "receipts/%s/bundle?since=%" PRIu64, hex, size);
	else
		snprintf(path, sizeof(path), "receipts/%s/bundle", hex);
	ret = ewc_derg_call(d, "GET", path, NULL, &answer, err);
	if (ret)
		return ret;
	ret = check_launch(answer, digest, err);
	if (!ret) {
		text = json_dumps(answer, JSON_COMPACT);
		ret = text ? cli_write(out, text, strlen(text), err) :
		      erot_fail(err, ENOMEM, "no-memory", "bundle");
	}
	free(text);
	json_decref(answer);
	return ret;
}

int cmd_fetch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "since", required_argument, NULL, 's' },
		EWC_DERG_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	struct erot_error err = { "", "", "", "" };
	static struct ewc_derg d;
	const char *out = NULL, *since = NULL;
	int c, ret;

	ret = ewc_derg_defaults(&d, &err);
	if (ret)
		return cli_fail(ret, &err);
	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c == 'o')
			out = optarg;
		else if (c == 's')
			since = optarg;
		else if (ewc_derg_option(&d, c, optarg))
			return cli_bad_option();
	}
	if (optind + 1 != argc || !out || !d.derg[0])
		return cli_usage("--derg, -o and one receipt are needed");
	ret = fetch(&d, argv[optind], since, out, &err);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}
