// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <unistd.h>

#include "common/io.h"
#include "fuzz/guest/files.h"
#include "selftests/fixture.h"

#define PAGE	4096

static int kinds[24];
static unsigned int n_kinds;
static int null_fd;
static uint8_t *pages;		/* one to write, one to read, one that is not there */

static void add(int fd)
{
	if (fd >= 0 && n_kinds < sizeof(kinds) / sizeof(kinds[0]))
		kinds[n_kinds++] = fd;
}

/* The same bytes, but @cut fewer and one of them at @at another. */
static int copy(int fd, size_t cut, size_t at)
{
	struct stat st;
	uint8_t *data;
	size_t len;
	int ret;

	if (fstat(fd, &st))
		return -1;
	len = (size_t)st.st_size;
	data = malloc(len);
	if (!data || pread(fd, data, len, 0) != (ssize_t)len) {
		free(data);
		return -1;
	}
	if (at < len)
		data[at] ^= 0x40;
	ret = fx_temp_file(data, len - cut);
	free(data);
	return ret;
}

int files_prepare(int payload_fd, int envelope_fd)
{
	int pair[2];

	pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (pages == MAP_FAILED || null_fd < 0 || mprotect(pages + PAGE, PAGE, PROT_READ) ||
	    munmap(pages + 2 * PAGE, PAGE) || pipe2(pair, O_CLOEXEC))
		return -errno;
	add(copy(payload_fd, 0, 100));		/* the superblock's chunk */
	add(copy(payload_fd, 0, 40 * 16400));
	add(copy(payload_fd, 1, ~0UL));
	add(copy(payload_fd, 0, (size_t)lseek(payload_fd, 0, SEEK_END) - 20));
	add(copy(envelope_fd, 1, ~0UL));
	add(copy(envelope_fd, 0, 40));
	add(pair[0]);
	add(pair[1]);
	add(null_fd);
	add(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	add(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
	add(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	add(open(FX_DIR "/image", O_PATH | O_CLOEXEC));
	add(open(FX_DIR "/image", O_WRONLY | O_CLOEXEC));
	add(open(FX_DIR "/image", O_RDONLY | O_CLOEXEC));
	add(memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	add(epoll_create1(EPOLL_CLOEXEC));
	add(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	return n_kinds < 16 ? -EMFILE : 0;
}

int files_get(unsigned int kind, int right, int session_fd, int image_fd)
{
	kind %= n_kinds + 8;
	if (kind < 5)
		return right;
	if (kind == 5)
		return session_fd;
	if (kind == 6)
		return image_fd;
	if (kind == 7)
		return -1;
	return kinds[kind - 8];
}

void *files_pointer(unsigned int kind, void *data, size_t len)
{
	if (kind < 240)
		return data;
	switch (kind % 4) {
	case 0:
		return NULL;
	case 1:
		return pages + PAGE;
	case 2:
		return pages + 2 * PAGE - len / 2;	/* ends where nothing is */
	default:
		memcpy(pages + PAGE - len / 2, data, len / 2);
		return pages + PAGE - len / 2;		/* second half can't be written */
	}
}

static int map(int fd, uint32_t prot, uint32_t flags)
{
	void *p = mmap(NULL, PAGE, (int)(prot & 7), flags & 1 ? MAP_SHARED : MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, PAGE);
	return 0;
}

int files_use(int fd, unsigned int call, uint32_t a, uint32_t b)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	struct fsverity_digest digest = { .digest_size = 0 };
	struct pollfd p = { .fd = fd, .events = (short)a };
	struct flock lock = { .l_type = (short)(a & 3) };
	loff_t off = a;
	struct stat st;
	char buf[512] = { 0 };
	struct iovec v = { buf, b % sizeof(buf) };
	long ret;

	switch (call % 28) {
	case 0: ret = read(fd, buf, b % sizeof(buf)); break;
	case 1: ret = pread(fd, buf, b % sizeof(buf), a); break;
	case 2: ret = write(fd, buf, 0); break;
	case 3: ret = pwrite(fd, buf, b % 2, a); break;
	case 4: ret = map(fd, a, b); break;
	case 5: ret = poll(&p, 1, 0); break;
	case 6: ret = lseek(fd, (off_t)a - 1, (int)(b % 5)); break;
	case 7: ret = fstat(fd, &st); break;
	case 8: ret = ftruncate(fd, a); break;
	case 9: ret = fallocate(fd, (int)(b & 0x3f), a % 4096, 4096); break;
	case 10: ret = fsync(fd); break;
	case 11: ret = posix_fadvise(fd, 0, 0, (int)(a % 6)) ? -1 : 0; break;
	case 12: ret = readahead(fd, 0, 1 << 20); break;
	case 13: ret = splice(fd, &off, null_fd, NULL, 4096, SPLICE_F_NONBLOCK); break;
	case 14: ret = sendfile(null_fd, fd, NULL, 4096); break;
	case 15: ret = copy_file_range(fd, &off, null_fd, NULL, 4096, 0); break;
	case 16: ret = fcntl(fd, F_SETFL, (int)a); break;
	case 17: ret = fcntl(fd, F_SETLK, &lock); break;
	case 18: ret = fcntl(fd, F_SETLEASE, (int)(a % 3)); break;
	case 19: ret = fchmod(fd, a & 07777); break;
	case 20: ret = fchown(fd, a, b); break;
	case 21: ret = fsetxattr(fd, "user.a", buf, 1, 0); break;
	case 22: ret = epoll_ctl(kinds[n_kinds - 2], EPOLL_CTL_ADD, fd, &event); break;
	case 23: ret = preadv2(fd, &v, 1, a, (int)(b & 0x1f)); break;
	case 24: ret = ioctl(fd, FS_IOC_MEASURE_VERITY, &digest); break;
	case 25: ret = ioctl(fd, FS_IOC_FIEMAP, buf); break;
	case 26: ret = (long)syscall(SYS_execveat, fd, "", NULL, NULL, AT_EMPTY_PATH); break;
	default: ret = fcntl(fd, F_ADD_SEALS, (int)a); break;
	}
	return ret < 0 ? -errno : 0;
}

int files_reopen(int fd, uint32_t flags, unsigned int call)
{
	char path[40];
	int again, ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, (int)(flags & ~(O_CREAT | O_TMPFILE)) | O_NONBLOCK | O_CLOEXEC);
	if (again < 0)
		return -errno;
	ret = files_use(again, call, 0, 64);
	close(again);
	return ret;
}

static int visit(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	char buf[PAGE];
	int fd, n = 0;

	(void)ftw;
	(void)!readlink(path, buf, sizeof(buf));
	listxattr(path, buf, sizeof(buf));
	if (kind != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (n++ < 64 && read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	return 0;
}

int files_walk(const char *dir)
{
	return nftw(dir, visit, 16, FTW_PHYS) ? 1 : 0;
}
