// SPDX-License-Identifier: GPL-2.0-only
/* The HSM helper and its PKCS#11 part, against a real SoftHSM2 token. */
#include "dergd/test_fixture.h"

#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/msg.h"
#include "dergd/hsm_ops.h"
#include "dergd/hsm_wire.h"
#include "liberot/derive.h"
#include "liberot/evidence.h"
#include "liberot/release.h"

#define MODULE TEST_MODULE
#define SO_PIN "12345678"

FIXTURE(hsm) {
	char base[64], conf[96], pin[96], uri[512];
	struct erot_error err;
	struct hsm h;
};

static int put(const char *path, const char *text, mode_t mode)
{
	return test_put(path, text, strlen(text), mode);
}

FIXTURE_SETUP(hsm)
{
	char text[256], tokens[96];

	memset(&self->err, 0, sizeof(self->err));
	snprintf(self->base, sizeof(self->base), "%s", "/tmp/erot-hsm-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->base));
	snprintf(self->conf, sizeof(self->conf), "%s/conf", self->base);
	snprintf(self->pin, sizeof(self->pin), "%s/pin", self->base);
	snprintf(tokens, sizeof(tokens), "%s/tokens", self->base);
	ASSERT_EQ(0, mkdir(tokens, 0700));
	snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", tokens);
	ASSERT_EQ(0, put(self->conf, text, 0600));
	ASSERT_EQ(0, put(self->pin, "secret-pin\n", 0600));
	snprintf(self->uri, sizeof(self->uri),
		 "pkcs11:token=test?module-path=" MODULE "&pin-source=file:%s", self->pin);
	ASSERT_EQ(0, hsm_start(&self->h, self->conf, &self->err));
	ASSERT_EQ(0, hsm_init(&self->h, self->uri, SO_PIN, strlen(SO_PIN), &self->err)) {
		fprintf(stderr, "# %s\n", self->err.text);
	}
}

FIXTURE_TEARDOWN(hsm)
{
	hsm_stop(&self->h);
	test_remove(self->base);
}

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

TEST_F(hsm, a_dead_helper_is_an_error)
{
	uint8_t seed[32] = { 0 }, pk[32];

	ASSERT_EQ(0, kill(self->h.pid, SIGKILL));
	EXPECT_GT(0, hsm_derive(&self->h, "root", seed, pk, &self->err));
	EXPECT_STREQ("msg-peer-gone", self->err.code);
}

/* A helper that this test is, and threads that ask it. */
#define ASKERS	4

struct asker {
	struct hsm *h;
	pthread_t thread;
	uint8_t seed[32], pk[32];
	int ret;
	struct erot_error err;
};

/* As the test reads and writes them. */
struct derive_request {
	uint8_t number[4], op[4], label_len[4], label[4], seed[32];
};

struct derive_answer {
	uint8_t len[4], number[4], num[4], pk[32];
};

static void *ask_once(void *ctx)
{
	struct asker *a = ctx;

	a->ret = hsm_derive(a->h, "root", a->seed, a->pk, &a->err);
	return NULL;
}

static int pretend(struct hsm *h)
{
	int sv[2];

	hsm_none(h);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -1;
	h->sock = sv[0];
	return sv[1];
}

static int begin_asker(struct hsm *h, struct asker *a, int i)
{
	memset(a, 0, sizeof(*a));
	a->h = h;
	memset(a->seed, i + 1, sizeof(a->seed));
	return pthread_create(&a->thread, NULL, ask_once, a);
}

static int begin_askers(struct hsm *h, struct asker *a)
{
	int i, ret = 0;

	for (i = 0; i < ASKERS && !ret; i++)
		ret = begin_asker(h, &a[i], i);
	return ret;
}

/* The answer to the next request, whose public key is the seed: if it comes before any answer. */
static int take_request(int sock, struct derive_answer *answer)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct derive_request *req;
	uint8_t *data;
	size_t len;

	if (poll(&p, 1, 3000 * test_patience()) != 1 ||
	    erot_msg_recv(sock, HSM_MSG_MAX, &data, &len, NULL, NULL))
		return -1;
	*answer = (struct derive_answer) { .len = { sizeof(*answer) - 4 } };
	if (len == sizeof(*req)) {
		req = (void *)data;
		memcpy(answer->number, req->number, 4);
		memcpy(answer->pk, req->seed, 32);
	}
	free(data);
	return len == sizeof(*req) ? 0 : -1;
}

