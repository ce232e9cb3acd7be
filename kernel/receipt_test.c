// SPDX-License-Identifier: GPL-2.0-only
/*
 * Content and form of receipts. That a signature counts or not needs a private key, which only a
 * test from userspace has: receipt_test of selftests/.
 */
#include <linux/cred.h>
#include <linux/key.h>
#include <linux/slab.h>

#include "crypto.h"
#include "fixture_test.h"
#include "limits.h"
#include "receipt.h"

#define HWKEY_LEN	91
#define MANIFEST_LEN	33

struct content {
	struct erot_receipt r;
	u8 hwkey[HWKEY_LEN];
	u8 manifest[MANIFEST_LEN];
} __packed;

struct paper {
	struct content c;
	struct erot_receipt_facts facts;
	struct key *ring;
	u8 cms[1024];
	size_t len;
};

static int begin(struct kunit *test)
{
	struct paper *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	struct erot_receipt *r;

	KUNIT_ASSERT_NOT_NULL(test, p);
	test->priv = p;
	get_random_bytes(&p->c, sizeof(p->c));
	r = &p->c.r;
	memcpy(r->grant.head.magic, EROT_MAGIC, EROT_MAGIC_SIZE);
	r->grant.head.version = cpu_to_le16(EROT_VERSION);
	r->grant.head.purpose = cpu_to_le16(EROT_PURPOSE_RECEIPT);
	r->grant.head.length = cpu_to_le32(sizeof(p->c));
	r->grant.reserved = 0;
	r->grant.hwkey_len = cpu_to_le32(HWKEY_LEN);
	r->grant.manifest_len = cpu_to_le32(MANIFEST_LEN);
	r->not_before = cpu_to_le64(1000);
	r->not_after = cpu_to_le64(2000);
	r->max_runtime = cpu_to_le32(EROT_RUNTIME_MAX);
	r->isolation = cpu_to_le32(EROT_ISO_ALL);
	r->host = cpu_to_le32(EROT_HOST_ALL);
	p->ring = keyring_alloc("erot_test", GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, current_cred(),
				KEY_POS_SEARCH, KEY_ALLOC_NOT_IN_QUOTA, NULL, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, p->ring);
	return 0;
}

static void end(struct kunit *test)
{
	struct paper *p = test->priv;

	if (p && !IS_ERR_OR_NULL(p->ring))
		key_put(p->ring);
}

static void good(struct kunit *test)
{
	struct paper *p = test->priv;
	struct erot_receipt_facts *f = &p->facts;
	const struct erot_receipt *r = &p->c.r;
	u8 digest[EROT_DIGEST_SIZE];
	const char *why = NULL;

	KUNIT_ASSERT_EQ(test, 0, erot_receipt_parse(&p->c, sizeof(p->c), f, &why));
	erot_sha256(&p->c, sizeof(p->c), digest);
	KUNIT_EXPECT_MEMEQ(test, digest, f->digest, sizeof(digest));
	erot_sha256(p->c.hwkey, HWKEY_LEN, digest);
	KUNIT_EXPECT_MEMEQ(test, digest, f->hwkey, sizeof(digest));
	erot_sha256(p->c.manifest, MANIFEST_LEN, digest);
	KUNIT_EXPECT_MEMEQ(test, digest, f->manifest, sizeof(digest));
	KUNIT_EXPECT_EQ(test, f->manifest_len, MANIFEST_LEN);
	KUNIT_EXPECT_MEMEQ(test, r->statement, f->statement, sizeof(digest));
	KUNIT_EXPECT_MEMEQ(test, r->ewc, f->ewc, sizeof(digest));
	KUNIT_EXPECT_MEMEQ(test, r->grant.erot_pk, f->erot_pk, EROT_KEY_SIZE);
	KUNIT_EXPECT_MEMEQ(test, r->grant.code_hash, f->code_hash, sizeof(digest));
	KUNIT_EXPECT_EQ(test, f->not_before, 1000);
	KUNIT_EXPECT_EQ(test, f->not_after, 2000);
	KUNIT_EXPECT_EQ(test, f->memory_max, le64_to_cpu(r->memory_max));
	KUNIT_EXPECT_EQ(test, f->max_runtime, EROT_RUNTIME_MAX);
	KUNIT_EXPECT_EQ(test, f->pids_max, le32_to_cpu(r->pids_max));
	KUNIT_EXPECT_EQ(test, f->isolation, EROT_ISO_ALL);
	KUNIT_EXPECT_EQ(test, f->host, EROT_HOST_ALL);
}

