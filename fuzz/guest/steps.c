// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each step does. All arguments zero is the valid operation; each argument bends one thing.
 * The keys are here, so that a receipt that is bent can be signed as if it were straight, which
 * leads past the check that would refuse it first.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/guest/files.h"
#include "fuzz/guest/steps.h"
#include "fuzz/guest/wire.h"
#include "liberot/cms.h"
#include "liberot/crypto.h"
#include "selftests/fixture.h"

#define GRANTS	4
#define PENDING	4096

/**
 * struct slot - a session of the program
 * @n:       as told by NEW; @n.fd is -1 when there is none
 * @image_fd: by ATTACH, or -1
 */
struct slot {
	struct erot_nl_new n;
	int image_fd;
};

/* struct runner - a thread that runs steps: the program's own, or the other side of a race */
struct runner {
	struct wire wire;
	steps_told_fn told;
	void *ctx;
};

static struct fx_session grants[GRANTS];
static struct slot slots[SLOTS];
static struct runner own, other;
static uint8_t pending[PENDING][EROT_ID_SIZE];
static unsigned int n_pending;
static pthread_mutex_t pending_lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t children[8];
static unsigned int n_children;
static int kept_fds[256];	/* in order: those of no program */
static unsigned int n_kept_fds;

static bool is_kept(int fd)
{
	unsigned int i;

	for (i = 0; i < n_kept_fds; i++)
		if (kept_fds[i] == fd)
			return true;
	return fd < 0;
}

static uint32_t u32_at(const struct step *s, unsigned int at)
{
	uint32_t x;

	memcpy(&x, s->arg + at, sizeof(x));
	return x;
}

static uint16_t u16_at(const struct step *s, unsigned int at)
{
	return (uint16_t)(s->arg[at] | s->arg[at + 1] << 8);
}

static void tell(struct runner *r, const struct step *s, int verdict, const char *text)
{
	if (r->told)
		r->told(r->ctx, s, verdict, text);
}

/* ---- netlink */

static void exchange(struct runner *r, const struct step *s)
{
	char text[128];
	int verdict = wire_exchange(&r->wire, NULL, NULL, text);

	tell(r, s, verdict, text);
}

static void remember(const uint8_t id[EROT_ID_SIZE])
{
	pthread_mutex_lock(&pending_lock);
	if (n_pending < PENDING)
		memcpy(pending[n_pending++], id, EROT_ID_SIZE);
	pthread_mutex_unlock(&pending_lock);
}

static void read_new(void *ctx, const struct nlmsghdr *h)
{
	const uint32_t *fd = wire_find(h, EROT_A_SESSION_FD, sizeof(*fd));
	const void *id = wire_find(h, EROT_A_SESSION_ID, EROT_ID_SIZE);
	const void *session = wire_find(h, EROT_A_SESSION_SESSION_KEY, EROT_KEY_SIZE);
	const void *boot = wire_find(h, EROT_A_SESSION_BOOT_KEY, EROT_KEY_SIZE);
	struct slot *slot = ctx;

	if (!fd || !id || !session || !boot)
		return;
	slot->n.fd = (int)*fd;
	memcpy(slot->n.id, id, EROT_ID_SIZE);
	memcpy(slot->n.session_key, session, EROT_KEY_SIZE);
	memcpy(slot->n.boot_key, boot, EROT_KEY_SIZE);
	remember(slot->n.id);
}

static void step_new(struct runner *r, const struct step *s, struct slot *slot)
{
	char text[128];
	int verdict;

	/* the descriptor of the one before stays open until the program ends */
	wire_begin(&r->wire, EROT_CMD_NEW, u16_at(s, 0) & NLM_F_DUMP);
	verdict = wire_exchange(&r->wire, read_new, slot, text);
	tell(r, s, verdict, text);
}

/* @at says how: 0 not at all; else a value of @width bytes is put at @offset */
static void bend(uint8_t *data, size_t len, const struct step *s, unsigned int at)
{
	size_t offset = u16_at(s, at), n = 1U << (s->arg[at + 2] & 3);
	uint64_t value = u32_at(s, at + 3);

	if (s->arg[at + 2] & 4)
		value |= value << 32;
	if (len < n || !len)
		return;
	memcpy(data + offset % (len - n + 1), &value, n);
}

