// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roundabout ways to plaintext: a payload descriptor in the sandbox, metadata
 * for those outside, file handles into a dead mount, private copies of pages.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(reach) {
	struct fx_session s;
	struct agent_answer a;
};

FIXTURE_SETUP(reach)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(reach)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* In a process of its own in the sandbox's pid namespace; the status that @fn returns. */
static int inside(struct fx_session *s, int (*fn)(int fd), int fd)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setns(s->pidfd, CLONE_NEWPID))
			_exit(100);
		pid = fork();
		if (!pid)
			_exit(fn(fd));
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
			_exit(101);
		_exit(WEXITSTATUS(status));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 102;
	return WEXITSTATUS(status);
}

/* Which of the ways to read gave something; 0: none. */
static int read_all_ways(int fd)
{
	char c[64];
	struct iovec v[2] = { { c, 32 }, { c + 32, 32 } };
	int pipefd[2];

	if (getpid() == 1 || pipe(pipefd))
		return 99;
	if (read(fd, c, sizeof(c)) >= 0 || errno != EACCES)
		return 1;
	if (pread(fd, c, sizeof(c), 16384) >= 0 || errno != EACCES)
		return 2;
	if (preadv(fd, v, 2, 0) >= 0 || errno != EACCES)
		return 3;
	if (splice(fd, NULL, pipefd[1], NULL, 64, 0) >= 0)
		return 4;
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED)
		return 5;
	return 0;
}

/* The process that may mount opens the payload instead, and hands it to one that may read. */
TEST_F(reach, payload_descriptor_in_the_sandbox)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	char path[40];
	int fd;

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->image_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, inside(s, read_all_ways, fd));
	close(fd);
}

/* ---- metadata: inodes of FX_MANY, more than one page of them */

/**
 * struct place - of an inode in the image, by which it is found without any directory
 * @page:   of the image
 * @handle: struct file_handle
 */
struct place {
	uint64_t page;
	union {
		struct file_handle head;
		char space[sizeof(struct file_handle) + 64];
	} handle;
};

/* Looked up in the plain image, which is mounted for that. */
static void find(struct __test_metadata *_metadata, const char *name, struct place *out)
{
	char path[96];
	struct stat st;
	int mount_id, ret;

	ASSERT_TRUE(!mkdir("/tmp/plain", 0700) || errno == EEXIST);
	ASSERT_EQ(0, mount(FX_DIR "/image", "/tmp/plain", "erofs", MS_RDONLY, NULL));
	snprintf(path, sizeof(path), "/tmp/plain%s", name);
	out->handle.head.handle_bytes = 64;
	ret = stat(path, &st) ?:
	      name_to_handle_at(AT_FDCWD, path, &out->handle.head, &mount_id, 0);
	EXPECT_EQ(0, ret) { TH_LOG("%s: %s", path, strerror(errno)); }
	ASSERT_EQ(0, umount("/tmp/plain"));
	out->page = st.st_ino * 32 / 4096;
}

static int open_place(int mount_fd, const struct place *place)
{
	int dir = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct place copy = *place;

	fd = dir < 0 ? -1 : open_by_handle_at(dir, &copy.handle.head, O_RDONLY | O_CLOEXEC);
	close(dir);
	return fd;
}

#define NEAR	FX_MANY "/001"		/* beside FX_MANY/000 */
#define FAR	FX_MANY "/128"		/* in a page with no other inode that is read here */

static void far_is_far(struct __test_metadata *_metadata, struct place *far)
{
	static const char *const read[] = {
		"/", "/bin", FX_AGENT, "/data", FX_BIG, FX_MANY, FX_MANY "/000",
	};
	struct place p;
	size_t i;

	find(_metadata, FAR, far);
	for (i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
		find(_metadata, read[i], &p);
		ASSERT_NE(p.page, far->page) { TH_LOG("%s", read[i]); }
	}
}

