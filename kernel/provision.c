// SPDX-License-Identifier: GPL-2.0-only
/* PROVISION: from a receipt and a sealed release to the ERoT private key. */
#include <crypto/curve25519.h>
#include <crypto/utils.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bootkey.h"
#include "crypto.h"
#include "evidence.h"
#include "host.h"
#include "hpke.h"
#include "limits.h"
#include "secret.h"
#include "session.h"

static int check_receipt(struct erot_session *s, const struct erot_receipt_facts *f,
			 const char **why)
{
	u32 host = erot_host_state();
	u8 hwkey[EROT_DIGEST_SIZE];
	int err;

	if (!erot_host_hwkey(hwkey)) {
		*why = "machine: no hardware key is set";
		return -ENOKEY;
	}
	if (memcmp(hwkey, f->hwkey, sizeof(hwkey))) {
		*why = "machine: the receipt is for another machine";
		return -EXDEV;
	}
	/* from here on there are keys: NEW may have been long ago */
	err = erot_host_fit(host, why);
	if (err)
		return err;
	if (f->host & ~(s->host & host)) {
		*why = "host: lacks what the receipt requires";
		return -EACCES;
	}
	return 0;
}

/*
 * The DERG sealed after NEW, so at least derg_time has come, and at most the
 * time since NEW has passed since. Both bounds are tested against the side
 * that could be wrong.
 */
static int check_time(struct erot_session *s, const struct erot_receipt_facts *f,
		      const struct erot_release_secret *rel, const char **why)
{
	u64 age = div_u64(ktime_get_boottime_ns() - s->created_ns + NSEC_PER_SEC - 1,
			  NSEC_PER_SEC);
	u64 then = le64_to_cpu(rel->derg_time);

	if (age > le32_to_cpu(rel->valid_seconds)) {
		*why = "release: stale";
		return -ETIME;
	}
	if (then < f->not_before) {
		*why = "receipt: not yet valid";
		return -EKEYEXPIRED;
	}
	if (then > f->not_after || f->not_after - then < age) {
		*why = "receipt: expired";
		return -EKEYEXPIRED;
	}
	return 0;
}

static int check_secret_head(const struct erot_release_secret *rel, const char **why)
{
	if (memcmp(rel->head.magic, EROT_MAGIC, EROT_MAGIC_SIZE) ||
	    le16_to_cpu(rel->head.version) != EROT_VERSION ||
	    le16_to_cpu(rel->head.purpose) != EROT_PURPOSE_RELEASE ||
	    le32_to_cpu(rel->head.length) != sizeof(*rel) || !rel->max_runtime) {
		*why = "release: malformed content";
		return -EPROTO;
	}
	return 0;
}

struct provision_scratch {
	u8 info[sizeof(EROT_LABEL_RELEASE) - 1 + EROT_DIGEST_SIZE + EROT_KEY_SIZE];
	struct erot_release_boot boot;
	struct erot_release_secret rel;
	u8 clamped[EROT_KEY_SIZE];
	u8 pk[EROT_KEY_SIZE];
};

static int open_release(struct erot_session *s, const struct erot_receipt_facts *f,
			const struct erot_release *release, struct provision_scratch *w,
			const char **why)
{
	size_t label = sizeof(EROT_LABEL_RELEASE) - 1;
	int err;

	memcpy(w->info, EROT_LABEL_RELEASE, label);
	memcpy(w->info + label, f->digest, EROT_DIGEST_SIZE);
	memcpy(w->info + label + EROT_DIGEST_SIZE, s->session_pk, EROT_KEY_SIZE);

	err = erot_hpke_open(s->secret->session_sk, release->enc, w->info, sizeof(w->info),
			     EROT_AAD_SESSION, sizeof(EROT_AAD_SESSION) - 1,
			     release->text, sizeof(release->text), (u8 *)&w->boot);
	if (err) {
		*why = "release: not sealed to this session and receipt";
		return err == -EBADMSG ? -EKEYREJECTED : err;
	}
	err = erot_hpke_open(erot_bootkey_secret(), w->boot.enc, w->info, sizeof(w->info),
			     EROT_AAD_BOOT, sizeof(EROT_AAD_BOOT) - 1,
			     w->boot.text, sizeof(w->boot.text), (u8 *)&w->rel);
	if (err) {
		*why = "release: not sealed to this boot key";
		return err == -EBADMSG ? -EKEYREJECTED : err;
	}
	err = check_secret_head(&w->rel, why);
	if (err)
		return err;

	memcpy(w->clamped, w->rel.sk, EROT_KEY_SIZE);
	curve25519_clamp_secret(w->clamped);
	if (!curve25519_generate_public(w->pk, w->clamped) ||
	    crypto_memneq(w->pk, f->erot_pk, EROT_KEY_SIZE)) {
		*why = "release: the private key is not the receipt's";
		return -EKEYREJECTED;
	}
	return 0;
}

