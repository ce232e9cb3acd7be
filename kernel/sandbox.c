// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sandbox: BIND, the exec gate, and the watch on its end. Two tracepoints
 * tell of every exec and exit; a static key keeps both free while no sandbox
 * lives. It stays on for a while after the last one, for each change of it
 * patches code and stops all processors. The probes cannot sleep: they mark,
 * and leave the rest to task work, which runs in the same task before it
 * reaches userspace or a waiting parent.
 */
#include <linux/binfmts.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/jump_label_ratelimit.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "host.h"
#include "image.h"
#include "isolation.h"
#include "sandbox.h"
#include "session.h"
#include "trace.h"

static DEFINE_STATIC_KEY_DEFERRED_FALSE(watching, 10 * HZ);
static DEFINE_SPINLOCK(watch_lock);
static DEFINE_HASHTABLE(watched, 8);	/* by pid namespace; readers under RCU */

/* Task works that still have to run; the module may not go before them. */
static atomic_t inflight;

/**
 * struct gate - one exec on its way to userspace
 * @work:    in the task that called exec
 * @session: referenced
 * @file:    what was executed; referenced
 */
struct gate {
	struct callback_head work;
	struct erot_session *session;
	struct file *file;
};

static void work_done(void)
{
	if (atomic_dec_and_test(&inflight))
		wake_up_var(&inflight);
}

/* The session whose sandbox this namespace is, or is nested in. Referenced. */
static struct erot_session *find_watched(struct pid_namespace *ns)
{
	struct erot_session *s;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "watch table is read under RCU");
	for (; ns && ns->level; ns = ns->parent)
		hash_for_each_possible_rcu(watched, s, watch, (unsigned long)ns)
			if (s->pid_ns == ns && refcount_inc_not_zero(&s->ref))
				return s;
	return NULL;
}

bool erot_sandbox_is_inside(const struct erot_session *s, struct task_struct *task)
{
	const struct pid_namespace *mine = READ_ONCE(s->pid_ns);
	struct pid_namespace *ns;

	if (!mine)
		return false;
	for (ns = task_active_pid_ns(task); ns && ns->level; ns = ns->parent)
		if (ns == mine)
			return true;
	return false;
}

void erot_sandbox_unwatch(struct erot_session *s)
{
	spin_lock(&watch_lock);
	hash_del_rcu(&s->watch);
	spin_unlock(&watch_lock);
	static_branch_slow_dec_deferred(&watching);
	erot_session_put(s);
}

static int is_ours(const void *arg, struct file *file, unsigned int fd)
{
	return file->f_op->owner == THIS_MODULE;
}

/* Why this program may not run, or NULL. */
static const char *gate_check(struct erot_session *s, struct file *file)
{
	const char *why = NULL;
	u32 now = erot_isolation_observe(s->facts.memory_max);

	if (READ_ONCE(s->end))
		return "exec gate: session is dead";
	if (!task_no_new_privs(current))
		return "exec gate: no_new_privs is not set";
	if (current->seccomp.mode != SECCOMP_MODE_FILTER)
		return "exec gate: no seccomp filter";
	if (current->ptrace)
		return "exec gate: traced";
	if (!erot_image_is_super(s->image, d_real_inode(file->f_path.dentry)->i_sb))
		return "exec gate: program is not from the payload";
	if (iterate_fd(current->files, 0, is_ours, NULL))
		return "exec gate: a session or payload descriptor was inherited";
	if (!erot_host_keeps(s->facts.host, &why))
		erot_isolation_check(now, EROT_ISO_MEMORY_MAX | EROT_ISO_SWAP_ZERO, &why);
	return why;
}

static void gate_work(struct callback_head *work)
{
	struct gate *g = container_of(work, struct gate, work);
	struct erot_session *s = g->session;
	const char *why = NULL;
	bool first = false;

	/* A task that dies first has no descriptors, no namespaces, and runs no program. */
	if (current->flags & PF_EXITING)
		goto out;
	why = gate_check(s, g->file);

	if (!why) {
		down_write(&s->keys);
		if (s->state == EROT_STATE_BOUND && !s->end) {
			first = true;
			s->isolation |= EROT_ISO_NO_NEW_PRIVS | EROT_ISO_SECCOMP;
			set_bit(EROT_BIT_RAN, &s->flags);
			erot_session_set_deadline(s, s->max_runtime);
			erot_session_set_state(s, EROT_STATE_RUNNING);
		}
		up_write(&s->keys);
		if (first)
			erot_notify(s, EROT_EVENT_RUNNING, 0);
	} else {
		trace_erot_refused(s->id, why, -EPERM);
		send_sig(SIGKILL, current, 1);
		erot_session_die(s, EROT_END_EXEC_GATE);
	}
out:
	fput(g->file);
	erot_session_put(s);
	kfree(g);
	work_done();
}

static void on_exec(void *data, struct task_struct *task, pid_t old_pid,
		    struct linux_binprm *bprm)
{
	struct erot_session *s;
	struct gate *g;

	if (!static_branch_unlikely(&watching.key))
		return;
	rcu_read_lock();
	s = find_watched(task_active_pid_ns(task));
	rcu_read_unlock();
	if (!s)
		return;

	g = kzalloc(sizeof(*g), GFP_ATOMIC);
	if (g) {
		g->session = s;
		g->file = get_file(bprm->file);
		init_task_work(&g->work, gate_work);
		atomic_inc(&inflight);
		if (!task_work_add(task, &g->work, TWA_RESUME))
			return;
		fput(g->file);
		kfree(g);
		work_done();
	}
	/* No gate, no passage. */
	send_sig(SIGKILL, task, 1);
	erot_session_put(s);
}

