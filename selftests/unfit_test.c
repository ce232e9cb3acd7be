// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: unfit
 *
 * Attested mode on a host that lacks what it asks for. Lockdown can be raised
 * and not lowered, so it is one test.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

static int raise_lockdown(const char *level)
{
	int fd = open("/sys/kernel/security/lockdown", O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, level, strlen(level)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

TEST(no_session)
{
	struct erot_nl_host h;
	struct erot_nl_new n;

	WORKS(fx_begin());
	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	ASSERT_TRUE(h.attested);
	ASSERT_EQ(0, h.host_state & (EROT_HOST_LOCKDOWN | EROT_HOST_INIT_ON_FREE));
	REFUSED(EACCES, "host: kernel lockdown is below confidentiality",
		erot_nl_new(fx.nl, &n, &fx_err));
	ASSERT_EQ(0, raise_lockdown("integrity"));
	REFUSED(EACCES, "host: kernel lockdown is below confidentiality",
		erot_nl_new(fx.nl, &n, &fx_err));
	ASSERT_EQ(0, raise_lockdown("confidentiality"));
	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	ASSERT_EQ(EROT_HOST_LOCKDOWN, h.host_state & EROT_HOST_LOCKDOWN);
	REFUSED(EACCES, "host: init_on_free is off", erot_nl_new(fx.nl, &n, &fx_err));
	WORKS(fx_nothing_left());
}

FX_MAIN
