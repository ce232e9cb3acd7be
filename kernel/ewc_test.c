// SPDX-License-Identifier: GPL-2.0-only
#include <crypto/curve25519.h>
#include <linux/limits.h>
#include <linux/slab.h>

#include "crypto.h"
#include "ewc.h"
#include "fixture_test.h"
#include "hpke.h"
#include "verity.h"

#define MANIFEST	"{\"manifest\": 1}"
#define MANIFEST_LEN	(sizeof(MANIFEST) - 1)

/* 65 chunks, so that there is a tree of one block */
#define IMAGE_LEN	(64ULL * EROT_CHUNK_SIZE + EROT_IMAGE_ALIGN)
#define CHUNKS		(65ULL + 1 + 1)
#define PAYLOAD_LEN	((CHUNKS - 1) * EROT_CHUNK_STRIDE + EROT_VERITY_DESC_SIZE + EROT_TAG_SIZE)

struct envelope {
	struct erot_ewc_header h;
	u8 manifest[MANIFEST_LEN];
	struct erot_ewc_seal seal;
} __packed;

struct box {
	struct envelope e;
	struct erot_ewc parsed;
	u8 sk[EROT_KEY_SIZE];
	u8 content_key[EROT_KEY_SIZE];
	u8 statement[EROT_DIGEST_SIZE];
	u8 derived[32 + EROT_NONCE_SIZE + 32];	/* key, nonce, commitment */
	struct erot_chunk_keys keys;
};

/* C2SP chunked-encryption, by hand. */
static int derive(struct box *b)
{
	static const char name[] = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM";
	const struct kvec parts[] = {
		EROT_PART(name, sizeof(name)),
		EROT_PART(b->e.seal.salt, EROT_SALT_SIZE),
		EROT_PART(EROT_LABEL_PAYLOAD, strlen(EROT_LABEL_PAYLOAD)),
	};

	return erot_hkdf_expand_sha512(b->content_key, EROT_KEY_SIZE, parts, ARRAY_SIZE(parts),
				       b->derived, sizeof(b->derived));
}

static int seal(struct box *b)
{
	u8 info[sizeof(EROT_LABEL_EWC) - 1 + EROT_DIGEST_SIZE], pk[EROT_KEY_SIZE];

	memcpy(info, EROT_LABEL_EWC, sizeof(EROT_LABEL_EWC) - 1);
	memcpy(info + sizeof(EROT_LABEL_EWC) - 1, b->statement, EROT_DIGEST_SIZE);
	return erot_hpke_public(b->sk, pk) ?:
	       erot_test_seal(pk, info, sizeof(info), &b->e, sizeof(b->e.h) + MANIFEST_LEN,
			      b->content_key, EROT_KEY_SIZE, b->e.seal.enc, b->e.seal.wrapped);
}

static int begin(struct kunit *test)
{
	struct box *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	test->priv = b;
	memcpy(b->e.h.head.magic, EROT_MAGIC, EROT_MAGIC_SIZE);
	b->e.h.head.version = cpu_to_le16(EROT_VERSION);
	b->e.h.head.purpose = cpu_to_le16(EROT_PURPOSE_EWC);
	b->e.h.head.length = cpu_to_le32(sizeof(b->e));
	b->e.h.manifest_len = cpu_to_le32(MANIFEST_LEN);
	b->e.h.image_len = cpu_to_le64(IMAGE_LEN);
	b->e.h.tree_len = cpu_to_le64(EROT_CHUNK_SIZE);
	b->e.h.chunk_count = cpu_to_le64(CHUNKS);
	b->e.h.payload_len = cpu_to_le64(PAYLOAD_LEN);
	memcpy(b->e.manifest, MANIFEST, MANIFEST_LEN);
	curve25519_generate_secret(b->sk);
	get_random_bytes(b->content_key, sizeof(b->content_key));
	get_random_bytes(b->statement, sizeof(b->statement));
	get_random_bytes(b->e.seal.salt, sizeof(b->e.seal.salt));
	KUNIT_ASSERT_EQ(test, 0, derive(b));
	memcpy(b->e.seal.commitment, b->derived + 32 + EROT_NONCE_SIZE, 32);
	KUNIT_ASSERT_EQ(test, 0, seal(b));
	return 0;
}

