// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * Every way to die: when wait() returns the keys are gone, and evidence follows the plaintext.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(death) {
	struct fx_session s;
	struct agent_answer a;
};

FIXTURE_SETUP(death)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(death)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static void serving(struct __test_metadata *_metadata, struct fx_session *s,
		    const struct fx_knobs *k)
{
	static struct agent_answer a;
	struct fx_box box = { 0 };

	WORKS(fx_launch(s, k, &box));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 64, &a));
	ASSERT_EQ(6, a.len);
	ASSERT_MEMEQ("small\n", a.data, 6);
}

/* Not later than wait(): asked once, without waiting for anything. */
static void keys_are_gone(struct __test_metadata *_metadata, struct fx_session *s, uint32_t end)
{
	struct erot_nl_session got;
	struct erot_nl_stats st;

	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_LE(EROT_STATE_DEAD, got.state);
	ASSERT_EQ(end, got.end);
	ASSERT_LE(st.keys, 1);
}

/* The end as evidence tells it, after everything was let go of in time. */
static void told(struct __test_metadata *_metadata, struct fx_session *s, uint32_t end,
		 uint32_t flags, int status)
{
	struct erot_nl_stats st;
	struct erot_evidence ev;

	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(end, le32toh(ev.reason));
	ASSERT_EQ(flags, le32toh(ev.flags));
	ASSERT_EQ(status, (int)le32toh(ev.exit_status));
	ASSERT_LE(le64toh(ev.started_ns), le64toh(ev.ended_ns));
	ASSERT_LE(le64toh(ev.ended_ns), le64toh(ev.released_ns));
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(0, st.keys);
	/* until it is acknowledged it can be read again, then no more */
	ASSERT_EQ(-ESHUTDOWN, erot_nl_end(fx.nl, s->n.id, &fx_err));
	ASSERT_STREQ("kernel: session is dead", fx_err.text);
	WORKS(fx_evidence(s, 1, &ev));
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	ASSERT_EQ(-ENOENT, erot_nl_destroy(fx.nl, s->n.id, &fx_err));
}

#define RAN (EROT_EV_RAN | EROT_EV_RELEASED)

TEST_F(death, golden_path)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct agent_request quit = { .op = AGENT_EXIT, .off = 42 };
	struct erot_nl_session got;
	struct erot_evidence ev;
	int status;

	serving(_metadata, s, &k);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_RUNNING, got.state);
	ASSERT_FALSE(got.has_evidence);
	ASSERT_EQ(sizeof(quit), send(s->sock, &quit, sizeof(quit), 0));
	WORKS(fx_wait(s, 20, &status));
	keys_are_gone(_metadata, s, EROT_END_EXIT);
	ASSERT_EQ(42 << 8, status);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_ISO_ALL, le32toh(ev.isolation));
	ASSERT_EQ(s->n.host_state, le32toh(ev.host));
	told(_metadata, s, EROT_END_EXIT, RAN, status);
}

TEST_F(death, evidence_has_a_mac)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_evidence ev;

	WORKS(fx_until_attach(s, &k));
	WORKS(erot_nl_end(fx.nl, s->n.id, &fx_err));
	WORKS(fx_evidence(s, 20, &ev));
	/* the check would notice: with another key it fails */
	s->sk[5] ^= 1;
	ASSERT_EQ(-EKEYREJECTED, fx_evidence(s, 20, &ev));
	s->sk[5] ^= 1;
	told(_metadata, s, EROT_END_DESTROYED, EROT_EV_RELEASED, 0);
}

TEST_F(death, sigkill)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	int status;

	serving(_metadata, s, &k);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	keys_are_gone(_metadata, s, EROT_END_KILLED);
	told(_metadata, s, EROT_END_KILLED, RAN, SIGKILL);
}

TEST_F(death, abort)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct agent_request r = { .op = AGENT_ABORT };
	int status;

	/* the first process of a namespace is deaf to SIGABRT; abort() then falls on an hlt */
	serving(_metadata, s, &k);
	ASSERT_EQ(sizeof(r), send(s->sock, &r, sizeof(r), 0));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_TRUE(WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGSEGV);
	keys_are_gone(_metadata, s, EROT_END_KILLED);
	told(_metadata, s, EROT_END_KILLED, RAN, status);
}

