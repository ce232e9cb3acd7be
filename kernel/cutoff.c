// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking plaintext pages away from whoever still holds the payload's mount or
 * a descriptor in it after the session is dead; and from everybody on a panic.
 */
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

#include "cutoff.h"

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
	unsigned long pfn, charged;
	struct page *page;
	int nid;

	for_each_online_node(nid) {
		for (pfn = node_start_pfn(nid); pfn < node_end_pfn(nid); pfn++) {
			if (!(pfn % PAGES_PER_SECTION))
				touch_nmi_watchdog();
			page = pfn_to_online_page(pfn);
			if (!page)
				continue;
			/* flags in the lowest bits say that it is no user memory */
			charged = READ_ONCE(page_folio(page)->memcg_data);
			if (charged && is_sandbox((const void *)charged))
				clear_highpage(page);
		}
	}
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
