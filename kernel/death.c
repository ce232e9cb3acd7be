// SPDX-License-Identifier: GPL-2.0-only
/* The end of a session: who causes it, what is wiped, and what is told afterwards. */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "crypto.h"
#include "cutoff.h"
#include "evidence.h"
#include "image.h"
#include "limits.h"
#include "secret.h"
#include "session.h"

/* Death by the clock. Owns one reference. */
static void deadline_work(struct work_struct *work)
{
	struct erot_session *s = container_of(to_delayed_work(work), struct erot_session, deadline);
	bool early;

	down_read(&s->keys);	/* who wipes calls off what was armed before */
	early = !s->wiped && ktime_get_boottime_ns() < s->deadline_ns;
	if (early)
		erot_session_arm_deadline(s);
	up_read(&s->keys);
	if (!early)
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
	if (late)	/* under the lock: evidence says this or RELEASED, never both */
		set_bit(EROT_BIT_PINNED, &s->flags);
	up_read(&s->keys);
	if (late) {
		atomic64_inc(&erot_stats.pinned);
		erot_image_cut_off(s->image);
		erot_session_get(s);
		if (!queue_work(erot_evidence_wq, &s->finish))
			erot_session_put(s);
	}
	erot_session_put(s);
}

/* Keys and plaintext are gone: say so under the evidence key, then drop that too. */
static void finish_work(struct work_struct *work)
{
	struct erot_session *s = container_of(work, struct erot_session, finish);
	struct erot_evidence *ev = &s->evidence;
	bool evident = false, done = false, bound = false, held;

	held = READ_ONCE(s->mounted) && !erot_cutoff_drain(EROT_GRACE_SECONDS);
	down_write(&s->keys);
	if (s->state == EROT_STATE_DEAD) {
		if (held && !test_and_set_bit(EROT_BIT_PINNED, &s->flags))
			atomic64_inc(&erot_stats.pinned);
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
		if (!test_bit(EROT_BIT_PINNED, &s->flags))
			erot_image_retire(s->image);
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
		erot_session_count_released();
		erot_notify(s, EROT_EVENT_RELEASED, 0);
		if (!evident)	/* nothing to acknowledge */
			erot_session_unregister(s);
		if (bound) {
			erot_sandbox_unwatch(s);
			module_put(THIS_MODULE);
		}
	}
	erot_session_put(s);
}

/** erot_session_init_works - of a new session; nothing is queued yet */
void erot_session_init_works(struct erot_session *s)
{
	INIT_DELAYED_WORK(&s->deadline, deadline_work);
	INIT_DELAYED_WORK(&s->grace, grace_work);
	INIT_WORK(&s->finish, finish_work);
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
 * When it returns the keys are gone, whoever wiped them. Waits for readers and those who help them
 * to finish at most one chunk each; never for file I/O.
 */
void erot_session_wipe(struct erot_session *s)
{
	bool first, clean = false;

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
		clean = !s->plaintext;	/* and stays so: a dead session's payload isn't opened */
		if (!clean)
			queue_delayed_work(erot_cutoff_wq, &s->grace, EROT_GRACE_SECONDS * HZ);
	}
	up_write(&s->keys);
	if (!first)
		return;

	if (s->pid)
		kill_pid(s->pid, SIGKILL, 1);
	if (cancel_delayed_work(&s->deadline))
		erot_session_put(s);
	erot_notify(s, EROT_EVENT_DEAD, 0);
	if (clean)
		queue_work(erot_evidence_wq, &s->finish);	/* tells RELEASED */
}

void erot_session_die(struct erot_session *s, enum erot_end end)
{
	erot_session_doom(s, end);
	erot_session_wipe(s);
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
		if (!queue_work(erot_evidence_wq, &s->finish))
			erot_session_put(s);
	}
	up_write(&s->keys);
}
