// SPDX-License-Identifier: GPL-2.0-only
/* Receipts that PROVISION must refuse. A refused session stays NEW and takes the right one. */
#define _GNU_SOURCE
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "liberot/cms.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(receipt) {
	struct fx_session s;
};

FIXTURE_SETUP(receipt)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_new(&self->s));
}

FIXTURE_TEARDOWN(receipt)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static int provision(struct fx_session *s, const struct fx_knobs *k)
{
	int ret;

	free(s->env);
	free(s->cms);
	if (s->env_fd > 0)
		close(s->env_fd);
	s->env = s->cms = NULL;
	ret = fx_grant(s, k) ?: fx_release(s);
	return ret ? -EREMOTEIO : fx_provision(s);	/* an errno of the fixture is no verdict */
}

static void still_new(struct __test_metadata *_metadata, struct fx_session *s)
{
	struct fx_knobs good = { 0 };
	struct erot_nl_session got;

	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_NEW, got.state);
	ASSERT_FALSE(got.has_receipt);
	WORKS(provision(s, &good));
}

TEST_F(receipt, accepted)
{
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;

	WORKS(provision(&self->s, &k));
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
	ASSERT_TRUE(got.has_receipt);
	ASSERT_MEMEQ(self->s.receipt, got.receipt, EROT_DIGEST_SIZE);
}

FIXTURE(refusal) {
	struct fx_session s;
};

FIXTURE_VARIANT(refusal) {
	struct fx_knobs knobs;
	int num;
	const char *words;
};

#define REFUSAL(name, err, text, ...) \
FIXTURE_VARIANT_ADD(refusal, name) = { .num = err, .words = text, .knobs = { __VA_ARGS__ } }

REFUSAL(other_machine, EXDEV, "another machine", .other_machine = true);
REFUSAL(unknown_signer, ENOKEY, "no key of the keyring", .other_signer = true);
REFUSAL(expired, EKEYEXPIRED, "expired", .not_before = -7200, .not_after = -1);
REFUSAL(expired_when_sealed, EKEYEXPIRED, "expired", .not_before = -50, .not_after = 100,
	.derg_time = 200);
REFUSAL(not_yet_valid, EKEYEXPIRED, "not yet valid", .not_before = 100, .not_after = 200);
REFUSAL(statement, EPROTO, "not a receipt", .as = FX_STATEMENT);
REFUSAL(order, EPROTO, "not a receipt", .as = FX_ORDER);
REFUSAL(destruction, EPROTO, "not a receipt", .as = FX_DESTRUCTION);
REFUSAL(host_requirement, EACCES, "host", .host = EROT_HOST_ATTESTED);

FIXTURE_SETUP(refusal)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_new(&self->s));
}

FIXTURE_TEARDOWN(refusal)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(refusal, receipt)
{
	REFUSED(variant->num, variant->words, provision(&self->s, &variant->knobs));
	still_new(_metadata, &self->s);
}

/* No byte of the message may be another, whatever it means. */
TEST_F_TIMEOUT(receipt, every_byte_altered, 120)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	size_t i;
	int ret;

	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	for (i = 0; i < s->cms_len; i++) {
		s->cms[i] ^= (uint8_t)(1U << i % 8);
		ret = fx_provision(s);
		s->cms[i] ^= (uint8_t)(1U << i % 8);
		ASSERT_TRUE(ret == -EBADMSG || ret == -ENOKEY || ret == -EKEYREJECTED) {
			TH_LOG("byte %zu of %zu: %d %s", i, s->cms_len, ret, fx_err.text);
		}
		ASSERT_NE(NULL, strstr(fx_err.text, "receipt: "));
	}
	WORKS(fx_provision(s));
}

TEST_F(receipt, every_length)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	size_t whole, i;

	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	whole = s->cms_len;
	for (i = 0; i < whole; i += i < 64 || i > whole - 64 ? 1 : 31) {
		s->cms_len = i;
		REFUSED(EBADMSG, "CMS", fx_provision(s));
	}
	s->cms = realloc(s->cms, whole + 300);
	ASSERT_NE(NULL, s->cms);
	memset(s->cms + whole, 0, 300);
	for (i = 1; i <= 300; i += 13) {
		s->cms_len = whole + i;
		REFUSED(EBADMSG, "CMS", fx_provision(s));
	}
	s->cms_len = whole;
	WORKS(fx_provision(s));
}

