// SPDX-License-Identifier: GPL-2.0-only
/* ewc: packaging and audit, the customer's side. */
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/secret.h"
#include "liberot/show.h"
#include "tools/ewc/ewc.h"

static const struct cli_command commands[] = {
	{ "prepare", cmd_prepare,
	  "--manifest TEMPLATE [--key K] [--finished M] DIR|TAR -o PAYLOAD",
	  "Make an encrypted payload, its key and its manifest" },
	{ "seal", cmd_seal,
	  "--statement S [--cert C] [--machine ID] --payload P --key K --manifest M [--one-file] "
	  "-o EWC",
	  "Make the envelope for one launch" },
	{ "renew", cmd_seal,
	  "--statement S [--cert C] [--machine ID] --payload P --key K --manifest M [--one-file] "
	  "-o EWC",
	  "Make a fresh envelope for a payload that was launched before" },
	{ "pack", cmd_pack,
	  "[--manifest TEMPLATE] --derg URL [--ca PEM] [--tenant T] --machine ID --client-cert PEM "
	  "--client-key PEM --order-cert PEM --order-key PEM | --derive COMMAND "
	  "[--cert C] [--payload P] [--key K] DIR|TAR [-o EWC]",
	  "From a directory to EWC and receipt in one go, with a DERG; or prepare, derive and seal "
	  "with a command, which gets --manifest and -o appended" },
	{ "order", cmd_order,
	  "--statement S --ewc E --key KEY.pem --cert CERT [--derg-cert C] -o ORDER",
	  "Consent to one launch of one container" },
	{ "show", erot_show_command, "FILE [--json] [--cert CERT]",
	  "Print an envelope or anything signed" },
	{ "verify", cmd_verify,
	  "--ewc E [--payload P] --key K | "
	  "--receipt R --cert C [--ewc E] [--statement S] "
	  "[--order O --customer-cert C] [--record D]",
	  "Check a payload to its last byte, or what was signed about a launch" },
	{ "fetch", cmd_fetch,
	  "--derg URL [--ca PEM] [--tenant T] --client-cert PEM --client-key PEM "
	  "[--since EARLIER] RECEIPT -o BUNDLE",
	  "Get all that an audit of a launch needs" },
	{ "audit", cmd_audit,
	  "--cert C [--receipt R] [--ewc E] [--customer-cert C] [--ek-roots PEM] "
	  "[--since EARLIER] [--json] BUNDLE|RECEIPT",
	  "Check the whole chain of a launch, offline; RECEIPT stands for the bundle beside it" },
	{ NULL, NULL, NULL, NULL },
};

/* Key files pass through the JSON library: what it frees is wiped first. */
static void wiping_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

int main(int argc, char **argv)
{
	struct erot_error err = { "", "" };
	int ret;

	signal(SIGPIPE, SIG_IGN);
	json_set_alloc_funcs(malloc, wiping_free);
	ret = erot_no_dumps(&err);
	if (ret)
		return cli_fail(ret, &err);
	return cli_main("ewc", commands, "", argc - 1, argv + 1);
}
