// SPDX-License-Identifier: GPL-2.0-only
/* Quotes of real TPMs: the genuine one passes, and each thing that can be wrong has its code. */
#include "test_tpm.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/buf.h"
#include "liberot/credential.h"
#include "liberot/quote.h"

#define MASK	(1U << 0 | 1U << 7 | 1U << 13)
#define LIST	"sha256:0,7,13"

/* What a machine delivers, and the key that it is held against. */
struct sample {
	uint8_t *attest, *signature;
	size_t attest_len, signature_len;
	struct erot_ak ak;
	struct erot_pcrs pcrs;
};

static uint8_t challenge[EROT_DIGEST_SIZE];

static void free_sample(struct sample *s)
{
	free(s->attest);
	free(s->signature);
	memset(s, 0, sizeof(*s));
}

static void read_pcrs(const char *file, struct erot_pcrs *pcrs)
{
	size_t len, at = 0;
	uint8_t *data = test_read(file, &len);
	unsigned int i;

	memset(pcrs, 0, sizeof(*pcrs));
	pcrs->mask = MASK;
	for (i = 0; i < EROT_PCR_COUNT; i++) {
		if (!(MASK & 1U << i))
			continue;
		if (at + EROT_DIGEST_SIZE > len)
			test_die("tpm2_pcrread");
		memcpy(pcrs->value[i], data + at, EROT_DIGEST_SIZE);
		at += EROT_DIGEST_SIZE;
	}
	free(data);
}

static void read_ak(const char *file, struct erot_ak *ak)
{
	struct erot_error err = { 0 };
	uint8_t *data;
	size_t len;

	data = test_read(file, &len);
	if (erot_ak_check(data, len, ak, &err))
		test_die(err.text);
	free(data);
}

/* Quote with the key in CONTEXT.ctx, whose public area is in CONTEXT.pub */
static void quote(const char *context, const char *list, struct sample *s)
{
	char hex[2 * EROT_DIGEST_SIZE + 1], file[32];

	erot_hex(challenge, sizeof(challenge), hex);
	test_must("tpm2_quote -Q -c %s.ctx -l %s -q %s -m attest -s signature -g sha256", context,
		  list, hex);
	test_flush();
	test_must("tpm2_pcrread -Q -o pcrs " LIST);
	s->attest = test_read("attest", &s->attest_len);
	s->signature = test_read("signature", &s->signature_len);
	read_pcrs("pcrs", &s->pcrs);
	snprintf(file, sizeof(file), "%s.pub", context);
	read_ak(file, &s->ak);
}

static void make_ak(const char *context, const char *ek, const char *kind)
{
	test_must("tpm2_createak -Q -C %s -c %s.ctx %s -f tss -u %s.pub -n %s.name", ek, context,
		  kind, context, context);
	test_flush();
}

static int verify(const struct sample *s, uint32_t mask, struct erot_quote_info *info,
		  struct erot_error *err)
{
	struct erot_quote q = { s->attest, s->attest_len, s->signature, s->signature_len };
	struct erot_quote_want want = { .mask = mask, .pcrs = &s->pcrs };
	struct erot_quote_info ignored;

	memcpy(want.qualifying, challenge, sizeof(challenge));
	return erot_quote_verify(&q, s->ak.spki, s->ak.spki_len, &want, info ?: &ignored, err);
}

static void test_genuine(const struct sample *s, const char *name)
{
	struct erot_error err = { 0 };
	struct erot_quote_info info;
	uint8_t again[EROT_QUOTE_MAX + 1] = { 0 };
	struct erot_quote q = { s->attest, s->attest_len, s->signature, s->signature_len }, back;
	struct erot_buf b = { 0 };

	if (!tap_ok(!verify(s, MASK, &info, &err), "%s passes", name))
		printf("# %s: %s\n", err.code, err.text);
	tap_ok(info.mask == MASK && info.safe && info.clock && info.firmware_version &&
	       info.extra_len == sizeof(challenge) &&
	       !memcmp(info.extra, challenge, sizeof(challenge)), "%s: what it says", name);
	erot_quote_pack(&q, &b);
	memcpy(again, b.data, b.len);
	tap_ok(!erot_quote_unpack(again, b.len, &back, &err) && back.attest_len == s->attest_len &&
	       back.signature_len == s->signature_len &&
	       !memcmp(back.attest, s->attest, s->attest_len) &&
	       !memcmp(back.signature, s->signature, s->signature_len),
	       "%s: packed and unpacked", name);
	tap_refused(erot_quote_unpack(again, b.len - 1, &back, &err), EBADMSG, &err,
		    "quote-syntax", "packed, a byte short");
	tap_refused(erot_quote_unpack(again, b.len + 1, &back, &err), EBADMSG, &err,
		    "quote-syntax", "packed, a byte behind");
	erot_buf_free(&b);
}

