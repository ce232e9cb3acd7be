// SPDX-License-Identifier: GPL-2.0-only
/* ewc order: the customer signs what may be launched. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "common/secret.h"
#include "liberot/cms.h"
#include "tools/ewc/ewc.h"

/* What is ordered must be one thing: an envelope with the manifest of the statement. */
static int fill(const struct ewc_order *a, X509 *customer, struct erot_order_info *order,
		struct erot_error *err)
{
	uint8_t *content = NULL, *env = NULL;
	struct erot_envelope_info e;
	struct erot_statement_info s;
	size_t len;
	X509 *derg = NULL;
	int ret = 0;

	if (a->derg)
		ret = erot_cert_read(a->derg, &derg, err);
	if (!ret)
		ret = ewc_read_signed(a->statement, derg, &content, &len, err);
	if (!ret)
		ret = erot_statement_parse(content, len, &s, err);
	if (!ret)
		ret = ewc_open_envelope(a->ewc, NULL, &env, &e, err);
	if (!ret && (e.manifest_len != s.grant.manifest_len ||
		     memcmp(e.manifest, s.grant.manifest, e.manifest_len)))
		ret = erot_fail(err, EKEYREJECTED, "ewc-manifest",
				"%s: another manifest than in %s", a->ewc, a->statement);
	if (!ret)
		ret = erot_cert_spki_digest(customer, order->customer, err);
	if (!ret) {
		memcpy(order->statement, s.digest, sizeof(order->statement));
		memcpy(order->ewc, e.digest, sizeof(order->ewc));
	}
	X509_free(derg);
	free(env);
	free(content);
	return ret;
}

/**
 * ewc_order() - signs the customer's consent
 * @a: to what
 * @err: "ewc-manifest", "cms-..."
 *
 * Return: 0 or a negative errno.
 */
int ewc_order(const struct ewc_order *a, struct erot_error *err)
{
	uint8_t *pem = NULL, *content = NULL, *cms = NULL;
	size_t pem_len = 0, len, cms_len;
	struct erot_order_info order = { 0 };
	X509 *customer = NULL;
	int ret;

	ret = erot_cert_read(a->cert, &customer, err);
	if (!ret)
		ret = fill(a, customer, &order, err);
	if (!ret)
		ret = erot_order_build(&order, &content, &len, err);
	if (!ret)
		ret = erot_read_file(a->key, 65536, &pem, &pem_len, err);
	if (!ret)
		ret = erot_cms_sign_pem(pem, pem_len, customer, content, len, &cms, &cms_len, err);
	erot_wipe_free(pem, pem_len);
	if (!ret)
		ret = cli_write(a->out, cms, cms_len, err);
	free(cms);
	free(content);
	X509_free(customer);
	return ret;
}

int cmd_order(int argc, char **argv)
{
	static const struct option options[] = {
		{ "statement", required_argument, NULL, 's' },
		{ "ewc", required_argument, NULL, 'e' },
		{ "key", required_argument, NULL, 'k' },
		{ "cert", required_argument, NULL, 'c' },
		{ "derg-cert", required_argument, NULL, 'd' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	struct erot_error err = { "", "" };
	struct ewc_order a = { 0 };
	int c, ret;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 's':
			a.statement = optarg;
			break;
		case 'e':
			a.ewc = optarg;
			break;
		case 'k':
			a.key = optarg;
			break;
		case 'c':
			a.cert = optarg;
			break;
		case 'd':
			a.derg = optarg;
			break;
		case 'o':
			a.out = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind != argc || !a.statement || !a.ewc || !a.key || !a.cert || !a.out)
		return cli_usage("--statement, --ewc, --key, --cert and -o are needed");
	ret = ewc_order(&a, &err);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}
