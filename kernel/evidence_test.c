// SPDX-License-Identifier: GPL-2.0-only
#include <linux/slab.h>

#include "crypto.h"
#include "evidence.h"
#include "fixture_test.h"

struct sealed {
	u8 sk[EROT_KEY_SIZE];
	u8 key[EROT_KEY_SIZE];
	struct erot_hmac_work *work;
	struct erot_evidence ev;
	u8 mac[EROT_DIGEST_SIZE];
};

static int begin(struct kunit *test)
{
	struct sealed *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	test->priv = s;
	get_random_bytes(s->sk, sizeof(s->sk));
	s->work = erot_hmac_work_alloc(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->work);
	KUNIT_ASSERT_EQ(test, 0, erot_evidence_key(s->sk, s->key));
	get_random_bytes(&s->ev, sizeof(s->ev));
	return 0;
}

static void end(struct kunit *test)
{
	struct sealed *s = test->priv;

	if (s)
		erot_hmac_work_free(s->work);
}

/* HKDF-Expand of one block is HMAC(sk, label || 1): RFC 5869, 2.3. */
static void key(struct kunit *test)
{
	struct sealed *s = test->priv;
	const u8 one = 1;
	const struct kvec parts[] = {
		EROT_PART(EROT_LABEL_EVIDENCE, strlen(EROT_LABEL_EVIDENCE)), EROT_PART(&one, 1),
	};

	KUNIT_EXPECT_EQ(test, 0, erot_hmac_sha256(s->sk, sizeof(s->sk), parts, 2, s->mac));
	KUNIT_EXPECT_MEMEQ(test, s->mac, s->key, sizeof(s->key));
}

static void head(struct kunit *test)
{
	struct sealed *s = test->priv;
	struct erot_evidence before = s->ev;
	size_t from = offsetof(struct erot_evidence, receipt);

	KUNIT_EXPECT_EQ(test, 0, erot_evidence_seal(&s->ev, s->key, s->work));
	KUNIT_EXPECT_MEMEQ(test, s->ev.head.magic, EROT_MAGIC, EROT_MAGIC_SIZE);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(s->ev.head.version), EROT_VERSION);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(s->ev.head.purpose), EROT_PURPOSE_EVIDENCE);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(s->ev.head.length), sizeof(s->ev));
	KUNIT_EXPECT_EQ(test, s->ev.reserved, 0);
	KUNIT_EXPECT_MEMEQ(test, (u8 *)&s->ev + from, (u8 *)&before + from,
			   offsetof(struct erot_evidence, reserved) - from);
}

/* Over all before it; and every byte of that counts. */
static void mac(struct kunit *test)
{
	struct sealed *s = test->priv;
	const size_t n = offsetof(struct erot_evidence, mac);
	const struct kvec all = EROT_PART(&s->ev, n);
	size_t i;

	KUNIT_EXPECT_EQ(test, n + EROT_DIGEST_SIZE, sizeof(s->ev));
	KUNIT_EXPECT_EQ(test, 0, erot_evidence_seal(&s->ev, s->key, s->work));
	KUNIT_EXPECT_EQ(test, 0, erot_hmac_sha256(s->key, sizeof(s->key), &all, 1, s->mac));
	KUNIT_EXPECT_MEMEQ(test, s->mac, s->ev.mac, sizeof(s->mac));
	/* the head and the reserved field are written anew */
	for (i = offsetof(struct erot_evidence, receipt);
	     i < offsetof(struct erot_evidence, reserved); i++) {
		((u8 *)&s->ev)[i] ^= 1;
		KUNIT_EXPECT_EQ(test, 0, erot_evidence_seal(&s->ev, s->key, s->work));
		KUNIT_EXPECT_MEMNEQ(test, s->mac, s->ev.mac, sizeof(s->mac));
		((u8 *)&s->ev)[i] ^= 1;
	}
	s->key[0] ^= 1;
	KUNIT_EXPECT_EQ(test, 0, erot_evidence_seal(&s->ev, s->key, s->work));
	KUNIT_EXPECT_MEMNEQ(test, s->mac, s->ev.mac, sizeof(s->mac));
	s->key[0] ^= 1;
	KUNIT_EXPECT_EQ(test, 0, erot_evidence_seal(&s->ev, s->key, s->work));
	KUNIT_EXPECT_MEMEQ(test, s->mac, s->ev.mac, sizeof(s->mac));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(key),
	KUNIT_CASE(head),
	KUNIT_CASE(mac),
	{}
};

static struct kunit_suite suite = {
	.name = "erot_evidence", .init = begin, .exit = end, .test_cases = cases,
};

kunit_test_suite(suite);