/* Signed by the right key, yet not what a receipt looks like. */
static void content(struct __test_metadata *_metadata, struct fx_session *s, const void *data,
		    size_t len, const char *words)
{
	free(s->cms);
	s->cms = NULL;
	WORKS(fx_sign(false, data, len, &s->cms, &s->cms_len));
	REFUSED(EPROTO, words, fx_provision(s));
}

TEST_F(receipt, signed_nonsense)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_receipt *r;
	struct erot_error err;
	uint8_t *data;
	size_t len;

	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	WORKS(erot_cms_content(s->cms, s->cms_len, &data, &len, &err));
	r = (struct erot_receipt *)data;

	content(_metadata, s, "", 1, "too short");
	content(_metadata, s, data, sizeof(struct erot_head), "length does not match");
	content(_metadata, s, data, len - 1, "length does not match");
	r->grant.head.version = htole16(2);
	content(_metadata, s, data, len, "version");
	r->grant.head.version = htole16(1);
	r->grant.head.magic[7] = '\r';
	content(_metadata, s, data, len, "magic");
	r->grant.head.magic[7] = '\n';
	r->grant.reserved = htole32(1);
	content(_metadata, s, data, len, "reserved");
	r->grant.reserved = 0;
	r->grant.hwkey_len = htole32(le32toh(r->grant.hwkey_len) + 1);
	content(_metadata, s, data, len, "do not fill");
	r->grant.hwkey_len = htole32(0xffffffff);
	content(_metadata, s, data, len, "hardware key");
	r->grant.hwkey_len = htole32((uint32_t)fx.machine_len);
	r->grant.manifest_len = htole32(0x80000000);
	content(_metadata, s, data, len, "manifest");
	r->grant.manifest_len = htole32((uint32_t)(len - sizeof(*r) - fx.machine_len));
	r->not_after = r->not_before;
	content(_metadata, s, data, len, "not-after");
	r->not_after = htole64(le64toh(r->not_before) + 9999);
	r->max_runtime = 0;
	content(_metadata, s, data, len, "max-runtime");
	r->max_runtime = htole32(1);
	r->isolation = htole32(EROT_ISO_ALL + 1);
	content(_metadata, s, data, len, "isolation");
	r->isolation = 0;
	r->host = htole32(EROT_HOST_ALL + 1);
	content(_metadata, s, data, len, "host state");
	free(data);
}

/* A certificate that was taken away is as good as none. */
TEST_F(receipt, certificate_removed)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .other_signer = true };
	int32_t ring = fx_keyring(".erot"), key;
	struct erot_error err;
	EVP_PKEY *pkey;
	X509 *cert;
	uint8_t *data, *der = NULL;
	size_t len;
	int n;

	/* a key of this test's own, so that the others keep theirs */
	WORKS(fx_grant(s, &k));
	WORKS(erot_cms_content(s->cms, s->cms_len, &data, &len, &err));
	WORKS(erot_rsa_generate(&pkey, &err));
	WORKS(erot_cert_self_signed(pkey, "to be removed", 1, &cert, &err));
	free(s->cms);
	WORKS(erot_cms_sign_key(pkey, cert, data, len, &s->cms, &s->cms_len, &err));
	WORKS(fx_release(s));
	REFUSED(ENOKEY, "no key of the keyring", fx_provision(s));

	n = i2d_X509(cert, &der);
	key = (int32_t)syscall(SYS_add_key, "asymmetric", "", der, (size_t)n, ring);
	ASSERT_LT(0, key);
	/* proof that it would be accepted: the release is for another receipt only then */
	s->release.text[0] ^= 1;
	REFUSED(EKEYREJECTED, "release", fx_provision(s));
	s->release.text[0] ^= 1;
	/* whoever may put it there may take it away */
	ASSERT_EQ(0, syscall(SYS_keyctl, KEYCTL_UNLINK, key, ring)) {
		TH_LOG("unlink: %s; revoke: %s", strerror(errno),
		       syscall(SYS_keyctl, KEYCTL_REVOKE, key) ? strerror(errno) : "works");
	}
	REFUSED(ENOKEY, "no key of the keyring", fx_provision(s));
	OPENSSL_free(der);
	free(data);
	X509_free(cert);
	EVP_PKEY_free(pkey);
}

FX_MAIN
