// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exchange with a real kernel, without our module: the controller of generic netlink answers,
 * dumps and refuses too. The operations themselves are tested in the guest.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <limits.h>
#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "common/tap.h"
#include "liberot/netlink_priv.h"

static int count_families(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	(void)err;
	*(int *)ctx += nla_find(attrs, len, CTRL_ATTR_FAMILY_NAME) != NULL;
	return 0;
}

static int refuse(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	(void)attrs;
	(void)len;
	++*(int *)ctx;
	return erot_fail(err, EBADMSG, "test", "not wanted");
}

static struct nlattr *put(char *buf, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = (struct nlattr *)buf;

	memset(buf, 0, NLA_HDRLEN + NLA_ALIGN(len));
	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (data)
		memcpy(buf + NLA_HDRLEN, data, len);
	return a;
}

static void test_controller(struct erot_nl *nl)
{
	static char attr[65536];
	struct erot_error err = { 0 };
	struct nl_msg *msg;
	int families = 0, calls = 0, ret;

	put(attr, CTRL_ATTR_FAMILY_NAME, "nlctrl", 7);
	tap_ok(!erot_nl_raw(nl, CTRL_CMD_GETFAMILY, attr, NLA_HDRLEN + NLA_ALIGN(7), &err),
	       "an answer and its acknowledgement: %s", err.text);
	put(attr, CTRL_ATTR_FAMILY_NAME, "nosuchfamily", 13);
	tap_refused(erot_nl_raw(nl, CTRL_CMD_GETFAMILY, attr, NLA_HDRLEN + NLA_ALIGN(13), &err),
		    ENOENT, &err, "kernel", "an unknown family");
	put(attr, CTRL_ATTR_FAMILY_ID, "x", 1);
	ret = erot_nl_raw(nl, CTRL_CMD_GETFAMILY, attr, NLA_HDRLEN + NLA_ALIGN(1), &err);
	/* The words are the kernel's own: what counts is that they are not strerror()'s. */
	tap_ok(ret < 0 && !strcmp(err.code, "kernel") && strstr(err.text, "kernel: ") == err.text &&
	       !strstr(err.text, strerror(-ret)), "the kernel's reason: %s", err.text);
	put(attr, CTRL_ATTR_FAMILY_NAME, NULL, 60000);
	memset(attr + NLA_HDRLEN, 'x', 60000);
	ret = erot_nl_raw(nl, CTRL_CMD_GETFAMILY, attr, NLA_HDRLEN + NLA_ALIGN(60000), &err);
	tap_ok(ret < 0 && !strcmp(err.code, "kernel") && ret != -EMSGSIZE,
	       "a request of 60000 bytes reaches the kernel: %s", err.text);

	memset(&err, 0, sizeof(err));
	msg = erot_nl_request(nl, CTRL_CMD_GETFAMILY, NLM_F_DUMP, &err);
	ret = msg ? erot_nl_exchange(nl, msg, count_families, &families, &err) : -ENOMEM;
	tap_ok(!ret && families > 1, "a dump of %d families: %s", families, err.text);
	msg = erot_nl_request(nl, CTRL_CMD_GETFAMILY, NLM_F_DUMP, &err);
	tap_refused(erot_nl_exchange(nl, msg, refuse, &calls, &err), EBADMSG, &err, "test",
		    "a dump that is not wanted");
	tap_ok(calls == 1, "no call after the first refusal");
	put(attr, CTRL_ATTR_FAMILY_NAME, "nlctrl", 7);
	tap_ok(!erot_nl_raw(nl, CTRL_CMD_GETFAMILY, attr, NLA_HDRLEN + NLA_ALIGN(7), &err),
	       "the socket is in step after all that: %s", err.text);
}

/* ---- answers that no kernel gives */

static const struct answer {
	struct nlmsghdr h;
	struct nlmsgerr e;
	struct nlattr words;
	char text[4];		/* does not end in a zero */
} *fake;

static int give_fake(struct nl_sock *sk, struct sockaddr_nl *from, unsigned char **buf,
		     struct ucred **creds)
{
	(void)sk;
	(void)creds;
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	*buf = malloc(sizeof(*fake));	/* of just that size, for who looks for a byte too many */
	if (!*buf)
		return -NLE_NOMEM;
	memcpy(*buf, fake, sizeof(*fake));
	return sizeof(*fake);
}

static int any_number(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

/* In place of libnl's, which is nothing else without a fake. */
int nl_recvmsgs(struct nl_sock *sk, struct nl_cb *cb)
{
	int ret;

	if (fake) {
		nl_cb_overwrite_recv(cb, give_fake);
		nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_number, NULL);
	}
	ret = nl_recvmsgs_report(sk, cb);
	return ret > 0 ? 0 : ret;
}

static void test_lies(struct erot_nl *nl)
{
	static const struct {
		const char *name;
		int error, want;
	} rows[] = {
		{ "an error of the kernel", -ENOENT, ENOENT },
		{ "the last one that can be", -4095, 4095 },
		{ "one behind it", -4096, EBADMSG },
		{ "one without a negative", INT_MIN, EBADMSG },
		{ "one above zero is no success", 5, EBADMSG },
	};
	struct answer a = {
		.h = { .nlmsg_len = sizeof(a), .nlmsg_type = NLMSG_ERROR,
		       .nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS },
		.words = { .nla_len = NLA_HDRLEN + sizeof(a.text), .nla_type = NLMSGERR_ATTR_MSG },
		.text = { 'w', 'h', 'y', '!' },
	};
	struct erot_error err;
	size_t i;
	int ret;

	fake = &a;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&err, 0, sizeof(err));
		a.e.error = rows[i].error;
		ret = erot_nl_raw(nl, CTRL_CMD_GETFAMILY, NULL, 0, &err);
		tap_ok(!strcmp(err.text, "kernel: why!"), "its words: %s", err.text);
		tap_refused(ret, rows[i].want, &err, "kernel", rows[i].name);
	}
	fake = NULL;
}

int main(void)
{
	struct erot_error err = { 0 };
	struct erot_nl nl = { .family = GENL_ID_CTRL }, *real;
	int ret;

	ret = erot_nl_open(&real, &err);
	if (!ret) {
		tap_ok(real->family > 0, "the module is loaded here");
		erot_nl_close(real);
	} else {
		tap_refused(ret, ENOENT, &err, "no-module", "without the module");
	}
	if (erot_nl_connect(&nl.sock, &err)) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	test_controller(&nl);
	test_lies(&nl);
	nl_socket_free(nl.sock);
	return tap_done();
}
