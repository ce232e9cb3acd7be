// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/fuzz.h"
#include "liberot/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_ak ak;

	erot_ak_check(data, len, &ak, NULL);
	return 0;
}
