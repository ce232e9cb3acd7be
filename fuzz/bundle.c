// SPDX-License-Identifier: GPL-2.0-only
/*
 * An audit of a bundle that anybody may have made. The certificate is the bundle's own, so that
 * what the provider signed is believed and read on; an audit that succeeds has been complete.
 */
#include <jansson.h>

#include "common/base64.h"
#include "fuzz/json.h"
#include "liberot/audit.h"
#include "liberot/cms.h"

static void told(void *ctx, const char *name, const char *what, int ret,
		 const struct erot_error *err)
{
	(void)what;
	/* each check once, and no failure without a code */
	++*(unsigned int *)ctx;
	if (!name || (ret && ret != -ECANCELED && !err->code[0]))
		abort();
}

/* An extra member, which is taken out again before the audit sees the bundle. */
static X509 *own_certificate(json_t *json)
{
	const char *text = json_string_value(json_object_get(json, "cert"));
	uint8_t *der = NULL;
	X509 *cert = NULL;
	size_t len;

	if (text && !erot_base64_decode(text, 16384, &der, &len, NULL))
		erot_cert_parse(der, len, &cert, NULL);
	free(der);
	json_object_del(json, "cert");
	return cert;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_audit_input in = { 0 };
	struct erot_error err = { "", "" };
	unsigned int checks = 0;
	json_t *json = json_loadb((const char *)data, len, 0, NULL);
	char *text = NULL;
	int ret;

	in.bundle = data;
	in.bundle_len = len;
	if (json_is_object(json)) {
		in.cert = own_certificate(json);
		text = in.cert ? json_dumps(json, JSON_COMPACT) : NULL;
	}
	json_decref(json);
	if (text) {
		in.bundle = text;
		in.bundle_len = strlen(text);
		ret = erot_audit(&in, told, &checks, &err);
		if (checks < 10 || (ret && !err.code[0]))
			abort();
	}
	X509_free(in.cert);
	free(text);
	return 0;
}