/* A receipt whose content was bent and signed all the same. */
static int sign_bent(const struct fx_session *g, const struct step *s, uint8_t **cms, size_t *len)
{
	uint8_t *content;
	size_t n;
	int ret = erot_cms_content(g->cms, g->cms_len, &content, &n, NULL);

	if (ret)
		return ret;
	bend(content, n, s, 3);
	ret = fx_sign(false, content, n, cms, len);
	free(content);
	return ret;
}

/*
 * arg[0] which grant; [1] bits: cms bent, content bent and signed, release bent, release of zeros,
 * no cms, no release, no id, other id; [2] knobs of the release; [3..9] how; [10..11] bytes cut off
 * the message, 0xffff: as long as netlink lets it be
 */
static void step_provision(struct runner *r, const struct step *s, struct slot *slot)
{
	static const uint8_t zeros[WIRE_MAX];
	struct fx_session g = grants[s->arg[0] % GRANTS];
	uint8_t *cms = NULL;
	size_t len = g.cms_len, cut = u16_at(s, 10);

	if (s->arg[1] & 2 && sign_bent(&g, s, &cms, &len))
		return;
	if (!cms) {
		cms = malloc(len);
		if (!cms)
			return;
		memcpy(cms, g.cms, len);
	}
	if (s->arg[1] & 1)
		bend(cms, len, s, 3);
	g.n = slot->n;
	g.knobs.derg_time = (int8_t)s->arg[2] * 60;
	g.knobs.valid = s->arg[2] & 1 ? u32_at(s, 6) : 0;
	g.knobs.release_runtime = s->arg[2] & 2 ? u32_at(s, 6) : 0;
	g.knobs.other_sk = s->arg[2] & 4;
	if (!(s->arg[1] & 8) && fx_release(&g))
		memset(&g.release, 1, sizeof(g.release));
	if (s->arg[1] & 4)
		bend((uint8_t *)&g.release, sizeof(g.release), s, 3);

	wire_begin(&r->wire, EROT_CMD_PROVISION, 0);
	if (s->arg[1] & 128)
		slot = &slots[s->arg[12] % SLOTS];
	if (!(s->arg[1] & 64))
		wire_attr(&r->wire, EROT_A_SESSION_ID, slot->n.id, EROT_ID_SIZE);
	if (cut == 0xffff)
		wire_attr(&r->wire, EROT_A_SESSION_CMS, zeros, UINT16_MAX - NLA_HDRLEN);
	else if (!(s->arg[1] & 16))
		wire_attr(&r->wire, EROT_A_SESSION_CMS, cms, len - cut % (len + 1));
	if (!(s->arg[1] & 32))
		wire_attr(&r->wire, EROT_A_SESSION_RELEASE, &g.release, sizeof(g.release));
	exchange(r, s);
	free(cms);
}

/* arg[0] bits: no id, other id, longer id; [1] byte of it that is changed, [2] by what */
static void by_id(struct runner *r, const struct step *s, const struct slot *slot, uint8_t cmd)
{
	uint8_t id[EROT_ID_SIZE + 4] = { 0 };

	memcpy(id, slot->n.id, EROT_ID_SIZE);
	id[s->arg[1] % EROT_ID_SIZE] ^= s->arg[2];
	wire_begin(&r->wire, cmd, 0);
	if (s->arg[0] & 2)
		memcpy(id, slots[s->arg[3] % SLOTS].n.id, EROT_ID_SIZE);
	if (!(s->arg[0] & 1))
		wire_attr(&r->wire, EROT_A_SESSION_ID, id,
			  EROT_ID_SIZE + (s->arg[0] & 4 ? 4 : 0));
	if (cmd == EROT_CMD_DESTROY && s->arg[0] & 8)
		wire_attr(&r->wire, EROT_A_SESSION_LIVE, NULL, 0);
	exchange(r, s);
}

static void step_host(struct runner *r, const struct step *s)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	wire_begin(&r->wire, EROT_CMD_HOST, 0);
	erot_sha256(fx.machine, fx.machine_len, digest);
	digest[s->arg[1] % sizeof(digest)] ^= s->arg[2];
	if (s->arg[0])
		wire_attr(&r->wire, EROT_A_HOST_HARDWARE_KEY, digest,
			  s->arg[0] & 2 ? s->arg[3] % sizeof(digest) : sizeof(digest));
	exchange(r, s);
}

