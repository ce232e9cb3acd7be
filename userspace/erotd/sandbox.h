/* SPDX-License-Identifier: GPL-2.0-only */
/* The sandbox: the child that becomes the workload, and what is said on the way there. */
#ifndef EROTD_SANDBOX_H
#define EROTD_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "liberot/manifest.h"

/*
 * Over a SOCK_SEQPACKET pair each for the sandbox's child and for the mounter, close-on-exec. The
 * end of one says nothing by itself: erotd believes in the workload's exec when EXEC was said, no
 * FAILED followed, and the kernel module confirms it.
 *
 *	mounter -> erotd   ATTACHED		the image's key is in use
 *	erotd   -> child   MAPS			ids are mapped
 *	child   -> erotd   BOUND		isolation was checked by the module
 *	erotd   -> mounter MOUNT
 *	mounter -> child   MOUNT + fd		the payload, on erotd's end of the child's pair
 *	mounter -> erotd   MOUNTED		its last word
 *	child   -> erotd   TERMINAL + fd	only with a terminal
 *	child   -> erotd   EXEC			privileges are dropped; execve() is next
 *	either  -> erotd   FAILED		and why; at any point
 */
enum erotd_child_kind {
	EROTD_CHILD_MAPS = 1,
	EROTD_CHILD_BOUND,
	EROTD_CHILD_MOUNT,
	EROTD_CHILD_TERMINAL,
	EROTD_CHILD_EXEC,
	EROTD_CHILD_FAILED,
	EROTD_CHILD_ATTACHED,
	EROTD_CHILD_MOUNTED,
};

/**
 * struct erotd_child_msg - one message, always whole
 * @kind:      enum erotd_child_kind
 * @isolation: with BOUND: EROT_ISO_*
 * @exec_errno: with FAILED: of execve(), 0 when it was something else
 * @error:     with FAILED
 */
struct erotd_child_msg {
	uint32_t kind;
	uint32_t isolation;
	int32_t exec_errno;
	struct erot_error error;
};

/**
 * struct erotd_sandbox - what the child is to become
 * @manifest:   of the workload
 * @session_fd: for BIND
 * @stdio:      without a terminal: stdin, stdout, stderr
 * @tty:        make a terminal
 * @rows:       of it
 * @cols:       of it
 * @cgroup_fd:  directory of its cgroup
 */
struct erotd_sandbox {
	const struct erot_manifest *manifest;
	int session_fd;
	int stdio[3];
	bool tty;
	unsigned short rows;
	unsigned short cols;
	int cgroup_fd;
};

/**
 * erotd_sandbox_start() - make the child, in new namespaces and its cgroup
 * @pid:   as erotd sees it
 * @pidfd: close-on-exec
 * @sock:  erotd's end, close-on-exec, non-blocking
 * @err:   "sandbox"
 *
 * Return: 0 or -errno. The child waits for MAPS.
 */
int erotd_sandbox_start(const struct erotd_sandbox *s, pid_t *pid, int *pidfd, int *sock,
			struct erot_error *err);

/* Map ids 0 to 65535 of the child to @base and on. "sandbox". */
int erotd_sandbox_map(pid_t pid, uint32_t base, struct erot_error *err);

/* Raise hard limits that the child could not raise itself. "rlimit". */
int erotd_sandbox_raise(pid_t pid, const struct erot_manifest *m, struct erot_error *err);

int erotd_child_send(int sock, const struct erotd_child_msg *msg, int fd);
/* -EAGAIN; -ECONNRESET at the end; -EBADMSG for what is no message. @fd: -1 if none came. */
int erotd_child_recv(int sock, struct erotd_child_msg *msg, int *fd);

#endif /* EROTD_SANDBOX_H */
