// SPDX-License-Identifier: GPL-2.0-only
/* dergctl policy put and show: what is in force for a tenant. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/io.h"
#include "dergd/policies.h"
#include "tools/dergctl/dergctl.h"

int dergctl_policy_put(const char *tenant, const char *path)
{
	struct erot_error err = { "", "", "", "" };
	char hex[2 * EROT_DIGEST_SIZE + 1];
	uint8_t *text, digest[EROT_DIGEST_SIZE];
	struct derg d;
	size_t len;
	int ret, code;

	ret = erot_read_file(path, EROT_POLICY_MAX, &text, &len, &err);
	if (ret)
		return cli_fail(ret, &err);
	code = dergctl_open(&d);
	if (!code) {
		ret = policies_put(&d, tenant, text, len, time(NULL), digest, &err);
		if (ret)
			code = cli_fail(ret, &err);
		else
			printf("policy %s is in force for %s\n",
			       erot_hex(digest, sizeof(digest), hex), tenant);
	}
	dergctl_close(&d);
	free(text);
	return code;
}

struct showing {
	const char *tenant;
	uint8_t *text;
	size_t len;
};

static int show_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct showing *s = ctx;

	free(s->text);
	return policies_text(db, s->tenant, &s->text, &s->len, err);
}

int dergctl_policy_show(const char *tenant)
{
	struct showing s = { .tenant = tenant };
	struct erot_error err = { "", "", "", "" };
	struct derg d;
	int ret, code;

	code = dergctl_open(&d);
	if (!code) {
		ret = db_transaction(d.db, DB_READ, show_work, &s, &err);
		if (ret)
			code = cli_fail(ret, &err);
		else
			fwrite(s.text, s.len, 1, stdout);
	}
	dergctl_close(&d);
	free(s.text);
	return code;
}
