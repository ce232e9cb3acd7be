// SPDX-License-Identifier: GPL-2.0-only
/* The command "show" of ewc and dergctl. */
#include <endian.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/io.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/show.h"

/* Of an EWC only the envelope is read: the payload behind it may be huge. */
static int read_head(const char *path, uint8_t **data, size_t *len, struct erot_error *err)
{
	struct erot_head head;
	int fd, is_ewc, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	is_ewc = fd >= 0 && !erot_pread_full(fd, &head, sizeof(head), 0) &&
		 !memcmp(head.magic, EROT_MAGIC, EROT_MAGIC_SIZE) &&
		 le16toh(head.purpose) == EROT_PURPOSE_EWC;
	if (is_ewc) {
		ret = erot_envelope_read(fd, data, len, err);
		if (ret)
			erot_error_prefix(err, "%s", path);
	} else {
		ret = cli_read(path, data, len, err);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static int show(const char *path, const uint8_t *data, size_t len, X509 *cert, int json,
		struct erot_error *err)
{
	int ret = erot_show(data, len, cert, json, err);

	if (ret)
		erot_error_prefix(err, "%s", path);
	return ret;
}

int erot_show_command(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "cert", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct erot_error err = { "", "" };
	const char *cert_path = NULL;
	uint8_t *data = NULL;
	X509 *cert = NULL;
	int c, json = 0, ret;
	size_t len;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = 1;
			break;
		case 'c':
			cert_path = optarg;
			break;
		default:
			return cli_bad_option();
		}
	}
	if (optind + 1 != argc)
		return cli_usage("show needs one file");
	ret = cert_path ? erot_cert_read(cert_path, &cert, &err) : 0;
	if (!ret)
		ret = read_head(argv[optind], &data, &len, &err);
	if (!ret)
		ret = show(argv[optind], data, len, cert, json, &err);
	free(data);
	X509_free(cert);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}
