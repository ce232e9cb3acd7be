// SPDX-License-Identifier: GPL-2.0-only
/* The netlink family and the session descriptor: what is refused, in which order. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "liberot/evidence.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(family) {
	struct fx_session s;
};

FIXTURE_SETUP(family)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(family)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

/* One attribute; erot_nl_raw() wants its padding too. */
static size_t attr(uint8_t *at, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	memset(at, 0, NLA_ALIGN(NLA_HDRLEN + len));
	memcpy(at, &a, sizeof(a));
	memcpy(at + NLA_HDRLEN, data, len);
	return NLA_ALIGN(NLA_HDRLEN + len);
}

TEST_F(family, unknown_id)
{
	uint8_t at[1024], id[EROT_ID_SIZE] = { 7 }, release[EROT_RELEASE_SIZE] = { 0 };
	size_t n = attr(at, EROT_A_SESSION_ID, id, sizeof(id));

	REFUSED(ENOENT, "no such session", erot_nl_raw(fx.nl, EROT_CMD_GET, at, n, &fx_err));
	REFUSED(ENOENT, "no such session", erot_nl_raw(fx.nl, EROT_CMD_DESTROY, at, n, &fx_err));
	n += attr(at + n, EROT_A_SESSION_CMS, "x", 1);
	n += attr(at + n, EROT_A_SESSION_RELEASE, release, sizeof(release));
	REFUSED(ENOENT, "no such session", erot_nl_raw(fx.nl, EROT_CMD_PROVISION, at, n, &fx_err));
}

/* Sessions are found by their whole id. */
TEST_F(family, almost_the_id)
{
	uint8_t at[64], id[EROT_ID_SIZE];
	size_t n;
	int i;

	WORKS(fx_new(&self->s));
	for (i = 0; i < EROT_ID_SIZE; i++) {
		memcpy(id, self->s.n.id, sizeof(id));
		id[i] ^= 1;
		n = attr(at, EROT_A_SESSION_ID, id, sizeof(id));
		REFUSED(ENOENT, "no such session",
			erot_nl_raw(fx.nl, EROT_CMD_GET, at, n, &fx_err));
	}
}

TEST_F(family, missing_attributes)
{
	uint8_t at[1024], id[EROT_ID_SIZE] = { 7 }, release[EROT_RELEASE_SIZE] = { 0 };
	size_t n;

	REFUSED(EINVAL, "id is missing", erot_nl_raw(fx.nl, EROT_CMD_GET, NULL, 0, &fx_err));
	REFUSED(EINVAL, "id is missing", erot_nl_raw(fx.nl, EROT_CMD_DESTROY, NULL, 0, &fx_err));
	n = attr(at, EROT_A_SESSION_ID, id, sizeof(id));
	REFUSED(EINVAL, "missing", erot_nl_raw(fx.nl, EROT_CMD_PROVISION, at, n, &fx_err));
	n += attr(at + n, EROT_A_SESSION_CMS, "x", 1);
	REFUSED(EINVAL, "missing", erot_nl_raw(fx.nl, EROT_CMD_PROVISION, at, n, &fx_err));
	n = attr(at, EROT_A_SESSION_CMS, "x", 1);
	n += attr(at + n, EROT_A_SESSION_RELEASE, release, sizeof(release));
	REFUSED(EINVAL, "id is missing",
		erot_nl_raw(fx.nl, EROT_CMD_PROVISION, at, n, &fx_err));
}

TEST_F(family, wrong_sizes)
{
	uint8_t *at = malloc(EROT_CMS_MAX + 4096), id[EROT_ID_SIZE + 1] = { 7 };
	uint8_t release[EROT_RELEASE_SIZE + 1] = { 0 };
	uint8_t *cms = calloc(1, EROT_CMS_MAX + 1);
	size_t n;

	ASSERT_NE(NULL, at);
	ASSERT_NE(NULL, cms);
	n = attr(at, EROT_A_SESSION_ID, id, EROT_ID_SIZE - 1);
	ASSERT_EQ(-ERANGE, erot_nl_raw(fx.nl, EROT_CMD_GET, at, n, &fx_err));
	n = attr(at, EROT_A_SESSION_ID, id, EROT_ID_SIZE + 1);
	ASSERT_EQ(-ERANGE, erot_nl_raw(fx.nl, EROT_CMD_GET, at, n, &fx_err));
	n = attr(at, EROT_A_HOST_HARDWARE_KEY, release, 31);
	ASSERT_EQ(-ERANGE, erot_nl_raw(fx.nl, EROT_CMD_HOST, at, n, &fx_err));
	n = attr(at, EROT_A_SESSION_ID, id, EROT_ID_SIZE);
	n += attr(at + n, EROT_A_SESSION_CMS, "x", 1);
	n += attr(at + n, EROT_A_SESSION_RELEASE, release, EROT_RELEASE_SIZE + 1);
	ASSERT_EQ(-ERANGE, erot_nl_raw(fx.nl, EROT_CMD_PROVISION, at, n, &fx_err));
	/* too large comes before unknown */
	n = attr(at, EROT_A_SESSION_ID, id, EROT_ID_SIZE);
	n += attr(at + n, EROT_A_SESSION_CMS, cms, EROT_CMS_MAX + 1);
	n += attr(at + n, EROT_A_SESSION_RELEASE, release, EROT_RELEASE_SIZE);
	REFUSED(EMSGSIZE, "too large", erot_nl_raw(fx.nl, EROT_CMD_PROVISION, at, n, &fx_err));
	free(cms);
	free(at);
}