static int give(int sock, const void *data, size_t len)
{
	return send(sock, data, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static bool got_answer(struct asker *a)
{
	pthread_join(a->thread, NULL);
	return !a->ret && !memcmp(a->pk, a->seed, 32);
}

static bool got_none(struct asker *a)
{
	pthread_join(a->thread, NULL);
	return a->ret && !strcmp(a->err.code, "msg-peer-gone");
}

TEST_F(hsm, requests_do_not_wait_for_answers)
{
	struct derive_answer answers[ASKERS] = { 0 };
	struct asker a[ASKERS];
	struct hsm h;
	int i, sock, taken = 0;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, begin_askers(&h, a));
	while (taken < ASKERS && !take_request(sock, &answers[taken]))
		taken++;
	EXPECT_EQ(ASKERS, taken);
	EXPECT_EQ(0, give(sock, answers, taken * sizeof(answers[0])));
	close(sock);
	for (i = 0; i < ASKERS; i++)
		EXPECT_TRUE(got_answer(&a[i]));
	hsm_stop(&h);
}

/* The first of several, all of which were answered. */
static void spoil_first(struct __test_metadata *_metadata, const struct derive_answer *spoilt,
			size_t len, const char *code)
{
	struct derive_answer answers[ASKERS] = { 0 };
	int i, sock, first = 0, gone = 0;
	struct asker a[ASKERS];
	struct hsm h;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, begin_askers(&h, a));
	for (i = 0; i < ASKERS; i++)
		EXPECT_EQ(0, take_request(sock, &answers[i]));
	memcpy((uint8_t *)&answers[1] - len, spoilt, len);
	EXPECT_EQ(0, give(sock, (uint8_t *)&answers[1] - len,
			  len + (ASKERS - 1) * sizeof(answers[0])));
	for (i = 0; i < ASKERS; i++) {
		gone += got_none(&a[i]);
		first += !strcmp(a[i].err.code, code);
	}
	EXPECT_EQ(1, first);
	EXPECT_EQ(ASKERS - 1, gone);
	hsm_stop(&h);
	close(sock);
}

/* What is no message: who is behind it gets no answer, though there are some. */
TEST_F(hsm, answers_behind_a_broken_one)
{
	const struct derive_answer large = { .len = { 0xff, 0xff, 0xff } };

	spoil_first(_metadata, &large, 4, "msg-size");
}

TEST_F(hsm, answers_behind_another_ones)
{
	const struct derive_answer other = { .len = { sizeof(other) - 4 }, .number = { 77 } };

	spoil_first(_metadata, &other, sizeof(other), "hsm-helper");
}

/* A helper that takes no more: who was before has an answer, in its turn. */
TEST_F(hsm, answers_before_a_request_that_fails)
{
	struct derive_answer answers[ASKERS] = { 0 };
	struct asker a[ASKERS], late;
	struct hsm h;
	int i, sock;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, begin_askers(&h, a));
	for (i = 0; i < ASKERS; i++)
		EXPECT_EQ(0, take_request(sock, &answers[i]));
	shutdown(sock, SHUT_RD);
	ASSERT_EQ(0, begin_asker(&h, &late, ASKERS));
	EXPECT_TRUE(got_none(&late));
	EXPECT_EQ(0, give(sock, answers, sizeof(answers)));
	for (i = 0; i < ASKERS; i++)
		EXPECT_TRUE(got_answer(&a[i]));
	hsm_stop(&h);
	close(sock);
}

/* It cannot be sent at all: nobody waits for an answer to it, and the others get theirs. */
TEST_F(hsm, a_request_that_is_too_large)
{
	static char label[EROT_MSG_MAX];
	uint8_t seed[32] = { 0 }, pk[32];
	struct derive_answer answer;
	struct asker a;
	struct hsm h;
	int sock;

	memset(label, 'x', sizeof(label) - 1);
	sock = pretend(&h);
	ASSERT_LE(0, sock);
	EXPECT_EQ(-EMSGSIZE, hsm_derive(&h, label, seed, pk, &self->err));
	ASSERT_EQ(0, begin_asker(&h, &a, 0));
	EXPECT_EQ(0, take_request(sock, &answer));
	EXPECT_EQ(-EMSGSIZE, hsm_derive(&h, label, seed, pk, &self->err));
	EXPECT_EQ(0, give(sock, &answer, sizeof(answer)));
	EXPECT_TRUE(got_answer(&a));
	hsm_stop(&h);
	close(sock);
}

