// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/json.h"
#include "liberot/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_manifest m;

	if (!erot_manifest_parse(data, len, &m, NULL))
		erot_manifest_free(&m);
	return 0;
}
