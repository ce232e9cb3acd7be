// SPDX-License-Identifier: GPL-2.0-only
/* Releases that PROVISION must refuse. */
#define _GNU_SOURCE
#include <endian.h>
#include <time.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(release) {
	struct fx_session s;
	struct fx_session second;
};

FIXTURE_VARIANT(release) {
	struct fx_knobs knobs;
	int num;
	const char *words;
};

#define RELEASE(name, err, text, ...) \
FIXTURE_VARIANT_ADD(release, name) = { .num = err, .words = text, .knobs = { __VA_ARGS__ } }

RELEASE(other_session_key, EKEYREJECTED, "not sealed to this session", .other_session = true);
RELEASE(other_boot_key, EKEYREJECTED, "not sealed to this boot key", .other_boot = true);
RELEASE(other_receipt, EKEYREJECTED, "not sealed to this session and receipt",
	.other_receipt = true);
RELEASE(other_private_key, EKEYREJECTED, "private key is not the receipt's", .other_sk = true);

FIXTURE_SETUP(release)
{
	self->s.n.fd = self->second.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_new(&self->s));
}

FIXTURE_TEARDOWN(release)
{
	fx_end(&self->s);
	if (self->second.n.fd >= 0)
		fx_end(&self->second);
	WORKS(fx_nothing_left());
}

TEST_F(release, refused)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;

	WORKS(fx_grant(s, &variant->knobs));
	WORKS(fx_release(s));
	REFUSED(variant->num, variant->words, fx_provision(s));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_NEW, got.state);
	memset(&s->knobs, 0, sizeof(s->knobs));
	WORKS(fx_release(s));
	WORKS(fx_provision(s));
}

FIXTURE(sealed) {
	struct fx_session s;
	struct fx_session second;
};

FIXTURE_SETUP(sealed)
{
	struct fx_knobs k = { 0 };

	self->s.n.fd = self->second.n.fd = -1;
	WORKS(fx_begin());
	WORKS(fx_new(&self->s));
	WORKS(fx_grant(&self->s, &k));
}

FIXTURE_TEARDOWN(sealed)
{
	fx_end(&self->s);
	if (self->second.n.fd >= 0)
		fx_end(&self->second);
	WORKS(fx_nothing_left());
}

TEST_F(sealed, used_twice)
{
	struct fx_session *s = &self->s, *t = &self->second;

	WORKS(fx_release(s));
	WORKS(fx_provision(s));
	REFUSED(EBADFD, "out of order", fx_provision(s));
	/* and in another session of the same boot */
	WORKS(fx_new(t));
	REFUSED(EKEYREJECTED, "not sealed to this session",
		erot_nl_provision(fx.nl, t->n.id, s->cms, s->cms_len, &s->release, &fx_err));
	/* the first one goes on */
	WORKS(fx_attach(s));
}

/* Replay after the session that it was made for is gone. */
TEST_F(sealed, used_again_after_the_end)
{
	struct fx_session *s = &self->s, *t = &self->second;

	WORKS(fx_release(s));
	WORKS(fx_provision(s));
	close(s->n.fd);
	s->n.fd = -1;
	WORKS(fx_new(t));
	REFUSED(EKEYREJECTED, "not sealed to this session",
		erot_nl_provision(fx.nl, t->n.id, s->cms, s->cms_len, &s->release, &fx_err));
}

TEST_F_TIMEOUT(sealed, every_byte_altered, 120)
{
	struct fx_session *s = &self->s;
	uint8_t *p = (uint8_t *)&s->release;
	size_t i;

	WORKS(fx_release(s));
	for (i = 0; i < sizeof(s->release); i++) {
		/* the top bit of an X25519 key is not looked at (RFC 7748), but HPKE hashes it */
		p[i] ^= (uint8_t)(0x80U >> i % 8);
		REFUSED(EKEYREJECTED, "not sealed to this session", fx_provision(s));
		p[i] ^= (uint8_t)(0x80U >> i % 8);
	}
	p[EROT_KEY_SIZE - 1] ^= 0x80;
	REFUSED(EKEYREJECTED, "not sealed to this session", fx_provision(s));
	p[EROT_KEY_SIZE - 1] ^= 0x80;
	WORKS(fx_provision(s));
}

