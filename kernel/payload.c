// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payload file: a regular inode on a private pseudo filesystem that EROFS
 * mounts through /proc/self/fd/N.
 *
 * Three kinds of struct file exist for it. The one that ATTACH returns has no
 * operation but release. Opening it anew runs payload_open(), which succeeds
 * once, after BIND, for the process that ATTACHed. What that yields reads only
 * into locked pages of an EROFS superblock, so that a descriptor in userspace
 * has no read, mmap or splice either.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/pseudo_fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>

#include "compat.h"
#include "image.h"
#include "payload.h"
#include "sandbox.h"
#include "session.h"
#include "super.h"
#include "trace.h"

#define EROT_FS_MAGIC	0x45524f54	/* "EROT" */

static struct vfsmount *payload_mnt;

/* __fput() drops the module's reference before it drops the inode: exit waits for these. */
static atomic_t inodes;

static struct erot_session *inode_session(const struct inode *inode)
{
	return inode->i_private;
}

static bool is_attacher(const struct erot_session *s)
{
	return s->attacher == task_tgid(current);
}

static int read_session(struct erot_session *s, u64 pos, struct iov_iter *to)
{
	u64 bad = 0;
	int err = erot_image_read(s->image, pos, to, &bad);

	if (err == -EBADMSG) {
		trace_erot_damaged(s->id, bad);
		erot_session_damaged(s, bad);
	}
	return err ? -EIO : 0;
}

/*
 * ATTACH looked at a superblock that was authentic, but not yet compared with the code hash:
 * whoever made the image could have two of them. This one is what EROFS gets.
 */
static int check_super(struct erot_session *s, struct folio *folio, size_t len)
{
	const char *why = NULL;
	int err;

	err = erot_super_check(folio_address(folio), len, erot_image_size(s->image), &why);
	if (!err)
		return 0;
	trace_erot_refused(s->id, why, err);
	folio_zero_range(folio, 0, len);
	return -EIO;
}

/* Metadata: EROFS reads it through our own page cache, on mount by the mounter. */
static int payload_read_folio(struct file *file, struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	struct erot_session *s = inode_session(inode);
	loff_t pos = folio_pos(folio);
	size_t len = folio_size(folio);
	struct iov_iter to;
	struct bio_vec bv;
	int err = -EACCES;

	if (is_attacher(s) || erot_sandbox_is_inside(s, current)) {
		if (pos >= i_size_read(inode))
			len = 0;
		else
			len = min_t(u64, len, i_size_read(inode) - pos);
		bvec_set_folio(&bv, folio, len, 0);
		iov_iter_bvec(&to, ITER_DEST, &bv, 1, len);
		err = read_session(s, pos, &to);
		if (!err && !pos)
			err = check_super(s, folio, len);
		if (len < folio_size(folio))
			folio_zero_segment(folio, len, folio_size(folio));
	}
	if (!err)
		folio_mark_uptodate(folio);
	folio_unlock(folio);
	return err;
}

static const struct address_space_operations payload_aops = {
	.read_folio	= payload_read_folio,
};

/* Page cache of the one EROFS superblock, locked by its reader; nobody else looks at it yet. */
static bool is_page_cache(struct erot_session *s, struct page *page)
{
	struct folio *folio = page_folio(page);
	struct address_space *mapping = folio_mapping(folio);

	return folio_test_locked(folio) && !folio_test_uptodate(folio) &&
	       mapping && mapping->host &&
	       !strcmp(mapping->host->i_sb->s_type->name, "erofs") &&
	       erot_image_claim_super(s->image, mapping->host->i_sb);
}

/* All that is to be filled; folios that lie side by side in memory share a vector. */
static bool into_page_cache(struct erot_session *s, const struct iov_iter *to)
{
	size_t left = iov_iter_count(to), skip = to->iov_offset, here, at;
	const struct bio_vec *bv;

	if (!iov_iter_is_bvec(to))
		return false;
	for (bv = to->bvec; left; bv++) {
		here = min(left, bv->bv_len - skip);
		for (at = 0; at < here; at += PAGE_SIZE - offset_in_page(bv->bv_offset + skip + at))
			if (!is_page_cache(s, bv->bv_page +
					      (bv->bv_offset + skip + at) / PAGE_SIZE))
				return false;
		left -= here;
		skip = 0;
	}
	return true;
}

/* Data. All of the bytes asked for or an error: EROFS takes a part for the whole. */
static ssize_t payload_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct erot_session *s = inode_session(file_inode(iocb->ki_filp));
	size_t len = iov_iter_count(to);
	int err;

	/* first of the two, since the other one takes the superblock for the session's */
	if (!erot_sandbox_is_inside(s, current)) {
		trace_erot_refused(s->id, "payload: reader is outside the sandbox", -EACCES);
		return -EACCES;
	}
	if (!into_page_cache(s, to))
		return -EACCES;
	err = read_session(s, iocb->ki_pos, to);
	if (err)
		return err;
	iocb->ki_pos += len;
	return len;
}