/* The envelope in memory that ends where it does, so that KASAN sees a byte too many. */
static int parse_len(struct kunit *test, struct box *b, size_t len, const char **why)
{
	void *exact = kmemdup(&b->e, len, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, exact);
	err = erot_ewc_parse(exact, len, &b->parsed, why);
	kfree(exact);
	return err;
}

static void refused(struct kunit *test, struct box *b, int want, const char *words)
{
	const char *why = "";
	int err = parse_len(test, b, sizeof(b->e), &why);

	KUNIT_EXPECT_EQ_MSG(test, want, err, "%s", words);
	KUNIT_EXPECT_TRUE_MSG(test, why && strstr(why, words), "'%s', not '%s'", words, why);
}

static void good(struct kunit *test)
{
	struct box *b = test->priv;
	const char *why = "";

	KUNIT_EXPECT_EQ(test, 0, erot_ewc_parse(&b->e, sizeof(b->e), &b->parsed, &why));
	KUNIT_EXPECT_NULL(test, why);
	KUNIT_EXPECT_EQ(test, b->parsed.image_len, IMAGE_LEN);
	KUNIT_EXPECT_EQ(test, b->parsed.tree_len, EROT_CHUNK_SIZE);
	KUNIT_EXPECT_EQ(test, b->parsed.chunk_count, CHUNKS);
	KUNIT_EXPECT_EQ(test, b->parsed.payload_off, 0);
	KUNIT_EXPECT_EQ(test, b->parsed.payload_len, PAYLOAD_LEN);
	KUNIT_EXPECT_EQ(test, b->parsed.len, sizeof(b->e));
	KUNIT_EXPECT_EQ(test, b->parsed.manifest_len, MANIFEST_LEN);
	KUNIT_EXPECT_PTR_EQ(test, b->parsed.manifest, (const u8 *)b->e.manifest);
	KUNIT_EXPECT_PTR_EQ(test, (const void *)b->parsed.seal, (const void *)&b->e.seal);
	/* behind the envelope, at the first place there may be and at the last */
	b->e.h.payload_off = cpu_to_le64(EROT_IMAGE_ALIGN);
	KUNIT_EXPECT_EQ(test, 0, erot_ewc_parse(&b->e, sizeof(b->e), &b->parsed, &why));
	b->e.h.payload_off = cpu_to_le64(ALIGN_DOWN(LLONG_MAX - PAYLOAD_LEN, EROT_IMAGE_ALIGN));
	KUNIT_EXPECT_EQ(test, 0, erot_ewc_parse(&b->e, sizeof(b->e), &b->parsed, &why));
}

static void head(struct kunit *test)
{
	const size_t least = sizeof(struct erot_ewc_header) + sizeof(struct erot_ewc_seal);
	struct box *b = test->priv;
	struct erot_head *h = &b->e.h.head;
	const char *why;
	size_t len = 7;
	int i;

	for (i = 0; i < EROT_MAGIC_SIZE; i++) {
		h->magic[i] ^= 1;
		refused(test, b, -EPROTO, "magic");
		h->magic[i] ^= 1;
	}
	for (i = 0; i < 16; i++) {
		h->version = cpu_to_le16(EROT_VERSION ^ 1 << i);
		refused(test, b, -EPROTO, "version");
	}
	h->version = cpu_to_le16(EROT_VERSION);
	for (i = 0; i <= EROT_PURPOSE_LOG_ENTRY + 1; i++) {
		if (i == EROT_PURPOSE_EWC)
			continue;
		h->purpose = cpu_to_le16(i);
		refused(test, b, -EPROTO, "begin with an envelope");
	}
	h->purpose = cpu_to_le16(EROT_PURPOSE_EWC);
	h->length = cpu_to_le32(EROT_ENVELOPE_MAX + 1);
	refused(test, b, -EMSGSIZE, "too long");
	h->length = cpu_to_le32(U32_MAX);
	refused(test, b, -EMSGSIZE, "too long");
	h->length = cpu_to_le32(least);
	refused(test, b, -EPROTO, "too short");
	h->length = 0;
	refused(test, b, -EPROTO, "too short");
	h->length = cpu_to_le32(sizeof(b->e) - 1);
	refused(test, b, -EPROTO, "length does not match");
	h->length = cpu_to_le32(sizeof(b->e) + 1);
	refused(test, b, -EPROTO, "length does not match");
	h->length = cpu_to_le32(EROT_ENVELOPE_MAX);
	KUNIT_EXPECT_EQ(test, 0, erot_ewc_length(h, sizeof(*h), &len, &why));
	KUNIT_EXPECT_EQ(test, len, EROT_ENVELOPE_MAX);
	h->length = cpu_to_le32(least + 1);
	KUNIT_EXPECT_EQ(test, 0, erot_ewc_length(h, sizeof(*h), &len, &why));
	KUNIT_EXPECT_EQ(test, len, least + 1);
	for (i = 0; i < sizeof(*h); i++)
		KUNIT_EXPECT_EQ(test, -EPROTO, erot_ewc_length(h, i, &len, &why));
}

