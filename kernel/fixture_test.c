// SPDX-License-Identifier: GPL-2.0-only
/* Sealing, and sessions in any state. */
#include <crypto/curve25519.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "bootkey.h"
#include "crypto.h"
#include "fixture_test.h"
#include "image.h"
#include "ioctl.h"
#include "payload.h"
#include "secret.h"

static const u8 kem[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const u8 hpke[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

#define SUITE(s)	EROT_PART(s, sizeof(s))
#define TEXT(t)		EROT_PART(t, strlen(t))

/* HKDF-Extract is an HMAC; so is HKDF-Expand of one block, with 1 behind. */
static int extract(const u8 *salt, size_t salt_len, const struct kvec suite, const char *label,
		   const void *ikm, size_t len, u8 out[EROT_DIGEST_SIZE])
{
	const struct kvec parts[] = { TEXT("HPKE-v1"), suite, TEXT(label), EROT_PART(ikm, len) };

	return erot_hmac_sha256(salt, salt_len, parts, ARRAY_SIZE(parts), out);
}

static int expand(const u8 prk[EROT_DIGEST_SIZE], const struct kvec suite, const char *label,
		  const void *info, size_t len, u8 *out, u8 out_len)
{
	const u8 size[2] = { 0, out_len }, one = 1;
	const struct kvec parts[] = { EROT_PART(size, 2), TEXT("HPKE-v1"), suite, TEXT(label),
				      EROT_PART(info, len), EROT_PART(&one, 1) };
	u8 block[EROT_DIGEST_SIZE];
	int err = erot_hmac_sha256(prk, EROT_DIGEST_SIZE, parts, ARRAY_SIZE(parts), block);

	memcpy(out, block, out_len);
	return err;
}

static int encrypt(const u8 key[EROT_KEY_SIZE], const u8 nonce[EROT_NONCE_SIZE], const void *aad,
		   size_t aad_len, const void *pt, size_t len, u8 *ct)
{
	struct crypto_aead *tfm = erot_gcm_alloc(key);
	struct aead_request *req;
	DECLARE_CRYPTO_WAIT(wait);
	struct scatterlist sg;
	u8 iv[EROT_NONCE_SIZE];
	int err = -ENOMEM;
	u8 *buf;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	req = aead_request_alloc(tfm, GFP_KERNEL);
	buf = kmalloc(aad_len + len + EROT_TAG_SIZE, GFP_KERNEL);
	if (req && buf) {
		memcpy(iv, nonce, sizeof(iv));
		memcpy(buf, aad, aad_len);
		memcpy(buf + aad_len, pt, len);
		sg_init_one(&sg, buf, aad_len + len + EROT_TAG_SIZE);
		aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_SLEEP, crypto_req_done, &wait);
		aead_request_set_ad(req, aad_len);
		aead_request_set_crypt(req, &sg, &sg, len, iv);
		err = crypto_wait_req(crypto_aead_encrypt(req), &wait);
		memcpy(ct, buf + aad_len, len + EROT_TAG_SIZE);
	}
	kfree_sensitive(buf);
	if (req)
		aead_request_free(req);
	crypto_free_aead(tfm);
	return err;
}

int erot_test_seal(const u8 pk[EROT_KEY_SIZE], const void *info, size_t info_len, const void *aad,
		   size_t aad_len, const void *pt, size_t len, u8 enc[EROT_KEY_SIZE], u8 *ct)
{
	u8 e[EROT_KEY_SIZE], dh[EROT_KEY_SIZE], prk[EROT_DIGEST_SIZE], shared[EROT_DIGEST_SIZE];
	u8 both[2 * EROT_KEY_SIZE], context[1 + 2 * EROT_DIGEST_SIZE] = { 0 };
	u8 key[EROT_KEY_SIZE], nonce[EROT_NONCE_SIZE];
	const struct kvec k = SUITE(kem), h = SUITE(hpke);

	curve25519_generate_secret(e);
	if (!curve25519_generate_public(enc, e) || !curve25519(dh, e, pk))
		return -EKEYREJECTED;
	memcpy(both, enc, EROT_KEY_SIZE);
	memcpy(both + EROT_KEY_SIZE, pk, EROT_KEY_SIZE);
	return extract(NULL, 0, k, "eae_prk", dh, sizeof(dh), prk) ?:
	       expand(prk, k, "shared_secret", both, sizeof(both), shared, sizeof(shared)) ?:
	       extract(NULL, 0, h, "psk_id_hash", NULL, 0, context + 1) ?:
	       extract(NULL, 0, h, "info_hash", info, info_len, context + 1 + EROT_DIGEST_SIZE) ?:
	       extract(shared, sizeof(shared), h, "secret", NULL, 0, prk) ?:
	       expand(prk, h, "key", context, sizeof(context), key, sizeof(key)) ?:
	       expand(prk, h, "base_nonce", context, sizeof(context), nonce, sizeof(nonce)) ?:
	       encrypt(key, nonce, aad, aad_len, pt, len, ct);
}

static int seal_release(struct test_launch *l)
{
	u8 info[sizeof(EROT_LABEL_RELEASE) - 1 + EROT_DIGEST_SIZE + EROT_KEY_SIZE];
	struct erot_release_secret rel = {
		.head = { .magic = EROT_MAGIC, .version = cpu_to_le16(EROT_VERSION),
			  .purpose = cpu_to_le16(EROT_PURPOSE_RELEASE),
			  .length = cpu_to_le32(sizeof(rel)) },
		.derg_time = cpu_to_le64(1000),
		.valid_seconds = cpu_to_le32(600),
		.max_runtime = cpu_to_le32(600),
	};
	struct erot_release_boot boot;
	size_t n = sizeof(EROT_LABEL_RELEASE) - 1;

	memcpy(info, EROT_LABEL_RELEASE, n);
	memcpy(info + n, l->facts.digest, EROT_DIGEST_SIZE);
	memcpy(info + n + EROT_DIGEST_SIZE, l->s->session_pk, EROT_KEY_SIZE);
	memcpy(rel.sk, l->sk, EROT_KEY_SIZE);
	return erot_test_seal(erot_bootkey_public(), info, sizeof(info), EROT_AAD_BOOT,
			      sizeof(EROT_AAD_BOOT) - 1, &rel, sizeof(rel), boot.enc, boot.text) ?:
	       erot_test_seal(l->s->session_pk, info, sizeof(info), EROT_AAD_SESSION,
			      sizeof(EROT_AAD_SESSION) - 1, &boot, sizeof(boot), l->release.enc,
			      l->release.text);
}

int erot_test_take(struct test_launch *l)
{
	const char *why = NULL;
	int err;

	mutex_lock(&l->s->op);
	err = erot_session_take(l->s, &l->facts, &l->release, &why);
	mutex_unlock(&l->s->op);
	return err;
}

int erot_test_open(struct test_launch *l)
{
	struct file *file = dentry_open(&l->handle->f_path, O_RDONLY, current_cred());

	if (IS_ERR(file))
		return PTR_ERR(file);
	l->payload = file;
	return 0;
}

void erot_test_close(struct file **file)
{
	if (*file)
		__fput_sync(*file);
	*file = NULL;
}

/* As ioctl.c does, with an image of which nothing can be read. */
static void attach(struct kunit *test, struct test_launch *l)
{
	struct erot_image *img = erot_image_alloc(&l->s->keys);

	KUNIT_ASSERT_NOT_NULL(test, img);
	down_write(&l->s->keys);
	memzero_explicit(l->s->secret->sk, EROT_KEY_SIZE);
	l->s->image = img;
	l->s->attacher = get_pid(task_tgid(current));
	erot_session_set_state(l->s, EROT_STATE_ATTACHED);
	up_write(&l->s->keys);
	l->handle = erot_payload_create(l->s);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, l->handle);
}

