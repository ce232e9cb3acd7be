/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that tests kernel versions. Supported: 6.12 and 7.2. Older
 * kernels can't mount EROFS from a file.
 */
#ifndef EROT_COMPAT_H
#define EROT_COMPAT_H

#include <linux/fs.h>
#include <linux/version.h>

/* struct folio_batch; 7.1 renamed its header. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "erot.ko needs Linux 6.12 or later"
#endif

/* Arguments of a probe of sched_process_exit; 6.16 added group_dead. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define COMPAT_EXIT_PROBE_ARGS	void *data, struct task_struct *task, bool group_dead
#else
#define COMPAT_EXIT_PROBE_ARGS	void *data, struct task_struct *task
#endif

/* A workqueue of each processor: 6.18 wants it said, before it was what is not WQ_UNBOUND. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define COMPAT_WQ_PERCPU	WQ_PERCPU
#else
#define COMPAT_WQ_PERCPU	0
#endif

/* super_operations.drop_inode of inodes that are never kept; 6.18 renamed it. */
static inline int compat_inode_drop(struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return inode_just_drop(inode);
#else
	return generic_delete_inode(inode);
#endif
}

#endif /* EROT_COMPAT_H */
