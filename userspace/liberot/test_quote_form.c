// SPDX-License-Identifier: GPL-2.0-only
/* Quotes that no TPM of ours makes: put together here, signed with keys of this process. */
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <tss2/tss2_mu.h>

#include "common/buf.h"
#include "common/tap.h"
#include "liberot/crypto.h"
#include "liberot/quote.h"

#define MASK	(1U << 0 | 1U << 13)

static EVP_PKEY *key;

/* What the checks ask for, to be spoilt in one place before it is signed. */
struct made {
	TPMS_ATTEST a;
	struct erot_pcrs pcrs;
	struct erot_quote_want want;
	bool signature_longer;
	bool spki_longer;
};

static void good(struct made *m)
{
	TPMS_QUOTE_INFO *q = &m->a.attested.quote;

	memset(m, 0, sizeof(*m));
	m->pcrs.mask = MASK;
	memset(m->pcrs.value[0], 1, 32);
	memset(m->pcrs.value[13], 2, 32);
	memset(m->want.qualifying, 3, 32);
	m->want.mask = MASK;
	m->want.pcrs = &m->pcrs;
	m->a.magic = TPM2_GENERATED_VALUE;
	m->a.type = TPM2_ST_ATTEST_QUOTE;
	m->a.extraData.size = 32;
	memset(m->a.extraData.buffer, 3, 32);
	m->a.clockInfo.safe = TPM2_YES;
	q->pcrSelect.count = 1;
	q->pcrSelect.pcrSelections[0].hash = TPM2_ALG_SHA256;
	q->pcrSelect.pcrSelections[0].sizeofSelect = 3;
	q->pcrSelect.pcrSelections[0].pcrSelect[0] = 1;
	q->pcrSelect.pcrSelections[0].pcrSelect[1] = 0x20;
	q->pcrDigest.size = 32;
	erot_pcrs_digest(&m->pcrs, q->pcrDigest.buffer);
}

static void fill_ecdsa(const uint8_t *der, size_t len, TPMT_SIGNATURE *sig)
{
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)len);
	int size = (EVP_PKEY_get_bits(key) + 7) / 8;

	sig->sigAlg = TPM2_ALG_ECDSA;
	sig->signature.ecdsa.hash = TPM2_ALG_SHA256;
	sig->signature.ecdsa.signatureR.size = (uint16_t)size;
	sig->signature.ecdsa.signatureS.size = (uint16_t)size;
	BN_bn2binpad(ECDSA_SIG_get0_r(s), sig->signature.ecdsa.signatureR.buffer, size);
	BN_bn2binpad(ECDSA_SIG_get0_s(s), sig->signature.ecdsa.signatureS.buffer, size);
	ECDSA_SIG_free(s);
}

static size_t sign(const uint8_t *data, size_t len, uint8_t *out, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	TPMT_SIGNATURE sig = { .sigAlg = TPM2_ALG_RSASSA };
	uint8_t raw[512];
	size_t raw_len = sizeof(raw), n = 0;

	EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key);
	EVP_DigestSign(ctx, raw, &raw_len, data, len);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_is_a(key, "EC")) {
		fill_ecdsa(raw, raw_len, &sig);
	} else {
		sig.signature.rsassa.hash = TPM2_ALG_SHA256;
		sig.signature.rsassa.sig.size = (uint16_t)raw_len;
		memcpy(sig.signature.rsassa.sig.buffer, raw, raw_len);
	}
	Tss2_MU_TPMT_SIGNATURE_Marshal(&sig, out, size, &n);
	return n;
}

static int verify(struct made *m, struct erot_error *err)
{
	uint8_t attest[EROT_ATTEST_MAX], signature[EROT_SIGNATURE_MAX] = { 0 };
	uint8_t spki[EROT_HWKEY_MAX] = { 0 };
	unsigned char *p = spki;
	struct erot_quote_info info;
	struct erot_quote q = { .attest = attest, .signature = signature };
	size_t spki_len = (size_t)i2d_PUBKEY(key, &p);

	if (Tss2_MU_TPMS_ATTEST_Marshal(&m->a, attest, sizeof(attest), &q.attest_len)) {
		printf("Bail out! marshal\n");
		exit(1);
	}
	q.signature_len = sign(attest, q.attest_len, signature, sizeof(signature)) +
			  m->signature_longer;
	return erot_quote_verify(&q, spki, spki_len + m->spki_longer, &m->want, &info, err);
}

