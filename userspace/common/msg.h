/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages between a process and its helper, over a SOCK_STREAM socket pair. */
#ifndef EROT_COMMON_MSG_H
#define EROT_COMMON_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define EROT_MSG_MAX	(1U << 20)	/* bytes */

/**
 * erot_msg_send() - u32 little-endian length, then the message
 * @sock:    connected stream socket, blocking
 * @data:    message
 * @len:     bytes, 1 to EROT_MSG_MAX
 * @pass_fd: descriptor that goes with it, or -1
 * @err:     codes "msg-size", "msg-io", "msg-peer-gone"
 *
 * Return: 0 or -errno. Raises no SIGPIPE.
 */
int erot_msg_send(int sock, const void *data, size_t len, int pass_fd, struct erot_error *err);

/**
 * erot_msg_recv() - one whole message
 * @sock:    as above
 * @max:     most bytes accepted, at most EROT_MSG_MAX
 * @data:    to be freed with erot_wipe_free()
 * @len:     bytes, at least 1
 * @pass_fd: gets the descriptor that came along (close-on-exec) or -1; NULL: none is accepted
 * @err:     codes "msg-peer-gone" (end of file, which is never a success), "msg-size", "msg-io",
 *           "msg-fd", "no-memory"
 *
 * Return: 0 or -errno; -ECONNRESET when the peer is gone.
 */
int erot_msg_recv(int sock, size_t max, uint8_t **data, size_t *len, int *pass_fd,
		  struct erot_error *err);

#endif /* EROT_COMMON_MSG_H */
