// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/io.h"
#include "dergd/client.h"
#include "liberot/cms.h"
#include "tools/dergctl/dergctl.h"

/**
 * struct args - command line of client
 * @what: certificate, or fingerprint in hexadecimal
 */
struct args {
	const char *tenant, *label, *order_cert, *what;
	int admin, json;
};

static int fingerprint(X509 *cert, uint8_t out[EROT_DIGEST_SIZE], struct erot_error *err)
{
	unsigned int len = EROT_DIGEST_SIZE;

	return X509_digest(cert, EVP_sha256(), out, &len) == 1 ? 0 :
	       erot_fail(err, EIO, "crypto", "SHA-256");
}

static int read_order_cert(const char *path, struct client *c, struct erot_error *err)
{
	unsigned char *der = NULL;
	X509 *cert;
	int ret, len;

	ret = erot_cert_read(path, &cert, err);
	if (ret)
		return ret;
	len = i2d_X509(cert, &der);
	X509_free(cert);
	if (len <= 0)
		return erot_fail(err, EIO, "crypto", "%s: cannot be encoded", path);
	c->order_cert = malloc(len);
	if (c->order_cert) {
		memcpy(c->order_cert, der, len);
		c->order_cert_len = len;
	}
	OPENSSL_free(der);
	return c->order_cert ? 0 : erot_fail(err, ENOMEM, "no-memory", "certificate");
}

static int add(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct client c = { .admin = a->admin };
	char hex[2 * EROT_DIGEST_SIZE + 1];
	X509 *cert;
	int ret;

	if (strlen(a->tenant) >= sizeof(c.tenant) || strlen(a->label) >= sizeof(c.label))
		return erot_fail(err, EINVAL, "client-label", "tenant or label is too long");
	memcpy(c.tenant, a->tenant, strlen(a->tenant));
	memcpy(c.label, a->label, strlen(a->label));
	ret = erot_cert_read(a->what, &cert, err);
	if (ret)
		return ret;
	ret = fingerprint(cert, c.fingerprint, err);
	X509_free(cert);
	if (!ret && a->order_cert)
		ret = read_order_cert(a->order_cert, &c, err);
	if (!ret)
		ret = client_add(d, &c, time(NULL), err);
	if (!ret)
		printf("%s\n", erot_hex(c.fingerprint, sizeof(c.fingerprint), hex));
	client_free(&c);
	return ret;
}

static int drop(struct derg *d, const struct args *a, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];

	if (strlen(a->what) != 2 * sizeof(id) || erot_unhex(a->what, id, sizeof(id)))
		return erot_fail(err, EINVAL, "usage", "a fingerprint is 64 hexadecimal digits");
	return client_remove(d, a->tenant, id, time(NULL), err);
}

struct listing {
	const struct args *args;
	json_t *list;
};

static int list_one(void *ctx, const struct client *c)
{
	const char *role = c->admin ? "administrator" : "customer";
	char hex[2 * EROT_DIGEST_SIZE + 1];
	struct listing *l = ctx;

	erot_hex(c->fingerprint, sizeof(c->fingerprint), hex);
	if (!l->args->json)
		return printf("%s\t%s\t%s\t%s\n", hex, role, c->tenant[0] ? c->tenant : "-",
			      c->label) < 0 ? -EIO : 0;
	return json_array_append_new(l->list, json_pack("{s:s,s:s,s:s,s:s,s:b}", "client", hex,
							"role", role, "tenant", c->tenant, "label",
							c->label, "orders", !!c->order_cert)) ?
	       -ENOMEM : 0;
}

static int list(struct derg *d, const struct args *a, struct erot_error *err)
{
	struct listing l = { a, json_array() };
	int ret;

	ret = client_each(d, a->tenant, list_one, &l, err);
	if (!ret && a->json) {
		json_dumpf(l.list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(l.list);
	return ret;
}

static int run(const char *verb, const struct args *a)
{
	struct erot_error err = { "", "", "", "" };
	struct derg d;
	int ret, code;

	code = dergctl_open(&d);
	if (!code) {
		ret = !strcmp(verb, "add") ? add(&d, a, &err) :
		      !strcmp(verb, "remove") ? drop(&d, a, &err) : list(&d, a, &err);
		if (ret)
			code = cli_fail(ret, &err);
	}
	dergctl_close(&d);
	return code;
}

int cmd_client(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tenant", required_argument, NULL, 't' },
		{ "label", required_argument, NULL, 'l' },
		{ "order-cert", required_argument, NULL, 'o' },
		{ "admin", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .tenant = "" };
	const char *verb;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't':
			a.tenant = optarg;
			break;
		case 'l':
			a.label = optarg;
			break;
		case 'o':
			a.order_cert = optarg;
			break;
		case 'a':
			a.admin = 1;
			break;
		case 'j':
			a.json = 1;
			break;
		default:
			return cli_bad_option();
		}
	}
	verb = optind < argc ? argv[optind] : "";
	if (strcmp(verb, "list") && strcmp(verb, "add") && strcmp(verb, "remove"))
		return cli_usage("client add, list or remove");
	if (argc - optind != (strcmp(verb, "list") ? 2 : 1))
		return cli_usage("client %s: one argument", verb);
	a.what = argv[optind + 1];
	if (!strcmp(verb, "add") && (!a.label || (!a.admin && !a.tenant[0])))
		return cli_usage("client add needs --label, and --tenant or --admin");
	return run(verb, &a);
}
