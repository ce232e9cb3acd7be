/* SPDX-License-Identifier: GPL-2.0-only */
/* The file systems of a sandbox: the payload by its mounter, the rest by the sandbox itself. */
#ifndef EROTD_MOUNTS_H
#define EROTD_MOUNTS_H

#include <stdbool.h>

#include "common/error.h"

#define EROTD_RUN_DIR	"/run/erot"
/* Empty; each sandbox mounts over its own view of it. */
#define EROTD_BASE_DIR	EROTD_RUN_DIR "/mnt"

/**
 * erotd_mount_image() - mount the payload, attached to nothing
 * @image_fd:  from EROT_IOC_ATTACH; this is its one opening
 * @userns_fd: user namespace of the sandbox, its maps written
 * @err:       "mount"
 *
 * Return: descriptor of a read-only, nosuid, nodev mount whose ids are mapped, or -errno. Whoever
 * holds it keeps the plaintext alive: close it as soon as it was handed over.
 */
int erotd_mount_image(int image_fd, int userns_fd, struct erot_error *err);

/**
 * erotd_mount_root() - make the root file system of the sandbox and pivot into it
 * @mount_fd: from erotd_mount_image()
 * @readonly: no overlay
 * @err:      "mount"
 *
 * Called in the sandbox's own user, mount, pid and network namespace, as their root.
 *
 * Return: 0 or -errno.
 */
int erotd_mount_root(int mount_fd, bool readonly, struct erot_error *err);

#endif /* EROTD_MOUNTS_H */