static void exit_work(struct callback_head *work)
{
	struct erot_session *s = container_of(work, struct erot_session, exit_work);

	erot_session_wipe(s);
	erot_session_put(s);
	work_done();
}

static void on_exit(COMPAT_EXIT_PROBE_ARGS)
{
	struct erot_session *s;
	int status;

	if (!static_branch_unlikely(&watching.key))
		return;
	if (atomic_read(&task->signal->live))
		return;
	rcu_read_lock();
	s = find_watched(task_active_pid_ns(task));
	rcu_read_unlock();
	if (!s)
		return;
	if (s->pid != task_tgid(task) || xchg(&s->exited, 1)) {
		erot_session_put(s);
		return;
	}

	status = task->signal->flags & SIGNAL_GROUP_EXIT ? task->signal->group_exit_code :
							   task->group_leader->exit_code;
	s->exit_status = status;
	erot_session_doom(s, status & 0x7f ? EROT_END_KILLED : EROT_END_EXIT);
	init_task_work(&s->exit_work, exit_work);
	atomic_inc(&inflight);
	if (!task_work_add(task, &s->exit_work, TWA_NONE))
		return;		/* exit_work() owns the reference */
	WARN_ON_ONCE(1);
	work_done();
	erot_session_set_deadline(s, 0);
	erot_session_put(s);
}

/* Of two sessions of one sandbox, an exit or exec would be found to be of one of them. */
static int watch(struct erot_session *s)
{
	struct pid_namespace *ns = task_active_pid_ns(current);
	struct erot_session *other;

	spin_lock(&watch_lock);
	rcu_read_lock();
	other = find_watched(ns);
	rcu_read_unlock();
	if (!other) {
		s->pid = get_pid(task_tgid(current));
		WRITE_ONCE(s->pid_ns, get_pid_ns(ns));
		/* Dropped when the end is complete: the watch runs this module's code. */
		__module_get(THIS_MODULE);
		erot_session_get(s);
		hash_add_rcu(watched, &s->watch, (unsigned long)ns);
	}
	spin_unlock(&watch_lock);
	erot_session_put(other);
	return other ? -EBUSY : 0;
}

/**
 * erot_sandbox_bind - the calling task becomes the sandbox's first process
 * @s:         in state ATTACHED
 * @isolation: set to the EROT_ISO_* bits observed
 * @why:       set on refusal
 *
 * Return: 0, -ESHUTDOWN, -EBADFD, -EACCES host not fit any more, -EPERM isolation, -EBUSY another
 * session's sandbox.
 */
int erot_sandbox_bind(struct erot_session *s, u32 *isolation, const char **why)
{
	u32 gate = EROT_ISO_NO_NEW_PRIVS | EROT_ISO_SECCOMP;
	int err;

	if (mutex_lock_killable(&s->op))
		return -EINTR;
	err = erot_session_expect(s, EROT_STATE_ATTACHED, why);
	if (err)
		goto out;
	err = erot_host_fit(erot_host_state(), why);
	if (err)
		goto out;
	if (s->facts.host & ~erot_host_state()) {
		*why = "host: lacks what the receipt requires";
		err = -EACCES;
		goto out;
	}
	*isolation = erot_isolation_observe(s->facts.memory_max);
	err = erot_isolation_check(*isolation, EROT_ISO_ALL & ~gate, why);
	if (err)
		goto out;

	static_branch_deferred_inc(&watching);
	down_write(&s->keys);
	err = erot_session_expect(s, EROT_STATE_ATTACHED, why);
	if (!err) {
		err = watch(s);
		if (err)
			*why = "isolation: this is another session's sandbox";
	}
	if (!err) {
		s->isolation = *isolation;
		s->cgroup = erot_isolation_cgroup();
		erot_session_set_state(s, EROT_STATE_BOUND);
	}
	up_write(&s->keys);
	if (err)
		static_branch_slow_dec_deferred(&watching);
out:
	mutex_unlock(&s->op);
	if (!err)
		erot_notify(s, EROT_EVENT_BOUND, 0);
	return err;
}

struct probe {
	const char *name;
	void *func;
	struct tracepoint *tp;
};

static struct probe probes[] = {
	{ .name = "sched_process_exec", .func = on_exec },
	{ .name = "sched_process_exit", .func = on_exit },
};

static void match(struct tracepoint *tp, void *priv)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tp->name, probes[i].name))
			probes[i].tp = tp;
}

static void unregister_probes(unsigned int n)
{
	while (n--)
		tracepoint_probe_unregister(probes[n].tp, probes[n].func, NULL);
	tracepoint_synchronize_unregister();
}

int erot_sandbox_init(void)
{
	unsigned int i;
	int err = 0;

	for_each_kernel_tracepoint(match, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = probes[i].tp ?
		      tracepoint_probe_register(probes[i].tp, probes[i].func, NULL) : -ENOENT;
		if (err) {
			pr_err("erot: tracepoint %s: cannot be watched (%d)\n",
			       probes[i].name, err);
			unregister_probes(i);
			return err;
		}
	}
	return 0;
}

void erot_sandbox_exit(void)
{
	unregister_probes(ARRAY_SIZE(probes));
	static_key_deferred_flush(&watching);
	wait_var_event(&inflight, !atomic_read(&inflight));
	synchronize_rcu_tasks();	/* the last work has returned, even if it was preempted */
}