TEST_F(death, out_of_memory)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct agent_request r = { .op = AGENT_OOM };
	int status;

	serving(_metadata, s, &k);
	ASSERT_EQ(sizeof(r), send(s->sock, &r, sizeof(r), 0));
	WORKS(fx_wait(s, 25, &status));
	ASSERT_EQ(SIGKILL, WTERMSIG(status));
	keys_are_gone(_metadata, s, EROT_END_KILLED);
	told(_metadata, s, EROT_END_KILLED, RAN, status);
}

TEST_F(death, fork_bomb)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct agent_request r = { .op = AGENT_PIDS };
	int status;

	serving(_metadata, s, &k);
	WORKS(fx_ask(s, &r, &self->a));
	ASSERT_EQ(EAGAIN, self->a.err);
	ASSERT_EQ(39, self->a.len);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	keys_are_gone(_metadata, s, EROT_END_KILLED);
	told(_metadata, s, EROT_END_KILLED, RAN, status);
}

TEST_F(death, destroyed)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_stats st;
	int status;

	serving(_metadata, s, &k);
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	/* the answer to DESTROY comes after the keys are gone */
	keys_are_gone(_metadata, s, EROT_END_DESTROYED);
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status & 0x7f);
	told(_metadata, s, EROT_END_DESTROYED, RAN, SIGKILL);
}

TEST_F(death, last_close)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	int status;

	serving(_metadata, s, &k);
	close(s->n.fd);
	s->n.fd = -1;
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status & 0x7f);
	keys_are_gone(_metadata, s, EROT_END_CLOSED);
	told(_metadata, s, EROT_END_CLOSED, RAN, SIGKILL);
}

/* What holds the only descriptor is killed: nobody has closed anything. */
TEST_F(death, holder_is_killed)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	int pipefd[2];
	pid_t holder;
	char c;

	ASSERT_EQ(0, pipe(pipefd));
	WORKS(fx_new(s));
	holder = fork();
	if (!holder) {
		close(pipefd[0]);
		pause();
	}
	close(pipefd[1]);
	close(s->n.fd);
	s->n.fd = -1;
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_END_NONE, got.end);
	ASSERT_EQ(0, kill(holder, SIGKILL));
	ASSERT_EQ(0, read(pipefd[0], &c, 1));
	ASSERT_EQ(holder, waitpid(holder, NULL, 0));
	WORKS(fx_nothing_left());
}

TEST_F(death, deadline)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .runtime = 1 };
	struct erot_nl_session got;
	int status;

	serving(_metadata, s, &k);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_NE(0, got.deadline);
	WORKS(fx_wait(s, 10, &status));
	ASSERT_EQ(SIGKILL, status & 0x7f);
	keys_are_gone(_metadata, s, EROT_END_DEADLINE);
	told(_metadata, s, EROT_END_DEADLINE, RAN, SIGKILL);
}

/* ---- what is told of it, while it happens */

struct told {
	uint32_t event[16];
	unsigned int n;
	const uint8_t *id;
};

static void note(void *ctx, const struct erot_nl_event *e)
{
	struct told *t = ctx;

	if (t->n < 16 && !memcmp(t->id, e->id, EROT_ID_SIZE))
		t->event[t->n++] = e->event;
}

/* All events of the session up to RELEASED are these, in this order. */
static void events_are(struct __test_metadata *_metadata, struct fx_session *s,
		       const uint32_t *want, unsigned int n)
{
	struct told t = { .id = s->n.id };
	struct pollfd p = { .events = POLLIN };
	unsigned int i;

	WORKS(erot_nl_subscribe(fx.nl, &p.fd, &fx_err));
	while (!t.n || t.event[t.n - 1] != EROT_EVENT_RELEASED) {
		ASSERT_EQ(1, poll(&p, 1, 20000)) { TH_LOG("%u events", t.n); }
		ASSERT_LE(0, erot_nl_recv(fx.nl, note, &t, &fx_err));
	}
	ASSERT_EQ(n, t.n);
	for (i = 0; i < n; i++)
		ASSERT_EQ(want[i], t.event[i]) { TH_LOG("event %u", i); }
}

TEST_F(death, events)
{
	static const uint32_t want[] = {
		EROT_EVENT_NEW, EROT_EVENT_PROVISIONED, EROT_EVENT_ATTACHED, EROT_EVENT_BOUND,
		EROT_EVENT_RUNNING, EROT_EVENT_DEAD, EROT_EVENT_RELEASED,
	};
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	int fd;

	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	serving(_metadata, s, &k);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	events_are(_metadata, s, want, sizeof(want) / sizeof(want[0]));
}

