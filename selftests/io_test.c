// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that fails under envelope and payload, at each read in turn: an error, and nothing
 * else. What was refused can be tried again, what dies leaves evidence and no key, and an
 * error of the disk is never taken for damage.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"
#include "selftests/slow_disk.h"

#define TURNS	64	/* no step here reads as often */
#define STEP	65536

FIXTURE(io) {
	struct fx_session s;
	struct slow_disk disk;
	struct fx_payload payload;
	struct fx_knobs k;
	struct agent_answer a;
	uint64_t damaged;
};

static uint64_t damaged_chunks(void)
{
	struct erot_nl_stats st;

	return erot_nl_stats(fx.nl, &st, &fx_err) ? UINT64_MAX : st.damaged;
}

FIXTURE_SETUP(io)
{
	self->s.n.fd = -1;
	slow_disk_none(&self->disk);
	WORKS(fx_begin());
	self->damaged = damaged_chunks();
	ASSERT_EQ(0, slow_disk_begin(&self->disk));
	self->payload = fx.payload;
	self->payload.fd = slow_disk_copy(&self->disk, "payload", fx.payload.fd);
	ASSERT_LE(0, self->payload.fd);
	self->k.payload = &self->payload;
}

FIXTURE_TEARDOWN(io)
{
	slow_disk_heal(&self->disk);
	fx_end(&self->s);
	close(self->payload.fd);
	slow_disk_end(&self->disk);
	WORKS(fx_nothing_left());
	EXPECT_EQ(self->damaged, damaged_chunks());
}

static bool drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, "3", 1) == 1;

	close(fd);
	return done;
}

/* The envelope goes to the disk as well. */
static int until_attach(FIXTURE_DATA(io) *self)
{
	int ret = fx_until_attach(&self->s, &self->k), fd;

	if (ret)
		return ret;
	fd = slow_disk_copy(&self->disk, "envelope", self->s.env_fd);
	if (fd < 0)
		return fd;
	close(self->s.env_fd);
	self->s.env_fd = fd;
	return 0;
}

static void evidence_is_good(struct __test_metadata *_metadata, struct fx_session *s,
			     uint32_t reason)
{
	struct erot_evidence ev;

	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(reason, le32toh(ev.reason));
	ASSERT_EQ(0, le32toh(ev.flags) & (EROT_EV_DAMAGED | EROT_EV_PINNED));
	ASSERT_EQ(EROT_EV_RELEASED, le32toh(ev.flags) & EROT_EV_RELEASED);
}

/* All reads fail from the nth on: refused, and still PROVISIONED, until none is reached. */
TEST_F_TIMEOUT(io, attach, 120)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	int n, ret;

	WORKS(until_attach(self));
	for (n = 0; n < TURNS; n++) {
		ASSERT_TRUE(drop_caches());
		slow_disk_fail(&self->disk, n, INT_MAX);
		ret = fx_attach(s);
		if (!slow_disk_heal(&self->disk))
			break;
		if (!ret)	/* it was read ahead only */
			break;
		ASSERT_EQ(-EIO, ret) { TH_LOG("read %d: %s", n, fx_err.text); }
		ASSERT_TRUE(strstr(fx_err.text, "cannot be read") != NULL) {
			TH_LOG("%s", fx_err.text);
		}
		WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
		ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
	}
	ASSERT_LE(2, n);
	WORKS(ret);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_ATTACHED, got.state);
}

/* One read fails, and the next try is answered: it was no damage. */
TEST_F_TIMEOUT(io, attach_again, 120)
{
	struct fx_session *s = &self->s;

	WORKS(until_attach(self));
	ASSERT_TRUE(drop_caches());
	slow_disk_fail(&self->disk, 0, INT_MAX);
	REFUSED(EIO, "envelope: cannot be read", fx_attach(s));
	ASSERT_LT(0, slow_disk_heal(&self->disk));
	WORKS(fx_attach(s));
}

