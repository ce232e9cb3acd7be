// SPDX-License-Identifier: GPL-2.0-only
/* The HSM helper and its PKCS#11 part, against a real SoftHSM2 token. */
#include "dergd/test_hsm.h"

#include <openssl/evp.h>

#include "common/buf.h"
#include "common/msg.h"
#include "dergd/hsm_ops.h"
#include "dergd/hsm_wire.h"
#include "liberot/derive.h"
#include "liberot/evidence.h"
#include "liberot/release.h"

/* The known key of the comparisons below; the token would not make an extractable one. */
static const uint8_t known[32] = "a key that this test knows too.";

static int import_known(const char *conf, const char *uri, const char *label)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE attrs[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_LABEL, (void *)label, strlen(label) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_VALUE, (void *)known, sizeof(known) },
	};
	struct erot_error err;
	CK_OBJECT_HANDLE key;
	struct p11 t;
	int ret;

	setenv("SOFTHSM2_CONF", conf, 1);
	ret = p11_open(&t, uri, &err);
	if (!ret && t.fn->C_CreateObject(t.session, attrs, 6, &key) != CKR_OK)
		ret = -EIO;
	p11_close(&t);
	return ret;
}

static int in_software(const uint8_t seed[32], uint8_t sk[32], uint8_t pk[32])
{
	uint8_t msg[EROT_IKM_MESSAGE_SIZE], ikm[32];

	erot_derive_ikm_message(seed, msg);
	return erot_hmac_sha256(known, sizeof(known), msg, sizeof(msg), ikm) ?:
	       erot_hpke_derive_keypair(ikm, sizeof(ikm), sk, pk);
}

TEST_F(hsm, derivation_is_that_of_the_document)
{
	uint8_t seed[32], sk[32], pk[32], got[32];
	struct erot_derive_input in = {
		.tenant = "default", .epoch = 7, .hwkey = "hw", .hwkey_len = 2,
		.manifest = "{}", .manifest_len = 2, .nonce = { 1, 2, 3 },
	};

	ASSERT_EQ(0, import_known(self->conf, self->uri, "root"));
	ASSERT_EQ(0, erot_derive_seed(&in, seed, &self->err));
	ASSERT_EQ(0, in_software(seed, sk, pk));
	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_derive(&self->h, "root", seed, got, &self->err));
	EXPECT_EQ(0, memcmp(pk, got, 32));
	seed[0] ^= 1;
	ASSERT_EQ(0, hsm_derive(&self->h, "root", seed, got, &self->err));
	EXPECT_NE(0, memcmp(pk, got, 32));
}

TEST_F(hsm, release_and_evidence)
{
	uint8_t seed[32] = { 9 }, sk[32], s_sk[32], b_sk[32], key[32];
	struct hsm_release req = { .receipt = { 5 }, .derg_time = 1000, .valid_seconds = 60,
				   .max_runtime = 30 };
	struct erot_release_info info;
	struct erot_release release;
	struct erot_evidence ev = { 0 };

	ASSERT_EQ(0, import_known(self->conf, self->uri, "root"));
	ASSERT_EQ(0, in_software(seed, sk, req.pk));
	ASSERT_EQ(0, erot_hpke_keypair(s_sk, req.session_pk));
	ASSERT_EQ(0, erot_hpke_keypair(b_sk, req.boot_pk));
	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_release(&self->h, "root", seed, &req, &release, &self->err));
	ASSERT_EQ(0, erot_release_open(&release, req.receipt, s_sk, b_sk, &info, &self->err));
	EXPECT_EQ(0, memcmp(info.sk, sk, 32));
	EXPECT_EQ(1000, info.derg_time);
	EXPECT_EQ(60, info.valid_seconds);
	EXPECT_EQ(30, info.max_runtime);

	memcpy(ev.head.magic, EROT_MAGIC, EROT_MAGIC_SIZE);
	ev.head.version = EROT_VERSION;
	ev.head.purpose = EROT_PURPOSE_EVIDENCE;
	ev.head.length = sizeof(ev);
	memcpy(ev.receipt, req.receipt, 32);
	ev.reason = 1;
	ev.flags = EROT_EV_RELEASED;
	ASSERT_EQ(0, erot_evidence_key(sk, key));
	ASSERT_EQ(0, erot_evidence_seal(&ev, key));
	EXPECT_EQ(0, hsm_check(&self->h, "root", seed, req.pk, req.receipt, &ev, &self->err));
	ev.exit_status ^= 256;
	EXPECT_EQ(-EKEYREJECTED, hsm_check(&self->h, "root", seed, req.pk, req.receipt, &ev,
					   &self->err));
	EXPECT_STREQ("evidence-mac", self->err.code);

	req.pk[0] ^= 1;
	EXPECT_EQ(-EKEYREJECTED, hsm_release(&self->h, "root", seed, &req, &release, &self->err));
	EXPECT_STREQ("key-mismatch", self->err.code);
}

