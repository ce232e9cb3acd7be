// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: forced
 *
 * Kernels with MODULE_FORCE_UNLOAD, as Debian's, unload a module that is in
 * use when O_TRUNC asks for it. This one ends its sessions and stays. The
 * guest is of no use afterwards, so it is this test's own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

TEST_TIMEOUT(forced_unload_stays, 60)
{
	struct fx_session s = { .n.fd = -1 };
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	static struct agent_answer a;
	struct erot_nl_event e;
	struct erot_nl_stats st;
	struct erot_evidence ev;
	struct erot_nl_new n;
	int events, status;
	pid_t pid;

	WORKS(fx_begin());
	WORKS(erot_nl_subscribe(fx.nl, &events, &fx_err));
	WORKS(fx_launch(&s, &k, &box));
	WORKS(fx_read(&s, AGENT_READ, "/data/small", 0, 64, &a));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close_range(3, ~0U, 0);	/* it will have them for ever */
		syscall(SYS_delete_module, "erot", O_NONBLOCK | O_TRUNC);
		_exit(1);	/* it came back, whatever it said */
	}
	WORKS(fx_wait_event(EROT_EVENT_DEAD, 20, &e));
	ASSERT_EQ(EROT_END_DESTROYED, e.end);
	WORKS(fx_wait(&s, 20, &status));
	WORKS(fx_evidence(&s, 20, &ev));
	ASSERT_EQ(EROT_END_DESTROYED, le32toh(ev.reason));
	/* its code and data are still there: it answers, and holds no key */
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(0, st.keys);
	REFUSED(ESHUTDOWN, "", erot_nl_new(fx.nl, &n, &fx_err));
	ASSERT_EQ(0, waitpid(pid, &status, WNOHANG));
	ASSERT_NE(0, fx_keyring(".erot"));
	fx_end(&s);
	WORKS(fx_nothing_left());
}

FX_MAIN