/**
 * struct crowd - one of several that ask the helper for all kinds of things at once
 * @log: public key of another operation
 * @wrong: answers
 * @gone: there is no helper any more
 * @begun: told when all was asked once
 */
struct crowd {
	struct hsm *h;
	pthread_t thread;
	uint8_t seed[32], pk[32], log[32];
	unsigned int wrong;
	bool gone;
	sem_t *begun;
};

static void judge(struct crowd *c, bool good, const struct erot_error *err)
{
	if (!good && !strcmp(err->code, "msg-peer-gone"))
		c->gone = true;
	else if (!good)
		c->wrong++;
}

static void ask_all(struct crowd *c)
{
	struct erot_error err = { 0 };
	uint8_t pk[32];
	int ret;

	ret = hsm_derive(c->h, "root", c->seed, pk, &err);
	judge(c, !ret && !memcmp(pk, c->pk, 32), &err);
	ret = hsm_derive(c->h, "no root", c->seed, pk, &err);
	judge(c, ret == -ENOENT && !strcmp(err.code, "hsm-key"), &err);
	ret = hsm_ed25519_public(c->h, "log", pk, &err);
	judge(c, !ret && !memcmp(pk, c->log, 32), &err);
}

static void *ask_often(void *ctx)
{
	struct crowd *c = ctx;
	int i;

	for (i = 0; i < 40; i++)
		ask_all(c);
	return NULL;
}

static void *ask_on(void *ctx)
{
	struct crowd *c = ctx;

	ask_all(c);
	sem_post(c->begun);
	while (!c->gone)
		ask_all(c);
	return NULL;
}

#define CROWD	8

static void begin_crowd(struct __test_metadata *_metadata, FIXTURE_DATA(hsm) *self,
			struct crowd *c, void *(*fn)(void *ctx), sem_t *begun)
{
	int i;

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_new_root(&self->h, "root", &self->err));
	ASSERT_EQ(0, hsm_new_ed25519(&self->h, "log", &self->err));
	for (i = 0; i < CROWD; i++) {
		c[i] = (struct crowd) { .h = &self->h, .begun = begun };
		memset(c[i].seed, i, sizeof(c[i].seed));
		ASSERT_EQ(0, hsm_derive(&self->h, "root", c[i].seed, c[i].pk, &self->err));
		ASSERT_EQ(0, hsm_ed25519_public(&self->h, "log", c[i].log, &self->err));
	}
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, fn, &c[i]));
}

TEST_F(hsm, everybody_gets_their_own_answer)
{
	struct crowd c[CROWD];
	int i;

	begin_crowd(_metadata, self, c, ask_often, NULL);
	for (i = 0; i < CROWD; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].wrong);
		EXPECT_FALSE(c[i].gone);
	}
}

TEST_F(hsm, everybody_hears_of_the_helpers_death)
{
	struct crowd c[CROWD];
	sem_t begun;
	int i;

	ASSERT_EQ(0, sem_init(&begun, 0, 0));
	begin_crowd(_metadata, self, c, ask_on, &begun);
	for (i = 0; i < CROWD; i++)
		sem_wait(&begun);
	ASSERT_EQ(0, kill(self->h.pid, SIGKILL));
	for (i = 0; i < CROWD; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].wrong);
	}
}

/* Half of an answer was read: what lies behind it is nobody's. */
TEST_F(hsm, an_answer_of_another_request)
{
	const uint8_t large[4] = { 0xff, 0xff, 0xff, 0 }, good[4 + 4 + 32] = { 1 };
	uint8_t seed[32] = { 0 }, pk[32];
	struct hsm h;
	int sock;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(sizeof(large), send(sock, large, sizeof(large), 0));
	ASSERT_EQ(0, erot_msg_send(sock, good, sizeof(good), -1, &self->err));
	EXPECT_EQ(-EMSGSIZE, hsm_derive(&h, "root", seed, pk, &self->err));
	EXPECT_GT(0, hsm_derive(&h, "root", seed, pk, &self->err));
	EXPECT_STREQ("msg-peer-gone", self->err.code);
	hsm_stop(&h);
	close(sock);
}

TEST_HARNESS_MAIN
