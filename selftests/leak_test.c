// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * Load, 200 launches, good ones and refused ones, unload: the kernel's memory is as it was.
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

static void one(struct __test_metadata *_metadata, int i)
{
	const char *argv[] = { FX_AGENT, "exit", "7", NULL };
	struct fx_session s = { .n.fd = -1 };
	struct fx_box box = { .argv = argv };
	struct fx_knobs k = { 0 };
	struct erot_evidence ev;
	int status;

	switch (i % 8) {
	case 1:
		k.other_session = true;
		ASSERT_EQ(-EKEYREJECTED, fx_until_attach(&s, &k));
		break;
	case 3:
		k.other_code_hash = true;
		ASSERT_EQ(-EKEYREJECTED, fx_until_bind(&s, &k));
		break;
	case 5:
		box.no_seccomp = true;
		WORKS(fx_launch(&s, &k, &box));
		WORKS(fx_wait(&s, 20, &status));
		ASSERT_EQ(SIGKILL, status);
		break;
	case 6:
		box.drop = 0x40000000;	/* CLONE_NEWNET */
		ASSERT_EQ(-EPERM, fx_until_bind(&s, &k) ?: fx_box_bind(&s, &box));
		break;
	default:
		WORKS(fx_launch(&s, &k, &box));
		WORKS(fx_wait(&s, 20, &status));
		ASSERT_EQ(7 << 8, status);
		WORKS(fx_evidence(&s, 20, &ev));
	}
	fx_end(&s);
}

/* A session has more than the idle module: so the numbers would tell of one that stayed. */
static void seen_when_there(struct __test_metadata *_metadata, const struct fx_memory *idle)
{
	struct fx_session s = { .n.fd = -1 };
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct fx_memory busy;

	WORKS(fx_launch(&s, &k, &box));
	fx_measure(&busy);
	EXPECT_LT(idle->secrets, busy.secrets);
	EXPECT_LT(idle->cgroups, busy.cgroups);
	fx_end(&s);
	WORKS(fx_settle());
}

TEST_TIMEOUT(two_hundred_launches, 290)
{
	struct fx_memory bare, before, after, gone;
	int i;

	WORKS(fx_begin());
	for (i = 0; i < 16; i++)	/* what is allocated once, by whomever */
		one(_metadata, i);
	/* once from here, since loading may bring modules of the kernel, which then stay */
	WORKS(fx_settle());
	WORKS(fx_unload_module());
	WORKS(fx_load_module());
	one(_metadata, 0);
	WORKS(fx_settle());
	WORKS(fx_unload_module());
	fx_measure(&bare);
	ASSERT_EQ(-1, bare.secrets);
	ASSERT_EQ(0, bare.rings);

	WORKS(fx_load_module());
	for (i = 0; i < 8; i++)
		one(_metadata, i);
	WORKS(fx_settle());
	fx_measure(&before);
	ASSERT_EQ(1, before.secrets);	/* the boot key */
	ASSERT_EQ(1, before.rings);
	ASSERT_LT(bare.vmalloc, before.vmalloc);	/* its code and data */
	seen_when_there(_metadata, &before);
	for (i = 0; i < 200; i++)
		one(_metadata, i);
	WORKS(fx_settle());
	fx_measure(&after);
	TH_LOG("secrets %ld -> %ld, areas %ld -> %ld, slab %ld -> %ld KiB, vmalloc %ld -> %ld KiB",
	       before.secrets, after.secrets, before.vmalloc, after.vmalloc,
	       before.unreclaimable, after.unreclaimable, before.used, after.used);
	EXPECT_EQ(before.secrets, after.secrets);
	EXPECT_EQ(before.vmalloc, after.vmalloc);
	/* one launch holds more than 128 KiB of buffers; the rest is cgroups that die slowly */
	ASSERT_LT(0, before.unreclaimable);
	EXPECT_LT(after.unreclaimable - before.unreclaimable, 200 * 64);
	EXPECT_LT(after.used - before.used, 200 * 8);
	EXPECT_EQ(before.mounts, after.mounts);
	EXPECT_EQ(before.cgroups, after.cgroups);

	WORKS(fx_unload_module());
	fx_measure(&gone);
	EXPECT_EQ(bare.secrets, gone.secrets);
	EXPECT_EQ(bare.vmalloc, gone.vmalloc);
	EXPECT_EQ(0, gone.rings);
	WORKS(fx_load_module());
}

FX_MAIN
