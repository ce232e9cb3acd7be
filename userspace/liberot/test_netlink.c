// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exchange with a real kernel, without our module: the controller of generic netlink answers,
 * dumps and refuses too. The operations themselves are tested in the guest.
 */
#include <errno.h>
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
	nl_socket_free(nl.sock);
	return tap_done();
}