/* Any command and flags, up to four attributes of any type and length, from one byte each. */
static void step_raw(struct runner *r, const struct step *s, const struct slot *slot)
{
	uint8_t data[512];
	unsigned int i;

	memset(data, s->arg[13], sizeof(data));
	memcpy(data, slot->n.id, EROT_ID_SIZE);
	wire_begin(&r->wire, s->arg[0] % 10, u16_at(s, 1) & ~NLM_F_ACK);
	r->wire.out[NLMSG_HDRLEN + 1] = s->arg[3] ? s->arg[3] : 1;	/* version */
	for (i = 0; i < 4; i++) {
		uint16_t type = s->arg[4 + 2 * i] % 24;

		if (!s->arg[4 + 2 * i])
			continue;
		if (s->arg[12] & 1 << i)
			type |= NLA_F_NESTED;
		wire_attr(&r->wire, type, data, s->arg[5 + 2 * i]);
	}
	if (s->arg[12] & 128)
		r->wire.len -= s->arg[13] % (r->wire.len - NLMSG_HDRLEN + 1);
	exchange(r, s);
}

static void step_listen(struct runner *r, const struct step *s)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	uint32_t group = own.wire.group + s->arg[0];
	char buf[4096];

	if (fd < 0)
		return;
	if (s->arg[1] & 1)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 1 }, sizeof(int));
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		tell(r, s, -errno, "join");
	else if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) < 0)
		tell(r, s, -errno, "recv");
}

/* ---- ioctls */

/* arg[0] envelope, [1] payload: see files.h; [2] where the argument lies; [3..9] how it is bent */
static void step_attach(struct runner *r, const struct step *s, struct slot *slot)
{
	struct erot_attach a = {
		.size = sizeof(a), .image_fd = -1,
		.envelope_fd = files_get(s->arg[0], grants[s->arg[10] % GRANTS].env_fd,
					 slot->n.fd, slot->image_fd),
		.payload_fd = files_get(s->arg[1], fx.payload.fd, slot->n.fd, slot->image_fd),
	};
	int ret;

	if (s->arg[5])
		bend((uint8_t *)&a, sizeof(a), s, 3);
	ret = ioctl(slot->n.fd, EROT_IOC_ATTACH, files_pointer(s->arg[2], &a, sizeof(a)));
	if (!ret)
		slot->image_fd = a.image_fd;
	a.text[sizeof(a.text) - 1] = 0;
	tell(r, s, ret ? -errno : 0, a.text);
}

static void step_bind(struct runner *r, const struct step *s, const struct slot *slot)
{
	struct erot_bind b = { .size = sizeof(b) };
	int ret;

	if (s->arg[5])
		bend((uint8_t *)&b, sizeof(b), s, 3);
	ret = ioctl(slot->n.fd, EROT_IOC_BIND, files_pointer(s->arg[2], &b, sizeof(b)));
	b.text[sizeof(b.text) - 1] = 0;
	tell(r, s, ret ? -errno : 0, b.text);
}

static void step_ioctl(struct runner *r, const struct step *s, const struct slot *slot)
{
	static const unsigned long known[] = {
		EROT_IOC_ATTACH, EROT_IOC_BIND, FIONREAD, FIOCLEX, FIONBIO, FIOASYNC, 0xe700,
		0xe703,
	};
	unsigned long cmd = s->arg[0] < 8 ? known[s->arg[0]] : u32_at(s, 4);
	uint8_t data[256];
	int ret;

	memset(data, s->arg[3], sizeof(data));
	ret = ioctl(s->arg[1] & 1 ? slot->image_fd : slot->n.fd, cmd,
		    files_pointer(s->arg[2], data, sizeof(data)));
	tell(r, s, ret ? -errno : 0, "");
}

/* ---- descriptors */

