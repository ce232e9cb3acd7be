// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <tss2/tss2_mu.h>

#include "common/buf.h"
#include "common/io.h"
#include "liberot/crypto.h"
#include "liberot/quote.h"

static int syntax(struct erot_error *err, const char *why)
{
	return erot_fail(err, EBADMSG, "quote-syntax", "quote: %s", why);
}

static int bad_signature(struct erot_error *err, const char *why)
{
	ERR_clear_error();
	return erot_fail(err, EKEYREJECTED, "quote-signature", "quote: %s", why);
}

/* Exactly one selection, of the sha256 bank: the digest is over what all of them select. */
static int get_selection(const TPML_PCR_SELECTION *list, uint32_t *mask, struct erot_error *err)
{
	const TPMS_PCR_SELECTION *s = &list->pcrSelections[0];
	unsigned int i;

	if (list->count != 1)
		return erot_fail(err, EKEYREJECTED, "quote-selection",
				 "quote: selects from %u banks, not from one", list->count);
	if (s->hash != TPM2_ALG_SHA256)
		return erot_fail(err, EKEYREJECTED, "quote-selection",
				 "quote: selects from bank 0x%x, not from sha256", s->hash);
	*mask = 0;
	for (i = 0; i < s->sizeofSelect && i < sizeof(s->pcrSelect); i++)
		*mask |= (uint32_t)s->pcrSelect[i] << (8 * i);
	if (*mask >> EROT_PCR_COUNT)
		return erot_fail(err, EKEYREJECTED, "quote-selection",
				 "quote: selects PCRs above %d", EROT_PCR_COUNT - 1);
	return 0;
}

int erot_quote_parse(const void *attest, size_t len, struct erot_quote_info *out,
		     struct erot_error *err)
{
	const TPMS_QUOTE_INFO *q;
	TPMS_ATTEST a = { 0 };
	size_t used = 0;

	if (!len || len > EROT_ATTEST_MAX)
		return syntax(err, "of an impossible length");
	if (Tss2_MU_TPMS_ATTEST_Unmarshal(attest, len, &used, &a))
		return syntax(err, "malformed");
	if (a.magic != TPM2_GENERATED_VALUE)
		return erot_fail(err, EKEYREJECTED, "quote-magic",
				 "quote: was not made inside a TPM");
	if (a.type != TPM2_ST_ATTEST_QUOTE)
		return erot_fail(err, EKEYREJECTED, "quote-type",
				 "quote: attests something else (type 0x%x)", a.type);
	if (used != len)
		return syntax(err, "has bytes behind its end");
	q = &a.attested.quote;
	if (q->pcrDigest.size != EROT_DIGEST_SIZE)
		return syntax(err, "its digest of PCRs is not SHA-256");

	memset(out, 0, sizeof(*out));
	memcpy(out->digest, q->pcrDigest.buffer, EROT_DIGEST_SIZE);
	_Static_assert(sizeof(a.extraData.buffer) <= sizeof(out->extra), "there is room");
	memcpy(out->extra, a.extraData.buffer, a.extraData.size);
	out->extra_len = a.extraData.size;
	out->clock = a.clockInfo.clock;
	out->reset_count = a.clockInfo.resetCount;
	out->restart_count = a.clockInfo.restartCount;
	out->safe = a.clockInfo.safe == TPM2_YES;
	out->firmware_version = a.firmwareVersion;
	return get_selection(&q->pcrSelect, &out->mask, err);
}

static int verify_with(EVP_PKEY *key, const uint8_t *sig, size_t sig_len,
		       const struct erot_quote *q, struct erot_error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int good = 0;

	if (!ctx)
		return erot_fail(err, ENOMEM, "no-memory", "quote: out of memory");
	if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1)
		good = EVP_DigestVerify(ctx, sig, sig_len, q->attest, q->attest_len) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : bad_signature(err, "is not signed by the machine's attestation key");
}