/* A mount that fails is the end of the session: the payload can be opened once. */
TEST_F_TIMEOUT(io, mount, 240)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	int n, ret, failed;

	for (n = 0; n < TURNS; n++) {
		WORKS(fx_until_bind(s, &self->k));
		WORKS(fx_box_bind(s, &box));
		ASSERT_TRUE(drop_caches());
		slow_disk_fail(&self->disk, n, INT_MAX);
		ret = fx_mount(s);
		failed = slow_disk_heal(&self->disk);
		if (!failed || !ret)
			break;
		ASSERT_EQ(-EIO, ret) { TH_LOG("read %d: %s", n, fx_err.text); }
		ASSERT_EQ(-EBUSY, fx_mount(s)) { TH_LOG("%s", fx_err.text); }
		WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
		evidence_is_good(_metadata, s, EROT_END_DESTROYED);
		fx_end(s);
		WORKS(fx_nothing_left());
	}
	ASSERT_LE(1, n);
	WORKS(ret);
}

/* The program cannot be read: exec fails, or it dies; it never runs half. */
TEST_F_TIMEOUT(io, exec, 120)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	int status;

	WORKS(fx_until_bind(s, &self->k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	ASSERT_TRUE(drop_caches());
	slow_disk_fail(&self->disk, 0, INT_MAX);
	WORKS(fx_box_exec(s));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_LT(0, slow_disk_heal(&self->disk));
	ASSERT_NE(0, status);
	evidence_is_good(_metadata, s, WIFSIGNALED(status) ? EROT_END_KILLED : EROT_END_EXIT);
}

static void reads_right(struct __test_metadata *_metadata, FIXTURE_DATA(io) *self, uint32_t op,
			uint64_t off)
{
	WORKS(fx_read(&self->s, op, FX_BIG, off, STEP, &self->a));
	ASSERT_EQ(0, self->a.err);
	ASSERT_EQ(STEP, self->a.len);
	ASSERT_EQ(0, memcmp(fx.big + off, self->a.data, STEP));
}

/* What the sandbox reads is right or EIO, and right again when the disk is. */
TEST_F_TIMEOUT(io, running, 240)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	uint64_t off;
	int n, status, failed;

	WORKS(fx_launch(s, &self->k, &box));
	reads_right(_metadata, self, AGENT_READ, 0);	/* its own code is in memory now */
	reads_right(_metadata, self, AGENT_MAP, 0);
	for (n = 0; n < 36; n++) {
		off = (uint64_t)(38 - n) * STEP;	/* backwards: nothing is read ahead */
		ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
		slow_disk_fail(&self->disk, n, INT_MAX);
		WORKS(fx_read(s, AGENT_READ, FX_BIG, off, STEP, &self->a));
		failed = slow_disk_heal(&self->disk);
		if (!failed)
			break;
		if (self->a.err) {
			ASSERT_EQ(EIO, self->a.err);
			ASSERT_EQ(0, memcmp(fx.big + off, self->a.data, self->a.len));
		}
		reads_right(_metadata, self, AGENT_READ, off);
	}
	ASSERT_LE(1, n);
	ASSERT_EQ(0, failed);

	off = 39 * STEP;
	ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
	slow_disk_fail(&self->disk, 0, INT_MAX);
	WORKS(fx_read(s, AGENT_MAP, FX_BIG, off, STEP, &self->a));
	ASSERT_EQ(AGENT_SIGBUS, self->a.err);
	ASSERT_LT(0, slow_disk_heal(&self->disk));
	reads_right(_metadata, self, AGENT_MAP, off);

	/* and its death needs no disk */
	slow_disk_fail(&self->disk, 0, INT_MAX);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	evidence_is_good(_metadata, s, EROT_END_KILLED);
}

/* An inode that could not be read has not been read: the next who asks gets it from the disk. */
TEST_F_TIMEOUT(io, inodes, 240)
{
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	int n, failed = 0;
	char path[64];

	WORKS(fx_launch(s, &self->k, &box));
	WORKS(fx_read(s, AGENT_READ, FX_MANY "/000", 0, 1, &self->a));
	ASSERT_EQ(0, self->a.err);
	for (n = 1; n < 256; n += 5) {
		snprintf(path, sizeof(path), FX_MANY "/%03d", n);
		ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
		slow_disk_fail(&self->disk, 0, INT_MAX);
		WORKS(fx_read(s, AGENT_READ, path, 0, 1, &self->a));
		if (self->a.err)
			ASSERT_EQ(EIO, self->a.err);
		failed += slow_disk_heal(&self->disk) && self->a.err;
		WORKS(fx_read(s, AGENT_READ, path, 0, 1, &self->a));
		ASSERT_EQ(0, self->a.err) { TH_LOG("%s: error %d", path, self->a.err); }
	}
	ASSERT_LT(0, failed);
	TH_LOG("%d could not be read", failed);
}

FX_MAIN
