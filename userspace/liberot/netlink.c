// SPDX-License-Identifier: GPL-2.0-only
/* The exchange: sockets, requests, and what the kernel says when it refuses. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "liberot/netlink_priv.h"

#define SOCKET_BUFFER	(256 << 10)	/* a receipt is 60 KB, and the default would refuse it */
#define MESSAGE_SIZE	(EROT_CMS_MAX + 4096)

static int nl_fail(struct erot_error *err, int nle, const char *what)
{
	if (nle == -NLE_NOMEM)
		return erot_fail(err, ENOMEM, "no-memory", "netlink: out of memory");
	return erot_fail(err, EIO, "netlink", "netlink: %s: %s", what, nl_geterror(nle));
}

int erot_nl_connect(struct nl_sock **out, struct erot_error *err)
{
	struct nl_sock *sk = nl_socket_alloc();
	int one = 1, ret;

	*out = NULL;
	if (!sk)
		return erot_fail(err, ENOMEM, "no-memory", "netlink: out of memory");
	ret = genl_connect(sk);
	if (!ret)
		ret = nl_socket_set_buffer_size(sk, SOCKET_BUFFER, SOCKET_BUFFER);
	if (ret) {
		ret = nl_fail(err, ret, "connecting");
		goto fail;
	}
	if (setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) ||
	    setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one))) {
		ret = erot_fail(err, errno, "netlink", "netlink: extended acknowledgements: %s",
				strerror(errno));
		goto fail;
	}
	nl_socket_enable_msg_peek(sk);
	*out = sk;
	return 0;
fail:
	nl_socket_free(sk);
	return ret;
}

int erot_nl_open(struct erot_nl **nl, struct erot_error *err)
{
	struct erot_nl *n = calloc(1, sizeof(*n));
	int ret;

	*nl = NULL;
	if (!n)
		return erot_fail(err, ENOMEM, "no-memory", "netlink: out of memory");
	ret = erot_nl_connect(&n->sock, err);
	if (ret)
		goto fail;
	n->family = genl_ctrl_resolve(n->sock, EROT_FAMILY_NAME);
	if (n->family < 0) {
		ret = n->family == -NLE_OBJ_NOTFOUND ?
		      erot_fail(err, ENOENT, "no-module", "the module erot is not loaded") :
		      nl_fail(err, n->family, "looking for the family \"" EROT_FAMILY_NAME "\"");
		goto fail;
	}
	*nl = n;
	return 0;
fail:
	nl_socket_free(n->sock);
	free(n);
	return ret;
}

void erot_nl_close(struct erot_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->events);
	nl_socket_free(nl->sock);
	free(nl);
}

struct nl_msg *erot_nl_request(struct erot_nl *nl, uint8_t cmd, int flags, struct erot_error *err)
{
	struct nl_msg *msg = nlmsg_alloc_size(MESSAGE_SIZE);

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, cmd,
			       EROT_FAMILY_VERSION))
		return msg;
	nlmsg_free(msg);
	erot_fail(err, ENOMEM, "no-memory", "netlink: out of memory");
	return NULL;
}

struct exchange {
	erot_nl_answer_fn fn;
	void *ctx;
	bool done;
	int ret;	/* of the kernel, or of fn */
	struct erot_error *err;
};

/* What is no error of the kernel is a failure all the same, and INT_MIN has no negative. */
static int kernel_errno(int error)
{
	return error < 0 && error >= -4095 ? -error : EBADMSG;
}

/* The message behind an error: NETLINK_CAP_ACK keeps the request out of it. */
static void read_extack(const struct nlmsgerr *e, struct exchange *x)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)((const char *)e - NLMSG_HDRLEN);
	const int error = kernel_errno(e->error);
	struct nlattr *at[NLMSGERR_ATTR_MAX + 1] = { 0 };
	size_t skip = sizeof(*e);

	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - NLMSG_HDRLEN;
	skip = NLMSG_ALIGN(skip);
	if (h->nlmsg_flags & NLM_F_ACK_TLVS && h->nlmsg_len > NLMSG_HDRLEN + skip) {
		nla_parse(at, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)e + skip),
			  (int)(h->nlmsg_len - NLMSG_HDRLEN - skip), NULL);
		if (at[NLMSGERR_ATTR_MSG] && nla_len(at[NLMSGERR_ATTR_MSG]) > 0) {
			/* the zero at its end is the sender's to forget */
			char *s = strndup(nla_data(at[NLMSGERR_ATTR_MSG]),
					  nla_len(at[NLMSGERR_ATTR_MSG]));

			if (s) {
				x->ret = erot_fail(x->err, error, "kernel", "kernel: %s", s);
				free(s);
				return;
			}
		}
	}
	x->ret = erot_fail(x->err, error, "kernel", "kernel: %s", strerror(error));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	struct exchange *x = arg;

	(void)from;
	x->done = true;
	read_extack(e, x);
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	(void)msg;
	x->done = true;
	return NL_STOP;
}

