// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: fault
 *
 * Every allocation that is made while the module begins fails once.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>

#include "selftests/fault.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define TURNS	1000	/* it does not get that far */

#define DISARM(f) ({ \
	int __came = fault_disarm(f); \
	ASSERT_LE(0, __came) { TH_LOG("fail-nth cannot be read: %d", __came); } \
	__came; \
})

/* The module loads whole or not at all. */
TEST_TIMEOUT(load, 900)
{
	char path[96], release[64] = "";
	struct fault f;
	unsigned int n;
	int fd, ret, came = 1;

	WORKS(fx_begin());
	WORKS(fx_nothing_left());
	fd = open("/proc/sys/kernel/osrelease", O_RDONLY | O_CLOEXEC);
	ASSERT_LT(0, read(fd, release, sizeof(release) - 1));
	close(fd);
	release[strcspn(release, "\n")] = 0;
	snprintf(path, sizeof(path), "/lib/modules/%s/updates/erot.ko", release);
	WORKS(fx_unload_module());
	WORKS(fault_in_function("do_one_initcall"));
	for (n = 1; n < TURNS && came; n++) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		WORKS(fault_arm(&f, 0, n));
		ret = syscall(SYS_finit_module, fd, "open=1", 0) ? -errno : 0;
		came = DISARM(&f);
		close(fd);
		if (ret) {
			ASSERT_EQ(-ENOMEM, ret) {
				TH_LOG("fault %u: %s", n, strerrorname_np(-ret));
			}
			ASSERT_EQ(0, fx_keyring(".erot"));
		} else if (came) {
			WORKS(fx_unload_module());
		}
	}
	ASSERT_LT(20, n);
	TH_LOG("%u faults", n - 2);
	WORKS(fault_none());
	WORKS(fx_load_certificate());
	erot_nl_close(fx.nl);
	WORKS(fx_begin());
}

FX_MAIN
