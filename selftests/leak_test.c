// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * Load, 200 launches, good ones and refused ones, unload: the kernel's memory is as it was.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

struct memory {
	long secrets;		/* objects in use of the module's own slab */
	long vmalloc;		/* areas, the module's own among them */
	long rings;		/* keyrings of the module */
	long unreclaimable;	/* KiB of slab, large kmalloc() included */
	long used;		/* KiB of vmalloc */
	long mounts;
	long cgroups;
};

/* "name <active_objs> ..." of /proc/slabinfo */
static long slab(const char *name)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512], seen[64];
	long n = -1, active;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", seen, &active) == 2 && !strcmp(seen, name))
			n = active;
	if (f)
		fclose(f);
	return n;
}

static long lines_with(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	if (f)
		fclose(f);
	return n;
}

/* All but stacks of tasks and programs of seccomp, which come and go with every process. */
static long vmalloc_areas(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	char line[1024];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, " vmalloc") && !strstr(line, "kernel_clone") &&
		     !strstr(line, "dup_task_struct") && !strstr(line, "bpf_");
	if (f)
		fclose(f);
	return n;
}

static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128], seen[64];
	long n = -1, kib;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^:]: %ld", seen, &kib) == 2 && !strcmp(seen, name))
			n = kib;
	if (f)
		fclose(f);
	return n;
}

static long cgroups(void)
{
	DIR *d = opendir("/sys/fs/cgroup");
	struct dirent *e;
	long n = 0;

	while (d && (e = readdir(d)))
		n += !strncmp(e->d_name, "erot-test", 9);
	if (d)
		closedir(d);
	return n;
}

static void measure(struct memory *m)
{
	m->secrets = slab("erot_secret");
	m->vmalloc = vmalloc_areas();
	m->rings = lines_with("/proc/keys", " .erot:");
	m->unreclaimable = meminfo("SUnreclaim");
	m->used = meminfo("VmallocUsed");
	m->mounts = lines_with("/proc/self/mountinfo", "erofs");
	m->cgroups = cgroups();
}

/* Slabs count what a processor keeps for itself too: told to give it back, they are exact. */
static void settle(struct __test_metadata *_metadata)
{
	FILE *f = fopen("/sys/kernel/slab/erot_secret/shrink", "we");

	WORKS(fx_nothing_left());
	if (f) {
		fputs("1\n", f);
		fclose(f);
	}
}

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
static void seen_when_there(struct __test_metadata *_metadata, const struct memory *idle)
{
	struct fx_session s = { .n.fd = -1 };
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct memory busy;

	WORKS(fx_launch(&s, &k, &box));
	measure(&busy);
	EXPECT_LT(idle->secrets, busy.secrets);
	EXPECT_LT(idle->cgroups, busy.cgroups);
	fx_end(&s);
	settle(_metadata);
}

TEST_TIMEOUT(two_hundred_launches, 290)
{
	struct memory bare, before, after, gone;
	int i;

	WORKS(fx_begin());
	for (i = 0; i < 16; i++)	/* what is allocated once, by whomever */
		one(_metadata, i);
	settle(_metadata);
	WORKS(fx_unload_module());
	measure(&bare);
	ASSERT_EQ(-1, bare.secrets);
	ASSERT_EQ(0, bare.rings);

	WORKS(fx_load_module());
	for (i = 0; i < 8; i++)
		one(_metadata, i);
	settle(_metadata);
	measure(&before);
	ASSERT_EQ(1, before.secrets);	/* the boot key */
	ASSERT_EQ(1, before.rings);
	ASSERT_LT(bare.vmalloc, before.vmalloc);	/* its code and data */
	seen_when_there(_metadata, &before);
	for (i = 0; i < 200; i++)
		one(_metadata, i);
	settle(_metadata);
	measure(&after);
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
	EXPECT_EQ(0, after.cgroups);

	WORKS(fx_unload_module());
	measure(&gone);
	EXPECT_EQ(bare.secrets, gone.secrets);
	EXPECT_EQ(bare.vmalloc, gone.vmalloc);
	EXPECT_EQ(0, gone.rings);
	WORKS(fx_load_module());
}

FX_MAIN