/* What sandbox.c does when a real process has passed its checks: tested by bind_test, exec_test. */
static void pass(struct test_launch *l, enum erot_state state)
{
	down_write(&l->s->keys);
	erot_session_set_state(l->s, state);
	if (state == EROT_STATE_RUNNING)
		set_bit(EROT_BIT_RAN, &l->s->flags);
	up_write(&l->s->keys);
}

void erot_test_begin(struct kunit *test, struct test_launch *l, enum erot_state state)
{
	const char *why = NULL;

	memset(l, 0, sizeof(*l));
	l->s = erot_session_create(&why);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, l->s);
	l->fd = erot_ioctl_file(l->s);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, l->fd);
	curve25519_generate_secret(l->sk);
	KUNIT_ASSERT_TRUE(test, curve25519_generate_public(l->facts.erot_pk, l->sk));
	memset(l->facts.digest, 0xd1, sizeof(l->facts.digest));
	l->facts.not_after = 1000000;
	l->facts.max_runtime = 600;
	KUNIT_ASSERT_EQ(test, 0, seal_release(l));
	if (state >= EROT_STATE_PROVISIONED)
		KUNIT_ASSERT_EQ(test, 0, erot_test_take(l));
	if (state >= EROT_STATE_ATTACHED)
		attach(test, l);
	if (state >= EROT_STATE_BOUND)
		pass(l, EROT_STATE_BOUND);
	if (state >= EROT_STATE_RUNNING) {
		KUNIT_ASSERT_EQ(test, 0, erot_test_open(l));
		pass(l, EROT_STATE_RUNNING);
	}
	if (state >= EROT_STATE_DEAD)
		erot_session_die(l->s, EROT_END_DESTROYED);
	if (state >= EROT_STATE_RELEASED) {
		erot_test_close(&l->payload);
		KUNIT_ASSERT_TRUE(test, erot_session_wait_released(10));
	}
	KUNIT_ASSERT_EQ(test, READ_ONCE(l->s->state), (int)state);
}

void erot_test_end(struct kunit *test, struct test_launch *l)
{
	erot_test_close(&l->payload);
	erot_test_close(&l->handle);
	erot_test_close(&l->fd);
	KUNIT_EXPECT_TRUE(test, erot_session_wait_released(10));
	KUNIT_EXPECT_EQ(test, READ_ONCE(l->s->state), EROT_STATE_RELEASED);
	flush_work(&l->s->finish);
	flush_delayed_work(&l->s->grace);
	flush_delayed_work(&l->s->deadline);
	KUNIT_EXPECT_NULL(test, l->s->secret);
	KUNIT_EXPECT_NULL(test, l->s->mac);
	KUNIT_EXPECT_EQ(test, 0, erot_session_forget(l->s));
	/* ours is the last: nothing else keeps a dead session */
	KUNIT_EXPECT_EQ(test, 1, refcount_read(&l->s->ref));
	erot_session_put(l->s);
}
