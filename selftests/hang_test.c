// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open race
 *
 * A disk that hangs under the payload delays what reads it: no other call, no death, no key.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"
#include "selftests/slow_disk.h"

static int run_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

static int last_processor(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
}

static int set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = write(fd, value, strlen(value));

	close(fd);
	return n == (ssize_t)strlen(value) ? 0 : -1;
}

#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

/* What the scheduler keeps for others, one twentieth of the time unless it is told otherwise. */
static const char *server_of(int cpu)
{
	static char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/debug/sched/fair_server/cpu%d/runtime", cpu);
	return path;
}

/* A task that lets nothing else run on @cpu from here on. */
static pid_t hog_begin(struct __test_metadata *_metadata, int cpu)
{
	const struct sched_param first = { .sched_priority = 1 };
	int there[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, set(RT_RUNTIME, "-1"));
	ASSERT_EQ(0, set(server_of(cpu), "0"));
	ASSERT_EQ(0, pipe2(there, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (run_on(cpu) || sched_setscheduler(0, SCHED_FIFO, &first) ||
		    write(there[1], "", 1) != 1)
			_exit(1);
		for (;;)
			;
	}
	ASSERT_LT(0, pid);
	close(there[1]);
	ASSERT_EQ(1, read(there[0], &c, 1));
	close(there[0]);
	return pid;
}

static void hog_end(struct __test_metadata *_metadata, pid_t pid, int cpu)
{
	int status;

	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(SIGKILL, status);
	ASSERT_EQ(0, set(server_of(cpu), "50000000"));
	ASSERT_EQ(0, set(RT_RUNTIME, "950000"));
}

#define WORKERS	"/sys/devices/virtual/workqueue/cpumask"

FIXTURE(hang) {
	struct fx_session s;
	struct slow_disk disk;
	struct fx_payload payload;
	struct fx_knobs k;
	pid_t hog;		/* of the last processor */
	char workers[32];	/* what WORKERS was, if it is something else now */
};

FIXTURE_SETUP(hang)
{
	self->s.n.fd = -1;
	slow_disk_none(&self->disk);
	WORKS(fx_begin());
	ASSERT_EQ(0, slow_disk_begin(&self->disk));
	self->payload = fx.payload;
	self->payload.fd = slow_disk_copy(&self->disk, "payload", fx.payload.fd);
	ASSERT_LE(0, self->payload.fd);
	self->k.payload = &self->payload;
}

FIXTURE_TEARDOWN(hang)
{
	if (self->hog)
		hog_end(_metadata, self->hog, last_processor());
	if (self->workers[0])
		ASSERT_EQ(0, set(WORKERS, self->workers));
	slow_disk_go_on(&self->disk);
	fx_end(&self->s);
	close(self->payload.fd);
	slow_disk_end(&self->disk);
	WORKS(fx_nothing_left());
}

/* In state D of /proc/PID/stat. */
static bool sleeps_now(pid_t pid)
{
	char path[32], text[128], *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	state = strrchr(text, ')');
	return state && !strncmp(state, ") D", 3);
}

/* Asked again and again, since nothing tells. */
static bool sleeps_in_kernel(pid_t pid)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (sleeps_now(pid))
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

/* So many tasks of the sandbox, at once. */
static bool sleep_in_kernel(const struct fx_session *s, int want)
{
	char path[128];
	int i, n, pid;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.procs", s->cgroup);
	for (i = 0; i < 1000; i++) {
		f = fopen(path, "re");
		for (n = 0; f && fscanf(f, "%d", &pid) == 1;)
			n += sleeps_now(pid);
		if (f)
			fclose(f);
		if (n == want)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static pid_t attach_in_child(struct fx_session *s)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-fx_attach(s));
	return pid;
}

TEST_F_TIMEOUT(hang, attach, 60)
{
	struct fx_session *s = &self->s;
	struct erot_evidence ev;
	struct erot_nl_session got;
	struct erot_nl_stats st;
	pid_t attaches, binds;
	int status;

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	attaches = attach_in_child(s);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));

	/* who waits behind it can be killed */
	binds = fork();
	if (!binds)
		_exit(-fx_bind_ioctl(s->n.fd, NULL));
	ASSERT_TRUE(sleeps_in_kernel(binds));
	ASSERT_EQ(0, kill(binds, SIGKILL));
	ASSERT_EQ(binds, waitpid(binds, &status, 0));
	ASSERT_EQ(SIGKILL, status);

	/* netlink does not wait at all */
	REFUSED(EBADFD, "out of order", fx_provision(s));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_EV_RELEASED, le32toh(ev.flags));
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(0, st.keys);
	ASSERT_EQ(0, waitpid(attaches, &status, WNOHANG));

	slow_disk_go_on(&self->disk);
	ASSERT_EQ(attaches, waitpid(attaches, &status, 0));
	ASSERT_EQ(ESHUTDOWN, WEXITSTATUS(status));
}