/* In memory that ends where the content does; nothing of the answer is written. */
static void refused(struct kunit *test, size_t len, const char *words)
{
	struct paper *p = test->priv;
	void *exact = kmemdup(&p->c, len, GFP_KERNEL);
	const char *why = "";

	KUNIT_ASSERT_NOT_NULL(test, exact);
	memset(&p->facts, 0, sizeof(p->facts));
	KUNIT_EXPECT_EQ(test, -EPROTO, erot_receipt_parse(exact, len, &p->facts, &why));
	KUNIT_EXPECT_TRUE_MSG(test, why && strstr(why, words), "'%s', not '%s'", words, why);
	KUNIT_EXPECT_NULL(test, memchr_inv(&p->facts, 0, sizeof(p->facts)));
	kfree(exact);
}

static void head(struct kunit *test)
{
	struct paper *p = test->priv;
	struct erot_head *h = &p->c.r.grant.head;
	int i;

	for (i = 0; i < EROT_MAGIC_SIZE; i++) {
		h->magic[i] ^= 1;
		refused(test, sizeof(p->c), "magic");
		h->magic[i] ^= 1;
	}
	for (i = 0; i < 16; i++) {
		h->version = cpu_to_le16(EROT_VERSION ^ 1 << i);
		refused(test, sizeof(p->c), "version");
	}
	h->version = cpu_to_le16(EROT_VERSION);
	for (i = 0; i <= EROT_PURPOSE_LOG_ENTRY + 1; i++) {
		if (i == EROT_PURPOSE_RECEIPT)
			continue;
		h->purpose = cpu_to_le16(i);
		refused(test, sizeof(p->c), "not a receipt");
	}
	h->purpose = cpu_to_le16(EROT_PURPOSE_RECEIPT);
	h->length = cpu_to_le32(sizeof(p->c) - 1);
	refused(test, sizeof(p->c), "length does not match");
	h->length = cpu_to_le32(U32_MAX);
	refused(test, sizeof(p->c), "length does not match");
}

static void cut_short(struct kunit *test)
{
	struct paper *p = test->priv;
	size_t n;

	for (n = 1; n < sizeof(p->c); n++) {
		refused(test, n, n < sizeof(struct erot_head) ? "too short" : "length");
		if (n < sizeof(struct erot_head))
			continue;
		/* and said to be so short */
		p->c.r.grant.head.length = cpu_to_le32(n);
		refused(test, n, n < sizeof(struct erot_receipt) ? "too short" : "do not fill");
		p->c.r.grant.head.length = cpu_to_le32(sizeof(p->c));
	}
}

static void fields(struct kunit *test)
{
	static const struct {
		size_t offset, size;
		u64 value;
		const char *words;
	} rows[] = {
#define ROW(field, value, words) { offsetof(struct erot_receipt, field), \
				   sizeof_field(struct erot_receipt, field), value, words }
		ROW(grant.reserved, 1, "reserved"),
		ROW(grant.reserved, 0x80000000, "reserved"),
		ROW(grant.hwkey_len, 0, "length of the hardware key"),
		ROW(grant.hwkey_len, EROT_HWKEY_MAX + 1, "length of the hardware key"),
		ROW(grant.hwkey_len, U32_MAX, "length of the hardware key"),
		ROW(grant.hwkey_len, HWKEY_LEN - 1, "do not fill"),
		ROW(grant.hwkey_len, HWKEY_LEN + 1, "do not fill"),
		ROW(grant.manifest_len, 0, "length of the manifest"),
		ROW(grant.manifest_len, EROT_MANIFEST_MAX + 1, "length of the manifest"),
		/* with the hardware key's it would overflow to the right sum */
		ROW(grant.manifest_len, U32_MAX - HWKEY_LEN + 1, "length of the manifest"),
		ROW(grant.manifest_len, MANIFEST_LEN - 1, "do not fill"),
		ROW(grant.manifest_len, MANIFEST_LEN + 1, "do not fill"),
		ROW(not_before, 2000, "not-after"),
		ROW(not_before, U64_MAX, "not-after"),
		ROW(not_after, 0, "not-after"),
		ROW(max_runtime, 0, "max-runtime"),
		ROW(max_runtime, EROT_RUNTIME_MAX + 1, "max-runtime"),
		ROW(max_runtime, U32_MAX, "max-runtime"),
		ROW(isolation, EROT_ISO_ALL + 1, "isolation"),
		ROW(isolation, 0x80000000, "isolation"),
		ROW(host, EROT_HOST_ALL + 1, "host state"),
		ROW(host, 0x80000000, "host state"),
	};
	struct paper *p = test->priv;
	struct content kept = p->c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const __le64 value = cpu_to_le64(rows[i].value);

		memcpy((u8 *)&p->c + rows[i].offset, &value, rows[i].size);
		refused(test, sizeof(p->c), rows[i].words);
		p->c = kept;
	}
}

/* With a head of @least bytes at least: more than the length needs is not DER. */
static size_t der(u8 *out, u8 tag, const void *data, size_t len, size_t least)
{
	size_t head = max_t(size_t, least, len < 0x80 ? 2 : len < 0x100 ? 3 : 4);

	memmove(out + head, data, len);
	out[0] = tag;
	if (head == 2) {
		out[1] = len;
	} else if (head == 3) {
		out[1] = 0x81;
		out[2] = len;
	} else {
		out[1] = 0x82;
		out[2] = len >> 8;
		out[3] = len;
	}
	return head + len;
}

