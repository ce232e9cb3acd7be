/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Ephemeral Roots of Trust: ioctls of the session descriptor, for what does
 * file I/O or concerns the calling task. Documentation/uapi.rst has the
 * errnos in the order of the checks.
 */
#ifndef _UAPI_LINUX_EROT_IOCTL_H
#define _UAPI_LINUX_EROT_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EROT_TEXT_SIZE 96

/**
 * struct erot_attach - argument of EROT_IOC_ATTACH
 * @size:        sizeof(struct erot_attach)
 * @flags:       0
 * @envelope_fd: in: regular file that begins with the envelope
 * @payload_fd:  in: regular file of the payload; may be the same file
 * @image_fd:    out: mounts as EROFS through /proc/self/fd/N, nothing else
 * @reserved:    0
 * @text:        out: names the check that refused, zero-terminated
 */
struct erot_attach {
	__u32	size;
	__u32	flags;
	__s32	envelope_fd;
	__s32	payload_fd;
	__s32	image_fd;
	__u32	reserved;
	char	text[EROT_TEXT_SIZE];
};

/**
 * struct erot_bind - argument of EROT_IOC_BIND, called by the sandbox's first task
 * @size:      sizeof(struct erot_bind)
 * @flags:     0
 * @isolation: out: EROT_ISO_* observed
 * @reserved:  0
 * @text:      out: names the check that refused, zero-terminated
 */
struct erot_bind {
	__u32	size;
	__u32	flags;
	__u32	isolation;
	__u32	reserved;
	char	text[EROT_TEXT_SIZE];
};

#define EROT_IOC_ATTACH	_IOWR(0xE7, 1, struct erot_attach)
#define EROT_IOC_BIND	_IOWR(0xE7, 2, struct erot_bind)

#endif /* _UAPI_LINUX_EROT_IOCTL_H */
