// SPDX-License-Identifier: GPL-2.0-only
/* epoll and timerfd. */
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "erotd/loop.h"

int erotd_loop_open(struct erotd_loop *loop, struct erot_error *err)
{
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0)
		return erot_fail(err, errno, "loop", "epoll_create1: %s", strerror(errno));
	return 0;
}

void erotd_loop_close(struct erotd_loop *loop)
{
	close(loop->epfd);
	loop->epfd = -1;
}

int erotd_loop_add(struct erotd_loop *loop, struct erotd_source *src, int fd, uint32_t events,
		   void (*fn)(void *ctx, uint32_t events), void *ctx, struct erot_error *err)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };
	int num;

	src->fn = fn;
	src->ctx = ctx;
	src->fd = fd;
	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev)) {
		num = errno;
		close(fd);
		src->fd = -1;
		return erot_fail(err, num, "loop", "epoll_ctl: %s", strerror(num));
	}
	return 0;
}

void erotd_loop_del(struct erotd_loop *loop, struct erotd_source *src)
{
	if (src->fd < 0)
		return;
	/*
	 * Not left to close(): a copy of the descriptor in a child that has not come to its
	 * close_range() yet would keep the registration.
	 */
	epoll_ctl(loop->epfd, EPOLL_CTL_DEL, src->fd, NULL);
	close(src->fd);
	src->fd = -1;
}

void erotd_loop_want(struct erotd_loop *loop, struct erotd_source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	if (src->fd >= 0)
		epoll_ctl(loop->epfd, EPOLL_CTL_MOD, src->fd, &ev);
}

int erotd_loop_step(struct erotd_loop *loop)
{
	struct epoll_event ev;
	struct erotd_source *src;
	int n;

	n = epoll_wait(loop->epfd, &ev, 1, -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n) {
		src = ev.data.ptr;
		src->fn(src->ctx, ev.events);
	}
	return 0;
}

int erotd_timer_add(struct erotd_loop *loop, struct erotd_source *src,
		    void (*fn)(void *ctx, uint32_t events), void *ctx, struct erot_error *err)
{
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0) {
		src->fd = -1;
		return erot_fail(err, errno, "loop", "timerfd_create: %s", strerror(errno));
	}
	return erotd_loop_add(loop, src, fd, EPOLLIN, fn, ctx, err);
}

void erotd_timer_set(struct erotd_source *src, unsigned int ms)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
	};

	if (src->fd >= 0)
		timerfd_settime(src->fd, 0, &when, NULL);
}

void erotd_timer_ack(struct erotd_source *src)
{
	uint64_t times;

	if (read(src->fd, &times, sizeof(times)) < 0)
		return;		/* EAGAIN: it was set again in the meantime */
}
