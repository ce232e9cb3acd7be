// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is on its way in pipes and sockets: the kernel's memory, not the sandbox's, so
 * that a panic finds it only from the descriptors of those who talk.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/net.h>
#include <linux/pipe_fs_i.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "sandbox.h"
#include "session.h"
#include "transit.h"

static void wipe_pipe(struct pipe_inode_info *pipe)
{
	/* one pointer or several, by version: pages kept for what is written next */
	struct page **spare = (struct page **)&pipe->tmp_page;
	unsigned int i, n = min_t(unsigned int, pipe_occupancy(pipe->head, pipe->tail),
				  pipe->ring_size);
	struct page *page;

	for (i = 0; i < n; i++) {
		page = pipe_buf(pipe, pipe->tail + i)->page;
		if (page)
			clear_highpage(page);
	}
	for (i = 0; i < sizeof(pipe->tmp_page) / sizeof(*spare); i++)
		if (spare[i])
			clear_highpage(spare[i]);
}

/* Of one page or several; memory of a device has none. */
static void wipe_frag(const skb_frag_t *frag)
{
	struct page *page = skb_frag_page(frag);
	unsigned int off = skb_frag_off(frag), left = skb_frag_size(frag), n;

	if (!page)
		return;
	page += off / PAGE_SIZE;
	for (off %= PAGE_SIZE; left; left -= n, off = 0, page++) {
		n = min_t(unsigned int, left, PAGE_SIZE - off);
		memzero_page(page, off, n);
	}
}

static void wipe_queue(const struct sk_buff_head *queue)
{
	const struct sk_buff *skb = queue->next;
	unsigned int left, i;

	for (left = queue->qlen; left && skb && skb != (const struct sk_buff *)queue;
	     left--, skb = skb->next) {
		const struct skb_shared_info *info = skb_shinfo(skb);

		memzero_explicit(skb->head, skb_end_offset(skb));
		for (i = 0; i < min_t(unsigned int, info->nr_frags, MAX_SKB_FRAGS); i++)
			wipe_frag(&info->frags[i]);
	}
}

static void wipe_file(struct file *file)
{
	struct socket *sock = sock_from_file(file);

	if (sock && sock->sk) {
		wipe_queue(&sock->sk->sk_receive_queue);
		wipe_queue(&sock->sk->sk_write_queue);
	} else if (S_ISFIFO(file_inode(file)->i_mode) && file_inode(file)->i_pipe) {
		wipe_pipe(file_inode(file)->i_pipe);
	}
}

/**
 * erot_transit_panic - overwrite what a sandbox has in pipes and sockets
 * @s: session
 *
 * For a panic, as the last of all: it follows pointers that were perhaps about to be changed.
 * A message of several buffers, and descriptors in messages, are not looked into.
 */
void erot_transit_panic(const struct erot_session *s)
{
	struct task_struct *process, *task;
	struct fdtable *fdt;
	struct file *file;
	unsigned int fd;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (!erot_sandbox_is_inside(s, task) || !task->files)
			continue;
		/* not iterate_fd(): it takes the lock */
		fdt = rcu_dereference_raw(task->files->fdt);
		for (fd = 0; fd < fdt->max_fds; fd++) {
			file = rcu_dereference_raw(fdt->fd[fd]);
			if (file)
				wipe_file(file);
		}
	}
	rcu_read_unlock();
}