static void step_close(struct runner *r, const struct step *s, struct slot *slot)
{
	int *fd = s->arg[0] & 1 ? &slot->image_fd : &slot->n.fd, kept;

	if (is_kept(*fd))
		return;
	if (s->arg[0] & 2) {		/* another holds it still */
		kept = fcntl(*fd, F_DUPFD, 3);
		tell(r, s, kept < 0 ? -errno : 0, "dup");
		if (s->arg[0] & 4)
			return;
	}
	close(*fd);
	*fd = -1;
}

static void step_mount(struct runner *r, const struct step *s, const struct slot *slot)
{
	struct fx_session m = { .image_fd = slot->image_fd, .mount_fd = -1 };
	int ret = fx_mount(&m);

	tell(r, s, ret, "");	/* of EROFS, there are other words for every number */
	if (!ret && s->arg[0] & 1)
		close(m.mount_fd);
}

/* A sandbox that walks through its mount and ends as it likes; costs some hundred other steps. */
static void step_box(struct runner *r, const struct step *s, struct slot *slot)
{
	struct fx_session box = { .n = slot->n, .image_fd = slot->image_fd, .mount_fd = -1,
				  .pidfd = -1, .sock = -1, .env_fd = -1 };
	struct fx_box how = { .instead = files_walk, .drop = s->arg[0] & 1 ? CLONE_NEWNET : 0,
			      .company = s->arg[0] & 2, .thread = s->arg[0] & 4 };
	int ret, status;

	if (slot->n.fd < 0 || slot->image_fd < 0)
		return;
	fx_err.text[0] = 0;
	ret = fx_box_bind(&box, &how) ?: fx_mount(&box);
	tell(r, s, ret, ret == -EPERM ? fx_err.text : "");
	if (!ret) {
		ret = fx_box_exec(&box);
		if (s->arg[1] & 1)
			kill(box.pid, SIGKILL);
		if (s->arg[1] & 2)
			by_id(r, s, slot, EROT_CMD_DESTROY);
	}
	if (box.mount_fd >= 0)
		close(box.mount_fd);
	if (s->arg[1] & 4) {
		close(slot->n.fd);
		slot->n.fd = -1;
	}
	if (box.sock >= 0)
		close(box.sock);
	if (box.pid > 0 && fx_wait(&box, 30, &status))
		kill(box.pid, SIGKILL);
	if (box.pidfd >= 0)
		close(box.pidfd);
	fx_remove_cgroup(&box);
}

/* ---- programs */

static void run_one(struct runner *r, const struct step *s)
{
	struct slot *slot = &slots[s->slot % SLOTS];
	int ret;

	switch (s->op % STEP_OPS) {
	case STEP_NEW:
		return step_new(r, s, slot);
	case STEP_PROVISION:
		return step_provision(r, s, slot);
	case STEP_ATTACH:
		return step_attach(r, s, slot);
	case STEP_BIND:
		return step_bind(r, s, slot);
	case STEP_GET:
		return by_id(r, s, slot, EROT_CMD_GET);
	case STEP_DESTROY:
		return by_id(r, s, slot, EROT_CMD_DESTROY);
	case STEP_DUMP:
		wire_begin(&r->wire, EROT_CMD_GET, NLM_F_DUMP);
		return exchange(r, s);
	case STEP_HOST:
		return step_host(r, s);
	case STEP_STATS:
		wire_begin(&r->wire, EROT_CMD_STATS, 0);
		return exchange(r, s);
	case STEP_LISTEN:
		return step_listen(r, s);
	case STEP_RAW:
		return step_raw(r, s, slot);
	case STEP_CLOSE:
		return step_close(r, s, slot);
	case STEP_FILE:
		ret = files_use(s->arg[0] & 1 ? slot->image_fd : slot->n.fd, s->arg[1],
				u32_at(s, 2), u32_at(s, 6));
		return tell(r, s, ret, "");
	case STEP_REOPEN:
		ret = files_reopen(s->arg[0] & 1 ? slot->n.fd : slot->image_fd, u32_at(s, 1),
				   s->arg[5]);
		return tell(r, s, ret, "");
	case STEP_IOCTL:
		return step_ioctl(r, s, slot);
	case STEP_MOUNT:
		return step_mount(r, s, slot);
	case STEP_BOX:
		return step_box(r, s, slot);
	default:
		break;		/* FORK and RACE are the program's business */
	}
}

