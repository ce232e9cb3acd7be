// SPDX-License-Identifier: GPL-2.0-only
/* The network, and what sockets lead to: other families, the module's own, modules on demand. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "escape.h"

#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif

static int socket_of(int family, int type, int protocol)
{
	return result(socket(family, type | SOCK_CLOEXEC, protocol));
}

static int connect_to(const char *address, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(SECRET_PORT) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &a.sin_addr);
	return fd < 0 ? NO_SETUP : result(connect(fd, (void *)&a, sizeof(a)));
}

static int tcp_outside(void)
{
	return connect_to(OUTSIDE_ADDRESS, SOCK_STREAM);
}

static int udp_outside(void)
{
	return connect_to(OUTSIDE_ADDRESS, SOCK_DGRAM);
}

static int tcp_loopback(void)
{
	return connect_to("127.0.0.1", SOCK_STREAM);
}

static int other_interface(void)
{
	struct if_nameindex *all = if_nameindex(), *i;
	int ret = NO_EFFECT;

	for (i = all; i && i->if_index; i++)
		if (strcmp(i->if_name, "lo"))
			ret = WORKS;
	return all ? ret : NO_SETUP;
}

static int raw_socket(void)
{
	return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int packet_socket(void)
{
	return socket_of(AF_PACKET, SOCK_RAW, 0);
}

static int packet_pair(void)
{
	int fds[2];

	/* outside the socket is made, and only then found to have no pair */
	return result(socketpair(AF_PACKET, SOCK_RAW, 0, fds));
}

static int vsock(void)
{
	return socket_of(AF_VSOCK, SOCK_STREAM, 0);
}

static int vsock_pair(void)
{
	int fds[2];

	return result(socketpair(AF_VSOCK, SOCK_STREAM, 0, fds));
}

static int crypto_socket(void)
{
	return socket_of(AF_ALG, SOCK_SEQPACKET, 0);
}

/* The module sctp is loaded for who asks, whatever rights they have. */
static int sctp(void)
{
	return socket_of(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP);
}

static int sctp_stream(void)
{
	return socket_of(AF_INET6, SOCK_STREAM, IPPROTO_SCTP);
}

static int sctp_pair(void)
{
	int fds[2];

	return result(socketpair(AF_INET, SOCK_STREAM, IPPROTO_SCTP, fds));
}

static int l2tp(void)
{
	return socket_of(AF_INET, SOCK_DGRAM, IPPROTO_L2TP);
}

static int ask_about(unsigned long request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long arg[16] = { 0 };
	int ret;

	if (fd < 0)
		return NO_SETUP;
	ret = result(ioctl(fd, request, arg));
	/* that of the module, which is loaded now, about an argument that means nothing */
	return ret == EPERM ? ret : WORKS;
}

static int bridge(void)
{
	return ask_about(SIOCGIFBR);
}

static int vlan(void)
{
	return ask_about(SIOCGIFVLAN);
}

/* The upper half of the number is not looked at by the kernel. */
static int bridge_high(void)
{
	return ask_about(SIOCGIFBR | 1UL << 32);
}

static int netlink(int protocol)
{
	return socket_of(AF_NETLINK, SOCK_RAW, protocol);
}

static int generic_netlink(void)
{
	return netlink(NETLINK_GENERIC);
}

static int generic_pair(void)
{
	int fds[2];

	return result(socketpair(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, fds));
}

static int audit(void)
{
	return netlink(NETLINK_AUDIT);
}

static int xfrm(void)
{
	return netlink(NETLINK_XFRM);
}

static int uevents(void)
{
	return netlink(NETLINK_KOBJECT_UEVENT);
}

/* A request and its answer's errno. */
static int ask(int protocol, void *request, size_t len)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	char answer[8192];
	struct nlmsghdr *h = (void *)answer;

	if (fd < 0)
		return errno;
	if (send(fd, request, len, 0) != (ssize_t)len)
		return errno;
	if (recv(fd, answer, sizeof(answer), 0) < (ssize_t)sizeof(*h))
		return NO_SETUP;
	return h->nlmsg_type == NLMSG_ERROR ? -((struct nlmsgerr *)NLMSG_DATA(h))->error : WORKS;
}