static int verify_ecdsa(EVP_PKEY *key, const TPMS_SIGNATURE_ECDSA *s, const struct erot_quote *q,
			struct erot_error *err)
{
	BIGNUM *r = BN_bin2bn(s->signatureR.buffer, s->signatureR.size, NULL);
	BIGNUM *v = BN_bin2bn(s->signatureS.buffer, s->signatureS.size, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int n, ret;

	if (!r || !v || !sig || !ECDSA_SIG_set0(sig, r, v)) {
		BN_free(r);
		BN_free(v);
		ECDSA_SIG_free(sig);
		return erot_fail(err, ENOMEM, "no-memory", "quote: out of memory");
	}
	n = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	if (n <= 0)
		return erot_fail(err, ENOMEM, "no-memory", "quote: out of memory");
	ret = verify_with(key, der, (size_t)n, q, err);
	OPENSSL_free(der);
	return ret;
}

static int is_p256(EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       !strcmp(group, "prime256v1");
}

static int check_signature(const struct erot_quote *q, EVP_PKEY *key, struct erot_error *err)
{
	TPMT_SIGNATURE sig = { 0 };
	size_t used = 0;

	if (!q->signature_len || q->signature_len > EROT_SIGNATURE_MAX ||
	    Tss2_MU_TPMT_SIGNATURE_Unmarshal(q->signature, q->signature_len, &used, &sig) ||
	    used != q->signature_len)
		return syntax(err, "malformed signature");
	switch (sig.sigAlg) {
	case TPM2_ALG_ECDSA:
		if (!is_p256(key) || sig.signature.ecdsa.hash != TPM2_ALG_SHA256)
			break;
		return verify_ecdsa(key, &sig.signature.ecdsa, q, err);
	case TPM2_ALG_RSASSA:
		if (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < 2048 ||
		    sig.signature.rsassa.hash != TPM2_ALG_SHA256)
			break;
		return verify_with(key, sig.signature.rsassa.sig.buffer,
				   sig.signature.rsassa.sig.size, q, err);
	}
	return bad_signature(err, "its kind of signature is not accepted of this key");
}

static int check_mask(uint32_t want, uint32_t got, struct erot_error *err)
{
	char expected[72], actual[72];

	if (want == got)
		return 0;
	return erot_fail_compared(err, EKEYREJECTED, "quote-selection",
				  erot_pcrs_format(want, expected, sizeof(expected)),
				  erot_pcrs_format(got, actual, sizeof(actual)),
				  "quote: selects other PCRs than the policy");
}

static int check_qualifying(const uint8_t want[EROT_DIGEST_SIZE],
			    const struct erot_quote_info *info, struct erot_error *err)
{
	char expected[2 * EROT_DIGEST_SIZE + 1], actual[2 * sizeof(info->extra) + 1];

	if (info->extra_len == EROT_DIGEST_SIZE && !memcmp(info->extra, want, EROT_DIGEST_SIZE))
		return 0;
	return erot_fail_compared(err, EKEYREJECTED, "quote-qualifying-data",
				  erot_hex(want, EROT_DIGEST_SIZE, expected),
				  erot_hex(info->extra, info->extra_len, actual),
				  "quote: is bound to another challenge, session, boot key, "
				  "receipt, host state or evidence");
}

static int check_pcrs(const struct erot_quote_want *want, const struct erot_quote_info *info,
		      struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	if (!want->pcrs)
		return 0;
	if (want->pcrs->mask != want->mask) {
		char expected[72], actual[72];

		return erot_fail_compared(err, EKEYREJECTED, "quote-pcrs",
					  erot_pcrs_format(want->mask, expected, sizeof(expected)),
					  erot_pcrs_format(want->pcrs->mask, actual,
							   sizeof(actual)),
					  "quote: values of other PCRs were delivered");
	}
	if (erot_pcrs_digest(want->pcrs, digest))
		return erot_fail(err, EIO, "crypto", "quote: hashing failed");
	if (memcmp(digest, info->digest, EROT_DIGEST_SIZE))
		return erot_fail_digests(err, EKEYREJECTED, "quote-pcrs", info->digest, digest,
					 "quote: the values delivered are not those quoted");
	return 0;
}

int erot_quote_verify(const struct erot_quote *q, const void *spki, size_t spki_len,
		      const struct erot_quote_want *want, struct erot_quote_info *out,
		      struct erot_error *err)
{
	const unsigned char *p = spki;
	EVP_PKEY *key = NULL;
	int ret;

	ret = erot_quote_parse(q->attest, q->attest_len, out, err);
	if (!ret)
		ret = check_mask(want->mask, out->mask, err);
	if (ret)
		return ret;
	if (spki_len && spki_len <= EROT_HWKEY_MAX)
		key = d2i_PUBKEY(NULL, &p, (long)spki_len);
	if (!key || p != (const unsigned char *)spki + spki_len)
		ret = bad_signature(err, "the machine's attestation key is malformed");
	else
		ret = check_signature(q, key, err);
	EVP_PKEY_free(key);
	if (!ret)
		ret = check_qualifying(want->qualifying, out, err);
	if (!ret)
		ret = check_pcrs(want, out, err);
	return ret;
}