/* Two processes share the descriptor and attach at once: one does it, the other comes late. */
TEST_F_TIMEOUT(hang, two_attach, 60)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	int status[2], i;
	pid_t pid[2];

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	for (i = 0; i < 2; i++)
		pid[i] = attach_in_child(s);
	for (i = 0; i < 2; i++)
		ASSERT_TRUE(sleeps_in_kernel(pid[i]));
	slow_disk_go_on(&self->disk);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pid[i], waitpid(pid[i], &status[i], 0));
	ASSERT_EQ(EBADFD << 8, status[0] + status[1]);
	ASSERT_EQ(0, status[0] & status[1]);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_ATTACHED, got.state);
}

/* Killed in the middle of ATTACH: nothing has happened yet, and it can be done again. */
TEST_F_TIMEOUT(hang, attacher_is_killed, 60)
{
	struct fx_session *s = &self->s;
	struct erot_nl_session got;
	int status;
	pid_t pid;

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	pid = attach_in_child(s);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(SIGKILL, status);
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
	slow_disk_go_on(&self->disk);
	WORKS(fx_attach(s));
}

/* The same, where it held the last descriptor: that is the end, and the disk still hangs. */
TEST_F_TIMEOUT(hang, last_holder_is_killed, 60)
{
	struct fx_session *s = &self->s;
	struct erot_evidence ev;
	int status;
	pid_t pid;

	WORKS(fx_until_attach(s, &self->k));
	slow_disk_hang(&self->disk);
	pid = attach_in_child(s);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	close(s->n.fd);
	s->n.fd = -1;
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_CLOSED, le32toh(ev.reason));
}

static void asks(struct __test_metadata *_metadata, struct fx_session *s, uint32_t op, uint64_t off)
{
	static struct agent_answer a;

	WORKS(fx_read(s, op, FX_BIG, off, 16, &a));
	ASSERT_EQ(0, a.err);
	if (op == AGENT_READ) {
		ASSERT_EQ(16, a.len);
		ASSERT_EQ(0, memcmp(fx.big + off, a.data, 16));
	}
}

/* Each read that waits for the disk has a reader of its own, so that others do not wait with it. */
TEST_F_TIMEOUT(hang, others_read_on, 60)
{
	static uint8_t cipher[EROT_CHUNK_STRIDE];
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	int image = fx_image_copy(), status, i;
	uint64_t big, chunk;

	ASSERT_LE(0, image);
	WORKS(fx_big_at(image, &big));
	close(image);
	WORKS(fx_launch(s, &self->k, &box));
	/* once, so that the agent's code is in memory */
	asks(_metadata, s, AGENT_ASIDE, FX_BIG_SIZE - 4096);
	asks(_metadata, s, AGENT_READ, FX_BIG_SIZE - 4096);

	ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_RANDOM));
	for (chunk = big / EROT_CHUNK_SIZE; chunk < big / EROT_CHUNK_SIZE + 4; chunk++)
		ASSERT_EQ(0, erot_pread_full(self->payload.fd, cipher, sizeof(cipher),
					     chunk * EROT_CHUNK_STRIDE));
	slow_disk_hang(&self->disk);
	for (i = 1; i <= 2; i++)	/* EROT_READERS */
		asks(_metadata, s, AGENT_ASIDE, (uint64_t)i << 20);
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	ASSERT_TRUE(sleep_in_kernel(s, 2));
	asks(_metadata, s, AGENT_READ, EROT_CHUNK_SIZE);
	ASSERT_TRUE(sleep_in_kernel(s, 2));

	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
}