/* Nothing keeps the end from following the death at once, and yet it is told behind it. */
TEST_F(death, events_without_plaintext)
{
	static const uint32_t want[] = { EROT_EVENT_NEW, EROT_EVENT_DEAD, EROT_EVENT_RELEASED };
	struct fx_session *s = &self->s;
	int fd, i;

	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	for (i = 0; i < 20; i++) {
		WORKS(fx_new(s));
		WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
		events_are(_metadata, s, want, 3);
		close(s->n.fd);
	}
	s->n.fd = -1;
}

/* ---- who the first process is, and when it has ended */

FIXTURE(kind) {
	struct fx_session s;
};

FIXTURE_VARIANT(kind) {
	const char *what;
	int status;
};

#define KIND(name, word, code) \
FIXTURE_VARIANT_ADD(kind, name) = { .what = word, .status = code }

KIND(threads, "threads", 16);
KIND(many_processes, "many", 20);
KIND(exec_from_a_thread, "exec-from-thread", 9);
KIND(leader_exits_first, "leader-exits", 11);

FIXTURE_SETUP(kind)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(kind)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(kind, of_workload)
{
	const char *argv[] = { FX_AGENT, variant->what, NULL };
	struct fx_session *s = &self->s;
	struct fx_box box = { .argv = argv };
	struct fx_knobs k = { 0 };
	int status;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(variant->status << 8, status);
	keys_are_gone(_metadata, s, EROT_END_EXIT);
	told(_metadata, s, EROT_END_EXIT, RAN, status);
}

/* A child lives when the first process ends; so it is killed, and no process is left. */
TEST_F(death, first_process_before_its_child)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct agent_request r = { .op = AGENT_FORK };
	int status, i;

	serving(_metadata, s, &k);
	for (i = 0; i < 5; i++) {
		WORKS(fx_ask(s, &r, &self->a));
		ASSERT_EQ(0, self->a.err);
	}
	r.op = AGENT_EXIT;
	r.off = 5;
	ASSERT_EQ(sizeof(r), send(s->sock, &r, sizeof(r), 0));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(5 << 8, status);
	keys_are_gone(_metadata, s, EROT_END_EXIT);
	told(_metadata, s, EROT_END_EXIT, RAN, status);
}

/* ---- before anything runs */

TEST_F(death, destroyed_when_provisioned)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_attach(&self->s, &k));
	WORKS(erot_nl_destroy(fx.nl, self->s.n.id, &fx_err));
	keys_are_gone(_metadata, &self->s, EROT_END_DESTROYED);
	told(_metadata, &self->s, EROT_END_DESTROYED, EROT_EV_RELEASED, 0);
}

TEST_F(death, destroyed_when_attached)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_bind(&self->s, &k));
	WORKS(erot_nl_destroy(fx.nl, self->s.n.id, &fx_err));
	keys_are_gone(_metadata, &self->s, EROT_END_DESTROYED);
	told(_metadata, &self->s, EROT_END_DESTROYED, EROT_EV_RELEASED, 0);
}

TEST_F(death, closed_when_attached)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_bind(&self->s, &k));
	close(self->s.n.fd);
	self->s.n.fd = -1;
	keys_are_gone(_metadata, &self->s, EROT_END_CLOSED);
	told(_metadata, &self->s, EROT_END_CLOSED, EROT_EV_RELEASED, 0);
}

TEST_F(death, killed_when_bound)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int status;

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	keys_are_gone(_metadata, s, EROT_END_KILLED);
	/* and the image cannot be mounted any more */
	REFUSED(ESHUTDOWN, "", fx_mount(s));
	told(_metadata, s, EROT_END_KILLED, EROT_EV_RELEASED, SIGKILL);
}

TEST_F(death, destroyed_when_mounted)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int status;

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status);
	close(s->mount_fd);
	s->mount_fd = -1;
	told(_metadata, s, EROT_END_DESTROYED, EROT_EV_RELEASED, SIGKILL);
}

/* ---- plaintext that is held from outside */

