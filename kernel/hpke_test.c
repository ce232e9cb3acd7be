// SPDX-License-Identifier: GPL-2.0-only
#include <crypto/curve25519.h>
#include <linux/hex.h>
#include <linux/slab.h>

#include "fixture_test.h"
#include "hpke.h"
#include "limits.h"

/* The vector that RFC 9180 was published with for mode 0, kem 32, kdf 1, aead 2. */
#define SK  "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
#define PK  "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
#define ENC "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
#define CT  "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cd" \
	    "ad859d5b7a"

static const char info[] = "Ode on a Grecian Urn";
static const char aad[] = "Count-0";
static const char text[] = "Beauty is truth, truth beauty";

#define INFO	info, sizeof(info) - 1
#define AAD	aad, sizeof(aad) - 1
#define LEN	(sizeof(text) - 1)
#define CT_LEN	(LEN + EROT_TAG_SIZE)

struct message {
	u8 sk[EROT_KEY_SIZE];
	u8 pk[EROT_KEY_SIZE];
	u8 enc[EROT_KEY_SIZE];
	u8 ct[CT_LEN];
	u8 pt[LEN];
};

static int begin(struct kunit *test)
{
	struct message *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	curve25519_generate_secret(m->sk);
	KUNIT_ASSERT_EQ(test, 0, erot_hpke_public(m->sk, m->pk));
	KUNIT_ASSERT_EQ(test, 0, erot_test_seal(m->pk, INFO, AAD, text, LEN, m->enc, m->ct));
	test->priv = m;
	return 0;
}

static int open(struct message *m)
{
	return erot_hpke_open(m->sk, m->enc, INFO, AAD, m->ct, CT_LEN, m->pt);
}

static bool untouched(const struct message *m)
{
	return !memchr_inv(m->pt, 0, sizeof(m->pt));
}

static void known_answer(struct kunit *test)
{
	struct message *m = test->priv;
	u8 pk[EROT_KEY_SIZE];

	KUNIT_ASSERT_EQ(test, 0, hex2bin(m->sk, SK, sizeof(m->sk)));
	KUNIT_ASSERT_EQ(test, 0, hex2bin(m->pk, PK, sizeof(m->pk)));
	KUNIT_ASSERT_EQ(test, 0, hex2bin(m->enc, ENC, sizeof(m->enc)));
	KUNIT_ASSERT_EQ(test, 0, hex2bin(m->ct, CT, sizeof(m->ct)));
	KUNIT_EXPECT_EQ(test, 0, erot_hpke_public(m->sk, pk));
	KUNIT_EXPECT_MEMEQ(test, pk, m->pk, sizeof(pk));
	KUNIT_EXPECT_EQ(test, 0, open(m));
	KUNIT_EXPECT_MEMEQ(test, m->pt, text, LEN);
}

/* Against the fixture's own sealing, of every length up to some blocks of the cipher. */
static void round_trip(struct kunit *test)
{
	struct message *m = test->priv;
	u8 *pt = kunit_kmalloc(test, 80, GFP_KERNEL), *ct = kunit_kmalloc(test, 96, GFP_KERNEL);
	u8 *out = kunit_kmalloc(test, 80, GFP_KERNEL);
	size_t n;

	KUNIT_ASSERT_TRUE(test, pt && ct && out);
	memset(pt, 0x5a, 80);
	for (n = 0; n <= 80; n++) {
		KUNIT_ASSERT_EQ(test, 0, erot_test_seal(m->pk, NULL, 0, pt, n, pt, n, m->enc, ct));
		memset(out, 0, 80);
		KUNIT_ASSERT_EQ(test, 0, erot_hpke_open(m->sk, m->enc, NULL, 0, pt, n, ct,
							n + EROT_TAG_SIZE, out));
		KUNIT_ASSERT_MEMEQ(test, pt, out, n);
	}
}

