// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session descriptor: ATTACH and BIND, and death at its last close.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/erot_ioctl.h>

#include "image.h"
#include "ioctl.h"
#include "payload.h"
#include "sandbox.h"
#include "secret.h"
#include "session.h"
#include "trace.h"

static void refused(struct erot_session *s, char text[EROT_TEXT_SIZE], const char *why, int err)
{
	memset(text, 0, EROT_TEXT_SIZE);
	if (!err)
		return;
	strscpy(text, why ?: "", EROT_TEXT_SIZE);
	atomic64_inc(&erot_stats.refused);
	trace_erot_refused(s->id, why ?: "", err);
}

/* Takes the image in; on success *file is what ATTACH returns. */
static int attach(struct erot_session *s, struct file *envelope, struct file *payload,
		  struct file **file, const char **why)
{
	struct erot_image *img;
	unsigned int noio;
	int err;

	err = erot_payload_backing(envelope, why) ?: erot_payload_backing(payload, why);
	if (err)
		return err;
	img = erot_image_alloc(&s->keys);
	if (!img)
		return -ENOMEM;
	err = erot_image_load(img, envelope, payload, &s->facts, why);
	if (err) {
		erot_image_free(img);
		return err;
	}

	noio = memalloc_noio_save();	/* whoever ends the session waits for this */
	down_write(&s->keys);
	err = erot_session_expect(s, EROT_STATE_PROVISIONED, why);
	if (!err)
		err = erot_image_unlock(img, &s->facts, s->secret->sk, why);
	if (!err) {
		/* The key pair has done its work. */
		memzero_explicit(s->secret->sk, EROT_KEY_SIZE);
		s->image = img;
		s->attacher = get_pid(task_tgid(current));
		erot_session_set_state(s, EROT_STATE_ATTACHED);
	}
	up_write(&s->keys);
	memalloc_noio_restore(noio);
	if (err) {
		erot_image_free(img);
		return err;
	}

	*file = erot_payload_create(s);
	if (IS_ERR(*file)) {
		/* The key is used up: nothing can follow but the end. */
		erot_session_die(s, EROT_END_FAILED);
		return PTR_ERR(*file);
	}
	return 0;
}

static int ioctl_attach(struct erot_session *s, struct erot_attach __user *uarg)
{
	struct file *envelope = NULL, *payload = NULL, *file = NULL;
	struct erot_attach arg;
	const char *why = NULL;
	int fd = -1, err;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (arg.size != sizeof(arg) || arg.flags || arg.reserved)
		return -EINVAL;

	if (mutex_lock_killable(&s->op))
		return -EINTR;
	err = erot_session_expect(s, EROT_STATE_PROVISIONED, &why);
	if (err)
		goto out;
	err = -EBADF;
	why = "file: descriptor is not open";
	envelope = fget(arg.envelope_fd);
	payload = fget(arg.payload_fd);
	if (!envelope || !payload)
		goto out;
	fd = get_unused_fd_flags(O_CLOEXEC);
	why = fd < 0 ? "session: no descriptor is left" : NULL;
	err = fd < 0 ? fd : attach(s, envelope, payload, &file, &why);
out:
	mutex_unlock(&s->op);
	if (envelope)
		fput(envelope);
	if (payload)
		fput(payload);

	refused(s, arg.text, why, err);
	arg.image_fd = err ? -1 : fd;
	if (copy_to_user(uarg, &arg, sizeof(arg)) && !err) {
		err = -EFAULT;
		fput(file);
		/* The key is used up and nobody can mount. */
		erot_session_die(s, EROT_END_FAILED);
	}
	if (err) {
		if (fd >= 0)
			put_unused_fd(fd);
		return err;
	}
	fd_install(fd, file);
	erot_notify(s, EROT_EVENT_ATTACHED, 0);
	return 0;
}

static int ioctl_bind(struct erot_session *s, struct erot_bind __user *uarg)
{
	struct erot_bind arg;
	const char *why = NULL;
	int err;

	if (copy_from_user(&arg, uarg, sizeof(arg)))
		return -EFAULT;
	if (arg.size != sizeof(arg) || arg.flags || arg.reserved)
		return -EINVAL;
	err = erot_sandbox_bind(s, &arg.isolation, &why);
	refused(s, arg.text, why, err);
	if (copy_to_user(uarg, &arg, sizeof(arg)) && !err)
		err = -EFAULT;
	return err;
}

static long session_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct erot_session *s = file->private_data;

	switch (cmd) {
	case EROT_IOC_ATTACH:
		return ioctl_attach(s, (void __user *)arg);
	case EROT_IOC_BIND:
		return ioctl_bind(s, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int session_release(struct inode *inode, struct file *file)
{
	struct erot_session *s = file->private_data;

	erot_session_die(s, EROT_END_CLOSED);
	erot_session_put(s);
	return 0;
}

static const struct file_operations session_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= session_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= session_release,
};

/**
 * erot_ioctl_file - the file behind the session descriptor
 * @s: session; a reference is taken
 *
 * Return: a file or an ERR_PTR.
 */
struct file *erot_ioctl_file(struct erot_session *s)
{
	struct file *file = anon_inode_getfile("[erot]", &session_fops, erot_session_get(s),
					       O_RDWR);

	if (IS_ERR(file))
		erot_session_put(s);
	return file;
}
