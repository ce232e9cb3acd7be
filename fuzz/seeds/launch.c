// SPDX-License-Identifier: GPL-2.0-only
/*
 * launch DIR OUT MANIFEST: one launch by a DERG that `dergctl init` has made in DIR, with keys of a
 * customer and of a machine that are made here and end here. OUT gets every document of it, as the
 * project's own code writes them: what the targets begin with.
 */
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/io.h"
#include "dergd/authority.h"
#include "dergd/bundle.h"
#include "dergd/ending.h"
#include "dergd/issue.h"
#include "dergd/release.h"
#include "dergd/test_documents.h"
#include "liberot/hpke.h"
#include "liberot/release.h"

struct bytes {
	uint8_t *data;
	size_t len;
};

static const char *out_dir;
static struct erot_error err;

static void need(const char *what, int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "launch: %s: %s: %s\n", what, strerror(-ret), err.text);
	exit(1);
}

static void put(const char *name, const void *data, size_t len)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", out_dir, name);
	need(path, erot_write_file(path, data, len, 0644, &err));
}

/* A signed document, and what was signed. */
static struct bytes put_cms(const char *name, const uint8_t *cms, size_t len)
{
	struct bytes content;
	char path[64];

	snprintf(path, sizeof(path), "%s.cms", name);
	put(path, cms, len);
	need(name, erot_cms_content(cms, len, &content.data, &content.len, &err));
	put(name, content.data, content.len);
	return content;
}

static struct bytes derive(struct derg *d, const char *manifest_path, uint64_t now)
{
	EVP_PKEY *machine = EVP_EC_gen("P-256");
	struct derg_statement_request in = { .tenant = "default" };
	uint8_t *spki = NULL, *manifest;
	struct derg_issued issued;
	size_t len;

	need("manifest", erot_read_file(manifest_path, EROT_MANIFEST_MAX, &manifest, &len, &err));
	in.spki_len = (size_t)i2d_PUBKEY(machine, &spki);
	in.spki = spki;
	in.manifest = manifest;
	in.manifest_len = len;
	need("derive", derg_statement(d, &in, now, &issued, &err));
	EVP_PKEY_free(machine);
	OPENSSL_free(spki);
	free(manifest);
	return (struct bytes){ issued.cms, issued.cms_len };
}

static struct bytes authorise(struct derg *d, struct bytes statement, struct bytes env,
			      uint64_t now)
{
	struct derg_receipt_request in = {
		.statement = statement.data, .statement_len = statement.len,
		.envelope = env.data, .envelope_len = env.len,
	};
	struct derg_issued issued;
	struct bytes order;
	EVP_PKEY *key;

	need("key", erot_rsa_generate(&key, &err));
	need("certificate", erot_cert_self_signed(key, "customer", 1, &in.customer, &err));
	need("order", make_order(key, in.customer, statement.data, statement.len, env.data,
				 env.len, &order.data, &order.len, &err));
	free(put_cms("order", order.data, order.len).data);
	in.order = order.data;
	in.order_len = order.len;
	need("receipt", derg_receipt(d, &in, now, &issued, &err));
	EVP_PKEY_free(key);
	X509_free(in.customer);
	free(order.data);
	return (struct bytes){ issued.cms, issued.cms_len };
}

/* The key as the module gets it, what opens with it, and the end. */
static void launch(struct derg *d, struct bytes receipt, const struct erot_receipt_info *r,
		   struct bytes env, uint64_t now)
{
	struct derg_release_request req = { .receipt = receipt.data, .receipt_len = receipt.len };
	struct derg_end_request end = { .receipt = receipt.data, .receipt_len = receipt.len };
	uint8_t session_sk[EROT_KEY_SIZE], boot_sk[EROT_KEY_SIZE];
	struct erot_release_info info;
	struct erot_release release;
	struct derg_issued record;
	struct erot_evidence ev;
	struct erot_buf opened = { 0 };

	need("session key", erot_hpke_keypair(session_sk, req.session_pk));
	need("boot key", erot_hpke_keypair(boot_sk, req.state.boot_key));
	req.state.host = EROT_HOST_ALL;
	need("release", derg_release(d, &req, now, &release, &err));
	need("open", erot_release_open(&release, r->digest, session_sk, boot_sk, &info, &err));

	/* for fuzz/kernel_envelope.c */
	erot_buf_add(&opened, info.sk, EROT_KEY_SIZE);
	erot_buf_add(&opened, r->statement, EROT_DIGEST_SIZE);
	erot_buf_add(&opened, env.data, env.len);
	need("memory", erot_buf_done(&opened, &err));
	put("opened", opened.data, opened.len);
	erot_buf_free(&opened);

	make_evidence(r, info.sk, EROT_HOST_ALL, &ev);
	put("evidence", &ev, sizeof(ev));
	end.evidence = (const uint8_t *)&ev;
	end.evidence_len = sizeof(ev);
	need("terminate", derg_terminate(d, &end, now + 9, &record, &err));
	free(put_cms("destruction", record.cms, record.cms_len).data);
}

/* With its certificate as one member more, see fuzz/bundle.c. */
static void put_bundle(struct derg *d, const struct erot_receipt_info *r)
{
	uint8_t *der = NULL;
	char *text, *base64;
	json_t *json;
	int len;

	need("bundle", derg_bundle(d, "default", r->digest, 1, &json, &err));
	len = i2d_X509(d->a->cert, &der);
	base64 = erot_base64_encode(der, (size_t)len);
	json_object_set_new(json, "cert", json_string(base64));
	text = json_dumps(json, JSON_COMPACT);
	put("bundle", text, strlen(text));
	text = (char *)json_string_value(json_object_get(json, "checkpoint"));
	put("checkpoint", text, strlen(text));
	OPENSSL_free(der);
	free(base64);
	json_decref(json);
}

int main(int argc, char **argv)
{
	uint8_t content_key[EROT_KEY_SIZE] = { 1 };
	struct bytes statement, env, cms, content;
	struct erot_receipt_info receipt;
	uint64_t now = (uint64_t)time(NULL);
	struct authority a = { 0 };
	struct derg d = { 0 };

	if (argc != 4)
		return 2;
	out_dir = argv[2];
	hsm_none(&a.hsm);
	need("DERG", authority_open(&a, argv[1], &err) ?: derg_open(&d, &a, &err));
	statement = derive(&d, argv[3], now);
	free(put_cms("statement", statement.data, statement.len).data);
	need("envelope", make_envelope(statement.data, statement.len, content_key, &env.data,
				       &env.len, &err));
	put("envelope", env.data, env.len);
	cms = authorise(&d, statement, env, now);
	content = put_cms("receipt", cms.data, cms.len);
	need("receipt", erot_receipt_parse(content.data, content.len, &receipt, &err));
	launch(&d, cms, &receipt, env, now + 1);
	put_bundle(&d, &receipt);
	derg_close(&d);
	authority_close(&a);
	free(statement.data);
	free(env.data);
	free(cms.data);
	free(content.data);
	return 0;
}
