// SPDX-License-Identifier: GPL-2.0-only
/* A certificate that is its own root. */
#include "fuzz/fuzz.h"
#include "liberot/cms.h"
#include "liberot/ek.h"

#define NOW	1767225600	/* 2026-01-01 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_ek_roots *roots;
	uint8_t digest[32];
	EVP_PKEY *key;

	erot_cert_spki_digest_in(data, len, digest);
	if (erot_ek_roots_load(data, len, &roots, NULL))
		return 0;
	if (!erot_ek_verify(data, len, roots, NOW, &key, NULL))
		EVP_PKEY_free(key);
	erot_ek_roots_free(roots);
	return 0;
}