/* Each byte, altered, is refused by whichever check it concerns; none is left out. */
static void test_altered(struct sample *s)
{
	struct erot_error err = { 0 };
	struct erot_quote_info info;
	size_t i, wrong = 0, kinds[2] = { 0 };

	for (i = 0; i < s->attest_len; i++) {
		s->attest[i] ^= 1;
		if (!verify(s, MASK, NULL, &err))
			wrong++;
		s->attest[i] ^= 1;
	}
	tap_ok(!wrong, "each of %zu bytes of the attestation, altered, is refused", s->attest_len);
	for (i = 0, wrong = 0; i < s->signature_len; i++) {
		s->signature[i] ^= 1;
		if (!verify(s, MASK, NULL, &err))
			wrong++;
		kinds[0] += !strcmp(err.code, "quote-syntax");
		kinds[1] += !strcmp(err.code, "quote-signature");
		s->signature[i] ^= 1;
	}
	tap_ok(!wrong && kinds[0] && kinds[1] && kinds[0] + kinds[1] == s->signature_len,
	       "each of %zu bytes of the signature, altered, is refused", s->signature_len);
	for (i = 0, wrong = 0; i < s->attest_len; i++)
		if (erot_quote_parse(s->attest, i, &info, &err) != -EBADMSG)
			wrong++;
	tap_ok(!wrong, "an attestation cut anywhere is malformed");
	for (i = 0, wrong = 0; i < s->signature_len; i++) {
		struct sample t = *s;

		t.signature_len = i;
		if (verify(&t, MASK, NULL, &err) != -EBADMSG)
			wrong++;
	}
	tap_ok(!wrong, "a signature cut anywhere is malformed");
}

static void test_held_against(struct sample *s)
{
	struct erot_error err = { 0 };
	struct sample t = *s;
	uint8_t longer[EROT_ATTEST_MAX + 1] = { 0 };
	char want[65], got[65];

	memcpy(longer, s->attest, s->attest_len);
	t.attest = longer;
	t.attest_len = s->attest_len + 1;
	tap_refused(verify(&t, MASK, NULL, &err), EBADMSG, &err, "quote-syntax", "a byte behind");
	t.attest_len = sizeof(longer);
	tap_ok(verify(&t, MASK, NULL, &err) == -EBADMSG && !strcmp(err.code, "quote-syntax") &&
	       strstr(err.text, "length"), "oversized: quote-syntax");

	t = *s;
	challenge[0] ^= 1;
	tap_ok(verify(s, MASK, NULL, &err) == -EKEYREJECTED &&
	       !strcmp(err.expected, erot_hex(challenge, 32, want)), "expected is the challenge");
	challenge[0] ^= 1;
	tap_ok(!strcmp(err.actual, erot_hex(challenge, 32, got)), "actual is what was replayed");
	tap_ok(!strcmp(err.code, "quote-qualifying-data"), "replayed: %s", err.code);
	tap_refused(verify(s, MASK & ~1U, NULL, &err), EKEYREJECTED, &err, "quote-selection",
		    "one PCR more than the policy's");
	tap_refused(verify(s, MASK | 2U, NULL, &err), EKEYREJECTED, &err, "quote-selection",
		    "one PCR fewer than the policy's");
	t.pcrs.value[7][31] ^= 1;
	tap_refused(verify(&t, MASK, NULL, &err), EKEYREJECTED, &err, "quote-pcrs",
		    "altered PCR value");
	t.pcrs = s->pcrs;
	t.pcrs.mask &= ~1U;
	tap_refused(verify(&t, MASK, NULL, &err), EKEYREJECTED, &err, "quote-pcrs",
		    "a PCR value is missing");
	t = *s;
	t.ak.spki_len--;
	tap_refused(verify(&t, MASK, NULL, &err), EKEYREJECTED, &err, "quote-signature",
		    "the key is malformed");
}