static int erot_family(void)
{
	struct {
		struct nlmsghdr h;
		struct genlmsghdr g;
		struct nlattr a;
		char name[8];
	} q = {
		{ sizeof(q), GENL_ID_CTRL, NLM_F_REQUEST, 1, 0 },
		{ CTRL_CMD_GETFAMILY, 1, 0 },
		{ NLA_HDRLEN + 5, CTRL_ATTR_FAMILY_NAME },
		"erot",
	};

	return ask(NETLINK_GENERIC, &q, sizeof(q));
}

static int new_interface(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct nlattr info, kind;
		char name[8];
	} q = {
		{ sizeof(q), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0 },
		{ 0 },
		{ 2 * NLA_HDRLEN + 8, IFLA_LINKINFO },
		{ NLA_HDRLEN + 6, IFLA_INFO_KIND },
		"dummy",
	};

	return ask(NETLINK_ROUTE, &q, sizeof(q));
}

/*
 * A page of the payload would be lent to the socket. One that was handed in may be set so already:
 * the flag is refused by itself.
 */
static int lend(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return NO_SETUP;
	return result(send(fds[0], "x", 1, MSG_ZEROCOPY));
}

static int lend_by_message(void)
{
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return NO_SETUP;
	return result(sendmsg(fds[0], &m, MSG_ZEROCOPY));
}

static int lend_by_messages(void)
{
	struct iovec v = { "x", 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return NO_SETUP;
	return result(sendmmsg(fds[0], &m, 1, MSG_ZEROCOPY));
}

const struct attempt attempts_net[] = {
	{ "TCP to an address outside", tcp_outside, ENETUNREACH, ENETUNREACH, WORKS },
	{ "UDP to it", udp_outside, ENETUNREACH, ENETUNREACH, WORKS },
	{ "TCP to a service on the loopback outside", tcp_loopback, ECONNREFUSED, ECONNREFUSED,
	  WORKS },
	{ "see another interface than the loopback", other_interface, NO_EFFECT, NO_EFFECT, WORKS },
	/* with the capability: in its own network */
	{ "raw socket", raw_socket, EPERM, WORKS, WORKS },
	{ "make an interface", new_interface, EPERM, WORKS, NOT_TRIED },
	{ "packet socket", packet_socket, EAFNOSUPPORT, EAFNOSUPPORT, WORKS },
	{ "packet socket by socketpair", packet_pair, EAFNOSUPPORT, EAFNOSUPPORT, EOPNOTSUPP },
	{ "vsock", vsock, EAFNOSUPPORT, EAFNOSUPPORT, NOT_TRIED },
	{ "vsock by socketpair", vsock_pair, EAFNOSUPPORT, EAFNOSUPPORT, NOT_TRIED },
	{ "the kernel's cryptography", crypto_socket, EAFNOSUPPORT, EAFNOSUPPORT, WORKS },
	{ "load SCTP", sctp, ENOSYS, ENOSYS, WORKS },
	{ "load SCTP as a stream", sctp_stream, ENOSYS, ENOSYS, WORKS },
	{ "load SCTP by socketpair", sctp_pair, EAFNOSUPPORT, EAFNOSUPPORT, EOPNOTSUPP },
	{ "load L2TP", l2tp, ENOSYS, ENOSYS, NOT_TRIED },
	{ "load the bridge", bridge, EPERM, EPERM, WORKS },
	{ "load the bridge, high bits", bridge_high, EPERM, EPERM, WORKS },
	{ "load VLANs", vlan, EPERM, EPERM, WORKS },
	{ "generic netlink", generic_netlink, EPROTONOSUPPORT, EPROTONOSUPPORT, WORKS },
	{ "generic netlink by socketpair", generic_pair, EAFNOSUPPORT, EAFNOSUPPORT, EOPNOTSUPP },
	{ "the module's family", erot_family, EPROTONOSUPPORT, EPROTONOSUPPORT, WORKS },
	{ "audit", audit, EPROTONOSUPPORT, EPROTONOSUPPORT, WORKS },
	{ "IPsec", xfrm, EPROTONOSUPPORT, EPROTONOSUPPORT, NOT_TRIED },
	{ "device events", uevents, EPROTONOSUPPORT, EPROTONOSUPPORT, WORKS },
	{ "MSG_ZEROCOPY by send", lend, ENOBUFS, ENOBUFS, WORKS },
	{ "MSG_ZEROCOPY by sendmsg", lend_by_message, ENOBUFS, ENOBUFS, WORKS },
	{ "MSG_ZEROCOPY by sendmmsg", lend_by_messages, ENOBUFS, ENOBUFS, WORKS },
	{ 0 }
};