/* Sealed by the DERG as it should be, with another content. */
static int seal_by_hand(struct fx_session *s, const struct erot_release_secret *secret)
{
	uint8_t info[sizeof(EROT_LABEL_RELEASE) - 1 + EROT_DIGEST_SIZE + EROT_KEY_SIZE];
	const size_t label = sizeof(EROT_LABEL_RELEASE) - 1;
	struct erot_release_boot boot;

	memcpy(info, EROT_LABEL_RELEASE, label);
	memcpy(info + label, s->receipt, EROT_DIGEST_SIZE);
	memcpy(info + label + EROT_DIGEST_SIZE, s->n.session_key, EROT_KEY_SIZE);
	return erot_hpke_seal(s->n.boot_key, info, sizeof(info), EROT_AAD_BOOT,
			      strlen(EROT_AAD_BOOT), secret, sizeof(*secret), boot.enc,
			      boot.text) ?:
	       erot_hpke_seal(s->n.session_key, info, sizeof(info), EROT_AAD_SESSION,
			      strlen(EROT_AAD_SESSION), &boot, sizeof(boot), s->release.enc,
			      s->release.text);
}

static void malformed(struct __test_metadata *_metadata, struct fx_session *s,
		      const struct erot_release_secret *secret)
{
	WORKS(seal_by_hand(s, secret));
	REFUSED(EPROTO, "release: malformed content", fx_provision(s));
}

TEST_F(sealed, malformed_content)
{
	struct fx_session *s = &self->s;
	struct erot_release_secret good = {
		.derg_time = htole64((uint64_t)time(NULL)),
		.valid_seconds = htole32(600), .max_runtime = htole32(600),
	}, bad;

	erot_head_fill(&good.head, EROT_PURPOSE_RELEASE, sizeof(good));
	memcpy(good.sk, s->sk, sizeof(good.sk));
	bad = good;
	bad.head.magic[0] ^= 1;
	malformed(_metadata, s, &bad);
	bad = good;
	bad.head.version = htole16(2);
	malformed(_metadata, s, &bad);
	bad = good;
	bad.head.purpose = htole16(EROT_PURPOSE_EVIDENCE);
	malformed(_metadata, s, &bad);
	bad = good;
	bad.head.length = htole32(sizeof(bad) + 1);
	malformed(_metadata, s, &bad);
	bad = good;
	bad.max_runtime = 0;
	malformed(_metadata, s, &bad);
	/* valid for no time at all is stale at once */
	bad = good;
	bad.valid_seconds = 0;
	WORKS(seal_by_hand(s, &bad));
	REFUSED(ETIME, "stale", fx_provision(s));
	WORKS(seal_by_hand(s, &good));
	WORKS(fx_provision(s));
}

/* All-zero shared secrets: a key of small order as the encapsulated one. */
TEST_F(sealed, small_order_point)
{
	struct fx_session *s = &self->s;
	static const uint8_t points[][EROT_KEY_SIZE] = { { 0 }, { 1 } };
	size_t i;

	WORKS(fx_release(s));
	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		memcpy(s->release.enc, points[i], EROT_KEY_SIZE);
		ASSERT_EQ(-EKEYREJECTED, fx_provision(s));
	}
}

TEST_F(sealed, stale)
{
	struct fx_session *s = &self->s;

	s->knobs.valid = 1;
	WORKS(fx_release(s));
	fx_let_pass(2100);
	REFUSED(ETIME, "stale", fx_provision(s));
	s->knobs.valid = 60;
	WORKS(fx_release(s));
	WORKS(fx_provision(s));
}

/* The receipt was valid when the release was sealed, and is not any more. */
TEST_F(sealed, receipt_runs_out_in_between)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .not_before = -10, .not_after = 1 };

	free(s->env);
	free(s->cms);
	close(s->env_fd);
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	fx_let_pass(2100);
	REFUSED(EKEYEXPIRED, "expired", fx_provision(s));
}

FIXTURE(runtime) {
	struct fx_session s;
};

FIXTURE_VARIANT(runtime) {
	uint32_t receipt;
	uint32_t release;
};

FIXTURE_VARIANT_ADD(runtime, receipt_has_less) = { .receipt = 200, .release = 5000 };
FIXTURE_VARIANT_ADD(runtime, release_has_less) = { .receipt = 5000, .release = 200 };

FIXTURE_SETUP(runtime)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(runtime)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* The lesser holds, from the first exec. */
TEST_F(runtime, lesser_holds)
{
	struct fx_knobs k = { .runtime = variant->receipt, .release_runtime = variant->release };
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct agent_answer *a = malloc(sizeof(*a));
	struct erot_nl_session got;
	struct timespec now;

	ASSERT_NE(NULL, a);
	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 6, a));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_RUNNING, got.state);
	ASSERT_EQ(0, clock_gettime(CLOCK_BOOTTIME, &now));
	ASSERT_LT(now.tv_sec + 100ULL, got.deadline / 1000000000);
	ASSERT_LE(got.deadline / 1000000000, now.tv_sec + 200ULL);
	free(a);
}

FX_MAIN