static void altered(struct kunit *test)
{
	struct message *m = test->priv;
	char other[sizeof(info)];
	size_t i;

	for (i = 0; i < CT_LEN; i++) {
		m->ct[i] ^= 1;
		KUNIT_EXPECT_EQ(test, -EBADMSG, open(m));
		m->ct[i] ^= 1;
	}
	/* the top bit is not part of the key, but it is hashed */
	for (i = 0; i < EROT_KEY_SIZE; i++) {
		m->enc[i] ^= 0x80;
		KUNIT_EXPECT_EQ(test, -EBADMSG, open(m));
		m->enc[i] ^= 0x80;
	}
	memcpy(other, info, sizeof(other));
	for (i = 0; i < sizeof(info) - 1; i++) {
		other[i] ^= 1;
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				erot_hpke_open(m->sk, m->enc, other, sizeof(info) - 1, AAD, m->ct,
					       CT_LEN, m->pt));
		other[i] ^= 1;
	}
	KUNIT_EXPECT_EQ(test, -EBADMSG, erot_hpke_open(m->sk, m->enc, info, sizeof(info) - 2, AAD,
						       m->ct, CT_LEN, m->pt));
	KUNIT_EXPECT_EQ(test, -EBADMSG, erot_hpke_open(m->sk, m->enc, INFO, aad, sizeof(aad) - 2,
						       m->ct, CT_LEN, m->pt));
	KUNIT_EXPECT_TRUE(test, untouched(m));
	m->sk[1] ^= 1;
	KUNIT_EXPECT_EQ(test, -EBADMSG, open(m));
	m->sk[1] ^= 1;
	KUNIT_EXPECT_EQ(test, 0, open(m));
}

static void lengths(struct kunit *test)
{
	struct message *m = test->priv;
	size_t n;

	/* shorter than a tag, and a message cut short */
	for (n = 0; n < CT_LEN; n++)
		KUNIT_EXPECT_EQ(test, -EBADMSG, erot_hpke_open(m->sk, m->enc, INFO, AAD, m->ct, n,
							       m->pt));
	/* refused before a byte is looked at */
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, erot_hpke_open(m->sk, m->enc, INFO, aad, EROT_GCM_MAX + 1,
							m->ct, CT_LEN, m->pt));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, erot_hpke_open(m->sk, m->enc, INFO, aad, EROT_GCM_MAX,
							m->ct, CT_LEN, m->pt));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, erot_hpke_open(m->sk, m->enc, INFO, AAD, m->ct, SIZE_MAX,
							m->pt));
	KUNIT_EXPECT_TRUE(test, untouched(m));
}

/* All encodings of points of small order: the shared secret would be known to everybody. */
static void small_order(struct kunit *test)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct message *m = test->priv;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(points); i++) {
		KUNIT_ASSERT_EQ(test, 0, hex2bin(m->enc, points[i], sizeof(m->enc)));
		KUNIT_EXPECT_EQ_MSG(test, -EKEYREJECTED, open(m), "point %zu", i);
		m->enc[EROT_KEY_SIZE - 1] |= 0x80;
		KUNIT_EXPECT_EQ_MSG(test, -EKEYREJECTED, open(m), "point %zu, top bit", i);
	}
	KUNIT_EXPECT_TRUE(test, untouched(m));
}

static void keys(struct kunit *test)
{
	u8 a[EROT_KEY_SIZE], b[EROT_KEY_SIZE], pk[EROT_KEY_SIZE], again[EROT_KEY_SIZE];
	struct message *m = test->priv;

	KUNIT_EXPECT_EQ(test, 0, erot_hpke_keypair(a, pk));
	KUNIT_EXPECT_EQ(test, 0, erot_hpke_public(a, again));
	KUNIT_EXPECT_MEMEQ(test, pk, again, sizeof(pk));
	KUNIT_EXPECT_EQ(test, 0, erot_hpke_keypair(b, again));
	KUNIT_EXPECT_MEMNEQ(test, a, b, sizeof(a));
	KUNIT_EXPECT_MEMNEQ(test, pk, again, sizeof(pk));
	memset(a, 0, sizeof(a));
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED, erot_hpke_public(a, pk));
	memset(m->sk, 0, sizeof(m->sk));
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED, open(m));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(known_answer),
	KUNIT_CASE(round_trip),
	KUNIT_CASE(altered),
	KUNIT_CASE(lengths),
	KUNIT_CASE(small_order),
	KUNIT_CASE(keys),
	{}
};

static struct kunit_suite suite = { .name = "erot_hpke", .init = begin, .test_cases = cases };

kunit_test_suite(suite);
