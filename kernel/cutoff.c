// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking plaintext pages away from whoever still holds the payload's mount or
 * a descriptor in it after the session is dead, and from lists of processors; and from everybody
 * on a panic.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/nodemask.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "cutoff.h"

/*
 * Emptying the lists of processors. Who wants it takes a number and queues every processor's work;
 * what such a work read from @drains before it began it writes to @done when it has ended.
 */
static struct workqueue_struct *drain_wq;
static atomic_long_t drains;
static DECLARE_WAIT_QUEUE_HEAD(drained);

struct drain {
	struct work_struct work;
	long done;
};

static DEFINE_PER_CPU(struct drain, drain);

/**
 * erot_cutoff_inode - unmap and drop all pages of an inode
 * @inode: referenced by the caller
 *
 * Readers that come later find no key and get EIO or SIGBUS.
 */
void erot_cutoff_inode(struct inode *inode)
{
	unmap_mapping_range(inode->i_mapping, 0, 0, 1);
	truncate_inode_pages(inode->i_mapping, 0);
}

static void cut_off(struct super_block *sb, void *arg)
{
	struct inode *inode, *last = NULL;

	if (sb != arg)
		return;
	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		/* igrab() refuses those that are being freed: they evict their own pages */
		if (!mapping_empty(inode->i_mapping) && igrab(inode)) {
			spin_unlock(&sb->s_inode_list_lock);
			iput(last);	/* kept until now so that the list position held */
			last = inode;
			erot_cutoff_inode(inode);
			cond_resched();
			spin_lock(&sb->s_inode_list_lock);
		}
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
}

/**
 * erot_cutoff_super - do so for all inodes of one EROFS superblock
 * @sb: a cookie, compared with the superblocks that exist; or NULL
 */
void erot_cutoff_super(const struct super_block *sb)
{
	struct file_system_type *type;

	if (IS_ERR_OR_NULL(sb))
		return;
	type = get_fs_type("erofs");
	if (!type)
		return;
	iterate_supers_type(type, cut_off, (void *)sb);
	module_put(type->owner);
}

static void drain_work(struct work_struct *work)
{
	struct drain *d = container_of(work, struct drain, work);
	long number = atomic_long_read_acquire(&drains);
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);	/* empties this processor's lists before it begins */
	smp_store_release(&d->done, number);
	wake_up_all(&drained);
}

static bool all_drained(long number)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (smp_load_acquire(&per_cpu(drain, cpu).done) - number < 0)
			return false;
	return true;
}

/**
 * erot_cutoff_drain - free the pages that are evicted and yet held by a processor
 * @seconds: at most
 *
 * A page that comes into a page cache, or is marked as accessed, is put on a list of the
 * processor, which holds it until that list is full or something there empties it. Evicted on
 * another processor, it is neither freed nor cleared until then: on one that idles, for long.
 *
 * Return: whether no processor holds what was evicted before.
 */
bool erot_cutoff_drain(unsigned int seconds)
{
	long number = atomic_long_inc_return(&drains);
	unsigned int cpu;
	bool done;

	cpus_read_lock();	/* of one that goes away the kernel empties the lists */
	for_each_online_cpu(cpu)
		queue_work_on(cpu, drain_wq, per_cpu_ptr(&drain.work, cpu));
	done = wait_event_timeout(drained, all_drained(number), seconds * HZ);
	cpus_read_unlock();
	return done;
}

int erot_cutoff_init(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(per_cpu_ptr(&drain.work, cpu), drain_work);
	drain_wq = alloc_workqueue("erot_drain", COMPAT_WQ_PERCPU | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	return drain_wq ? 0 : -ENOMEM;
}

/** erot_cutoff_exit - undo erot_cutoff_init(); no session is left */
void erot_cutoff_exit(void)
{
	destroy_workqueue(drain_wq);
}

/*
 * Who pays for a page as user memory, or NULL. What the word in the page points to differs between
 * kernels, and only the kernel's own headers know it.
 */
static struct mem_cgroup *payer(struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long data = READ_ONCE(folio->memcg_data);

	if (!data || data & (MEMCG_DATA_OBJEXTS | MEMCG_DATA_KMEM))
		return NULL;
	return folio_memcg_check(folio);
}

/**
 * erot_cutoff_panic - overwrite the memory of sandboxes
 * @is_sandbox: is this the cookie of erot_isolation_cgroup() for one of them
 *
 * Pages of processes, of files in the payload and of files that were written: all that is
 * charged to the cgroup as user memory. Not what is charged as kernel memory, which holds
 * stacks and page tables of this processor, but pipe buffers too. For a panic: takes
 * no lock and trusts that nobody else runs.
 */
void erot_cutoff_panic(bool (*is_sandbox)(const void *cgroup))
{
	struct mem_cgroup *memcg;
	unsigned long pfn;
	struct page *page;
	int nid;

	rcu_read_lock();
	for_each_online_node(nid) {
		for (pfn = node_start_pfn(nid); pfn < node_end_pfn(nid); pfn++) {
			if (!(pfn % PAGES_PER_SECTION))
				touch_nmi_watchdog();
			page = pfn_to_online_page(pfn);
			if (!page)
				continue;
			memcg = payer(page);
			if (memcg && is_sandbox(memcg))
				clear_highpage(page);
		}
	}
	rcu_read_unlock();
}

/**
 * erot_cutoff_panic_inode - overwrite the cached pages of an inode, on a panic
 * @inode: or NULL
 */
void erot_cutoff_panic_inode(struct inode *inode)
{
	struct folio *folio;
	unsigned long index;

	if (!inode)
		return;
	xa_for_each(&inode->i_mapping->i_pages, index, folio)
		if (!xa_is_value(folio))
			folio_zero_range(folio, 0, folio_size(folio));
}