TEST_F(family, unknown_command_and_attribute)
{
	uint8_t at[64];
	size_t n = attr(at, EROT_A_SESSION_MAX, "x", 1);

	ASSERT_EQ(-EOPNOTSUPP, erot_nl_raw(fx.nl, EROT_CMD_LIFECYCLE + 9, NULL, 0, &fx_err));
	ASSERT_EQ(-EOPNOTSUPP, erot_nl_raw(fx.nl, EROT_CMD_LIFECYCLE, NULL, 0, &fx_err));
	ASSERT_EQ(-EINVAL, erot_nl_raw(fx.nl, EROT_CMD_GET, at, n, &fx_err));
}

TEST_F(family, hardware_key_is_set_once)
{
	uint8_t other[EROT_DIGEST_SIZE] = { 1, 2, 3 };
	struct erot_nl_host before, after;

	WORKS(erot_nl_host(fx.nl, NULL, &before, &fx_err));
	ASSERT_TRUE(before.has_hwkey);
	REFUSED(EEXIST, "another hardware key", erot_nl_host(fx.nl, other, NULL, &fx_err));
	WORKS(erot_nl_host(fx.nl, before.hwkey, &after, &fx_err));
	ASSERT_MEMEQ(before.hwkey, after.hwkey, EROT_DIGEST_SIZE);
}

TEST_F(family, new_session)
{
	struct erot_nl_session got;
	struct erot_nl_event ev;
	struct erot_nl_host host;
	struct timespec now;
	uint8_t zero[EROT_KEY_SIZE] = { 0 }, id[EROT_ID_SIZE];
	int fd, i;

	WORKS(erot_nl_subscribe(fx.nl, &fd, &fx_err));
	WORKS(erot_nl_host(fx.nl, NULL, &host, &fx_err));
	WORKS(fx_new(&self->s));
	ASSERT_EQ(FD_CLOEXEC, fcntl(self->s.n.fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_MEMEQ(host.boot_key, self->s.n.boot_key, EROT_KEY_SIZE);
	ASSERT_NE(0, memcmp(zero, self->s.n.session_key, EROT_KEY_SIZE));
	WORKS(fx_wait_event(EROT_EVENT_NEW, 5, &ev));
	ASSERT_MEMEQ(self->s.n.id, ev.id, EROT_ID_SIZE);
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_NEW, got.state);
	ASSERT_EQ(EROT_END_NONE, got.end);
	ASSERT_FALSE(got.has_evidence);
	ASSERT_FALSE(got.has_receipt);
	ASSERT_MEMEQ(self->s.n.session_key, got.session_key, EROT_KEY_SIZE);
	/* it has 300 s to get to its workload */
	ASSERT_EQ(0, clock_gettime(CLOCK_BOOTTIME, &now));
	ASSERT_LT(now.tv_sec + 200ULL, got.deadline / 1000000000);
	ASSERT_LE(got.deadline / 1000000000, now.tv_sec + 300ULL);

	/* nothing was provisioned: with the descriptor goes the session, without evidence */
	memcpy(id, self->s.n.id, sizeof(id));
	close(self->s.n.fd);
	self->s.n.fd = -1;
	WORKS(fx_wait_event(EROT_EVENT_RELEASED, 5, &ev));
	ASSERT_EQ(EROT_END_CLOSED, ev.end);
	for (i = 0; i < 50 && erot_nl_get(fx.nl, id, &got, &fx_err) != -ENOENT; i++)
		fx_let_pass(20);
	ASSERT_EQ(-ENOENT, erot_nl_get(fx.nl, id, &got, &fx_err));
}

TEST_F(family, a_copy_of_the_descriptor_keeps_it_alive)
{
	struct erot_nl_session got;
	int copy;

	WORKS(fx_new(&self->s));
	copy = fcntl(self->s.n.fd, F_DUPFD_CLOEXEC, 0);
	close(self->s.n.fd);
	self->s.n.fd = copy;
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_NEW, got.state);
}