/* The quote of one TPM against the key of another, and of another kind of key. */
static void test_other_keys(const struct sample *s, const struct erot_ak *other,
			    const struct erot_ak *rsa)
{
	struct erot_error err = { 0 };
	struct sample t = *s;

	t.ak = *other;
	tap_refused(verify(&t, MASK, NULL, &err), EKEYREJECTED, &err, "quote-signature",
		    "quote of another TPM");
	t.ak = *rsa;
	tap_refused(verify(&t, MASK, NULL, &err), EKEYREJECTED, &err, "quote-signature",
		    "an RSA key for an ECDSA signature");
}

/* What a TPM signs on request must not pass for what it says itself. */
static void sign_in_tpm(const char *context, const uint8_t *data, size_t len, struct sample *s)
{
	test_write("message", data, len);
	/* a restricted key signs only with the TPM's word that it is no attestation of its own */
	test_must("tpm2_hash -Q -C o -g sha256 -t ticket -o digest message");
	test_must("tpm2_sign -Q -c %s.ctx -g sha256 -d -t ticket -o signature digest", context);
	test_flush();
	free(s->signature);
	s->signature = test_read("signature", &s->signature_len);
}

static void test_signed_on_request(const struct sample *genuine)
{
	struct sample s = *genuine;
	struct erot_error err = { 0 };

	s.attest = malloc(s.attest_len);
	s.signature = NULL;
	memcpy(s.attest, genuine->attest, s.attest_len);
	s.attest[0] = 0xfe;
	sign_in_tpm("ak", s.attest, s.attest_len, &s);
	tap_refused(verify(&s, MASK, NULL, &err), EKEYREJECTED, &err, "quote-magic",
		    "a quote without the magic, signed by the restricted key on request");
	s.attest[0] = 0xff;
	test_write("message", s.attest, s.attest_len);
	test_must("tpm2_hash -Q -C o -g sha256 -t ticket -o digest message");
	tap_ok(test_run("tpm2_sign -Q -c ak.ctx -g sha256 -d -t ticket -o signature digest"),
	       "with the magic the TPM does not sign it");
	test_flush();
	free_sample(&s);
}

/* A genuine attestation by the right key, of something that is no quote. */
static void test_other_attestation(const struct sample *genuine)
{
	struct sample s = *genuine;
	struct erot_error err = { 0 };

	test_must("tpm2_certify -Q -C ak.ctx -c primary.ctx -g sha256 -o attest -s signature");
	test_flush();
	s.attest = test_read("attest", &s.attest_len);
	s.signature = test_read("signature", &s.signature_len);
	tap_refused(verify(&s, MASK, NULL, &err), EKEYREJECTED, &err, "quote-type",
		    "the restricted key certifies a key");
	free_sample(&s);
}

/* Forged from end to end with an unrestricted key: only the check of the key stands against it. */
static void test_unrestricted(const struct sample *genuine)
{
	struct sample s = *genuine;
	struct erot_error err = { 0 };
	struct erot_ak ak;
	uint8_t *public;
	size_t len;

	test_must("tpm2_create -Q -C primary.ctx -G ecc256:ecdsa-sha256 -u loose.u -r loose.r -a "
		  "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign");
	test_flush();
	test_must("tpm2_load -Q -C primary.ctx -u loose.u -r loose.r -c loose.ctx");
	test_flush();
	test_must("tpm2_readpublic -Q -c loose.ctx -f tss -o loose.pub");
	test_flush();
	s.attest = malloc(s.attest_len);
	s.signature = NULL;
	memcpy(s.attest, genuine->attest, s.attest_len);
	test_write("message", s.attest, s.attest_len);
	test_must("tpm2_sign -Q -c loose.ctx -g sha256 -o signature message");
	test_flush();
	s.signature = test_read("signature", &s.signature_len);
	public = test_read("loose.pub", &len);
	tap_refused(erot_ak_check(public, len, &ak, &err), EKEYREJECTED, &err, "ak-attributes",
		    "unrestricted key in the TPM");
	tap_refused(verify(&s, MASK, NULL, &err), EKEYREJECTED, &err, "quote-signature",
		    "what it signs is not the attestation key's");
	free(public);
	free_sample(&s);
}