static void refuse(struct made *m, int num, const char *code, const char *name)
{
	struct erot_error err = { 0 };

	tap_refused(verify(m, &err), num, &err, code, name);
	good(m);
}

static void test_form(void)
{
	TPML_PCR_SELECTION *s;
	TPM2B_DIGEST *digest;
	struct erot_error err = { 0 };
	struct made m;

	good(&m);
	s = &m.a.attested.quote.pcrSelect;
	digest = &m.a.attested.quote.pcrDigest;
	tap_ok(!verify(&m, &err), "as it should be: %s", err.text);
	m.a.magic = 0x54434700;
	refuse(&m, EKEYREJECTED, "quote-magic", "another magic");
	m.a.type = TPM2_ST_ATTEST_TIME;
	refuse(&m, EKEYREJECTED, "quote-type", "another type");
	s->pcrSelections[0].hash = TPM2_ALG_SHA1;
	refuse(&m, EKEYREJECTED, "quote-selection", "another bank");
	s->count = 0;
	refuse(&m, EKEYREJECTED, "quote-selection", "no bank");
	s->count = 2;
	s->pcrSelections[1] = s->pcrSelections[0];
	refuse(&m, EKEYREJECTED, "quote-selection", "the bank twice");
	s->pcrSelections[0].sizeofSelect = 4;
	s->pcrSelections[0].pcrSelect[3] = 1;
	refuse(&m, EKEYREJECTED, "quote-selection", "PCR 24");
	s->pcrSelections[0].sizeofSelect = 1;
	refuse(&m, EKEYREJECTED, "quote-selection", "a selection that is too short");
	digest->size = 48;
	refuse(&m, EBADMSG, "quote-syntax", "a digest of 48 bytes");
	digest->size = 0;
	refuse(&m, EBADMSG, "quote-syntax", "no digest");
	digest->buffer[31] ^= 1;
	refuse(&m, EKEYREJECTED, "quote-pcrs", "another digest");
	m.a.extraData.size = 33;
	refuse(&m, EKEYREJECTED, "quote-qualifying-data", "qualifying data and a byte more");
	m.a.extraData.size = 64;
	refuse(&m, EKEYREJECTED, "quote-qualifying-data", "as much of it as there can be");
	m.a.extraData.size = 31;
	refuse(&m, EKEYREJECTED, "quote-qualifying-data", "qualifying data a byte short");
	m.a.extraData.size = 0;
	refuse(&m, EKEYREJECTED, "quote-qualifying-data", "no qualifying data");
	m.signature_longer = true;
	refuse(&m, EBADMSG, "quote-syntax", "a byte behind the signature");
	m.spki_longer = true;
	refuse(&m, EKEYREJECTED, "quote-signature", "a byte behind the key");
	/* the same values, said to be those of other PCRs: the digest alone does not tell */
	m.pcrs.mask = 1U << 0 | 1U << 14;
	memcpy(m.pcrs.value[14], m.pcrs.value[13], 32);
	refuse(&m, EKEYREJECTED, "quote-pcrs", "values of other PCRs");
	m.want.pcrs = NULL;
	digest->buffer[0] ^= 1;
	tap_ok(!verify(&m, &err), "values are not looked at where there are none");
}

static void test_keys(void)
{
	struct made m;

	EVP_PKEY_free(key);
	key = EVP_EC_gen("P-384");
	good(&m);
	refuse(&m, EKEYREJECTED, "quote-signature", "P-384");
	EVP_PKEY_free(key);
	key = EVP_EC_gen("secp256k1");
	refuse(&m, EKEYREJECTED, "quote-signature", "another curve of 256 bits");
	EVP_PKEY_free(key);
	key = EVP_RSA_gen(1024);
	refuse(&m, EKEYREJECTED, "quote-signature", "RSA-1024");
	EVP_PKEY_free(key);
	key = EVP_RSA_gen(3072);
	tap_ok(!verify(&m, NULL), "RSA-3072");
}

int main(void)
{
	setenv("TSS2_LOG", "all+none", 1);
	key = EVP_EC_gen("P-256");
	test_form();
	test_keys();
	EVP_PKEY_free(key);
	return tap_done();
}
