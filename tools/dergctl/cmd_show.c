// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdlib.h>

#include "tools/dergctl/dergctl.h"
#include "liberot/cms.h"
#include "liberot/show.h"

int cmd_show(int argc, char **argv)
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
			return cli_usage("%s", "");
		}
	}
	if (optind + 1 != argc)
		return cli_usage("show needs one file");
	ret = cert_path ? erot_cert_read(cert_path, &cert, &err) : 0;
	if (!ret)
		ret = cli_read(argv[optind], &data, &len, &err);
	if (!ret)
		ret = erot_show(data, len, cert, json, &err);
	free(data);
	X509_free(cert);
	return ret ? cli_fail(ret, &err) : CLI_OK;
}