static void cut_short(struct kunit *test)
{
	struct box *b = test->priv;
	const char *why;
	size_t n;

	for (n = 1; n < sizeof(b->e); n++) {
		KUNIT_EXPECT_EQ(test, -EPROTO, parse_len(test, b, n, &why));
		if (n < sizeof(b->e.h.head))
			continue;
		/* and said to be so short */
		b->e.h.head.length = cpu_to_le32(n);
		KUNIT_EXPECT_EQ(test, -EPROTO, parse_len(test, b, n, &why));
		b->e.h.head.length = cpu_to_le32(sizeof(b->e));
	}
}

static void numbers(struct kunit *test)
{
	static const struct {
		size_t offset, size;
		u64 value;
		const char *words;
	} rows[] = {
#define ROW(field, value, words) { offsetof(struct erot_ewc_header, field), \
				   sizeof_field(struct erot_ewc_header, field), value, words }
		ROW(reserved, 1, "reserved"),
		ROW(reserved, 0x80000000, "reserved"),
		ROW(manifest_len, 0, "length of the manifest"),
		ROW(manifest_len, EROT_MANIFEST_MAX + 1, "length of the manifest"),
		ROW(manifest_len, U32_MAX, "length of the manifest"),
		ROW(manifest_len, MANIFEST_LEN - 1, "do not fill"),
		ROW(manifest_len, MANIFEST_LEN + 1, "do not fill"),
		ROW(manifest_len, EROT_MANIFEST_MAX, "do not fill"),
		ROW(image_len, 0, "image length"),
		ROW(image_len, IMAGE_LEN + 1, "image length"),
		ROW(image_len, EROT_IMAGE_MAX + EROT_IMAGE_ALIGN, "image length"),
		ROW(image_len, ALIGN_DOWN(U64_MAX, EROT_IMAGE_ALIGN), "image length"),
		ROW(image_len, EROT_IMAGE_MAX, "tree length"),
		ROW(tree_len, 0, "tree length"),
		ROW(tree_len, EROT_CHUNK_SIZE + 1, "tree length"),
		ROW(tree_len, 2 * EROT_CHUNK_SIZE, "tree length"),
		ROW(tree_len, U64_MAX, "tree length"),
		ROW(chunk_count, 0, "chunk count"),
		ROW(chunk_count, CHUNKS - 1, "chunk count"),
		ROW(chunk_count, CHUNKS + 1, "chunk count"),
		ROW(chunk_count, U64_MAX, "chunk count"),
		ROW(payload_len, 0, "payload length"),
		ROW(payload_len, PAYLOAD_LEN - 1, "payload length"),
		ROW(payload_len, PAYLOAD_LEN + 1, "payload length"),
		ROW(payload_len, U64_MAX, "payload length"),
		ROW(payload_off, 1, "payload offset"),
		ROW(payload_off, sizeof(struct envelope), "payload offset"),
		ROW(payload_off, EROT_IMAGE_ALIGN + 1, "payload offset"),
		ROW(payload_off, ALIGN_DOWN(LLONG_MAX, EROT_IMAGE_ALIGN), "payload offset"),
		ROW(payload_off, 1ULL << 63, "payload offset"),
		ROW(payload_off, ALIGN_DOWN(U64_MAX, EROT_IMAGE_ALIGN), "payload offset"),
	};
	struct box *b = test->priv;
	struct envelope kept = b->e;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const __le64 value = cpu_to_le64(rows[i].value);

		memcpy((u8 *)&b->e + rows[i].offset, &value, rows[i].size);
		refused(test, b, -EPROTO, rows[i].words);
		b->e = kept;
	}
}

