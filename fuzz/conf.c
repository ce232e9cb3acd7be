// SPDX-License-Identifier: GPL-2.0-only
/* dergd.conf and derg.conf: what is accepted has every text ended and every number in its range. */
#include "fuzz/fuzz.h"

#include "dergd/settings.c"
#undef KEY
#undef KEYS
#define keys derg_keys
#include "dergd/config.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_error err = { "", "" };
	struct derg_config config;
	struct settings s;

	if (settings_parse((const char *)data, len, "f", &s, &err)) {
		if (strncmp(err.code, "config-", 7))
			abort();
	} else if (strlen(s.listen) >= sizeof(s.listen) || s.key[0] != '/' ||
		   !s.header_timeout || s.max_per_address > s.max_connections) {
		abort();
	}
	if (derg_config_parse((const char *)data, len, "f", &config, &err)) {
		if (strncmp(err.code, "config-", 7))
			abort();
	} else if (strncmp(config.token, "pkcs11:", 7) || !config.valid_seconds) {
		abort();
	}
	return 0;
}
