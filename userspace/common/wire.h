/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between erotctl and erotd: one JSON object per packet on a SOCK_SEQPACKET socket, descriptors
 * beside it. Both ends are built from this header, so that they cannot drift apart.
 *
 * Requests (the first packet of a connection; only "signal" may follow a "run"):
 *	{"op": "run", "payload": bool, ["tty": bool,] "rows": n, "cols": n}
 *		without "tty" the manifest decides
 *		descriptors: envelope, [payload], receipt, and unless "tty" is true: stdin,
 *		stdout, stderr. The receipt is a memfd that is sealed against writing and
 *		shrinking, for erotd reads it itself
 *	{"op": "signal", "signal": n}		to the workload of this connection
 *	{"op": "kill", "id": hex, "signal": n}	to another's
 *	{"op": "ping"}
 *
 * Answers of run, in this order; the connection ends behind "ended" or "error":
 *	{"event": "session", "id": hex}
 *	{"event": "terminal"}			descriptor: the terminal's master
 *	{"event": "running", "times": [[step, microseconds on the boot clock], ...]}
 *						the exec gate has let it pass
 *	{"event": "exited", "status": n}	as wait() reports it; keys are gone
 *	{"event": "ended", "status": n, "end": name, "ran": bool, "record": path or null,
 *	 "unaccounted": {"code": c, "text": t}}	plaintext is gone too
 *	{"error": {"code": c, "text": t}, "exit": n}
 * Answers of the others: {"ok": true} or an error; that of ping has besides
 *	"version": v, "owed": n, "unaccounted": n, "state_dir": path
 *		owed: ends that the provider has not taken yet
 *		unaccounted: launches without evidence
 */
#ifndef EROT_COMMON_WIRE_H
#define EROT_COMMON_WIRE_H

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EROTD_SOCKET		"/run/erot/erotd.sock"
#define EROTD_WIRE_MAX		4096	/* bytes of a packet */
#define EROTD_WIRE_FDS		6

/* Exit statuses of erotctl run, as podman has them. */
#define EROTD_EXIT_SELF		125
#define EROTD_EXIT_NOEXEC	126
#define EROTD_EXIT_NOTFOUND	127

/**
 * erotd_wire_send() - send one object
 * @sock:  connected
 * @msg:   borrowed
 * @fds:   descriptors that go along
 * @n:     of them, at most EROTD_WIRE_FDS
 * @flags: of sendmsg(); MSG_DONTWAIT where the peer is not trusted to read
 *
 * Return: 0 or -errno.
 */
static inline int erotd_wire_send(int sock, json_t *msg, const int *fds, size_t n, int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * EROTD_WIRE_FDS)];
	} control = { 0 };
	struct iovec iov = { 0 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;
	int err = 0;

	if (n > EROTD_WIRE_FDS)
		return -EINVAL;
	iov.iov_base = json_dumps(msg, JSON_COMPACT);
	if (!iov.iov_base)
		return -ENOMEM;
	iov.iov_len = strlen(iov.iov_base);
	if (n) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * n);
	}
	do {
		sent = sendmsg(sock, &mh, flags | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		err = -errno;
	free(iov.iov_base);
	return err;
}

static inline void erotd_wire_close(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/**
 * erotd_wire_recv() - receive one object
 * @sock:  connected
 * @msg:   to be released with json_decref()
 * @fds:   EROTD_WIRE_FDS places; close-on-exec, the caller's to close
 * @n:     how many came
 * @flags: of recvmsg()
 *
 * Return: 0; -ECONNRESET at the end of the connection; -EMSGSIZE for what was cut; -EBADMSG for
 * what is not an object; else -errno. On failure no descriptor is left open.
 */
static inline int erotd_wire_recv(int sock, json_t **msg, int *fds, size_t *n, int flags)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * EROTD_WIRE_FDS)];
	} control;
	char text[EROTD_WIRE_MAX];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.space, .msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c;
	ssize_t got;
	int err = 0;

	*msg = NULL;
	*n = 0;
	do {
		got = recvmsg(sock, &mh, flags | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		size_t some;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		some = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (some > EROTD_WIRE_FDS - *n)
			some = EROTD_WIRE_FDS - *n;	/* cannot be: there is no room for more */
		memcpy(fds + *n, CMSG_DATA(c), some * sizeof(int));
		*n += some;
	}
	if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		err = -EMSGSIZE;
	else if (!got)
		err = -ECONNRESET;
	if (!err) {
		*msg = json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(*msg))
			err = -EBADMSG;
	}
	if (err) {
		json_decref(*msg);
		*msg = NULL;
		erotd_wire_close(fds, *n);
		*n = 0;
	}
	return err;
}

#endif /* EROT_COMMON_WIRE_H */
