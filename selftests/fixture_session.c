// SPDX-License-Identifier: GPL-2.0-only
/* The session of a launch: its steps before the sandbox, what the kernel tells of it, its end. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "liberot/evidence.h"
#include "selftests/fixture.h"
#include "selftests/patience.h"

uint64_t fx_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int fx_left_ms(uint64_t end)
{
	uint64_t now = fx_now_ms();

	return now >= end ? 0 : (int)(end - now);
}

uint64_t fx_end_ms(int seconds)
{
	return fx_now_ms() + (uint64_t)seconds * 1000 * (uint64_t)test_patience();
}

void fx_let_pass(unsigned int milliseconds)
{
	struct itimerspec t = {
		.it_value = { milliseconds / 1000, milliseconds % 1000 * 1000000L },
	};
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	uint64_t ticks;

	if (fd < 0 || timerfd_settime(fd, 0, &t, NULL) || read(fd, &ticks, sizeof(ticks)) < 0)
		abort();
	close(fd);
}

int fx_new(struct fx_session *s)
{
	int ret;

	s->n.fd = s->image_fd = s->mount_fd = s->pidfd = s->sock = -1;
	ret = erot_nl_new(fx.nl, &s->n, &fx_err);
	if (ret)
		s->n.fd = -1;
	return ret;
}

int fx_provision(struct fx_session *s)
{
	return erot_nl_provision(fx.nl, s->n.id, s->cms, s->cms_len, &s->release, &fx_err);
}

int fx_attach_fds(struct fx_session *s, int envelope_fd, int payload_fd)
{
	struct erot_attach a = {
		.size = sizeof(a), .envelope_fd = envelope_fd, .payload_fd = payload_fd,
		.image_fd = -1,
	};

	if (ioctl(s->n.fd, EROT_IOC_ATTACH, &a))
		return erot_fail(&fx_err, errno, "attach", "%s", a.text);
	s->image_fd = a.image_fd;
	return 0;
}

int fx_attach(struct fx_session *s)
{
	return fx_attach_fds(s, s->env_fd, (s->knobs.payload ?: &fx.payload)->fd);
}

int fx_until_attach(struct fx_session *s, const struct fx_knobs *k)
{
	return fx_new(s) ?: fx_grant(s, k) ?: fx_release(s) ?: fx_provision(s);
}

int fx_until_bind(struct fx_session *s, const struct fx_knobs *k)
{
	return fx_until_attach(s, k) ?: fx_attach(s);
}

int fx_start(struct fx_session *s, const struct fx_box *box)
{
	return fx_box_bind(s, box) ?: fx_mount(s) ?: fx_box_exec(s);
}

int fx_launch(struct fx_session *s, const struct fx_knobs *k, const struct fx_box *box)
{
	return fx_until_bind(s, k) ?: fx_start(s, box);
}

int fx_wait(struct fx_session *s, int seconds, int *status)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

	if (poll(&p, 1, fx_left_ms(fx_end_ms(seconds))) != 1)
		return -ETIMEDOUT;
	if (waitpid(s->pid, status, 0) != s->pid)
		return -errno;
	s->pid = 0;
	return 0;
}

/* ---- what the kernel tells */

static void keep_last(void *ctx, const struct erot_nl_event *e)
{
	*(struct erot_nl_event *)ctx = *e;
}

/* Until something was told, or @end. */
static int next_events(uint64_t end, void (*fn)(void *, const struct erot_nl_event *), void *ctx)
{
	struct pollfd p = { .events = POLLIN };
	int ret = erot_nl_subscribe(fx.nl, &p.fd, &fx_err);

	if (ret)
		return ret;
	if (poll(&p, 1, fx_left_ms(end)) != 1)
		return -ETIMEDOUT;
	ret = erot_nl_recv(fx.nl, fn, ctx, &fx_err);
	return ret == -ENOBUFS || ret > 0 ? 0 : ret;
}

struct wanted {
	uint32_t event;
	bool seen;
	struct erot_nl_event *out;
};

static void match(void *ctx, const struct erot_nl_event *e)
{
	struct wanted *w = ctx;

	if (e->event == w->event && !w->seen) {
		w->seen = true;
		*w->out = *e;
	}
}

/* The caller has subscribed before what causes the event. */
int fx_wait_event(uint32_t event, int seconds, struct erot_nl_event *out)
{
	struct wanted w = { .event = event, .out = out };
	uint64_t end = fx_end_ms(seconds);
	int ret = 0;

	while (!ret && !w.seen)
		ret = next_events(end, match, &w);
	return ret;
}

int fx_wait_state(const uint8_t id[EROT_ID_SIZE], uint32_t state, int seconds,
		  struct erot_nl_session *out)
{
	uint64_t end = fx_end_ms(seconds);
	struct erot_nl_event last;
	int fd, ret;

	/* listening first: what happens after GET is told */
	ret = erot_nl_subscribe(fx.nl, &fd, &fx_err);
	while (!ret) {
		ret = erot_nl_get(fx.nl, id, out, &fx_err);
		if (ret || out->state >= state)
			break;
		ret = next_events(end, keep_last, &last);
	}
	return ret;
}

int fx_evidence(struct fx_session *s, int seconds, struct erot_evidence *ev)
{
	struct erot_nl_session got;
	uint8_t key[EROT_KEY_SIZE];
	int ret = fx_wait_state(s->n.id, EROT_STATE_RELEASED, seconds, &got);

	if (ret)
		return ret;
	if (!got.has_evidence)
		return erot_fail(&fx_err, ENODATA, "evidence", "there is no evidence");
	*ev = got.evidence;
	ret = erot_evidence_key(s->sk, key) ?:
	      erot_evidence_verify(ev, sizeof(*ev), key, s->receipt, &fx_err);
	if (!ret && memcmp(ev->session, s->n.id, EROT_ID_SIZE))
		ret = erot_fail(&fx_err, EBADMSG, "evidence", "evidence is of another session");
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = -1;
}

void fx_end(struct fx_session *s)
{
	struct erot_nl_session got;
	int status;

	close_fd(&s->mount_fd);
	close_fd(&s->image_fd);
	close_fd(&s->sock);
	close_fd(&s->n.fd);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		fx_wait(s, 20, &status);
	}
	close_fd(&s->pidfd);
	close_fd(&s->env_fd);
	if (!fx_wait_state(s->n.id, EROT_STATE_RELEASED, 20, &got))
		erot_nl_destroy(fx.nl, s->n.id, &fx_err);
	fx_remove_cgroup(s);
	free(s->env);
	free(s->cms);
	explicit_bzero(s, sizeof(*s));
}

int fx_nothing_left(void)
{
	uint64_t end = fx_end_ms(20);
	struct erot_nl_stats st;
	int ret;

	do {
		ret = erot_nl_stats(fx.nl, &st, &fx_err);
		if (ret || (!st.sessions && !st.keys))
			return ret;
		poll(NULL, 0, 20);	/* no event tells of a last reference */
	} while (fx_left_ms(end));
	return erot_fail(&fx_err, EBUSY, "left", "%u sessions and %u keys are left", st.sessions,
			 st.keys);
}
