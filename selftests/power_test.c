// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation end every session, and none begins before the
 * machine is awake again. It never falls asleep here: a wakeup source is active
 * (EPOLLWAKEUP), which the kernel looks at after everybody was told, when it
 * freezes processes, and gives up. A process that can't be frozen would do too,
 * but which waits are freezable differs between kernels.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define WAKEUPS		"/sys/power/wakeup_count"
#define DIRTY		FX_DIR "/dirty"

FIXTURE(power) {
	struct fx_session s;
	int epoll;
	int event[2];
};

static int say(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, word, strlen(word)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/*
 * From here on what wakes counts, until the next attempt to sleep has failed by it; then something
 * wakes. It may have been called before.
 */
static int wake_soon(FIXTURE_DATA(power) *self)
{
	struct epoll_event e;
	char count[32] = "", old;
	int fd, ret;

	if (epoll_wait(self->epoll, &e, 1, 0) > 0 && read(self->event[0], &old, 1) != 1)
		return -EIO;
	epoll_wait(self->epoll, &e, 1, 0);	/* nothing now, and it no longer keeps awake */
	fd = open(WAKEUPS, O_RDONLY | O_CLOEXEC);
	ret = read(fd, count, sizeof(count) - 1) > 0 ? say(WAKEUPS, count) : -errno;
	close(fd);
	if (!ret && write(self->event[1], "!", 1) != 1)
		ret = -errno;
	return ret;
}

FIXTURE_SETUP(power)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLWAKEUP };

	self->s.n.fd = self->epoll = self->event[0] = self->event[1] = -1;
	WORKS(fx_begin());
	ASSERT_EQ(0, pipe2(self->event, O_CLOEXEC));
	self->epoll = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_EQ(0, epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->event[0], &e));
	/* newer kernels look while they write files out, too, which is before anybody is told */
	ASSERT_EQ(0, say("/sys/power/sync_on_suspend", "0"));
	ASSERT_EQ(0, wake_soon(self));
}

FIXTURE_TEARDOWN(power)
{
	close(self->epoll);
	close(self->event[0]);
	close(self->event[1]);
	unlink(DIRTY);
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static void falls_asleep(struct __test_metadata *_metadata, struct fx_session *s, const char *how)
{
	static struct agent_answer a;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct fx_session t = { .n.fd = -1 };
	struct erot_nl_session got;
	struct erot_evidence ev;
	int status;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 6, &a));
	WORKS(fx_new(&t));
	ASSERT_EQ(-EBUSY, say("/sys/power/state", how));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_LE(EROT_STATE_DEAD, got.state);
	ASSERT_EQ(EROT_END_SUSPEND, got.end);
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_SUSPEND, le32toh(ev.reason));
	/* the one that had no receipt has no evidence, and is gone */
	close(t.n.fd);
	t.n.fd = -1;
	ASSERT_EQ(-ENOENT, erot_nl_get(fx.nl, t.n.id, &got, &fx_err));
	/* awake again */
	WORKS(fx_new(&t));
	fx_end(&t);
}

TEST_F(power, suspend)
{
	falls_asleep(_metadata, &self->s, "freeze");
}

TEST_F(power, hibernation)
{
	falls_asleep(_metadata, &self->s, "disk");
}

struct maker {
	volatile bool stop;
	volatile int made;
	volatile int refused;
	struct erot_error err;
};

static void *make_sessions(void *arg)
{
	struct maker *m = arg;
	struct erot_nl_new n;
	struct erot_nl *nl;
	int ret;

	if (erot_nl_open(&nl, &m->err))
		return NULL;
	while (!m->stop) {
		ret = erot_nl_new(nl, &n, &m->err);
		if (!ret) {
			close(n.fd);
			m->made++;
		} else if (ret == -ESHUTDOWN && strstr(m->err.text, "about to sleep")) {
			m->refused++;
		} else {
			break;
		}
	}
	erot_nl_close(nl);
	return NULL;
}

/*
 * Between telling everybody and freezing processes hibernation writes out files: time for NEW. On a
 * busy host it may not come to its turn, and tries again.
 */
TEST_F_TIMEOUT(power, nothing_begins_meanwhile, 60)
{
	static uint8_t block[1 << 20];
	struct maker m = { 0 };
	pthread_t thread;
	int fd, i, turn;

	ASSERT_EQ(0, pthread_create(&thread, NULL, make_sessions, &m));
	while (m.made < 3)
		fx_let_pass(1);
	fd = open(DIRTY, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	for (turn = 0; turn < 16 && !m.refused; turn++) {
		ASSERT_EQ(0, wake_soon(self));
		for (i = 0; i < 64; i++)
			ASSERT_EQ(0, erot_pwrite_full(fd, block, sizeof(block),
						      (uint64_t)i << 20));
		ASSERT_EQ(-EBUSY, say("/sys/power/state", "disk"));
	}
	i = m.made;
	while (m.made < i + 3)
		fx_let_pass(1);
	m.stop = true;
	pthread_join(thread, NULL);
	close(fd);
	ASSERT_LT(0, m.refused) { TH_LOG("%d sessions made: %s", m.made, m.err.text); }
}

FX_MAIN
