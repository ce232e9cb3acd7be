// SPDX-License-Identifier: GPL-2.0-only
/* Who may use the netlink family: CAP_SYS_ADMIN in the initial user namespace, nobody else. */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

static const uint8_t commands[] = {
	EROT_CMD_NEW, EROT_CMD_PROVISION, EROT_CMD_DESTROY, EROT_CMD_GET, EROT_CMD_HOST,
	EROT_CMD_STATS,
};

static int no_session(void *ctx, const struct erot_nl_session *s)
{
	(void)s;
	++*(int *)ctx;
	return 0;
}

/* Every command says EPERM before it looks at anything but the form of its attributes. */
static void denied(struct __test_metadata *_metadata, struct erot_nl *nl)
{
	int seen = 0;
	size_t i;

	for (i = 0; i < sizeof(commands); i++)
		REFUSED(EPERM, "CAP_SYS_ADMIN", erot_nl_raw(nl, commands[i], NULL, 0, &fx_err));
	REFUSED(EPERM, "CAP_SYS_ADMIN", erot_nl_dump(nl, no_session, &seen, &fx_err));
	ASSERT_EQ(0, seen);
}

TEST(unprivileged)
{
	struct erot_nl *nl;

	WORKS(fx_begin());
	ASSERT_EQ(0, setresgid(65534, 65534, 65534));
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	WORKS(erot_nl_open(&nl, &fx_err));
	denied(_metadata, nl);
	erot_nl_close(nl);
	/* a socket that root opened is worth no more in these hands */
	denied(_metadata, fx.nl);
	_exit(_metadata->shared->failed);	/* teardown would need to be root */
}

/* Through a connected socket, as a privileged program would that is handed one for its output. */
static int by_write(struct nl_sock *sk, int family, uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		uint8_t more[512];
	} answer;
	int fd = nl_socket_get_fd(sk), ret = -EIO;

	if (!msg)
		return -ENOMEM;
	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_ACK, cmd, 1);
	nl_complete_msg(sk, msg);
	if (write(fd, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len) > 0 &&
	    read(fd, &answer, sizeof(answer)) > 0)
		ret = answer.head.nlmsg_type == NLMSG_ERROR ? answer.err.error : 0;
	nlmsg_free(msg);
	return ret;
}

/* Opened without privilege, it stays without, whoever writes to it. */
TEST(socket_of_an_unprivileged_opener)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nl_sock *sk[2];
	int family, i;

	WORKS(fx_begin());
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, seteuid(i ? 65534 : 0));
		sk[i] = nl_socket_alloc();
		ASSERT_NE(NULL, sk[i]);
		ASSERT_EQ(0, genl_connect(sk[i]));
		family = genl_ctrl_resolve(sk[i], EROT_FAMILY_NAME);
		ASSERT_LT(0, family);
		ASSERT_EQ(0, connect(nl_socket_get_fd(sk[i]), (struct sockaddr *)&kernel,
				     sizeof(kernel)));
	}
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, by_write(sk[0], family, EROT_CMD_STATS));
	ASSERT_EQ(-EPERM, by_write(sk[1], family, EROT_CMD_STATS));
	nl_socket_free(sk[0]);
	nl_socket_free(sk[1]);
}

/* All capabilities but the one. */
TEST(privileged_for_something_else)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2], less[2];
	struct erot_nl *nl;

	WORKS(fx_begin());
	ASSERT_EQ(0, syscall(SYS_capget, &head, all));
	memcpy(less, all, sizeof(less));
	less[0].effective &= ~(1U << CAP_SYS_ADMIN);
	ASSERT_EQ(0, syscall(SYS_capset, &head, less));
	WORKS(erot_nl_open(&nl, &fx_err));
	denied(_metadata, nl);
	erot_nl_close(nl);
	ASSERT_EQ(0, syscall(SYS_capset, &head, all));
}

TEST(root_of_another_user_namespace)
{
	struct erot_nl *nl;

	WORKS(fx_begin());
	ASSERT_EQ(0, unshare(CLONE_NEWUSER));
	WORKS(erot_nl_open(&nl, &fx_err));
	denied(_metadata, nl);
	erot_nl_close(nl);
	_exit(_metadata->shared->failed);
}

TEST(not_in_another_network_namespace)
{
	struct erot_nl *nl;

	WORKS(fx_begin());
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(-ENOENT, erot_nl_open(&nl, &fx_err));
	ASSERT_STREQ("no-module", fx_err.code);
}

TEST(events_are_for_those_who_may)
{
	struct erot_nl *nl;
	int fd;

	WORKS(fx_begin());
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	WORKS(erot_nl_open(&nl, &fx_err));
	EXPECT_EQ(-EPERM, erot_nl_subscribe(nl, &fd, &fx_err)) {
		TH_LOG("an unprivileged process may listen to lifecycle events");
	}
	_exit(_metadata->shared->failed);
}

FX_MAIN
