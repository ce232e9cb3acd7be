// SPDX-License-Identifier: GPL-2.0-only
/* ewc verify: the audit. Whatever is given is checked, and all of it must hold. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/secret.h"
#include "liberot/cms.h"
#include "liberot/evidence.h"
#include "tools/ewc/ewc.h"

/**
 * struct args - command line of verify
 */
struct args {
	const char *ewc, *payload, *key, *receipt, *cert, *statement, *order, *customer, *record;
};

static int check_chunks(const struct args *a, const struct erot_envelope_info *e, int fd,
			uint64_t off, const struct ewc_key *key, struct erot_error *err)
{
	int ret;

	if (memcmp(key->salt, e->seal.salt, sizeof(key->salt)))
		return erot_fail(err, EKEYREJECTED, "key-file", "%s: key of another payload",
				 a->key);
	ret = erot_payload_verify(fd, off, &e->shape, key->content_key, e->seal.salt,
				  e->seal.commitment, e->code_hash, -1, ewc_progress, "checking",
				  err);
	ewc_progress_end();
	return ret;
}

static int verify_payload(const struct args *a, struct erot_error *err)
{
	struct ewc_key *key = erot_secret_alloc(sizeof(*key), err);
	struct erot_envelope_info e;
	uint8_t *env = NULL;
	uint64_t off = 0;
	int fd = -1, ret;

	if (!key)
		return -ENOMEM;
	ret = ewc_key_read(a->key, key, err);
	if (!ret)
		ret = ewc_open_envelope(a->ewc, NULL, &env, &e, err);
	if (!ret && !a->payload && !e.payload_off)
		ret = erot_fail(err, EINVAL, "payload", "%s: payload is elsewhere; give --payload",
				a->ewc);
	if (!ret)
		ret = ewc_open_payload(a->payload ?: a->ewc, &fd, &off, err);
	if (!ret) {
		ret = check_chunks(a, &e, fd, off, key, err);
		close(fd);
	}
	if (!ret)
		printf("payload: good, %llu chunks, code hash as in the manifest\n",
		       (unsigned long long)e.shape.chunk_count);
	free(env);
	erot_secret_free(key);
	return ret;
}

static int match_statement(const struct args *a, X509 *cert, const struct erot_receipt_info *r,
			   struct erot_error *err)
{
	struct erot_statement_info s;
	uint8_t *content;
	size_t len;
	int ret;

	ret = ewc_read_signed(a->statement, cert, &content, &len, err);
	if (!ret)
		ret = erot_statement_parse(content, len, &s, err);
	if (!ret)
		ret = erot_receipt_match(r, &s, NULL, err);
	if (!ret)
		printf("statement: good, the receipt follows from it\n");
	free(content);
	return ret;
}

static int match_order(const struct args *a, const struct erot_receipt_info *r,
		       struct erot_error *err)
{
	struct erot_order_info o;
	uint8_t *content = NULL;
	X509 *customer;
	size_t len;
	int ret;

	ret = erot_cert_read(a->customer, &customer, err);
	if (ret)
		return ret;
	ret = ewc_read_signed(a->order, customer, &content, &len, err);
	if (!ret)
		ret = erot_order_parse(content, len, &o, err);
	if (!ret)
		ret = erot_receipt_match(r, NULL, &o, err);
	if (!ret)
		printf("order: good, the receipt follows from it\n");
	free(content);
	X509_free(customer);
	return ret;
}

static int match_record(const struct args *a, X509 *cert, const struct erot_receipt_info *r,
			struct erot_error *err)
{
	struct erot_destruction_info d;
	uint8_t *content;
	size_t len;
	int ret;

	ret = ewc_read_signed(a->record, cert, &content, &len, err);
	if (!ret)
		ret = erot_destruction_parse(content, len, &d, err);
	if (!ret && memcmp(d.evidence.receipt, r->digest, sizeof(r->digest)))
		ret = erot_fail(err, EKEYREJECTED, "destruction-receipt",
				"%s: about another launch", a->record);
	if (!ret)
		printf("record: good, attested by the measured kernel and signed by the DERG\n");
	free(content);
	return ret;
}

static int match_ewc(const struct args *a, const struct erot_receipt_info *r,
		     struct erot_error *err)
{
	struct erot_envelope_info e;
	uint8_t *env;
	int ret;

	ret = ewc_open_envelope(a->ewc, NULL, &env, &e, err);
	if (!ret && memcmp(e.digest, r->ewc, sizeof(r->ewc)))
		ret = erot_fail(err, EKEYREJECTED, "receipt-ewc",
				"%s: receipt is for another container", a->ewc);
	if (!ret)
		printf("ewc: good, the receipt is for it\n");
	free(env);
	return ret;
}

static int verify_receipt(const struct args *a, struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content = NULL;
	X509 *cert = NULL;
	size_t len;
	int ret;

	ret = erot_cert_read(a->cert, &cert, err);
	if (!ret)
		ret = ewc_read_signed(a->receipt, cert, &content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(content, len, &r, err);
	if (!ret)
		printf("receipt: good\n");
	if (!ret && a->statement)
		ret = match_statement(a, cert, &r, err);
	if (!ret && a->order)
		ret = match_order(a, &r, err);
	if (!ret && a->ewc)
		ret = match_ewc(a, &r, err);
	if (!ret && a->record)
		ret = match_record(a, cert, &r, err);
	free(content);
	X509_free(cert);
	return ret;
}

static int run(const struct args *a)
{
	struct erot_error err = { "", "" };
	int ret = 0;

	if (a->receipt)
		ret = verify_receipt(a, &err);
	if (!ret && a->key)
		ret = verify_payload(a, &err);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}

int cmd_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ewc", required_argument, NULL, 'e' },
		{ "payload", required_argument, NULL, 'p' },
		{ "key", required_argument, NULL, 'k' },
		{ "receipt", required_argument, NULL, 'r' },
		{ "cert", required_argument, NULL, 'c' },
		{ "statement", required_argument, NULL, 's' },
		{ "order", required_argument, NULL, 'o' },
		{ "customer-cert", required_argument, NULL, 'u' },
		{ "record", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { 0 };
	const char **to[256] = {
		['e'] = &a.ewc, ['p'] = &a.payload, ['k'] = &a.key, ['r'] = &a.receipt,
		['c'] = &a.cert, ['s'] = &a.statement, ['o'] = &a.order, ['u'] = &a.customer,
		['d'] = &a.record,
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == '?' || c == ':')
			return cli_bad_option();
		*to[c] = optarg;
	}
	if (optind != argc || (!a.receipt && !a.key))
		return cli_usage("--ewc with --key, or --receipt with --cert");
	if (a.key && !a.ewc)
		return cli_usage("--key needs --ewc");
	if (a.payload && !a.key)
		return cli_usage("--payload needs --key");
	if (a.receipt && !a.cert)
		return cli_usage("--receipt needs --cert");
	if (!a.receipt && (a.statement || a.order || a.record))
		return cli_usage("--statement, --order and --record need --receipt");
	if (!a.order != !a.customer)
		return cli_usage("--order and --customer-cert go together");
	if (!a.receipt && a.cert)
		return cli_usage("--cert needs --receipt");
	return run(&a);
}
