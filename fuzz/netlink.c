// SPDX-License-Identifier: GPL-2.0-only
/*
 * What liberot makes of answers on its netlink socket: the first byte chooses the operation, then
 * come datagrams, a 16-bit length before each. libnl parses them as it does those of a socket. A
 * descriptor that an answer brought is closed when the operation failed, and only then.
 */
#include <errno.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

#define FAMILY	0x1f

static const uint8_t *input;
static size_t left;
static int last_closed;

static int fuzz_close(int fd)
{
	last_closed = fd;
	return 0;
}

/* 0: there is no more */
static size_t next_datagram(const uint8_t **data)
{
	size_t n;

	if (left < 2)
		return 0;
	n = input[0] | (size_t)input[1] << 8;
	input += 2;
	left -= 2;
	if (n > left)
		n = left;
	*data = input;
	input += n;
	left -= n;
	return n;
}

static ssize_t fuzz_recvfrom(int fd, void *buf, size_t size, int flags, struct sockaddr *from,
			     socklen_t *len)
{
	const uint8_t *data;
	size_t n = next_datagram(&data);

	(void)fd;
	(void)flags;
	memset(from, 0, *len);
	if (!n) {
		errno = EAGAIN;
		return -1;
	}
	if (n > size)
		n = size;
	memcpy(buf, data, n);
	return (ssize_t)n;
}

/* libnl reads a number whatever its length is, and no sanitizer watches it. */
static uint32_t fuzz_get_u32(const struct nlattr *a)
{
	if (nla_len(a) < (int)sizeof(uint32_t))
		abort();
	return nla_get_u32(a);
}

static uint64_t fuzz_get_u64(const struct nlattr *a)
{
	if (nla_len(a) < (int)sizeof(uint64_t))
		abort();
	return nla_get_u64(a);
}

#define close		fuzz_close
#define recvfrom	fuzz_recvfrom
#define nla_get_u32	fuzz_get_u32
#define nla_get_u64	fuzz_get_u64
#include "liberot/netlink_ops.c"
#undef close
#undef recvfrom
#undef nla_get_u32
#undef nla_get_u64
#include "liberot/netlink.c"

/* ---- in place of the kernel */

static int feed(struct nl_sock *sk, struct sockaddr_nl *from, unsigned char **buf,
		struct ucred **creds)
{
	const uint8_t *data;
	size_t n = next_datagram(&data);

	(void)sk;
	if (creds)
		*creds = NULL;
	if (!n)
		return -NLE_DUMP_INTR;	/* any error: nothing more will come */
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	*buf = malloc(n);
	if (!*buf)
		return -NLE_NOMEM;
	memcpy(*buf, data, n);
	return (int)n;
}

int nl_send_auto(struct nl_sock *sk, struct nl_msg *msg)
{
	(void)sk;
	return (int)nlmsg_hdr(msg)->nlmsg_len;
}

int nl_recvmsgs(struct nl_sock *sk, struct nl_cb *cb)
{
	int ret;

	nl_cb_overwrite_recv(cb, feed);
	ret = nl_recvmsgs_report(sk, cb);
	return ret > 0 ? 0 : ret;
}

static int each_session(void *ctx, const struct erot_nl_session *s)
{
	unsigned int *n = ctx;

	return s->state > EROT_STATE_RELEASED && ++*n > 3 ? 7 : 0;
}

static void each_event(void *ctx, const struct erot_nl_event *e)
{
	if (e->event)
		++*(unsigned int *)ctx;
}

static int operation(struct erot_nl *nl, unsigned int op, struct erot_error *err)
{
	static const struct erot_release release;
	struct erot_nl_session session;
	struct erot_nl_stats stats;
	struct erot_nl_host host;
	struct erot_nl_new new;
	unsigned int n = 0;
	int ret;

	switch (op % 8) {
	case 0:
		last_closed = -1;
		ret = erot_nl_new(nl, &new, err);
		if (ret ? new.fd != -1 : new.fd < 0 || last_closed == new.fd)
			abort();
		return ret;
	case 1:
		return erot_nl_get(nl, release.enc, &session, err);
	case 2:
		ret = erot_nl_dump(nl, each_session, &n, err);
		return ret == 7 ? 0 : ret;
	case 3:
		ret = erot_nl_host(nl, NULL, &host, err);
		if (!ret && strnlen(host.version, sizeof(host.version)) == sizeof(host.version))
			abort();
		return ret;
	case 4:
		return erot_nl_stats(nl, &stats, err);
	case 5:
		return erot_nl_provision(nl, release.enc, &release, sizeof(release), &release, err);
	case 6:
		return erot_nl_raw(nl, EROT_CMD_NEW, NULL, 0, err);
	default:
		ret = erot_nl_recv(nl, each_event, &n, err);
		return ret < 0 ? ret : 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct erot_nl nl = { .family = FAMILY };
	struct erot_error err = { "", "" };
	int ret;

	if (!nl.sock) {
		nl.sock = nl.events = nl_socket_alloc();
		if (!nl.sock)
			abort();
		nl_socket_disable_auto_ack(nl.sock);	/* and no sequence numbers to be guessed */
	}
	if (!len)
		return 0;
	input = data + 1;
	left = len - 1;
	ret = operation(&nl, data[0], &err);
	/* no failure without a name; no text of the kernel's that does not end */
	if (ret > 0 || (ret && !err.code[0]) ||
	    strnlen(err.text, sizeof(err.text)) == sizeof(err.text))
		abort();
	return 0;
}
