/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that ATTACHes and mounts the payload, one per launch. Both read from a disk that may
 * be slow, and the module wants them from one process: this one waits, and erotd goes on. The mount
 * goes from it to the sandbox; erotd itself never holds plaintext.
 */
#ifndef EROTD_MOUNTER_H
#define EROTD_MOUNTER_H

#include <sys/types.h>

#include "common/error.h"

/**
 * struct erotd_mounter - what it works with; all of these stay the caller's
 * @session_fd:  session in state PROVISIONED
 * @envelope_fd: file of the envelope
 * @payload_fd:  file of the payload, may be the same
 * @userns_fd:   user namespace of the sandbox, its maps written
 * @sandbox_sock: where the sandbox waits for its mount
 */
struct erotd_mounter {
	int session_fd;
	int envelope_fd;
	int payload_fd;
	int userns_fd;
	int sandbox_sock;
};

/**
 * erotd_mounter_start() - make the process
 * @pid:   to be reaped
 * @pidfd: close-on-exec
 * @sock:  erotd's end of the messages in sandbox.h, close-on-exec, non-blocking; it ends when the
 *         process does
 * @err:   "mounter"
 *
 * Return: 0 or -errno. It dies with erotd.
 */
int erotd_mounter_start(const struct erotd_mounter *m, pid_t *pid, int *pidfd, int *sock,
			struct erot_error *err);

#endif /* EROTD_MOUNTER_H */