/* The workload reads, and is killed: it dies while the disk still hangs, and leaves nothing. */
TEST_F_TIMEOUT(hang, running, 60)
{
	struct fx_session *s = &self->s;
	struct agent_request r = { .op = AGENT_READ, .len = 65536, .path = FX_BIG };
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	struct erot_nl_session got;
	int status;

	WORKS(fx_launch(s, &self->k, &box));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RUNNING, 20, &got));
	ASSERT_EQ(0, posix_fadvise(self->payload.fd, 0, 0, POSIX_FADV_DONTNEED));
	slow_disk_hang(&self->disk);
	ASSERT_EQ(sizeof(r), send(s->sock, &r, sizeof(r), 0));
	ASSERT_EQ(0, slow_disk_wait(&self->disk, 20));
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(SIGKILL, status);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
}

/* One processor does not empty its lists: nobody knows what it holds, and evidence says so. */
TEST_F_TIMEOUT(hang, processor, 60)
{
	int status, last = last_processor();
	struct erot_nl_stats before, after;
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };
	struct erot_nl_session got;
	struct erot_evidence ev;

	if (!last || access(server_of(last), W_OK))
		SKIP(return, "no processor that a task could have for itself");
	WORKS(erot_nl_stats(fx.nl, &before, &fx_err));
	ASSERT_EQ(0, run_on(0));
	WORKS(fx_launch(s, &self->k, &box));
	WORKS(fx_wait_state(s->n.id, EROT_STATE_RUNNING, 20, &got));
	self->hog = hog_begin(_metadata, last);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_evidence(s, 20, &ev));
	hog_end(_metadata, self->hog, last);
	self->hog = 0;
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_PINNED, le32toh(ev.flags));
	WORKS(erot_nl_stats(fx.nl, &after, &fx_err));
	ASSERT_EQ(before.pinned + 1, after.pinned);
}

#define SOME	(8 * AGENT_DATA_MAX)

/* No worker runs: chunks that helpers were sent for are decrypted by who reads. */
TEST_F_TIMEOUT(hang, no_helper_comes, 60)
{
	int status, last = last_processor();
	struct erot_nl_stats before, after;
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };	/* of a disk that needs no worker */
	struct fx_box box = { 0 };
	static struct agent_answer a;
	char only[32];
	uint64_t off;
	int fd;

	if (!last || last > 31 || access(server_of(last), W_OK))
		SKIP(return, "no processor that a task could have for itself");
	ASSERT_EQ(0, run_on(0));
	WORKS(fx_launch(s, &k, &box));
	for (off = 0; off < SOME; off += AGENT_DATA_MAX)	/* ciphertext, into memory */
		WORKS(fx_read(s, AGENT_COLD, FX_BIG, off, AGENT_DATA_MAX, &a));
	fd = open(WORKERS, O_RDONLY | O_CLOEXEC);
	ASSERT_LT(0, read(fd, self->workers, sizeof(self->workers) - 1));
	close(fd);
	snprintf(only, sizeof(only), "%x", 1U << last);
	ASSERT_EQ(0, set(WORKERS, only));
	self->hog = hog_begin(_metadata, last);
	WORKS(erot_nl_stats(fx.nl, &before, &fx_err));
	for (off = 0; off < SOME; off += AGENT_DATA_MAX) {
		WORKS(fx_read(s, AGENT_COLD, FX_BIG, off, AGENT_DATA_MAX, &a));
		ASSERT_EQ(0, a.err);
		ASSERT_EQ(AGENT_DATA_MAX, a.len);
		ASSERT_EQ(0, memcmp(fx.big + off, a.data, AGENT_DATA_MAX));
	}
	WORKS(erot_nl_stats(fx.nl, &after, &fx_err));
	hog_end(_metadata, self->hog, last);
	self->hog = 0;
	ASSERT_EQ(0, set(WORKERS, self->workers));
	self->workers[0] = 0;
	ASSERT_EQ(before.shared, after.shared);
	ASSERT_LT(before.chunks, after.chunks);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
}

FX_MAIN