static size_t put(u8 *out, const void *data, size_t len)
{
	memcpy(out, data, len);
	return len;
}

/* A message in the form of receipts, signed by nobody. */
static void make_cms(struct paper *p, size_t least)
{
	static const u8 signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
					  0x07, 0x02 };
	static const u8 data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
				   0x07, 0x01 };
	static const u8 sha256[] = { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
				     0x04, 0x02, 0x01 };
	static const u8 rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
				  0x01, 0x01, 0x05, 0x00 };
	static const u8 version[] = { 0x02, 0x01, 0x03 };
	static const u8 key_id[20] = { 1, 2, 3 };
	static const u8 signature[384] = { 4, 5, 6 };
	u8 *b = p->cms;
	size_t n, m;

	/* from the inside: signer, ... */
	n = put(b, version, sizeof(version));
	n += der(b + n, 0x80, key_id, sizeof(key_id), least);
	n += put(b + n, sha256, sizeof(sha256));
	n += put(b + n, rsa, sizeof(rsa));
	n += der(b + n, 0x04, signature, sizeof(signature), least);
	n = der(b, 0x30, b, n, least);
	n = der(b, 0x31, b, n, least);
	/* ... before it the content, ... */
	memmove(b + 512, b, n);
	m = put(b, version, sizeof(version));
	m += der(b + m, 0x31, sha256, sizeof(sha256), least);
	{
		u8 inner[64];
		size_t k = der(inner, 0x04, "content", 7, least), j;

		k = der(inner, 0xa0, inner, k, least);
		memmove(inner + sizeof(data), inner, k);
		j = put(inner, data, sizeof(data)) + k;
		m += der(b + m, 0x30, inner, j, least);
	}
	memmove(b + m, b + 512, n);
	/* ... around both what says SignedData */
	n = der(b, 0x30, b, m + n, least);
	n = der(b, 0xa0, b, n, least);
	memmove(b + sizeof(signed_data), b, n);
	n += put(b, signed_data, sizeof(signed_data));
	p->len = der(b, 0x30, b, n, least);
}

static int verify(struct paper *p, size_t len)
{
	const char *why = "";

	return erot_receipt_verify(p->cms, len, p->ring, &p->facts, &why);
}

static void form(struct kunit *test)
{
	struct paper *p = test->priv;
	const char *why = "";
	size_t i;

	make_cms(p, 2);
	/* it is the form that was wanted: only the signer is not known */
	KUNIT_ASSERT_EQ(test, -ENOKEY, verify(p, p->len));
	KUNIT_EXPECT_EQ(test, -ENOKEY, erot_receipt_verify(p->cms, p->len, NULL, &p->facts, &why));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, erot_receipt_verify(p->cms, EROT_CMS_MAX + 1, p->ring,
							     &p->facts, &why));
	for (i = 0; i < p->len; i++)
		KUNIT_EXPECT_EQ_MSG(test, -EBADMSG, verify(p, i), "cut to %zu", i);
	/* bytes behind, zeros as well */
	for (i = 1; i < 8; i++)
		KUNIT_EXPECT_EQ(test, -EBADMSG, verify(p, p->len + i));
	/* the same message with longer lengths, which the kernel's decoder takes */
	for (i = 3; i <= 4; i++) {
		make_cms(p, i);
		KUNIT_EXPECT_EQ(test, -EBADMSG, verify(p, p->len));
	}
}

/* Every byte altered: never more than an unknown signer, and that only where nothing is fixed. */
static void form_altered(struct kunit *test)
{
	struct paper *p = test->priv;
	size_t i, free = 0;

	make_cms(p, 2);
	for (i = 0; i < p->len; i++) {
		int err;

		p->cms[i] ^= 0x40;
		err = verify(p, p->len);
		p->cms[i] ^= 0x40;
		KUNIT_EXPECT_TRUE_MSG(test, err == -EBADMSG || err == -ENOKEY, "byte %zu: %d", i,
				      err);
		free += err == -ENOKEY;
	}
	/* the seven of the content, the key identifier, the signature */
	KUNIT_EXPECT_EQ(test, free, 7 + 20 + 384);
	KUNIT_EXPECT_NULL(test, memchr_inv(&p->facts, 0, sizeof(p->facts)));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(good),
	KUNIT_CASE(head),
	KUNIT_CASE(cut_short),
	KUNIT_CASE(fields),
	KUNIT_CASE(form),
	KUNIT_CASE(form_altered),
	{}
};

static struct kunit_suite suite = {
	.name = "erot_receipt", .init = begin, .exit = end, .test_cases = cases,
};

kunit_test_suite(suite);
