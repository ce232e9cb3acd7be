// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/slow_disk.h"

#define DEVICE	"/dev/nbd0"
#define BLOCK	512

static bool take(int sock, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = recv(sock, (char *)buf + done, len - done, 0);
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Tells that it holds something, then waits for leave to answer. */
static bool hold(int held, int go_on)
{
	char c = 'h';

	return write(held, &c, 1) == 1 && read(go_on, &c, 1) == 1;
}

/* Whether this read is one of those that fail; the test may call them off at any moment. */
static bool fails(struct slow_disk_orders *o)
{
	int left = __atomic_load_n(&o->fail, __ATOMIC_SEQ_CST);

	if (left <= 0)
		return false;
	if (o->skip > 0) {
		o->skip--;
		return false;
	}
	if (left != INT_MAX)
		__atomic_sub_fetch(&o->fail, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&o->failed, 1, __ATOMIC_SEQ_CST);
	return true;
}

static void __attribute__((noreturn)) serve(int sock, struct slow_disk_orders *o, int held,
						int go_on)
{
	static uint8_t disk[SLOW_DISK_SIZE];
	struct nbd_request q;
	struct nbd_reply a = { .magic = htobe32(NBD_REPLY_MAGIC) };

	while (take(sock, &q, sizeof(q)) && q.magic == htobe32(NBD_REQUEST_MAGIC)) {
		uint32_t type = be32toh(q.type), len = be32toh(q.len);
		uint64_t from = be64toh(q.from);

		if (type == NBD_CMD_DISC)
			break;
		if (from > sizeof(disk) || len > sizeof(disk) - from)
			_exit(1);
		if (type == NBD_CMD_WRITE && !take(sock, disk + from, len))
			break;
		if (type == NBD_CMD_READ && __atomic_load_n(&o->hang, __ATOMIC_SEQ_CST) &&
		    !hold(held, go_on))
			break;
		memcpy(a.handle, q.handle, sizeof(a.handle));
		a.error = type == NBD_CMD_READ && fails(o) ? htobe32(EIO) : 0;
		if (erot_write_full(sock, &a, sizeof(a)))
			break;
		if (type == NBD_CMD_READ && !a.error && erot_write_full(sock, disk + from, len))
			break;
	}
	_exit(0);
}

/* The device exists as long as this call lasts. */
static void __attribute__((noreturn)) drive(int dev, int sock)
{
	if (ioctl(dev, NBD_SET_SOCK, sock) || ioctl(dev, NBD_DO_IT))
		_exit(errno);
	_exit(0);
}

static int start(struct slow_disk *d)
{
	int pair[2], held[2], go_on[2];

	d->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (d->dev < 0)
		return -errno;
	if (ioctl(d->dev, NBD_SET_BLKSIZE, (unsigned long)BLOCK) ||
	    ioctl(d->dev, NBD_SET_SIZE_BLOCKS, (unsigned long)SLOW_DISK_SIZE / BLOCK))
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
	    pipe2(held, O_CLOEXEC) || pipe2(go_on, O_CLOEXEC))
		return -errno;
	d->server = fork();
	if (!d->server) {
		/* without its test it must not live on */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		serve(pair[1], d->orders, held[1], go_on[0]);
	}
	d->driver = fork();
	if (!d->driver) {
		close(pair[1]);
		drive(d->dev, pair[0]);
	}
	close(pair[0]);
	close(pair[1]);
	close(held[1]);
	close(go_on[0]);
	d->held = held[0];
	d->go_on = go_on[1];
	return d->server < 0 || d->driver < 0 ? -EAGAIN : 0;
}

/* The device has its size when the driver is inside its call, and has got through its beginning. */
static int connected(const struct slow_disk *d)
{
	uint64_t size = 0;
	uint64_t end = fx_end_ms(10);

	while (fx_left_ms(end)) {
		if (!ioctl(d->dev, BLKGETSIZE64, &size) && size == SLOW_DISK_SIZE)
			return 0;
		poll(NULL, 0, 20);	/* no event tells */
	}
	return -ETIMEDOUT;
}

