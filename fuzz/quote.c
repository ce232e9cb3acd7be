// SPDX-License-Identifier: GPL-2.0-only
/* A quote with its signature in one piece, read and then verified by a key that did not make it. */
#include <openssl/ec.h>
#include <openssl/x509.h>

#include "fuzz/fuzz.h"
#include "liberot/quote.h"

static uint8_t spki[EROT_HWKEY_MAX];
static size_t spki_len;

static void make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned char *p = spki;

	spki_len = (size_t)i2d_PUBKEY(key, &p);
	EVP_PKEY_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_quote_want want = { 0 };
	struct erot_quote_info info;
	struct erot_quote q;

	if (!spki_len)
		make_key();
	if (erot_quote_unpack(data, len, &q, NULL))
		return 0;
	/* past the check that would hide the others */
	if (!erot_quote_parse(q.attest, q.attest_len, &info, NULL))
		want.mask = info.mask;
	if (!erot_quote_verify(&q, spki, spki_len, &want, &info, NULL))
		abort();
	return 0;
}
