// SPDX-License-Identifier: GPL-2.0-only
/*
 * The provider protocol of erotd: a request on standard input, an answer on
 * standard output, exit status 0 granted, 3 refused. A refusal is an answer
 * too: {"code": ..., "detail": ...}.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base64.h"
#include "common/io.h"
#include "common/secret.h"
#include "dergd/ending.h"
#include "dergd/release.h"
#include "tools/dergctl/dergctl.h"

#define REQUEST_MAX (256 * 1024)

static int print(json_t *json)
{
	int ret;

	ret = !json || json_dumpf(json, stdout, JSON_COMPACT) || putchar('\n') == EOF ||
	      fflush(stdout);
	json_decref(json);
	return ret ? CLI_INTERNAL : CLI_OK;
}

static int refuse(int ret, const struct erot_error *err)
{
	int code = cli_exit(ret);

	if (code == CLI_NOT_FOUND)	/* of an epoch or key: to erotd that is a refusal */
		code = CLI_REFUSED;
	if (print(json_pack("{s:s,s:s}", "code", err->code, "detail", err->text)))
		return CLI_INTERNAL;
	return code;
}

static int read_request(json_t **out, struct erot_error *err)
{
	json_error_t where;
	uint8_t *data;
	size_t len;
	int ret;

	ret = erot_read_fd(0, "request", REQUEST_MAX, &data, &len, err);
	if (ret)
		return ret;
	*out = json_loadb((char *)data, len, JSON_REJECT_DUPLICATES, &where);
	erot_wipe_free(data, len);
	if (!*out)
		return erot_fail(err, EINVAL, "request", "request: %s", where.text);
	return 0;
}

static int run_release(struct derg *d, json_t *request, json_t **answer, struct erot_error *err)
{
	const char *receipt, *session, *boot;
	struct derg_release_request in = { 0 };
	struct erot_release release;
	uint8_t *cms = NULL;
	json_int_t host;
	char *text;
	int ret;

	if (json_unpack_ex(request, NULL, JSON_STRICT, "{s:s,s:s,s:s,s:I}", "receipt", &receipt,
			   "session_key", &session, "boot_key", &boot, "host_state", &host) ||
	    host < 0 || host > UINT32_MAX)
		return erot_fail(err, EINVAL, "request",
				 "request must be {receipt, session_key, boot_key, host_state}");
	ret = erot_base64_exact(session, in.session_pk, sizeof(in.session_pk), err);
	if (!ret)
		ret = erot_base64_exact(boot, in.state.boot_key, sizeof(in.state.boot_key), err);
	if (!ret)
		ret = erot_base64_decode(receipt, EROT_CMS_MAX, &cms, &in.receipt_len, err);
	if (ret)
		return ret;
	in.receipt = cms;
	in.state.host = host;
	in.state.has_boot_key = true;
	ret = derg_release(d, &in, time(NULL), &release, err);
	free(cms);
	if (ret)
		return ret;
	text = erot_base64_encode(&release, sizeof(release));
	*answer = json_pack("{s:s}", "release", text);
	free(text);
	return *answer ? 0 : erot_fail(err, ENOMEM, "no-memory", "answer");
}

static int run_terminate(struct derg *d, json_t *request, json_t **answer, struct erot_error *err)
{
	struct derg_end_request in = { .tenant = NULL };
	const char *receipt, *evidence;
	struct erot_evidence ev;
	struct derg_issued out;
	uint8_t *cms = NULL;
	char *text;
	int ret;

	if (json_unpack_ex(request, NULL, JSON_STRICT, "{s:s,s:s}", "receipt", &receipt,
			   "evidence", &evidence))
		return erot_fail(err, EINVAL, "request", "request must be {receipt, evidence}");
	ret = erot_base64_exact(evidence, &ev, sizeof(ev), err);
	if (!ret)
		ret = erot_base64_decode(receipt, EROT_CMS_MAX, &cms, &in.receipt_len, err);
	if (ret)
		return ret;
	in.receipt = cms;
	in.evidence = &ev;
	in.evidence_len = sizeof(ev);
	ret = derg_terminate(d, &in, time(NULL), &out, err);
	free(cms);
	if (ret)
		return ret;
	text = erot_base64_encode(out.cms, out.cms_len);
	derg_issued_free(&out);
	*answer = json_pack("{s:s}", "record", text);
	free(text);
	return *answer ? 0 : erot_fail(err, ENOMEM, "no-memory", "answer");
}

int cmd_provider(int argc, char **argv)
{
	int (*run)(struct derg *d, json_t *request, json_t **answer, struct erot_error *err);
	struct erot_error err = { "", "", "", "" };
	json_t *request = NULL, *answer = NULL;
	struct derg d;
	int ret, code;

	if (argc == 2 && !strcmp(argv[1], "release"))
		run = run_release;
	else if (argc == 2 && !strcmp(argv[1], "terminate"))
		run = run_terminate;
	else
		return cli_usage("provider release, or provider terminate");
	ret = read_request(&request, &err);
	if (ret)
		return refuse(ret, &err);
	ret = dergctl_try(&d, &err);
	if (ret) {	/* whatever it is, it is the DERG that fails, not the request */
		refuse(ret, &err);
		code = CLI_INTERNAL;
		goto out;
	}
	ret = run(&d, request, &answer, &err);
	code = ret ? refuse(ret, &err) : print(answer);
out:
	dergctl_close(&d);
	json_decref(request);
	return code;
}
