// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: registry, provisioning and death. The states are drawn in session.h.
 */
#include <crypto/curve25519.h>
#include <crypto/utils.h>
#include <linux/hashtable.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/wait_bit.h>
#include <linux/xarray.h>

#include "bootkey.h"
#include "crypto.h"
#include "evidence.h"
#include "host.h"
#include "hpke.h"
#include "image.h"
#include "limits.h"
#include "secret.h"
#include "session.h"
#include "trace.h"

struct erot_stats erot_stats;
struct workqueue_struct *erot_wq;

/* The registry: by index for walking, by id for finding. Its lock is the array's. */
static DEFINE_XARRAY_ALLOC1(registry);
static DEFINE_HASHTABLE(by_id, 10);

/* How many want no session to come to be: the machine sleeps or goes down. Array's lock. */
static unsigned int closed;

/* Sessions of the registry before RELEASED; who waits for none is woken at zero. */
static atomic_t unreleased;

static u32 id_key(const u8 id[EROT_ID_SIZE])
{
	return get_unaligned((const u32 *)id);
}

static void session_free(struct erot_session *s)
{
	erot_image_free(s->image);
	erot_secret_free(s->secret);
	erot_hmac_work_free(s->mac);
	put_pid(s->attacher);
	put_pid(s->pid);
	if (s->pid_ns)
		put_pid_ns(s->pid_ns);
	atomic_dec(&erot_stats.sessions);
	kfree_rcu(s, rcu);
}

struct erot_session *erot_session_get(struct erot_session *s)
{
	refcount_inc(&s->ref);
	return s;
}

void erot_session_put(struct erot_session *s)
{
	if (s && refcount_dec_and_test(&s->ref))
		session_free(s);
}

static void unregister(struct erot_session *s)
{
	bool mine;

	xa_lock(&registry);
	mine = __xa_cmpxchg(&registry, s->index, s, NULL, 0) == s;
	if (mine)
		hash_del(&s->hash);
	xa_unlock(&registry);
	if (mine)
		erot_session_put(s);
}

/* Death by the clock. Owns one reference. */
static void deadline_work(struct work_struct *work)
{
	struct erot_session *s = container_of(to_delayed_work(work), struct erot_session, deadline);

	erot_session_die(s, EROT_END_DEADLINE);
	erot_session_put(s);
}

/* Nobody let go of the plaintext in time. Owns one reference. */
static void grace_work(struct work_struct *work)
{
	struct erot_session *s = container_of(to_delayed_work(work), struct erot_session, grace);
	bool late;

	down_read(&s->keys);
	late = s->plaintext && s->state == EROT_STATE_DEAD;
	up_read(&s->keys);
	if (late) {
		set_bit(EROT_BIT_PINNED, &s->flags);
		atomic64_inc(&erot_stats.pinned);
		erot_image_cut_off(s->image);
		erot_session_get(s);
		if (!queue_work(erot_wq, &s->finish))
			erot_session_put(s);
	}
	erot_session_put(s);
}

/* Keys and plaintext are gone: say so under the evidence key, then drop that too. */
static void finish_work(struct work_struct *work)
{
	struct erot_session *s = container_of(work, struct erot_session, finish);
	struct erot_evidence *ev = &s->evidence;
	bool evident = false, done = false, bound = false;

	down_write(&s->keys);
	if (s->state == EROT_STATE_DEAD) {
		if (!test_bit(EROT_BIT_PINNED, &s->flags))
			set_bit(EROT_BIT_RELEASED, &s->flags);
		s->released_ns = ktime_get_boottime_ns();
		if (s->started_ns) {
			memcpy(ev->receipt, s->facts.digest, sizeof(ev->receipt));
			memcpy(ev->session, s->id, sizeof(ev->session));
			ev->started_ns = cpu_to_le64(s->started_ns);
			ev->ended_ns = cpu_to_le64(s->ended_ns);
			ev->released_ns = cpu_to_le64(s->released_ns);
			ev->exit_status = cpu_to_le32(s->exit_status);
			ev->reason = cpu_to_le32(READ_ONCE(s->end));
			ev->host = cpu_to_le32(s->host);
			ev->isolation = cpu_to_le32(s->isolation);
			ev->flags = cpu_to_le32((u32)s->flags);
			evident = !erot_evidence_seal(ev, s->secret->evidence_key, s->mac);
		}
		erot_hmac_work_free(s->mac);
		s->mac = NULL;
		erot_secret_free(s->secret);
		s->secret = NULL;
		bound = s->pid_ns != NULL;
		WRITE_ONCE(s->state, EROT_STATE_RELEASED);
		done = true;
	}
	up_write(&s->keys);

	if (done) {
		if (atomic_dec_and_test(&unreleased))
			wake_up_var(&unreleased);
		erot_notify(s, EROT_EVENT_RELEASED, 0);
		if (!evident)	/* nothing to acknowledge */
			unregister(s);
		if (bound) {
			erot_sandbox_unwatch(s);
			module_put(THIS_MODULE);
		}
	}
	erot_session_put(s);
}