/* A process that holds every descriptor, does one step and waits for its end. */
static void fork_one(struct runner *r, const struct step *s)
{
	pid_t pid;

	if (n_children == sizeof(children) / sizeof(children[0]))
		return;
	pid = fork();
	if (!pid) {
		r->told = NULL;
		if (s)
			run_one(r, s);
		for (;;)
			pause();
	}
	if (pid > 0)
		children[n_children++] = pid;
}

static const struct step *race_step;

static void *race_other(void *arg)
{
	run_one(arg, race_step);
	return NULL;
}

static void race(const struct step *a, const struct step *b)
{
	pthread_t thread;

	race_step = b;
	if (pthread_create(&thread, NULL, race_other, &other))
		return;
	run_one(&own, a);
	pthread_join(thread, NULL);
}

/* Oldest first; a session that is not RELEASED yet is asked again after later programs. */
static void acknowledge(unsigned int most)
{
	unsigned int i, left = 0, n = n_pending < most ? n_pending : most;
	char text[128];

	for (i = 0; i < n; i++) {
		wire_begin(&own.wire, EROT_CMD_DESTROY, 0);
		wire_attr(&own.wire, EROT_A_SESSION_ID, pending[i], EROT_ID_SIZE);
		if (wire_exchange(&own.wire, NULL, NULL, text) != -ENOENT)
			memmove(pending[left++], pending[i], EROT_ID_SIZE);
	}
	memmove(pending[left], pending[n], (n_pending - n) * EROT_ID_SIZE);
	n_pending -= n - left;
}

static void keep_fds(void)
{
	int fd;

	for (fd = 0; fd < 1024 && n_kept_fds < sizeof(kept_fds) / sizeof(kept_fds[0]); fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			kept_fds[n_kept_fds++] = fd;
}

static void close_others(void)
{
	unsigned int i, from = 0;

	for (i = 0; i < n_kept_fds; from = (unsigned int)kept_fds[i++] + 1)
		if (from < (unsigned int)kept_fds[i])
			close_range(from, (unsigned int)kept_fds[i] - 1, 0);
	close_range(from, ~0U, 0);
}

static void clean_up(void)
{
	unsigned int i;
	int status;

	while (n_children) {
		pid_t pid = children[--n_children];

		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	close_others();
	for (i = 0; i < SLOTS; i++) {
		memset(&slots[i], 0, sizeof(slots[i]));
		slots[i].n.fd = slots[i].image_fd = -1;
	}
	acknowledge(8);
}

void steps_run(const struct program *p, steps_told_fn told, void *ctx)
{
	unsigned int i;

	own.told = other.told = told;
	own.ctx = other.ctx = ctx;
	for (i = 0; i < p->count; i++) {
		const struct step *s = &p->steps[i], *next = i + 1 < p->count ? s + 1 : NULL;

		if (s->op == STEP_RACE && i + 2 < p->count) {
			race(next, s + 2);
			i += 2;
		} else if (s->op == STEP_FORK) {
			fork_one(&own, next);
			i++;
		} else {
			run_one(&own, s);
		}
	}
	clean_up();
}

static void need(const char *what, int ret)
{
	if (!ret)
		return;
	printf("Bail out! %s: %s: %s\n", what, strerror(-ret), fx_err.text);
	exit(1);
}

void steps_prepare(void)
{
	static const struct fx_knobs knobs[GRANTS] = {
		{ 0 }, { .runtime = 1 }, { .other_envelope = true },
		{ .host = EROT_HOST_ALL & ~EROT_HOST_INIT_ON_FREE },
	};
	unsigned int i;

	need("module", fx_begin());
	for (i = 0; i < GRANTS; i++)
		need("grant", fx_grant(&grants[i], &knobs[i]));
	need("socket", wire_open(&own.wire));
	need("socket", wire_open(&other.wire));
	need("files", files_prepare(fx.payload.fd, grants[0].env_fd));
	keep_fds();
	clean_up();
}

int steps_finish(void)
{
	uint64_t end = fx_now_ms() + 30000;

	while (n_pending && fx_left_ms(end)) {
		acknowledge(PENDING);
		poll(NULL, 0, 20);	/* no event tells of a last reference */
	}
	return n_pending ? -EBUSY : 0;
}
