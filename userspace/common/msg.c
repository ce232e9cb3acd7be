// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/msg.h"
#include "common/secret.h"

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int))];
};

static int send_error(int num, struct erot_error *err)
{
	if (num == EPIPE || num == ECONNRESET)
		return erot_fail(err, num, "msg-peer-gone", "the other process is gone");
	return erot_fail(err, num, "msg-io", "sending a message: %s", strerror(num));
}

int erot_msg_send(int sock, const void *data, size_t len, int pass_fd, struct erot_error *err)
{
	uint8_t head[4];
	struct iovec iov[2] = { { head, sizeof(head) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	union control control;
	size_t i;

	if (!len || len > EROT_MSG_MAX)
		return erot_fail(err, EMSGSIZE, "msg-size", "a message of %zu bytes", len);
	for (i = 0; i < sizeof(head); i++)
		head[i] = (uint8_t)(len >> (8 * i));
	if (pass_fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	while (msg.msg_iovlen) {
		ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return send_error(errno, err);
		/* The descriptor went with the first byte. */
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		while (msg.msg_iovlen && (size_t)n >= msg.msg_iov->iov_len) {
			n -= (ssize_t)msg.msg_iov->iov_len;
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (msg.msg_iovlen) {
			msg.msg_iov->iov_base = (uint8_t *)msg.msg_iov->iov_base + n;
			msg.msg_iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* Takes the first descriptor of a message, closes all others, and says how many there were. */
static size_t take_fds(struct msghdr *msg, int *fd)
{
	struct cmsghdr *c;
	size_t n = 0, i;

	*fd = -1;
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (!n++)
				*fd = got;
			else
				close(got);
		}
	}
	return n;
}

static int recv_error(int num, struct erot_error *err)
{
	if (num == ENODATA || num == ECONNRESET)
		return erot_fail(err, ECONNRESET, "msg-peer-gone", "the other process is gone");
	return erot_fail(err, num, "msg-io", "receiving a message: %s", strerror(num));
}

int erot_msg_recv(int sock, size_t max, uint8_t **data, size_t *len, int *pass_fd,
		  struct erot_error *err)
{
	uint8_t head[4], *buf;
	struct iovec iov = { head, sizeof(head) };
	union control control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	size_t size, fds;
	ssize_t n;
	int fd, ret;

	*data = NULL;
	*len = 0;
	if (pass_fd)
		*pass_fd = -1;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return recv_error(n ? errno : ENODATA, err);
	fds = take_fds(&msg, &fd);
	if ((msg.msg_flags & MSG_CTRUNC) || fds > 1 || (fds && !pass_fd)) {
		ret = erot_fail(err, EBADMSG, "msg-fd", "a message with a descriptor too many");
		goto fail;
	}
	ret = erot_read_full(sock, head + n, sizeof(head) - (size_t)n);
	if (ret) {
		ret = recv_error(-ret, err);
		goto fail;
	}
	size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
	       (size_t)head[3] << 24;
	if (!size || size > max || size > EROT_MSG_MAX) {
		ret = erot_fail(err, EMSGSIZE, "msg-size", "a message of %zu bytes", size);
		goto fail;
	}
	buf = malloc(size + 1);
	if (!buf) {
		ret = erot_fail(err, ENOMEM, "no-memory", "out of memory");
		goto fail;
	}
	ret = erot_read_full(sock, buf, size);
	if (ret) {
		erot_wipe_free(buf, size);
		ret = recv_error(-ret, err);
		goto fail;
	}
	buf[size] = 0;
	*data = buf;
	*len = size;
	if (pass_fd)
		*pass_fd = fd;
	return 0;
fail:
	if (fd >= 0)
		close(fd);
	return ret;
}
