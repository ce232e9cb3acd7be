// SPDX-License-Identifier: GPL-2.0-only
/* What separates the calling task from the rest of the machine. */
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/ipc_namespace.h>
#include <linux/memcontrol.h>
#include <linux/nsproxy.h>
#include <linux/page_counter.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>
#include <linux/erot_format.h>

#include "isolation.h"

/* The child reaper of a pid namespace that never had another task to see now. */
static bool pid_ns_fresh(struct user_namespace *user_ns)
{
	struct pid_namespace *ns = task_active_pid_ns(current);

	return ns != &init_pid_ns && ns->user_ns == user_ns &&
	       ns->child_reaper == current->group_leader && thread_group_empty(current) &&
	       /* the highest bit says that pids may still be made */
	       (ns->pid_allocated & ~PIDNS_ADDING) == 1;
}

static u32 cgroup_bits(u64 memory_max)
{
	struct mem_cgroup *memcg;
	u32 bits = 0;

	rcu_read_lock();
	memcg = mem_cgroup_from_task(current);
	if (memcg && cgroup_subsys_on_dfl(memory_cgrp_subsys)) {
		if (READ_ONCE(memcg->memory.max) <= memory_max >> PAGE_SHIFT)
			bits |= EROT_ISO_MEMORY_MAX;
		if (READ_ONCE(memcg->swap.max) == 0)
			bits |= EROT_ISO_SWAP_ZERO;
	}
	rcu_read_unlock();
	return bits;
}

/**
 * erot_isolation_cgroup - who pays for the calling task's memory
 *
 * Return: a cookie for erot_cutoff_panic(), never to be dereferenced.
 */
const void *erot_isolation_cgroup(void)
{
	const void *memcg;

	rcu_read_lock();
	memcg = mem_cgroup_from_task(current);
	rcu_read_unlock();
	return memcg;
}

/**
 * erot_isolation_observe - what holds for the calling task now
 * @memory_max: bytes that the receipt allows
 *
 * Seccomp and no_new_privs are the exec gate's.
 *
 * Return: EROT_ISO_* bits.
 */
u32 erot_isolation_observe(u64 memory_max)
{
	struct user_namespace *user_ns = current_user_ns();
	struct nsproxy *ns = current->nsproxy;
	u32 bits = cgroup_bits(memory_max);

	if (user_ns->parent == &init_user_ns)
		bits |= EROT_ISO_USER_NS;
	if (pid_ns_fresh(user_ns))
		bits |= EROT_ISO_PID_NS;
	if (ns->mnt_ns != init_task.nsproxy->mnt_ns)
		bits |= EROT_ISO_MNT_NS;
	if (ns->net_ns->user_ns == user_ns && ns->net_ns != &init_net)
		bits |= EROT_ISO_NET_NS;
	if (ns->ipc_ns->user_ns == user_ns && ns->ipc_ns != init_task.nsproxy->ipc_ns)
		bits |= EROT_ISO_IPC_NS;
	if (ns->uts_ns->user_ns == user_ns && ns->uts_ns != init_task.nsproxy->uts_ns)
		bits |= EROT_ISO_UTS_NS;
	if (ns->cgroup_ns->user_ns == user_ns &&
	    ns->cgroup_ns != init_task.nsproxy->cgroup_ns)
		bits |= EROT_ISO_CGROUP_NS;
	return bits;
}

/**
 * erot_isolation_check - is everything there that is wanted
 * @observed: EROT_ISO_*
 * @wanted:   EROT_ISO_*
 * @why:      set to the first that is missing
 *
 * Return: 0 or -EPERM.
 */
int erot_isolation_check(u32 observed, u32 wanted, const char **why)
{
	static const struct {
		u32 bit;
		const char *why;
	} table[] = {
		{ EROT_ISO_USER_NS, "isolation: not in a child of the initial user namespace" },
		{ EROT_ISO_PID_NS, "isolation: not alone and first in a pid namespace of its own" },
		{ EROT_ISO_MNT_NS, "isolation: in the initial mount namespace" },
		{ EROT_ISO_NET_NS, "isolation: no network namespace of its own" },
		{ EROT_ISO_IPC_NS, "isolation: no ipc namespace of its own" },
		{ EROT_ISO_UTS_NS, "isolation: no uts namespace of its own" },
		{ EROT_ISO_CGROUP_NS, "isolation: no cgroup namespace of its own" },
		{ EROT_ISO_MEMORY_MAX, "isolation: memory.max is above the receipt's" },
		{ EROT_ISO_SWAP_ZERO, "isolation: memory.swap.max is not 0" },
		{ EROT_ISO_NO_NEW_PRIVS, "isolation: no_new_privs is not set" },
		{ EROT_ISO_SECCOMP, "isolation: no seccomp filter" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (wanted & ~observed & table[i].bit) {
			*why = table[i].why;
			return -EPERM;
		}
	}
	return 0;
}