TEST_F(family, no_descriptor_left_for_new)
{
	struct rlimit none = { 0, 4096 };
	struct erot_nl_new n;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	REFUSED(EMFILE, "no descriptor is left", erot_nl_new(fx.nl, &n, &fx_err));
	none.rlim_cur = 1024;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	WORKS(fx_nothing_left());
}

/* Refused before the key is used: the session can be attached afterwards. */
TEST_F(family, no_descriptor_left_for_attach)
{
	struct fx_session *s = &self->s;
	struct rlimit none = { 0, 4096 };
	struct fx_knobs k = { 0 };

	WORKS(fx_until_attach(s, &k));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	REFUSED(EMFILE, "no descriptor is left", fx_attach(s));
	none.rlim_cur = 1024;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	WORKS(fx_attach(s));
}

struct many {
	uint8_t id[600][EROT_ID_SIZE];
	int n;
};

static int collect(void *ctx, const struct erot_nl_session *s)
{
	struct many *m = ctx;

	if (m->n < 600)
		memcpy(m->id[m->n++], s->id, EROT_ID_SIZE);
	return 0;
}

TEST_F_TIMEOUT(family, many_sessions, 60)
{
	static struct many seen;
	static struct erot_nl_new n[500];
	struct erot_nl_stats st;
	int i, j, found = 0;

	for (i = 0; i < 500; i++)
		WORKS(erot_nl_new(fx.nl, &n[i], &fx_err));
	WORKS(erot_nl_stats(fx.nl, &st, &fx_err));
	ASSERT_EQ(500, st.sessions);
	ASSERT_EQ(500, st.keys);
	WORKS(erot_nl_dump(fx.nl, collect, &seen, &fx_err));
	ASSERT_EQ(500, seen.n);
	for (i = 0; i < 500; i++) {
		for (j = 0; j < 500; j++)
			found += !memcmp(n[i].id, seen.id[j], EROT_ID_SIZE);
		ASSERT_EQ(i + 1, found);
		ASSERT_NE(0, memcmp(n[i].session_key, n[(i + 1) % 500].session_key,
				    EROT_KEY_SIZE));
	}
	for (i = 0; i < 500; i++)
		close(n[i].fd);
	WORKS(fx_nothing_left());
}

#define LIMIT	16384

/* All of them, then one more, then one in the place of another. */
TEST_F_TIMEOUT(family, no_more_than_the_limit, 200)
{
	struct rlimit files = { LIMIT + 64, LIMIT + 64 };
	int *fds = calloc(LIMIT, sizeof(*fds)), i;
	struct erot_nl_new n;

	ASSERT_NE(NULL, fds);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (i = 0; i < LIMIT; i++) {
		WORKS(erot_nl_new(fx.nl, &n, &fx_err));
		fds[i] = n.fd;
	}
	REFUSED(EUSERS, "too many sessions", erot_nl_new(fx.nl, &n, &fx_err));
	close(fds[0]);
	for (i = 0; i < 250 && erot_nl_new(fx.nl, &n, &fx_err); i++)
		fx_let_pass(20);	/* its end is a worker's business */
	ASSERT_LT(i, 250);
	close(n.fd);
	for (i = 1; i < LIMIT; i++)
		close(fds[i]);
	free(fds);
}

/* The answer as it comes, so that what liberot does not read is looked at too. */
static int get_raw(const uint8_t id[EROT_ID_SIZE], int flags, uint8_t **out)
{
	struct nl_sock *sk = nl_socket_alloc();
	struct nl_msg *msg = nlmsg_alloc();
	struct sockaddr_nl from;
	int family, n = -1;

	if (sk && msg && !genl_connect(sk)) {
		family = genl_ctrl_resolve(sk, EROT_FAMILY_NAME);
		genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, EROT_CMD_GET, 1);
		if (!(flags & NLM_F_DUMP))
			nla_put(msg, EROT_A_SESSION_ID, EROT_ID_SIZE, id);
		if (nl_send_auto(sk, msg) > 0)
			n = nl_recv(sk, &from, out, NULL);
	}
	nlmsg_free(msg);
	nl_socket_free(sk);
	return n;
}

static void no_secret(struct __test_metadata *_metadata, struct fx_session *s)
{
	int flags[] = { 0, NLM_F_DUMP }, n, i;
	uint8_t key[EROT_KEY_SIZE], *answer;

	ASSERT_EQ(0, erot_evidence_key(s->sk, key));
	for (i = 0; i < 2; i++) {
		n = get_raw(s->n.id, flags[i], &answer);
		ASSERT_LT(100, n);
		ASSERT_NE(NULL, memmem(answer, (size_t)n, s->n.id, EROT_ID_SIZE));
		ASSERT_NULL(memmem(answer, (size_t)n, s->sk, 16));
		ASSERT_NULL(memmem(answer, (size_t)n, key, 16));
		ASSERT_NULL(memmem(answer, (size_t)n, fx.payload.content_key, 16));
		free(answer);
	}
}