static int flag_is(struct p11 *t, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, CK_BBOOL want)
{
	CK_BBOOL got = !want;
	CK_ATTRIBUTE attr = { type, &got, sizeof(got) };

	return t->fn->C_GetAttributeValue(t->session, key, &attr, 1) == CKR_OK && got == want;
}

TEST_F(hsm, a_root_only_signs)
{
	static const CK_ATTRIBUTE_TYPE on[] = { CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN,
		CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE };
	static const CK_ATTRIBUTE_TYPE off[] = { CKA_EXTRACTABLE, CKA_VERIFY, CKA_ENCRYPT,
		CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE, CKA_MODIFIABLE };
	uint8_t value[64];
	CK_ATTRIBUTE attr = { CKA_VALUE, value, sizeof(value) };
	CK_OBJECT_HANDLE key;
	struct p11 t;
	size_t i;

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_new_root(&self->h, "root", &self->err));
	EXPECT_EQ(-EEXIST, hsm_new_root(&self->h, "root", &self->err));
	EXPECT_STREQ("hsm-key", self->err.code);
	setenv("SOFTHSM2_CONF", self->conf, 1);
	ASSERT_EQ(0, p11_open(&t, self->uri, &self->err));
	ASSERT_EQ(0, p11_find(&t, CKO_SECRET_KEY, "root", &key, &self->err));
	for (i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		EXPECT_TRUE(flag_is(&t, key, on[i], CK_TRUE)) {
			fprintf(stderr, "# attribute 0x%lx\n", on[i]);
		}
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		EXPECT_TRUE(flag_is(&t, key, off[i], CK_FALSE)) {
			fprintf(stderr, "# attribute 0x%lx\n", off[i]);
		}
	EXPECT_EQ(CKR_ATTRIBUTE_SENSITIVE, t.fn->C_GetAttributeValue(t.session, key, &attr, 1));
	p11_close(&t);
}

TEST_F(hsm, a_destroyed_root_derives_nothing)
{
	uint8_t seed[32] = { 0 }, pk[32];

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_new_root(&self->h, "root", &self->err));
	ASSERT_EQ(0, hsm_derive(&self->h, "root", seed, pk, &self->err));
	ASSERT_EQ(0, hsm_destroy(&self->h, "root", &self->err));
	EXPECT_EQ(-ENOENT, hsm_derive(&self->h, "root", seed, pk, &self->err));
	EXPECT_STREQ("hsm-key", self->err.code);
	EXPECT_EQ(-ENOENT, hsm_destroy(&self->h, "root", &self->err));
}

static int ed25519_verifies(const uint8_t pk[32], const void *msg, size_t len,
			    const uint8_t sig[64])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pk, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int good;

	good = key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, sig, 64, msg, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

