/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EROT_IOCTL_H
#define EROT_IOCTL_H

struct erot_session;
struct file;

struct file *erot_ioctl_file(struct erot_session *s);

#endif