/**
 * erot_session_create - make a session in state NEW with a key of its own
 * @why: set on refusal
 *
 * The registry holds one reference, the caller another.
 *
 * Return: the session or an ERR_PTR: -EACCES host not fit, -EUSERS too many, -ENOMEM.
 */
struct erot_session *erot_session_create(const char **why)
{
	struct erot_session *s;
	u32 host = erot_host_state();
	int err;

	err = erot_host_fit(host, why);
	if (err)
		return ERR_PTR(err);
	if (atomic_inc_return(&erot_stats.sessions) > EROT_SESSIONS_MAX) {
		atomic_dec(&erot_stats.sessions);
		*why = "too many sessions";
		return ERR_PTR(-EUSERS);
	}
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s) {
		atomic_dec(&erot_stats.sessions);
		return ERR_PTR(-ENOMEM);
	}
	refcount_set(&s->ref, 1);
	mutex_init(&s->op);
	init_rwsem(&s->keys);
	INIT_DELAYED_WORK(&s->deadline, deadline_work);
	INIT_DELAYED_WORK(&s->grace, grace_work);
	INIT_WORK(&s->finish, finish_work);
	INIT_HLIST_NODE(&s->watch);
	s->state = EROT_STATE_NEW;
	s->host = host;
	s->created_ns = ktime_get_boottime_ns();
	get_random_bytes(s->id, sizeof(s->id));

	err = -ENOMEM;
	s->secret = erot_secret_alloc(GFP_KERNEL);
	if (!s->secret)
		goto fail;
	curve25519_generate_secret(s->secret->session_sk);
	if (!curve25519_generate_public(s->session_pk, s->secret->session_sk)) {
		err = -EKEYREJECTED;
		goto fail;
	}

	/* Armed first: once registered it may die at any moment, and must find this. */
	erot_session_set_deadline(s, EROT_SETUP_SECONDS);
	erot_session_get(s);
	xa_lock(&registry);
	err = __xa_alloc(&registry, &s->index, s, xa_limit_31b, GFP_KERNEL);
	if (!err && closed) {
		__xa_erase(&registry, s->index);
		*why = "the machine is about to sleep or to go down";
		err = -ESHUTDOWN;
	}
	if (!err) {
		hash_add(by_id, &s->hash, id_key(s->id));
		atomic_inc(&unreleased);
	}
	xa_unlock(&registry);
	if (err) {
		erot_session_put(s);
		if (cancel_delayed_work_sync(&s->deadline))
			erot_session_put(s);
		goto fail;
	}
	atomic64_inc(&erot_stats.created);
	return s;
fail:
	erot_session_put(s);
	return ERR_PTR(err);
}

/**
 * erot_session_find - look a session up
 * @id: 16 bytes
 *
 * Return: a referenced session or NULL.
 */
struct erot_session *erot_session_find(const u8 id[EROT_ID_SIZE])
{
	struct erot_session *s, *found = NULL;

	xa_lock(&registry);
	hash_for_each_possible(by_id, s, hash, id_key(id)) {
		if (!memcmp(s->id, id, EROT_ID_SIZE)) {
			found = erot_session_get(s);
			break;
		}
	}
	xa_unlock(&registry);
	return found;
}

/**
 * erot_session_next - walk the registry
 * @index: where to begin; set to the index of what is returned
 *
 * Return: a referenced session or NULL at the end.
 */
struct erot_session *erot_session_next(unsigned long *index)
{
	struct erot_session *s;

	xa_lock(&registry);
	s = xa_find(&registry, index, ULONG_MAX, XA_PRESENT);
	if (s)
		erot_session_get(s);
	xa_unlock(&registry);
	return s;
}