/**
 * erot_session_take - open a release and take in the ERoT private key
 * @s:       in state NEW
 * @f:       facts of the receipt, which was verified
 * @release: nested HPKE, session key outside, boot key inside
 * @why:     set on refusal
 *
 * Under @s->op. Checks, in this order: life and state, both seals, content, key pair,
 * freshness, validity; errnos as of erot_session_provision().
 *
 * Return: 0 or one of these; -ENOMEM.
 */
int erot_session_take(struct erot_session *s, const struct erot_receipt_facts *f,
		      const struct erot_release *release, const char **why)
{
	struct provision_scratch *w = erot_scratch_alloc(sizeof(*w), GFP_KERNEL);
	struct erot_hmac_work *mac = erot_hmac_work_alloc(GFP_KERNEL);
	unsigned int noio;
	int err = -ENOMEM;

	lockdep_assert_held(&s->op);
	if (!w || !mac)
		goto out;
	noio = memalloc_noio_save();	/* whoever ends the session waits for this */
	down_write(&s->keys);
	err = erot_session_expect(s, EROT_STATE_NEW, why);
	if (!err)
		err = open_release(s, f, release, w, why) ?: check_time(s, f, &w->rel, why) ?:
		      erot_evidence_key(w->rel.sk, s->secret->evidence_key);
	if (!err) {
		memcpy(s->secret->sk, w->rel.sk, EROT_KEY_SIZE);
		memzero_explicit(s->secret->session_sk, EROT_KEY_SIZE);
		s->facts = *f;
		s->mac = mac;
		mac = NULL;
		s->max_runtime = min3(f->max_runtime, le32_to_cpu(w->rel.max_runtime),
				      EROT_RUNTIME_MAX);
		s->started_ns = ktime_get_boottime_ns();
		erot_session_set_state(s, EROT_STATE_PROVISIONED);
	}
	up_write(&s->keys);
	memalloc_noio_restore(noio);
out:
	erot_hmac_work_free(mac);
	erot_scratch_free(w, sizeof(*w));
	return err;
}

/**
 * erot_session_provision - verify the receipt and take in the ERoT private key
 * @s:       in state NEW
 * @cms:     receipt, CMS SignedData
 * @cms_len: bytes
 * @release: nested HPKE, session key outside, boot key inside
 * @why:     set on refusal
 *
 * Checks, in this order: life and state (-ESHUTDOWN, -EBADFD), no other operation
 * under way (-EBUSY), signature and
 * content (see erot_receipt_verify()), machine (-ENOKEY, -EXDEV), host (-EACCES),
 * both seals (-EKEYREJECTED), content (-EPROTO), key pair (-EKEYREJECTED),
 * freshness (-ETIME), validity (-EKEYEXPIRED). A refused session stays NEW.
 *
 * Return: 0 or one of these.
 */
int erot_session_provision(struct erot_session *s, const void *cms, size_t cms_len,
			   const struct erot_release *release, const char **why)
{
	struct erot_receipt_facts *f = NULL;
	int err;

	/*
	 * Not waited for: ATTACH holds it while it reads files, and waiting here would hold
	 * genetlink's locks, and with them every family of the machine, as long as a disk hangs.
	 */
	err = erot_session_expect(s, EROT_STATE_NEW, why);
	if (err)
		return err;
	if (!mutex_trylock(&s->op)) {
		*why = "another operation on the session is under way";
		return -EBUSY;
	}
	err = erot_session_expect(s, EROT_STATE_NEW, why);
	if (err)
		goto out;
	err = -ENOMEM;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (f)
		err = erot_receipt_verify(cms, cms_len, erot_keyring, f, why) ?:
		      check_receipt(s, f, why) ?: erot_session_take(s, f, release, why);
out:
	kfree(f);
	mutex_unlock(&s->op);
	if (!err)
		erot_notify(s, EROT_EVENT_PROVISIONED, 0);
	return err;
}
