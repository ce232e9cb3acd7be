/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: one launch, its keys and its end.
 *
 *   NEW ---------> PROVISIONED ---> ATTACHED ---> BOUND ------> RUNNING
 *    | NEW          | PROVISION      | ATTACH      | BIND         | first exec
 *    |              | (netlink)      | (ioctl)     | (ioctl)      | that passed the gate
 *    +--------------+-------+--------+-------------+--------------+
 *                           v
 *                         DEAD       keys are zero; set by whoever wins erot_session_doom():
 *                           |        exit probe, exec gate, DESTROY, last close of the
 *                           |        descriptor, deadline, suspend, reboot, panic, NEW or ATTACH
 *                           |        that failed
 *                           v
 *                        RELEASED    plaintext is gone too, evidence is made; by EROFS letting
 *                                    go of the payload file, or by force after the grace period
 *
 * Nothing goes back. Lock order, outermost first:
 *   session.op (mutex)  ->  folio lock  ->  session.keys (rwsem)  ->  image.tree (mutex)
 *   -> registry lock (spinlock)
 * He who reads waits for chunks on other processors, which take session.keys, with the folio lock
 * held and none behind it.
 */
#ifndef EROT_SESSION_H
#define EROT_SESSION_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/erot.h>
#include <linux/erot_format.h>

#include "receipt.h"
#include "stats.h"

struct erot_hmac_work;
struct erot_image;
struct erot_secret;
struct pid_namespace;

/**
 * struct erot_session - one launch
 * @ref:       keeps this structure alive; held by the registry until the end is
 *             acknowledged, by the session descriptor, by the payload inode, by the
 *             watch table while a sandbox lives and by each queued work
 * @id:        random; never changes
 * @index:     in the registry's xarray; never changes
 * @hash:      by @id; registry lock
 * @watch:     by @pid_ns; watch lock, readers under RCU
 * @rcu:       frees the structure after readers of the watch table
 * @op:        serialises PROVISION, ATTACH and BIND; may be held over file I/O, so netlink
 *             never waits for it, and what does can be killed
 * @keys:      write: @secret, @image's key material and @state change; read: keys are used
 * @state:     enum erot_state; written under @keys (write), read anywhere by READ_ONCE
 * @end:       enum erot_end; 0 until the first cause of death claims it by cmpxchg
 * @wiped:     keys are gone; under @keys
 * @exit_status: as wait() reports it; written by the exit probe, whoever claims @end
 * @secret:    private keys; under @keys; after death only evidence_key is not zero
 * @session_pk: never changes
 * @host:      EROT_HOST_* at NEW
 * @facts:     of the receipt; set once by PROVISION under @keys
 * @isolation: EROT_ISO_* observed at BIND and at the exec gate
 * @flags:     EROT_EV_*; atomic bit operations
 * @created_ns, @started_ns, @ended_ns, @released_ns: boot clock
 * @max_runtime: seconds from the first exec
 * @deadline_ns: boot clock of the next deadline
 * @attacher:  thread group that called ATTACH: the only one that may mount
 * @image:     set once by ATTACH; lives as long as the session
 * @pid:       the sandbox's first process; the watch is on this
 * @cgroup:    of the sandbox, set once by BIND; a cookie, compared only
 * @pid_ns:    its pid namespace; compared by the probes, referenced until release
 * @deadline:  work that ends the session, or waits again when it is too early
 * @grace:     work that cuts the plaintext off when nobody lets go of it
 * @finish:    work that makes the evidence
 * @exit_work: wipes in the exit path of the first process
 * @exited:    that path was entered; xchg
 * @plaintext: a payload file is open, so plaintext pages may exist; under @keys
 * @mounted:   the payload file was opened; it is not opened twice
 * @mac:       memory for the MAC of @evidence, so that its making cannot fail; from PROVISION
 *             until it is made; under @keys
 * @evidence:  valid in state RELEASED
 */
struct erot_session {
	refcount_t ref;
	u8 id[EROT_ID_SIZE];
	u32 index;
	struct hlist_node hash;
	struct hlist_node watch;
	struct rcu_head rcu;
	struct mutex op;
	struct rw_semaphore keys;
	int state;
	int end;
	bool wiped;
	bool plaintext;
	bool mounted;
	int exit_status;
	struct erot_secret *secret;
	u8 session_pk[EROT_KEY_SIZE];
	u32 host;
	u32 isolation;
	unsigned long flags;
	struct erot_receipt_facts facts;
	u64 created_ns;
	u64 started_ns;
	u64 ended_ns;
	u64 released_ns;
	u64 deadline_ns;
	u32 max_runtime;
	struct pid *attacher;
	struct erot_image *image;
	struct pid *pid;
	const void *cgroup;
	struct pid_namespace *pid_ns;
	struct delayed_work deadline;
	struct delayed_work grace;
	struct work_struct finish;
	struct callback_head exit_work;
	int exited;
	struct erot_hmac_work *mac;
	struct erot_evidence evidence;
};

/* Bit numbers of erot_session.flags; the values are EROT_EV_*. */
enum { EROT_BIT_RELEASED, EROT_BIT_PINNED, EROT_BIT_RAN, EROT_BIT_DAMAGED };

int erot_session_init(void);
void erot_session_exit(void);

struct erot_session *erot_session_create(const char **why);
struct erot_session *erot_session_find(const u8 id[EROT_ID_SIZE]);
struct erot_session *erot_session_next(unsigned long *index);
struct erot_session *erot_session_get(struct erot_session *s);
void erot_session_put(struct erot_session *s);
int erot_session_forget(struct erot_session *s);

int erot_session_expect(struct erot_session *s, enum erot_state state, const char **why);
int erot_session_provision(struct erot_session *s, const void *cms, size_t cms_len,
			   const struct erot_release *release, const char **why);
int erot_session_take(struct erot_session *s, const struct erot_receipt_facts *f,
		      const struct erot_release *release, const char **why);
void erot_session_set_state(struct erot_session *s, enum erot_state state);
unsigned long erot_session_step(u64 left_ns);
void erot_session_set_deadline(struct erot_session *s, u32 seconds);
void erot_session_arm_deadline(struct erot_session *s);

bool erot_session_doom(struct erot_session *s, enum erot_end end);
void erot_session_wipe(struct erot_session *s);
void erot_session_die(struct erot_session *s, enum erot_end end);
void erot_session_die_all(enum erot_end end);
void erot_session_close(enum erot_end end);
void erot_session_reopen(void);
bool erot_session_wait_released(unsigned int seconds);
void erot_session_panic(void);

void erot_session_plaintext_gone(struct erot_session *s);
void erot_session_damaged(struct erot_session *s, u64 chunk);

/*
 * A queue runs only so many works at once, and nothing must keep keys alive: deadlines, which wait
 * for nobody; the cutting off, which can wait for a disk; evidence, which can wait for a processor.
 */
extern struct workqueue_struct *erot_deadline_wq;
extern struct workqueue_struct *erot_cutoff_wq;
extern struct workqueue_struct *erot_evidence_wq;

/* Between session.c, the registry, and death.c. */
void erot_session_init_works(struct erot_session *s);
void erot_session_unregister(struct erot_session *s);
void erot_session_count_released(void);

/* In netlink.c and sandbox.c; declared here so that sessions need not know either. */
void erot_sandbox_unwatch(struct erot_session *s);
void erot_notify(struct erot_session *s, enum erot_event event, u64 chunk);

#endif
