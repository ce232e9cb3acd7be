// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/secret.h"
#include "dergd/issue.h"
#include "tools/dergctl/dergctl.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"

/**
 * struct args - command line of receipt
 * @not_before: 0: not given
 * @not_after: 0: not given
 */
struct args {
	const char *statement, *order, *customer, *ewc, *out;
	uint64_t not_before, not_after;
};

static int read_envelope(const char *path, uint8_t **env, size_t *len, struct erot_error *err)
{
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return erot_fail(err, errno, errno == ENOENT ? "not-found" : "io", "%s: %s", path,
				 strerror(errno));
	ret = erot_envelope_read(fd, env, len, err);
	if (ret)
		erot_error_prefix(err, "%s", path);
	close(fd);
	return ret;
}

static int make(const struct args *a, uint64_t now)
{
	struct derg_receipt_request req = { .not_before = a->not_before,
					    .not_after = a->not_after };
	uint8_t *statement = NULL, *order = NULL, *env = NULL;
	struct erot_error err = { "", "", "", "" };
	struct derg_issued out;
	struct derg d;
	int ret, code;

	ret = cli_read(a->statement, &statement, &req.statement_len, &err);
	if (!ret)
		ret = cli_read(a->order, &order, &req.order_len, &err);
	if (!ret)
		ret = erot_cert_read(a->customer, &req.customer, &err);
	if (!ret)
		ret = read_envelope(a->ewc, &env, &req.envelope_len, &err);
	if (ret) {
		code = cli_fail(ret, &err);
		goto out;
	}
	req.statement = statement;
	req.order = order;
	req.envelope = env;
	code = dergctl_open(&d);
	if (!code) {
		ret = derg_receipt(&d, &req, now, &out, &err);
		if (!ret)
			ret = cli_write(a->out, out.cms, out.cms_len, &err);
		if (ret)
			code = cli_fail(ret, &err);
		derg_issued_free(&out);
	}
	dergctl_close(&d);
out:
	X509_free(req.customer);
	free(env);
	free(order);
	free(statement);
	return code;
}

int cmd_receipt(int argc, char **argv)
{
	static const struct option options[] = {
		{ "statement", required_argument, NULL, 's' },
		{ "order", required_argument, NULL, 'r' },
		{ "customer-cert", required_argument, NULL, 'c' },
		{ "ewc", required_argument, NULL, 'e' },
		{ "not-before", required_argument, NULL, 'b' },
		{ "not-after", required_argument, NULL, 'a' },
		{ "output", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t now = time(NULL);
	struct args a = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 's':
			a.statement = optarg;
			break;
		case 'r':
			a.order = optarg;
			break;
		case 'c':
			a.customer = optarg;
			break;
		case 'e':
			a.ewc = optarg;
			break;
		case 'b':
			if (cli_time(optarg, now, &a.not_before))
				return cli_usage("--not-before: not a time: %s", optarg);
			break;
		case 'a':
			if (cli_time(optarg, now, &a.not_after))
				return cli_usage("--not-after: not a time: %s", optarg);
			break;
		case 'o':
			a.out = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind != argc || !a.statement || !a.order || !a.customer || !a.ewc || !a.out)
		return cli_usage("--statement, --order, --customer-cert, --ewc and -o are needed");
	return make(&a, now);
}
