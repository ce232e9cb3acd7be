// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine is about to sleep: no session survives, and it does not sleep
 * before their plaintext is gone. Opening /dev/snapshot prepares hibernation
 * (for reading) or resuming from it (for writing), closing it calls that off:
 * all that the module hears of it, without the machine ever sleeping.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"
#include "selftests/slow_disk.h"

#define SNAPSHOT "/dev/snapshot"

FIXTURE(sleep) {
	struct fx_session s;
	struct fx_session other;
	struct slow_disk disk;
	struct fx_payload payload;
	int snapshot;
};

FIXTURE_SETUP(sleep)
{
	self->s.n.fd = self->other.n.fd = -1;
	self->snapshot = -1;
	slow_disk_none(&self->disk);
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(sleep)
{
	close(self->snapshot);
	slow_disk_go_on(&self->disk);
	fx_end(&self->s);	/* the session keeps the payload's file open until then */
	slow_disk_end(&self->disk);
	WORKS(fx_nothing_left());
}

/* NEW is refused while the machine prepares, and works again after that. */
static void closed_until(struct __test_metadata *_metadata, struct fx_session *s, int *snapshot)
{
	REFUSED(ESHUTDOWN, "about to sleep", fx_new(s));
	close(*snapshot);
	*snapshot = -1;
	WORKS(fx_new(s));
	close(s->n.fd);
	s->n.fd = -1;
}

/* Asked once, when the preparation has returned: nothing is waited for any more. */
static void released(struct __test_metadata *_metadata, struct fx_session *s, uint32_t flags)
{
	struct erot_nl_session got;

	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_RELEASED, got.state);
	ASSERT_EQ(EROT_END_SUSPEND, got.end);
	ASSERT_TRUE(got.has_evidence);
	ASSERT_EQ(flags, le32toh(got.evidence.flags));
	ASSERT_EQ(EROT_END_SUSPEND, le32toh(got.evidence.reason));
}

TEST_F(sleep, of_a_running_session)
{
	struct fx_session *s = &self->s;
	static struct agent_answer a;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int status;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 0, 65536, &a));
	ASSERT_EQ(65536, a.len);
	self->snapshot = open(SNAPSHOT, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->snapshot) { TH_LOG("%s", strerror(errno)); }
	released(_metadata, s, EROT_EV_RAN | EROT_EV_RELEASED);
	closed_until(_metadata, &self->other, &self->snapshot);
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status);
}

TEST_F(sleep, before_bind)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_bind(&self->s, &k));
	self->snapshot = open(SNAPSHOT, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->snapshot);
	released(_metadata, &self->s, EROT_EV_RELEASED);
	closed_until(_metadata, &self->other, &self->snapshot);
}

/* Resuming from a stored image overwrites this kernel's memory, but not all of it. */
TEST_F(sleep, before_resuming)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_attach(&self->s, &k));
	self->snapshot = open(SNAPSHOT, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self->snapshot) { TH_LOG("%s", strerror(errno)); }
	released(_metadata, &self->s, EROT_EV_RELEASED);
	closed_until(_metadata, &self->other, &self->snapshot);
}

/* A leaked descriptor: the grace period is waited for, then the pages are cut off. */
TEST_F_TIMEOUT(sleep, with_plaintext_held, 60)
{
	struct fx_session *s = &self->s;
	static struct agent_answer a;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	char path[64], page[4096];
	int fd;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 0, 4096, &a));
	snprintf(path, sizeof(path), "/proc/%d/root" FX_BIG, (int)s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(page), pread(fd, page, sizeof(page), 0));
	self->snapshot = open(SNAPSHOT, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->snapshot);
	released(_metadata, s, EROT_EV_RAN | EROT_EV_PINNED);
	ASSERT_ERRNO(EIO, pread(fd, page, sizeof(page), 0));
	close(fd);
}

static void *mounts(void *arg)
{
	return (void *)(intptr_t)fx_mount(arg);
}

/* The mounter's read hangs with a page of the payload locked, so it cannot be cut off either. */
TEST_F_TIMEOUT(sleep, is_refused_while_plaintext_cannot_go, 90)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .payload = &self->payload };
	struct fx_box box = { 0 };
	struct erot_nl_session got;
	struct erot_evidence ev;
	pthread_t mounter;
	void *ret;

	ASSERT_EQ(0, slow_disk_begin(&self->disk));
	self->payload = fx.payload;
	self->payload.fd = slow_disk_copy(&self->disk, "payload", fx.payload.fd);
	ASSERT_LE(0, self->payload.fd);
	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
	slow_disk_hang(&self->disk);
	ASSERT_EQ(0, pthread_create(&mounter, NULL, mounts, s));
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));

	ASSERT_ERRNO(EBUSY, open(SNAPSHOT, O_RDONLY | O_CLOEXEC));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_DEAD, got.state);
	ASSERT_EQ(EROT_END_SUSPEND, got.end);
	ASSERT_FALSE(got.has_evidence);
	/* it does not sleep, so launches go on */
	WORKS(fx_new(&self->other));
	close(self->other.n.fd);

	slow_disk_go_on(&self->disk);
	ASSERT_EQ(0, pthread_join(mounter, &ret));
	ASSERT_NE(0, (int)(intptr_t)ret);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_EV_PINNED, le32toh(ev.flags));
	close(self->payload.fd);
	self->snapshot = open(SNAPSHOT, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->snapshot);
	closed_until(_metadata, &self->other, &self->snapshot);
}

FX_MAIN