static int open(struct kunit *test, struct box *b, const char **why)
{
	KUNIT_ASSERT_EQ(test, 0, erot_ewc_parse(&b->e, sizeof(b->e), &b->parsed, why));
	return erot_ewc_open(&b->parsed, b->sk, b->statement, &b->keys, why);
}

static void opens(struct kunit *test)
{
	struct box *b = test->priv;
	const char *why = "";

	KUNIT_EXPECT_EQ(test, 0, open(test, b, &why));
	KUNIT_EXPECT_MEMEQ(test, b->keys.key, b->derived, 32);
	KUNIT_EXPECT_MEMEQ(test, b->keys.base_nonce, b->derived + 32, EROT_NONCE_SIZE);
}

static void closed(struct kunit *test, struct box *b, const char *words)
{
	const char *why = "";

	memset(&b->keys, 0, sizeof(b->keys));
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED, open(test, b, &why));
	KUNIT_EXPECT_TRUE_MSG(test, why && strstr(why, words), "'%s', not '%s'", words, why);
	KUNIT_EXPECT_NULL(test, memchr_inv(&b->keys, 0, sizeof(b->keys)));
}

static void does_not_open(struct kunit *test)
{
	struct box *b = test->priv;
	size_t i;

	b->sk[1] ^= 1;
	closed(test, b, "not sealed");
	b->sk[1] ^= 1;
	b->statement[31] ^= 1;
	closed(test, b, "not sealed");
	b->statement[31] ^= 1;
	b->e.manifest[0] ^= 1;
	closed(test, b, "not sealed");
	b->e.manifest[0] ^= 1;
	b->e.h.payload_off = cpu_to_le64(EROT_IMAGE_ALIGN);
	closed(test, b, "not sealed");
	b->e.h.payload_off = 0;
	for (i = 0; i < EROT_WRAPPED_SIZE; i++) {
		b->e.seal.wrapped[i] ^= 0x10;
		closed(test, b, "not sealed");
		b->e.seal.wrapped[i] ^= 0x10;
	}
	memset(b->e.seal.enc, 0, EROT_KEY_SIZE);	/* of small order */
	closed(test, b, "not sealed");
	KUNIT_ASSERT_EQ(test, 0, seal(b));
	for (i = 0; i < EROT_DIGEST_SIZE; i++) {
		b->e.seal.commitment[i] ^= 1;
		closed(test, b, "commitment");
		b->e.seal.commitment[i] ^= 1;
	}
	b->e.seal.salt[0] ^= 1;
	closed(test, b, "commitment");
	b->e.seal.salt[0] ^= 1;
	/* another content key, well sealed */
	b->content_key[0] ^= 1;
	KUNIT_ASSERT_EQ(test, 0, seal(b));
	closed(test, b, "commitment");
}

static void nonces(struct kunit *test)
{
	static const u8 base[EROT_NONCE_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	u8 out[EROT_NONCE_SIZE], want[EROT_NONCE_SIZE];
	int i;

	erot_chunk_nonce(base, 0, out);
	KUNIT_EXPECT_MEMEQ(test, base, out, sizeof(out));
	for (i = 0; i < 64; i++) {
		memcpy(want, base, sizeof(want));
		want[EROT_NONCE_SIZE - 1 - i / 8] ^= 1 << i % 8;
		erot_chunk_nonce(base, 1ULL << i, out);
		KUNIT_EXPECT_MEMEQ(test, want, out, sizeof(out));
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(good),
	KUNIT_CASE(head),
	KUNIT_CASE(cut_short),
	KUNIT_CASE(numbers),
	KUNIT_CASE(opens),
	KUNIT_CASE(does_not_open),
	KUNIT_CASE(nonces),
	{}
};

static struct kunit_suite suite = { .name = "erot_ewc", .init = begin, .test_cases = cases };

kunit_test_suite(suite);