/**
 * erot_session_forget - drop a session whose end was acknowledged
 * @s: in state RELEASED
 *
 * Return: 0 or -EBUSY when it is not released yet.
 */
int erot_session_forget(struct erot_session *s)
{
	if (READ_ONCE(s->state) != EROT_STATE_RELEASED)
		return -EBUSY;
	unregister(s);
	return 0;
}

/**
 * erot_session_expect - is the session alive and in this state
 * @s:     session; under @s->op or @s->keys if the answer is to last
 * @state: wanted
 * @why:   set on refusal
 *
 * Return: 0, -ESHUTDOWN for a dead session, -EBADFD for another state.
 */
int erot_session_expect(struct erot_session *s, enum erot_state state, const char **why)
{
	if (READ_ONCE(s->end)) {
		*why = "session is dead";
		return -ESHUTDOWN;
	}
	if (READ_ONCE(s->state) != state) {
		*why = "operation is out of order for the session's state";
		return -EBADFD;
	}
	return 0;
}

void erot_session_set_state(struct erot_session *s, enum erot_state state)
{
	lockdep_assert_held_write(&s->keys);
	WRITE_ONCE(s->state, state);
}

/* Called while no death has wiped yet: at creation, or under keys (write) and not wiped. */
void erot_session_set_deadline(struct erot_session *s, u32 seconds)
{
	s->deadline_ns = ktime_get_boottime_ns() + (u64)seconds * NSEC_PER_SEC;
	erot_session_get(s);
	if (mod_delayed_work(erot_wq, &s->deadline, (unsigned long)seconds * HZ))
		erot_session_put(s);	/* the pending one had a reference already */
}

