// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions: their registry. The states are drawn in session.h.
 */
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/ktime.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <linux/wait_bit.h>
#include <linux/xarray.h>

#include "crypto.h"
#include "cutoff.h"
#include "host.h"
#include "hpke.h"
#include "image.h"
#include "limits.h"
#include "secret.h"
#include "session.h"
#include "transit.h"

struct erot_stats erot_stats;
struct workqueue_struct *erot_deadline_wq;
struct workqueue_struct *erot_cutoff_wq;
struct workqueue_struct *erot_evidence_wq;

/* A work queues others only on queues behind its own. */
static const struct {
	struct workqueue_struct **wq;
	const char *name;
} queues[] = {
	{ &erot_deadline_wq, "erot_deadline" },
	{ &erot_cutoff_wq, "erot_cutoff" },
	{ &erot_evidence_wq, "erot_evidence" },
};

/* The registry: by index for walking, by id for finding. Its lock is the array's. */
static DEFINE_XARRAY_ALLOC1(registry);
static DEFINE_HASHTABLE(by_id, 10);

/* Of cgroups of sandboxes the hashes; filled by a panic, which looks at every page of memory. */
#define CGROUP_BITS	14
static DECLARE_BITMAP(cgroups, 1 << CGROUP_BITS);

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

/* Nobody finds it any more. */
void erot_session_unregister(struct erot_session *s)
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
	erot_session_init_works(s);
	INIT_HLIST_NODE(&s->watch);
	s->state = EROT_STATE_NEW;
	s->host = host;
	s->created_ns = ktime_get_boottime_ns();
	get_random_bytes(s->id, sizeof(s->id));

	err = -ENOMEM;
	s->secret = erot_secret_alloc(GFP_KERNEL);
	if (!s->secret)
		goto fail;
	err = erot_hpke_keypair(s->secret->session_sk, s->session_pk);
	if (err)
		goto fail;

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
	erot_session_unregister(s);
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

/**
 * erot_session_step - how long a timer may be set for something that is to be on time
 * @left_ns: until then
 *
 * A timer of the wheel is late by up to an eighth of its time, and the wheel ends after weeks. So
 * the way is gone in steps, of which none ends behind it: the last is of a second at most.
 *
 * Return: jiffies
 */
unsigned long erot_session_step(u64 left_ns)
{
	if (left_ns > NSEC_PER_SEC)
		left_ns = min(left_ns - left_ns / 8, (u64)24 * 3600 * NSEC_PER_SEC);
	return nsecs_to_jiffies(left_ns) + 1;
}

/* Sets the timer anew, for what is left; as erot_session_set_deadline(). */
void erot_session_arm_deadline(struct erot_session *s)
{
	u64 now = ktime_get_boottime_ns();
	u64 left = s->deadline_ns > now ? s->deadline_ns - now : 0;

	erot_session_get(s);
	if (mod_delayed_work(erot_deadline_wq, &s->deadline, erot_session_step(left)))
		erot_session_put(s);	/* the pending one had a reference already */
}

/* Called while no death has wiped yet: at creation, or under keys (write) and not wiped. */
void erot_session_set_deadline(struct erot_session *s, u32 seconds)
{
	s->deadline_ns = ktime_get_boottime_ns() + (u64)seconds * NSEC_PER_SEC;
	erot_session_arm_deadline(s);
}

/**
 * erot_session_die_all - end every session
 * @end: why
 */
void erot_session_die_all(enum erot_end end)
{
	struct erot_session *s;
	unsigned long index = 0;

	/* all refuse what has not begun yet, before one is waited for */
	xa_lock(&registry);
	xa_for_each(&registry, index, s)
		erot_session_doom(s, end);
	xa_unlock(&registry);
	index = 0;
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

/* Once a session: it is in state RELEASED now. */
void erot_session_count_released(void)
{
	if (atomic_dec_and_test(&unreleased))
		wake_up_var(&unreleased);
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

static bool is_sandbox(const void *cgroup)
{
	struct erot_session *s;
	unsigned long index;

	if (!test_bit(hash_ptr(cgroup, CGROUP_BITS), cgroups))
		return false;
	xa_for_each(&registry, index, s)
		if (s->cgroup == cgroup && s->state != EROT_STATE_RELEASED)
			return true;
	return false;
}

/*
 * The other processors are stopped and locks may be held by them for ever:
 * zero what can be reached without any lock. Keys first: plaintext takes longer.
 */
void erot_session_panic(void)
{
	struct erot_session *s;
	unsigned long index;

	xa_for_each(&registry, index, s) {
		erot_session_doom(s, EROT_END_PANIC);
		if (s->secret)
			memzero_explicit(s->secret, sizeof(*s->secret));
		erot_image_panic_cipher(s->image, false);
		erot_image_panic(s->image);
		if (s->cgroup)
			set_bit(hash_ptr(s->cgroup, CGROUP_BITS), cgroups);
	}
	erot_cutoff_panic(is_sandbox);
	xa_for_each(&registry, index, s)
		erot_image_panic_cipher(s->image, true);
	xa_for_each(&registry, index, s)
		erot_transit_panic(s);
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

static void queues_destroy(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(queues) && *queues[i].wq; i++)
		destroy_workqueue(*queues[i].wq);
}

int erot_session_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(queues); i++) {
		*queues[i].wq = alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0,
						queues[i].name);
		if (!*queues[i].wq) {
			queues_destroy();
			return -ENOMEM;
		}
	}
	return 0;
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
		erot_session_unregister(s);
		erot_session_put(s);
		index++;
	}
	queues_destroy();
	WARN_ON(atomic_read(&erot_stats.sessions));
	xa_destroy(&registry);
}