/* Opened and mapped from the host through /proc: what was read stays readable until the end. */
TEST_F_TIMEOUT(death, leaked_descriptor, 60)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_stats before, after;
	struct erot_evidence ev;
	char path[64], page[4096];
	volatile char *map;
	int fd, status;
	pid_t toucher;

	WORKS(erot_nl_stats(fx.nl, &before, &fx_err));
	serving(_metadata, s, &k);
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 0, 65536, &self->a));
	ASSERT_EQ(65536, self->a.len);
	snprintf(path, sizeof(path), "/proc/%d/root" FX_BIG, (int)s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(page), pread(fd, page, sizeof(page), 0));
	ASSERT_MEMEQ(fx.big, page, sizeof(page));
	map = mmap(NULL, 65536, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ((char)fx.big[4096], map[4096]);
	/* what the sandbox has not read, nobody outside can make it decrypt */
	ASSERT_ERRNO(EIO, pread(fd, page, sizeof(page), 40 * 65536 / 4096 * 4096));

	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	keys_are_gone(_metadata, s, EROT_END_KILLED);
	WORKS(fx_evidence(s, 30, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_PINNED, le32toh(ev.flags));
	ASSERT_LE(le64toh(ev.ended_ns) + 1000000000ULL, le64toh(ev.released_ns));
	WORKS(erot_nl_stats(fx.nl, &after, &fx_err));
	ASSERT_EQ(before.pinned + 1, after.pinned);
	/* cut off: the pages are gone, and do not come back */
	ASSERT_ERRNO(EIO, pread(fd, page, sizeof(page), 0));
	toucher = fork();
	if (!toucher)
		_exit(map[4096]);
	ASSERT_EQ(toucher, waitpid(toucher, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(SIGBUS, WTERMSIG(status));
	munmap((void *)map, 65536);
	close(fd);
	told(_metadata, s, EROT_END_KILLED, EROT_EV_RAN | EROT_EV_PINNED, SIGKILL);
}

/* A mount that nobody lets go of. */
TEST_F_TIMEOUT(death, leaked_mount, 60)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int status, leaked;
	char page[512];

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	leaked = fcntl(s->mount_fd, F_DUPFD_CLOEXEC, 0);
	WORKS(fx_box_exec(s));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 0, 4096, &self->a));
	ASSERT_EQ(4096, self->a.len);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	told(_metadata, s, EROT_END_KILLED, EROT_EV_RAN | EROT_EV_PINNED, SIGKILL);
	status = openat(leaked, "data/big", O_RDONLY | O_CLOEXEC);
	if (status >= 0) {
		ASSERT_ERRNO(EIO, pread(status, page, sizeof(page), 0));
		close(status);
	}
	close(leaked);
}

/* A descriptor that is let go of within the grace period costs nothing. */
TEST_F(death, descriptor_closed_in_time)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;
	char path[64];
	int fd, status;

	serving(_metadata, s, &k);
	snprintf(path, sizeof(path), "/proc/%d/root" FX_BIG, (int)s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_DEAD, got.state);
	ASSERT_FALSE(got.has_evidence);
	close(fd);
	told(_metadata, s, EROT_END_KILLED, RAN, SIGKILL);
}

/* Somebody may be long in taking the evidence: nothing of the payload is kept until then. */
TEST_F(death, payload_file_is_let_go)
{
	struct fx_session *s = &self->s;
	struct fx_payload payload;
	struct fx_knobs k = { .payload = &payload };
	struct erot_nl_session got;
	struct erot_evidence ev;
	uint64_t end = fx_end_ms(10);
	int status, image, ret;

	ASSERT_TRUE(!mkdir(FX_DIR "/disk", 0700) || errno == EEXIST);
	ASSERT_EQ(0, mount("disk", FX_DIR "/disk", "tmpfs", 0, NULL));
	image = fx_image_copy();
	WORKS(fx_payload_make("disk/payload", image, &payload));
	serving(_metadata, s, &k);
	close(payload.fd);
	close(image);
	ASSERT_ERRNO(EBUSY, umount(FX_DIR "/disk"));
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_evidence(s, 20, &ev));
	/* the last reference is dropped by a work of the kernel's */
	while ((ret = umount(FX_DIR "/disk")) && errno == EBUSY && fx_left_ms(end))
		poll(NULL, 0, 20);
	ASSERT_EQ(0, ret);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_RELEASED, got.state);
}

FX_MAIN