/* The end of a dump carries an error of its own. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct exchange *x = arg;
	int error = 0;

	x->done = true;
	if (nlmsg_datalen(h) >= (int)sizeof(error))
		memcpy(&error, nlmsg_data(h), sizeof(error));
	if (error < 0 && !x->ret) {
		error = kernel_errno(error);
		x->ret = erot_fail(x->err, error, "kernel", "kernel: %s", strerror(error));
	}
	return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct exchange *x = arg;

	/* After a failure the rest is read and dropped: the socket stays in step. */
	if (x->ret)
		return NL_OK;
	if (!genlmsg_valid_hdr(h, 0) || !x->fn)
		x->ret = erot_fail(x->err, EBADMSG, "netlink-answer",
				   "netlink: an answer that was not asked for");
	else
		x->ret = x->fn(x->ctx, genlmsg_attrdata(nlmsg_data(h), 0),
			       genlmsg_attrlen(nlmsg_data(h), 0), x->err);
	return NL_OK;
}

int erot_nl_exchange(struct erot_nl *nl, struct nl_msg *msg, erot_nl_answer_fn fn, void *ctx,
		     struct erot_error *err)
{
	struct exchange x = { fn, ctx, false, 0, err };
	struct nl_cb *cb;
	int ret;

	ret = nl_send_auto(nl->sock, msg);
	nlmsg_free(msg);
	if (ret < 0)
		return nl_fail(err, ret, "sending");
	cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!cb)
		return erot_fail(err, ENOMEM, "no-memory", "netlink: out of memory");
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, &x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &x);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &x);
	while (!x.done) {
		ret = nl_recvmsgs(nl->sock, cb);
		if (ret < 0 && !x.done && ret != -NLE_INTR) {
			x.ret = nl_fail(err, ret, "receiving");
			break;
		}
	}
	nl_cb_put(cb);
	return x.ret;
}

int erot_nl_raw(struct erot_nl *nl, uint8_t cmd, const void *attrs, size_t len,
		struct erot_error *err)
{
	struct nl_msg *msg = erot_nl_request(nl, cmd, 0, err);

	if (!msg)
		return -ENOMEM;
	if (len && nlmsg_append(msg, (void *)attrs, len, NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		return erot_fail(err, EMSGSIZE, "netlink", "netlink: too many attributes");
	}
	return erot_nl_exchange(nl, msg, erot_nl_ignore, &cmd, err);
}

int erot_nl_subscribe(struct erot_nl *nl, int *fd, struct erot_error *err)
{
	struct nl_sock *sk;
	int group, ret;

	*fd = -1;
	if (nl->events) {
		*fd = nl_socket_get_fd(nl->events);
		return 0;
	}
	ret = erot_nl_connect(&sk, err);
	if (ret)
		return ret;
	group = genl_ctrl_resolve_grp(sk, EROT_FAMILY_NAME, EROT_MCGRP_LIFECYCLE);
	if (group < 0) {
		ret = erot_fail(err, ENOENT, "no-module", "the module erot is not loaded");
		goto fail;
	}
	ret = nl_socket_add_membership(sk, group);
	if (ret == -NLE_PERM) {
		ret = erot_fail(err, EPERM, "kernel", "kernel: events are for the administrator");
		goto fail;
	}
	if (!ret)
		ret = nl_socket_set_nonblocking(sk);
	if (ret) {
		ret = nl_fail(err, ret, "joining \"" EROT_MCGRP_LIFECYCLE "\"");
		goto fail;
	}
	nl->events = sk;
	*fd = nl_socket_get_fd(sk);
	return 0;
fail:
	nl_socket_free(sk);
	return ret;
}