static void test_data(void)
{
	struct erot_quote_release r = { .host = 0x01020304 };
	struct erot_evidence ev = { .exit_status = 1 };
	uint8_t out[32], again[32], in[4 + 13 + 4 * 36 + 8] = { 13, 0, 0, 0 };
	struct erot_error err = { 0 };
	size_t i, at = 17, same = 0;

	memset(r.challenge, 1, 32);
	memset(r.session_pk, 2, 32);
	memset(r.boot_pk, 3, 32);
	memset(r.receipt, 4, 32);
	memcpy(in + 4, "erot/quote/v1", 13);
	for (i = 1; i <= 4; i++, at += 36) {
		in[at] = 32;
		memset(in + at + 4, (int)i, 32);
	}
	in[at] = 4;
	memcpy(in + at + 4, "\4\3\2\1", 4);
	erot_sha256(in, at + 8, again);
	tap_ok(!erot_quote_data_release(&r, out) && !memcmp(out, again, 32),
	       "qualifying data of a release, byte by byte");
	for (i = 0; i < sizeof(r); i++) {
		((uint8_t *)&r)[i] ^= 1;
		same += erot_quote_data_release(&r, out) || !memcmp(out, again, 32);
		((uint8_t *)&r)[i] ^= 1;
	}
	tap_ok(!same, "each of its %zu bytes counts", sizeof(r));
	tap_ok(!erot_quote_data_end(&ev, out), "qualifying data of an end");
	ev.mac[31] = 1;
	tap_ok(!erot_quote_data_end(&ev, again) && memcmp(out, again, 32),
	       "the evidence counts up to its last byte");
	tap_refused(erot_quote_unpack("", 0, &(struct erot_quote){ 0 }, &err), EBADMSG, &err,
		    "quote-syntax", "nothing packed");
}

int main(void)
{
	struct sample s = { 0 }, rsa = { 0 }, more = { 0 };
	struct erot_ak other;
	struct erot_error err = { 0 };
	size_t i;

	for (i = 0; i < sizeof(challenge); i++)
		challenge[i] = (uint8_t)(i + 1);
	test_data();
	test_begin();
	test_authority("ca");
	test_make_tpm("b", "ca");
	make_ak("other", TEST_EK_RSA, "-G ecc -s ecdsa -g sha256");
	read_ak("other.pub", &other);
	test_make_tpm("a", "ca");
	test_must("tpm2_pcrextend 13:sha256=" "%064d", 7);
	make_ak("ak", TEST_EK_RSA, "-G ecc -s ecdsa -g sha256");
	make_ak("rsa", TEST_EK_RSA, "-G rsa2048 -s rsassa -g sha256");
	test_must("tpm2_createprimary -Q -C o -c primary.ctx");
	test_flush();
	quote("ak", LIST, &s);
	quote("rsa", LIST, &rsa);
	test_genuine(&s, "quote of a P-256 key");
	test_genuine(&rsa, "quote of an RSA-2048 key");
	test_altered(&s);
	test_altered(&rsa);
	test_held_against(&s);
	test_other_keys(&s, &other, &rsa.ak);
	quote("ak", LIST "+sha1:0", &more);
	tap_refused(verify(&more, MASK, NULL, &err), EKEYREJECTED, &err, "quote-selection",
		    "a second bank in the selection");
	free_sample(&more);
	test_signed_on_request(&s);
	test_other_attestation(&s);
	test_unrestricted(&s);
	free_sample(&s);
	free_sample(&rsa);
	return tap_done();
}