void slow_disk_none(struct slow_disk *d)
{
	memset(d, 0, sizeof(*d));
	d->dev = d->held = d->go_on = -1;
}

int slow_disk_begin(struct slow_disk *d)
{
	char *const modprobe[] = { "modprobe", "nbd", "nbds_max=1", NULL };
	char *const mkfs[] = { "mke2fs", "-q", "-F", DEVICE, NULL };
	int ret;

	slow_disk_none(d);
	d->orders = mmap(NULL, sizeof(*d->orders), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (d->orders == MAP_FAILED) {
		d->orders = NULL;
		return -ENOMEM;
	}
	ret = fx_run(modprobe) ?: start(d) ?: connected(d) ?: fx_run(mkfs);
	if (ret)
		return ret;
	snprintf(d->dir, sizeof(d->dir), "/tmp/slow-disk.XXXXXX");
	if (!mkdtemp(d->dir)) {
		d->dir[0] = 0;
		return -errno;
	}
	if (mount(DEVICE, d->dir, "ext4", 0, NULL)) {
		ret = -errno;
		rmdir(d->dir);
		d->dir[0] = 0;
	}
	return ret;
}

int slow_disk_copy(struct slow_disk *d, const char *name, int fd)
{
	static char buf[65536];
	struct stat st;
	char path[128];
	off_t pos = 0;
	ssize_t n;
	int out;

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	out = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0 || fstat(fd, &st))
		return -errno;
	while (pos < st.st_size) {
		n = pread(fd, buf, sizeof(buf), pos);
		if (n <= 0 || erot_write_full(out, buf, (size_t)n)) {
			close(out);
			return -EIO;
		}
		pos += n;
	}
	if (fsync(out) || posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED)) {
		close(out);
		return -EIO;
	}
	return out;
}

void slow_disk_hang(struct slow_disk *d)
{
	__atomic_store_n(&d->orders->hang, 1, __ATOMIC_SEQ_CST);
}

void slow_disk_fail(struct slow_disk *d, int skip, int count)
{
	d->orders->skip = skip;
	d->orders->failed = 0;
	__atomic_store_n(&d->orders->fail, count, __ATOMIC_SEQ_CST);
}

int slow_disk_heal(struct slow_disk *d)
{
	__atomic_store_n(&d->orders->fail, 0, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&d->orders->failed, __ATOMIC_SEQ_CST);
}

int slow_disk_wait(struct slow_disk *d, int seconds)
{
	struct pollfd p = { .fd = d->held, .events = POLLIN };
	char c;

	if (poll(&p, 1, fx_left_ms(fx_end_ms(seconds))) != 1)
		return -ETIMEDOUT;
	return read(d->held, &c, 1) == 1 ? 0 : -EPIPE;
}

void slow_disk_go_on(struct slow_disk *d)
{
	if (d->go_on < 0)
		return;
	__atomic_store_n(&d->orders->hang, 0, __ATOMIC_SEQ_CST);
	/* for the one that is held, or will be by what has seen the old value */
	if (write(d->go_on, "gg", 2) != 2)
		abort();
}

void slow_disk_end(struct slow_disk *d)
{
	uint64_t end = fx_end_ms(5);

	slow_disk_go_on(d);
	if (d->dir[0]) {
		/* what the kernel still has open it closes by itself, and tells nobody */
		while (umount(d->dir) && errno == EBUSY && fx_left_ms(end))
			poll(NULL, 0, 20);
		umount2(d->dir, MNT_DETACH);
		rmdir(d->dir);
	}
	if (d->dev >= 0)
		ioctl(d->dev, NBD_DISCONNECT);
	if (d->driver > 0)
		waitpid(d->driver, NULL, 0);
	if (d->server > 0) {
		kill(d->server, SIGKILL);
		waitpid(d->server, NULL, 0);
	}
	if (d->dev >= 0) {
		ioctl(d->dev, NBD_CLEAR_SOCK);
		close(d->dev);
	}
	close(d->held);
	close(d->go_on);
	if (d->orders)
		munmap(d->orders, sizeof(*d->orders));
}