TEST_F(hsm, note_key)
{
	static const CK_ATTRIBUTE_TYPE on[] = { CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN,
		CKA_NEVER_EXTRACTABLE };
	static const CK_ATTRIBUTE_TYPE off[] = { CKA_EXTRACTABLE, CKA_DECRYPT, CKA_UNWRAP,
		CKA_DERIVE, CKA_MODIFIABLE };
	uint8_t pk[32], sig[64], again[64], big[HSM_NOTE_MAX + 1] = { 0 };
	CK_OBJECT_HANDLE key;
	struct p11 t;
	size_t i;

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	EXPECT_EQ(-ENOENT, hsm_ed25519_public(&self->h, "log", pk, &self->err));
	ASSERT_EQ(0, hsm_new_ed25519(&self->h, "log", &self->err));
	EXPECT_EQ(-EEXIST, hsm_new_ed25519(&self->h, "log", &self->err));
	EXPECT_STREQ("hsm-key", self->err.code);
	ASSERT_EQ(0, hsm_ed25519_public(&self->h, "log", pk, &self->err));
	ASSERT_EQ(0, hsm_ed25519_sign(&self->h, "log", "note", 4, sig, &self->err));
	EXPECT_TRUE(ed25519_verifies(pk, "note", 4, sig));
	EXPECT_FALSE(ed25519_verifies(pk, "nota", 4, sig));
	/* RFC 8032 is deterministic: two processes that sign one checkpoint give one text */
	ASSERT_EQ(0, hsm_ed25519_sign(&self->h, "log", "note", 4, again, &self->err));
	EXPECT_EQ(0, memcmp(sig, again, 64));
	ASSERT_EQ(0, hsm_ed25519_sign(&self->h, "log", big, HSM_NOTE_MAX, sig, &self->err));
	EXPECT_EQ(-EBADMSG, hsm_ed25519_sign(&self->h, "log", big, sizeof(big), sig, &self->err));
	ASSERT_EQ(0, hsm_new_rsa(&self->h, "rsa", &self->err));
	EXPECT_EQ(-EINVAL, hsm_ed25519_public(&self->h, "rsa", pk, &self->err));
	EXPECT_STREQ("hsm-key", self->err.code);

	setenv("SOFTHSM2_CONF", self->conf, 1);
	ASSERT_EQ(0, p11_open(&t, self->uri, &self->err));
	ASSERT_EQ(0, p11_find(&t, CKO_PRIVATE_KEY, "log", &key, &self->err));
	for (i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		EXPECT_TRUE(flag_is(&t, key, on[i], CK_TRUE));
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		EXPECT_TRUE(flag_is(&t, key, off[i], CK_FALSE));
	p11_close(&t);
}

TEST_F(hsm, uris_that_are_refused)
{
	static const char *const bad[] = {
		"pkcs11:token=test?module-path=" MODULE "&pin-value=1234",
		"pkcs11:token=test;nonsense=1?module-path=" MODULE,
		"pkcs11:token=test",
		"pkcs11:token=test?module-path=relative.so",
		"pkcs11:?module-path=" MODULE,
		"http://token",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, hsm_open(&self->h, bad[i], &self->err)) {
			fprintf(stderr, "# %s\n", bad[i]);
		}
		EXPECT_STREQ("hsm-uri", self->err.code);
		EXPECT_EQ(NULL, strstr(self->err.text, "1234"));
	}
}

TEST_F(hsm, a_pin_that_others_can_read_is_refused)
{
	ASSERT_EQ(0, chmod(self->pin, 0644));
	EXPECT_EQ(-EACCES, hsm_open(&self->h, self->uri, &self->err));
	EXPECT_STREQ("hsm-pin", self->err.code);
	ASSERT_EQ(0, chmod(self->pin, 0600));
	EXPECT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
}

TEST_F(hsm, a_wrong_pin_is_refused)
{
	ASSERT_EQ(0, put(self->pin, "wrong-pin", 0600));
	EXPECT_EQ(-EACCES, hsm_open(&self->h, self->uri, &self->err));
	EXPECT_STREQ("hsm-pin", self->err.code);
}

TEST_F(hsm, nothing_before_open)
{
	uint8_t seed[32] = { 0 }, pk[32];

	EXPECT_EQ(-ENODEV, hsm_derive(&self->h, "root", seed, pk, &self->err));
	EXPECT_STREQ("hsm-request", self->err.code);
}

/* Raw bytes at the helper: each is answered with an error, and it goes on. */
TEST_F(hsm, malformed_requests)
{
	uint8_t junk[4][80] = { { 9 }, { 9, 8, 7, 6, 0xff },
				{ 9, 8, 7, 6, HSM_DERIVE, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
				{ 9, 8, 7, 6, HSM_DERIVE, 0, 0, 0, 4, 0, 0, 0, 'r', 'o', 'o',
				  't' } };
	uint8_t seed[32] = { 0 }, pk[32], *answer;
	size_t lens[4] = { 1, 5, 80, 80 }, len;
	int i;

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_new_root(&self->h, "root", &self->err));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, erot_msg_send(self->h.sock, junk[i], lens[i], -1, &self->err));
		ASSERT_EQ(0, erot_msg_recv(self->h.sock, HSM_MSG_MAX, &answer, &len, NULL,
					   &self->err));
		ASSERT_LE(8, len);
		EXPECT_EQ(0, memcmp(answer, i ? junk[i] : junk[0] + 1, 4));
		EXPECT_NE(0, answer[4]);
		free(answer);
	}
	EXPECT_EQ(0, hsm_derive(&self->h, "root", seed, pk, &self->err));
}

TEST_F(hsm, the_helper_is_locked_in_memory)
{
	unsigned long locked = 0;
	char path[64], line[256];
	FILE *f;

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	snprintf(path, sizeof(path), "/proc/%d/status", self->h.pid);
	f = fopen(path, "r");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %lu", &locked);
	fclose(f);
	EXPECT_LT(1000, locked);
}

TEST_HARNESS_MAIN