TEST_F(family, get_tells_no_secret)
{
	struct fx_knobs k = { 0 };

	WORKS(fx_until_attach(&self->s, &k));
	no_secret(_metadata, &self->s);
	WORKS(fx_attach(&self->s));
	no_secret(_metadata, &self->s);
	WORKS(erot_nl_destroy(fx.nl, self->s.n.id, &fx_err));
	no_secret(_metadata, &self->s);
}

TEST_F(family, out_of_order)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };

	WORKS(fx_new(s));
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	REFUSED(EBADFD, "out of order", fx_attach(s));
	REFUSED(EBADFD, "out of order", fx_bind_ioctl(s->n.fd, NULL));
	WORKS(fx_provision(s));
	REFUSED(EBADFD, "out of order", fx_provision(s));
	REFUSED(EBADFD, "out of order", fx_bind_ioctl(s->n.fd, NULL));
	WORKS(fx_attach(s));
	REFUSED(EBADFD, "out of order", fx_provision(s));
	REFUSED(EBADFD, "out of order", fx_attach(s));
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	REFUSED(ESHUTDOWN, "dead", fx_provision(s));
	REFUSED(ESHUTDOWN, "dead", fx_attach(s));
	REFUSED(ESHUTDOWN, "dead", fx_bind_ioctl(s->n.fd, NULL));
}

/* State is told before the content is looked at. */
TEST_F(family, state_before_content)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };

	WORKS(fx_new(s));
	REFUSED(EBADMSG, "CMS",
		erot_nl_provision(fx.nl, s->n.id, "garbage", 7, &s->release, &fx_err));
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	WORKS(fx_provision(s));
	REFUSED(EBADFD, "out of order",
		erot_nl_provision(fx.nl, s->n.id, "garbage", 7, &s->release, &fx_err));
	REFUSED(EBADFD, "out of order", fx_bind_ioctl(s->n.fd, NULL));
	WORKS(fx_attach(s));
	/* and the state before descriptors */
	REFUSED(EBADFD, "out of order", fx_attach_fds(s, -1, -1));
}

/* What ATTACH returns cannot be told: nobody can mount, so the session is over. */
TEST_F(family, attach_cannot_answer)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;
	struct erot_attach *a;

	a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, a);
	WORKS(fx_until_attach(s, &k));
	*a = (struct erot_attach){ .size = sizeof(*a), .envelope_fd = s->env_fd,
				   .payload_fd = fx.payload.fd };
	ASSERT_EQ(0, mprotect(a, 4096, PROT_READ));
	ASSERT_ERRNO(EFAULT, ioctl(s->n.fd, EROT_IOC_ATTACH, a));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_LE(EROT_STATE_DEAD, got.state);
	ASSERT_EQ(EROT_END_FAILED, got.end);
	munmap(a, 4096);
}

TEST_F(family, ioctl_arguments)
{
	struct erot_attach a = { .size = sizeof(a), .envelope_fd = 0, .payload_fd = 0 };
	struct erot_bind b = { .size = sizeof(b) };
	int fd;

	WORKS(fx_new(&self->s));
	fd = self->s.n.fd;
	ASSERT_ERRNO(ENOTTY, ioctl(fd, _IO(0xE7, 1), 0));
	ASSERT_ERRNO(ENOTTY, ioctl(fd, _IOWR(0xE7, 3, struct erot_bind), &b));
	ASSERT_ERRNO(ENOTTY, ioctl(fd, _IOWR(0xE7, 1, struct erot_bind), &b));
	ASSERT_ERRNO(EFAULT, ioctl(fd, EROT_IOC_ATTACH, NULL));
	ASSERT_ERRNO(EFAULT, ioctl(fd, EROT_IOC_BIND, NULL));
	a.size--;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_ATTACH, &a));
	a.size += 2;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_ATTACH, &a));
	a.size--;
	a.flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_ATTACH, &a));
	a.flags = 0;
	a.reserved = 1;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_ATTACH, &a));
	b.size = 0;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_BIND, &b));
	b.size = sizeof(b);
	b.flags = 1U << 31;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_BIND, &b));
	b.flags = 0;
	b.reserved = 1;
	ASSERT_ERRNO(EINVAL, ioctl(fd, EROT_IOC_BIND, &b));
	ASSERT_ERRNO(EINVAL, read(fd, &b, sizeof(b)));
	ASSERT_ERRNO(EINVAL, write(fd, &b, sizeof(b)));
}

FX_MAIN