TEST_F(reach, metadata_from_outside)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct place far;
	char path[64];
	pid_t child;
	int status;

	far_is_far(_metadata, &far);
	WORKS(fx_launch(s, &k, &box));
	/* the directory is read with that, and the page with this inode */
	WORKS(fx_read(s, AGENT_READ, FX_MANY "/000", 0, 1, &self->a));
	ASSERT_EQ(0, self->a.err);
	snprintf(path, sizeof(path), "/proc/%d/root" FAR, (int)s->pid);
	child = fork();
	if (!child)
		_exit(open(path, O_RDONLY) < 0 ? errno : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(EACCES, WEXITSTATUS(status));
	/* after the sandbox has read it, it is there for root as well */
	WORKS(fx_read(s, AGENT_READ, FAR, 0, 1, &self->a));
	ASSERT_EQ(0, self->a.err);
	status = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, status);
	close(status);
}

/* The mount outlives the session, and reads nothing more. */
TEST_F(reach, mount_of_a_dead_session)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct place many, far;
	int fd;

	find(_metadata, FX_MANY, &many);
	far_is_far(_metadata, &far);
	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	fd = open_place(s->mount_fd, &many);
	ASSERT_LE(0, fd) { TH_LOG("%s", strerror(errno)); }
	close(fd);
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	ASSERT_ERRNO(ESTALE, open_place(s->mount_fd, &far));
}

/* ---- what is held over the grace period */

static void touched(struct __test_metadata *_metadata, volatile char *p, int sig)
{
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGBUS, SIG_DFL);
		_exit(*p == 0 ? 1 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(sig, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* A page written to in a private mapping is a copy that belongs to nobody's page cache. */
TEST_F_TIMEOUT(reach, private_copy, 60)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	int fd, status;
	char path[64];
	char *map;

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, FX_BIG, 0, 8192, &self->a));
	ASSERT_EQ(8192, self->a.len);
	snprintf(path, sizeof(path), "/proc/%d/root" FX_BIG, (int)s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	map[5] ^= 1;
	ASSERT_EQ((char)fx.big[6], map[6]);
	touched(_metadata, map + 6, 0);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_evidence(s, 30, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_PINNED, le32toh(ev.flags));
	touched(_metadata, map + 6, SIGBUS);
	munmap(map, 8192);
	close(fd);
}

/* Metadata that was read once is cut off with the rest; another session keeps all of its own. */
TEST_F_TIMEOUT(reach, mount_that_is_held, 60)
{
	struct fx_session *s = &self->s, t = { .n.fd = -1 };
	struct fx_payload payload;
	struct fx_knobs k = { 0 }, other = { .payload = &payload };
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	int image = fx_image_copy(), held, status;
	struct place near, read;

	find(_metadata, NEAR, &near);
	find(_metadata, FX_MANY "/000", &read);
	ASSERT_EQ(read.page, near.page);
	ASSERT_LE(0, image);
	WORKS(fx_payload_make("other", image, &payload));
	close(image);
	WORKS(fx_launch(&t, &other, &box));
	WORKS(fx_read(&t, AGENT_READ, FX_BIG, 0, 4096, &self->a));
	/* from here the other one has what it has read, and nothing else */
	ASSERT_EQ(0, ftruncate(payload.fd, 0));

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	held = fcntl(s->mount_fd, F_DUPFD_CLOEXEC, 0);
	WORKS(fx_box_exec(s));
	WORKS(fx_read(s, AGENT_READ, FX_MANY "/000", 0, 1, &self->a));
	ASSERT_EQ(0, self->a.err);
	status = open_place(held, &read);	/* this is how */
	ASSERT_LE(0, status);
	close(status);
	ASSERT_EQ(0, kill(s->pid, SIGKILL));
	WORKS(fx_wait(s, 20, &status));
	WORKS(fx_evidence(s, 30, &ev));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_PINNED, le32toh(ev.flags));
	/* in the page that was read, an inode that was not */
	ASSERT_ERRNO(ESTALE, open_place(held, &near));
	close(held);

	WORKS(fx_read(&t, AGENT_READ, FX_BIG, 0, 4096, &self->a));
	ASSERT_EQ(0, self->a.err);
	ASSERT_MEMEQ(fx.big, self->a.data, 4096);
	fx_end(&t);
	close(payload.fd);
}

FX_MAIN