static int check_receipt(struct erot_session *s, const struct erot_receipt_facts *f,
			 const char **why)
{
	u8 hwkey[EROT_DIGEST_SIZE];

	if (!erot_host_hwkey(hwkey)) {
		*why = "machine: no hardware key is set";
		return -ENOKEY;
	}
	if (memcmp(hwkey, f->hwkey, sizeof(hwkey))) {
		*why = "machine: the receipt is for another machine";
		return -EXDEV;
	}
	if (f->host & ~(s->host & erot_host_state())) {
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
	struct provision_scratch *w = NULL;
	struct erot_hmac_work *mac = NULL;
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
	w = erot_scratch_alloc(sizeof(*w), GFP_KERNEL);
	mac = erot_hmac_work_alloc(GFP_KERNEL);
	if (!f || !w || !mac)
		goto out;
	err = erot_receipt_verify(cms, cms_len, erot_keyring, f, why) ?: check_receipt(s, f, why);
	if (err)
		goto out;

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
out:
	erot_hmac_work_free(mac);
	erot_scratch_free(w, sizeof(*w));
	kfree(f);
	mutex_unlock(&s->op);
	if (!err)
		erot_notify(s, EROT_EVENT_PROVISIONED, 0);
	return err;
}

/**
 * erot_session_doom - claim the cause of death
 * @s:   any session
 * @end: why
 *
 * Safe in any context. The winner and everybody else who must not return while
 * keys exist call erot_session_wipe() next, from a context that may sleep.
 *
 * Return: whether this call was the first.
 */
bool erot_session_doom(struct erot_session *s, enum erot_end end)
{
	return cmpxchg(&s->end, EROT_END_NONE, (int)end) == EROT_END_NONE;
}

/**
 * erot_session_wipe - zero every key but the evidence key and kill the sandbox
 * @s: doomed
 *
 * When it returns the keys are gone, whoever wiped them. Waits for readers to
 * finish at most one chunk each; never for file I/O.
 */
void erot_session_wipe(struct erot_session *s)
{
	bool first;

	down_write(&s->keys);
	first = !s->wiped;
	if (first) {
		s->wiped = true;
		erot_image_wipe(s->image);
		memzero_explicit(s->secret->session_sk, EROT_KEY_SIZE);
		memzero_explicit(s->secret->sk, EROT_KEY_SIZE);
		s->ended_ns = ktime_get_boottime_ns();
		erot_session_set_state(s, EROT_STATE_DEAD);
		erot_session_get(s);
		if (!s->plaintext) {
			queue_work(erot_wq, &s->finish);
		} else {
			queue_delayed_work(erot_wq, &s->grace, EROT_GRACE_SECONDS * HZ);
		}
	}
	up_write(&s->keys);
	if (!first)
		return;

	if (s->pid)
		kill_pid(s->pid, SIGKILL, 1);
	if (cancel_delayed_work(&s->deadline))
		erot_session_put(s);
	erot_notify(s, EROT_EVENT_DEAD, 0);
}

void erot_session_die(struct erot_session *s, enum erot_end end)
{
	erot_session_doom(s, end);
	erot_session_wipe(s);
}

/**
 * erot_session_die_all - end every session
 * @end: why
 */
void erot_session_die_all(enum erot_end end)
{
	struct erot_session *s;
	unsigned long index = 0;

	while ((s = erot_session_next(&index))) {
		erot_session_die(s, end);
		erot_session_put(s);
		index++;
	}
}

/**
 * erot_session_close - end every session and let none come to be
 * @end: why
 *
 * Userspace still runs when the machine prepares to sleep. Calls are counted:
 * each is undone by one erot_session_reopen().
 */
void erot_session_close(enum erot_end end)
{
	xa_lock(&registry);
	closed++;
	xa_unlock(&registry);
	erot_session_die_all(end);
}

/** erot_session_reopen - the machine is awake again, or did not fall asleep */
void erot_session_reopen(void)
{
	xa_lock(&registry);
	if (closed)	/* the module may have come after the preparation */
		closed--;
	xa_unlock(&registry);
}

/**
 * erot_session_wait_released - wait until no session holds plaintext
 * @seconds: at most
 *
 * After erot_session_close(). Tasks that are killed must still be able to run.
 *
 * Return: whether all are in state RELEASED.
 */
bool erot_session_wait_released(unsigned int seconds)
{
	return wait_var_event_timeout(&unreleased, !atomic_read(&unreleased), seconds * HZ);
}

/*
 * The other processors are stopped and locks may be held by them for ever:
 * zero what can be reached without any lock.
 */
void erot_session_panic(void)
{
	struct erot_session *s;
	unsigned long index;

	xa_for_each(&registry, index, s) {
		erot_session_doom(s, EROT_END_PANIC);
		if (s->secret)
			memzero_explicit(s->secret, sizeof(*s->secret));
		erot_image_panic(s->image);
	}
	/* Last, because a cipher without AES-NI allocates here and might hang. */
	xa_for_each(&registry, index, s)
		erot_image_panic_cipher(s->image);
}

/**
 * erot_session_plaintext_gone - EROFS has let go of the payload file
 * @s: session
 *
 * Its page cache was evicted before: that is the order of its kill_sb.
 */
void erot_session_plaintext_gone(struct erot_session *s)
{
	down_write(&s->keys);
	s->plaintext = false;
	if (s->wiped) {
		if (cancel_delayed_work(&s->grace))
			erot_session_put(s);
		erot_session_get(s);
		if (!queue_work(erot_wq, &s->finish))
			erot_session_put(s);
	}
	up_write(&s->keys);
}

/**
 * erot_session_damaged - a chunk was refused
 * @s:     session
 * @chunk: its number
 */
void erot_session_damaged(struct erot_session *s, u64 chunk)
{
	set_bit(EROT_BIT_DAMAGED, &s->flags);
	atomic64_inc(&erot_stats.damaged);
	erot_notify(s, EROT_EVENT_DAMAGED, chunk);
}

int erot_session_init(void)
{
	erot_wq = alloc_workqueue("erot", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return erot_wq ? 0 : -ENOMEM;
}

/*
 * The module's last reference is gone, so no descriptor, payload file or
 * sandbox is left; what is left waits for its work or for an acknowledgement.
 */
void erot_session_exit(void)
{
	struct erot_session *s;
	unsigned long index = 0;

	erot_session_die_all(EROT_END_DESTROYED);
	while ((s = erot_session_next(&index))) {
		if (cancel_delayed_work_sync(&s->deadline))
			erot_session_put(s);
		flush_delayed_work(&s->grace);
		flush_work(&s->finish);
		unregister(s);
		erot_session_put(s);
		index++;
	}
	destroy_workqueue(erot_wq);
	WARN_ON(atomic_read(&erot_stats.sessions));
	xa_destroy(&registry);
}
