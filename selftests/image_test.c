// SPDX-License-Identifier: GPL-2.0-only
/* The image's descriptor, which ATTACH returns, can be named and mounted once, and nothing else. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(image) {
	struct fx_session s;
};

FIXTURE_SETUP(image)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(image)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static void unreadable(struct __test_metadata *_metadata, int fd)
{
	char c[16];
	int pipefd[2];

	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(-1, read(fd, c, sizeof(c)));
	ASSERT_EQ(-1, pread(fd, c, sizeof(c), 4096));
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	ASSERT_EQ(ENODEV, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	ASSERT_EQ(ENODEV, errno);
	ASSERT_ERRNO(EINVAL, splice(fd, NULL, pipefd[1], NULL, 16, 0));
	ASSERT_EQ(-1, syscall(SYS_copy_file_range, fd, NULL, pipefd[1], NULL, 16, 0));
	ASSERT_EQ(-1, syscall(SYS_sendfile, pipefd[1], fd, NULL, 16));
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST_F(image, descriptor)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int fd, status;
	char path[40];
	pid_t child;

	WORKS(fx_until_bind(s, &k));
	ASSERT_EQ(FD_CLOEXEC, fcntl(s->image_fd, F_GETFD));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->image_fd);
	unreadable(_metadata, s->image_fd);
	ASSERT_ERRNO(EACCES, open(path, O_RDONLY));
	REFUSED(EACCES, "", fx_mount(s));
	WORKS(fx_box_bind(s, &box));
	unreadable(_metadata, s->image_fd);
	ASSERT_ERRNO(EACCES, open(path, O_RDWR));
	/* not by another process, root or not */
	child = fork();
	if (!child)
		_exit(open(path, O_RDONLY) < 0 ? errno : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(EACCES, WEXITSTATUS(status));
	/* the one opening that there is, spent in userspace: it reads nothing */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	unreadable(_metadata, fd);
	ASSERT_ERRNO(EBUSY, open(path, O_RDONLY));
	REFUSED(EBUSY, "", fx_mount(s));
	close(fd);
	ASSERT_ERRNO(EBUSY, open(path, O_RDONLY));
}

TEST_F(image, mounts_once)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	int first;

	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	first = s->mount_fd;
	REFUSED(EBUSY, "", fx_mount(s));
	s->mount_fd = first;
}

FX_MAIN
