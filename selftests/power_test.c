// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation end every session, and none begins before the
 * machine is awake again. It never falls asleep here: a process that waits for
 * a FUSE server that does not answer can't be frozen, so the kernel gives up
 * after everybody was told.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define NO_ANSWER	"/tmp/no-answer"
#define DIRTY		FX_DIR "/dirty"

FIXTURE(power) {
	struct fx_session s;
	int fuse;
	pid_t waits;
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

static char state_of(pid_t pid)
{
	char path[32], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*d %*s %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	return state;
}

FIXTURE_SETUP(power)
{
	char options[64];
	struct stat st;
	int i;

	self->s.n.fd = -1;
	WORKS(fx_begin());
	self->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fuse);
	ASSERT_TRUE(!mkdir(NO_ANSWER, 0700) || errno == EEXIST);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		 self->fuse);
	ASSERT_EQ(0, mount("test", NO_ANSWER, "fuse", 0, options));
	fflush(stdout);
	self->waits = fork();
	if (!self->waits)
		_exit(stat(NO_ANSWER, &st) ? 0 : 1);
	for (i = 0; i < 100 && state_of(self->waits) != 'D'; i++)
		fx_let_pass(20);
	ASSERT_EQ('D', state_of(self->waits));
	ASSERT_EQ(0, say("/sys/power/pm_freeze_timeout", "300"));
}

FIXTURE_TEARDOWN(power)
{
	kill(self->waits, SIGKILL);
	close(self->fuse);
	umount2(NO_ANSWER, MNT_DETACH);
	waitpid(self->waits, NULL, 0);
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
	int refused;
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

/* Between telling everybody and freezing processes hibernation writes out files: time for NEW. */
TEST_F_TIMEOUT(power, nothing_begins_meanwhile, 60)
{
	static uint8_t block[1 << 20];
	struct maker m = { 0 };
	pthread_t thread;
	int fd, i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, make_sessions, &m));
	while (m.made < 3)
		fx_let_pass(1);
	fd = open(DIRTY, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, erot_pwrite_full(fd, block, sizeof(block), (uint64_t)i << 20));
	ASSERT_EQ(-EBUSY, say("/sys/power/state", "disk"));
	i = m.made;
	while (m.made < i + 3)
		fx_let_pass(1);
	m.stop = true;
	pthread_join(thread, NULL);
	close(fd);
	ASSERT_LT(0, m.refused) { TH_LOG("%d sessions made: %s", m.made, m.err.text); }
}

FX_MAIN
