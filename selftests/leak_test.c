// SPDX-License-Identifier: GPL-2.0-only
/* 200 launches, good ones and refused ones, leave the kernel's memory as it was. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

struct memory {
	long secrets;		/* objects in use of the module's own slab */
	long vmalloc;		/* areas of the module */
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
	m->vmalloc = lines_with("/proc/vmallocinfo", "erot");
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

TEST_TIMEOUT(two_hundred_launches, 280)
{
	struct memory before, after;
	int i;

	WORKS(fx_begin());
	for (i = 0; i < 16; i++)	/* what is allocated once */
		one(_metadata, i);
	settle(_metadata);
	measure(&before);
	for (i = 0; i < 200; i++)
		one(_metadata, i);
	settle(_metadata);
	measure(&after);
	ASSERT_LE(0, before.secrets);
	TH_LOG("secrets %ld -> %ld, vmalloc %ld -> %ld", before.secrets, after.secrets,
	       before.vmalloc, after.vmalloc);
	/* the boot key is one; a slab never shrinks below what lies on it */
	ASSERT_LE(after.secrets, before.secrets);
	ASSERT_EQ(before.vmalloc, after.vmalloc);
	ASSERT_EQ(before.mounts, after.mounts);
	ASSERT_EQ(0, after.cgroups);
}

FX_MAIN
