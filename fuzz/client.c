// SPDX-License-Identifier: GPL-2.0-only
/* What erotd is asked by any user of the machine: a count of descriptors, then the message. */
#include "fuzz/fuzz.h"

#include "erotd/request.c"
#include "erotd/config.c"

static void check(const struct erotd_request *r, size_t fds)
{
	/* receipt, envelope, payload, standard streams: no other request brings descriptors */
	if (r->op > EROTD_OP_PING || fds > (r->op == EROTD_OP_RUN ? 6 : 0))
		abort();
	if ((r->op == EROTD_OP_SIGNAL || r->op == EROTD_OP_KILL) &&
	    (r->signal < 1 || r->signal > 64))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_error err = { "", "" };
	struct erotd_request r;
	struct erotd_config cfg;
	json_t *json;

	if (!len)
		return 0;
	/* the words of the command are in the text that was copied, which begins with a path */
	if (erotd_config_parse((const char *)data, len, "f", &cfg, &err) ?
	    strncmp(err.code, "config-", 7) != 0 :
	    cfg.provider[0] != cfg.provider_text || cfg.provider[0][0] != '/')
		abort();
	json = json_loadb((const char *)data + 1, len - 1, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(json)) {
		if (!erotd_request_parse(json, data[0], &r, &err))
			check(&r, data[0]);
		else if (strncmp(err.code, "request-", 8))
			abort();
	}
	json_decref(json);
	return 0;
}