static int payload_open(struct inode *inode, struct file *file)
{
	struct erot_session *s = inode_session(inode);
	int err = 0;

	if (file->f_mode & FMODE_WRITE || !is_attacher(s))
		return -EACCES;
	down_write(&s->keys);
	if (s->wiped || s->end)
		err = -ESHUTDOWN;
	else if (s->state != EROT_STATE_BOUND)
		err = -EACCES;
	else if (s->plaintext || s->mounted)
		err = -EBUSY;
	else
		s->plaintext = s->mounted = true;
	up_write(&s->keys);
	return err;
}

/* EROFS lets go in its kill_sb, after it has evicted every page of its own. */
static int payload_release(struct inode *inode, struct file *file)
{
	truncate_inode_pages(inode->i_mapping, 0);
	erot_image_drop_super(inode_session(inode)->image);
	erot_session_plaintext_gone(inode_session(inode));
	return 0;
}

static const struct file_operations payload_fops = {
	.owner		= THIS_MODULE,
	.open		= payload_open,
	.release	= payload_release,
	.read_iter	= payload_read_iter,
};

/* Of the descriptor that ATTACH returns: it can be named, nothing else. */
static int handle_release(struct inode *inode, struct file *file)
{
	return 0;
}

static const struct file_operations handle_fops = {
	.owner		= THIS_MODULE,
	.release	= handle_release,
};

bool erot_payload_is_file(const struct file *file)
{
	return file->f_op == &handle_fops || file->f_op == &payload_fops;
}

static void payload_evict(struct inode *inode)
{
	struct erot_session *s = inode_session(inode);

	truncate_inode_pages_final(inode->i_mapping);
	clear_inode(inode);
	if (s) {
		erot_image_set_inode(s->image, NULL);
		erot_session_put(s);
		if (atomic_dec_and_test(&inodes))
			wake_up_var(&inodes);
	}
}

static const struct super_operations payload_super_ops = {
	.drop_inode	= compat_inode_drop,
	.evict_inode	= payload_evict,
	.statfs		= simple_statfs,
};

static int payload_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, EROT_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &payload_super_ops;
	fc->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	return 0;
}

/* No owner: kern_mount() would pin the module by its own mount. */
static struct file_system_type payload_fs_type = {
	.name			= "erot_payload",
	.init_fs_context	= payload_init_fs_context,
	.kill_sb		= kill_anon_super,
};

/**
 * erot_payload_create - make the file that ATTACH returns
 * @s: session with an image
 *
 * Return: a file or an ERR_PTR.
 */
struct file *erot_payload_create(struct erot_session *s)
{
	struct inode *inode = alloc_anon_inode(payload_mnt->mnt_sb);
	struct file *file;

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	inode->i_mode = S_IFREG | 0400;
	inode->i_size = erot_image_size(s->image);
	inode->i_fop = &payload_fops;
	inode->i_mapping->a_ops = &payload_aops;
	mapping_set_gfp_mask(inode->i_mapping, GFP_NOFS);
	mapping_set_unevictable(inode->i_mapping);
	inode->i_private = erot_session_get(s);
	atomic_inc(&inodes);
	erot_image_set_inode(s->image, inode);

	/* __fput() will drop a reference that alloc_file_pseudo() does not take. */
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(inode, payload_mnt, "erot", O_RDONLY | O_LARGEFILE, &handle_fops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
	}
	return file;
}

/**
 * erot_payload_backing - may envelope and payload lie in this file
 * @file: opened for reading
 * @why:  set on refusal
 *
 * Local filesystems that read without asking userspace or another payload, and
 * none that is stacked: a read here must end by itself.
 *
 * Return: 0, -EBADF not readable, -EINVAL not a regular file, -EOPNOTSUPP filesystem.
 */
int erot_payload_backing(const struct file *file, const char **why)
{
	static const unsigned long allowed[] = {
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		TMPFS_MAGIC, RAMFS_MAGIC,
	};
	unsigned int i;

	if (!(file->f_mode & FMODE_READ)) {
		*why = "file: not open for reading";
		return -EBADF;
	}
	if (!S_ISREG(file_inode(file)->i_mode)) {
		*why = "file: not a regular file";
		return -EINVAL;
	}
	for (i = 0; i < ARRAY_SIZE(allowed); i++)
		if (file_inode(file)->i_sb->s_magic == allowed[i])
			return 0;
	*why = "file: its filesystem is not local and plain";
	return -EOPNOTSUPP;
}

int erot_payload_init(void)
{
	payload_mnt = kern_mount(&payload_fs_type);
	return PTR_ERR_OR_ZERO(payload_mnt);
}

void erot_payload_exit(void)
{
	wait_var_event(&inodes, !atomic_read(&inodes));
	synchronize_rcu_tasks();
	kern_unmount(payload_mnt);
}
