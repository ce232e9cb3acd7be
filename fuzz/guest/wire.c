// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/erot.h>

#include "fuzz/guest/wire.h"

#define HEAD	(NLMSG_HDRLEN + GENL_HDRLEN)

static struct nlmsghdr *head(struct wire *w)
{
	return (struct nlmsghdr *)w->out;
}

static void begin(struct wire *w, uint16_t type, uint8_t cmd, uint16_t flags)
{
	struct genlmsghdr g = { .cmd = cmd, .version = 1 };

	memset(head(w), 0, HEAD);
	head(w)->nlmsg_type = type;
	head(w)->nlmsg_flags = flags;
	head(w)->nlmsg_seq = ++w->seq;
	memcpy(w->out + NLMSG_HDRLEN, &g, sizeof(g));
	w->len = HEAD;
}

void wire_begin(struct wire *w, uint8_t cmd, uint16_t flags)
{
	begin(w, w->family, cmd, NLM_F_REQUEST | NLM_F_ACK | flags);
}

void wire_attr(struct wire *w, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	if (w->len + NLA_HDRLEN + NLA_ALIGN(len) > sizeof(w->out))
		return;
	memcpy(w->out + w->len, &a, sizeof(a));
	memset(w->out + w->len + NLA_HDRLEN, 0, NLA_ALIGN(len));
	if (len)
		memcpy(w->out + w->len + NLA_HDRLEN, data, len);
	w->len += NLA_HDRLEN + NLA_ALIGN(len);
}

static const void *find(const uint8_t *p, size_t left, uint16_t type, size_t len)
{
	struct nlattr a;

	while (left >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > left)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type && a.nla_len - NLA_HDRLEN >= len)
			return p + NLA_HDRLEN;
		if (NLA_ALIGN(a.nla_len) >= left)
			return NULL;
		p += NLA_ALIGN(a.nla_len);
		left -= NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

const void *wire_find(const struct nlmsghdr *h, uint16_t type, size_t len)
{
	return h->nlmsg_len < HEAD ? NULL :
	       find((const uint8_t *)h + HEAD, h->nlmsg_len - HEAD, type, len);
}

/* Verdict and words of an acknowledgement. */
static int read_ack(const struct nlmsghdr *h, char text[128])
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	size_t skip = NLMSG_HDRLEN + sizeof(*e);
	const char *words;

	if (h->nlmsg_len < skip)
		return -EAGAIN;
	words = h->nlmsg_flags & NLM_F_ACK_TLVS ?
		find((const uint8_t *)h + skip, h->nlmsg_len - skip, NLMSGERR_ATTR_MSG, 1) : NULL;
	if (words) {
		strncpy(text, words, 127);
		text[127] = 0;
	}
	return e->error;
}

int wire_exchange(struct wire *w, void (*answer)(void *ctx, const struct nlmsghdr *h), void *ctx,
		  char text[128])
{
	int verdict = -EAGAIN, left;
	struct nlmsghdr *h;
	ssize_t n;

	text[0] = 0;
	head(w)->nlmsg_len = (uint32_t)w->len;
	if (send(w->fd, w->out, w->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	/* the kernel answers before send() returns, except for what follows of a dump */
	while ((n = recv(w->fd, w->in, sizeof(w->in), MSG_DONTWAIT)) > 0) {
		left = (int)n;
		for (h = (struct nlmsghdr *)w->in; NLMSG_OK(h, (unsigned int)left);
		     h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				verdict = read_ack(h, text);
			else if (h->nlmsg_type == NLMSG_DONE)
				verdict = 0;
			else if (answer)
				answer(ctx, h);
		}
	}
	return verdict;
}

struct family {
	uint16_t id;
	uint32_t group;
};

static void read_family(void *ctx, const struct nlmsghdr *h)
{
	const uint16_t *id = wire_find(h, CTRL_ATTR_FAMILY_ID, sizeof(*id));
	const uint8_t *groups = wire_find(h, CTRL_ATTR_MCAST_GROUPS, NLA_HDRLEN);
	struct family *f = ctx;
	const uint32_t *group;

	if (id)
		f->id = *id;
	/* the only group, in a list */
	group = groups ? find(groups + NLA_HDRLEN, 2 * NLA_HDRLEN + sizeof(*group) + 12,
			      CTRL_ATTR_MCAST_GRP_ID, sizeof(*group)) : NULL;
	if (group)
		f->group = *group;
}

int wire_open(struct wire *w)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	struct family f = { 0 };
	int one = 1, ret, size = 1 << 20;
	char text[128];

	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&any, sizeof(any)) ||
	    setsockopt(w->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) ||
	    setsockopt(w->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)) ||
	    setsockopt(w->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		return -errno;
	begin(w, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_REQUEST | NLM_F_ACK);
	wire_attr(w, CTRL_ATTR_FAMILY_NAME, EROT_FAMILY_NAME, sizeof(EROT_FAMILY_NAME));
	ret = wire_exchange(w, read_family, &f, text);
	w->family = f.id;
	w->group = f.group;
	return ret ?: f.id ? 0 : -ENOENT;
}
