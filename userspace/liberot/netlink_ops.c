// SPDX-License-Identifier: GPL-2.0-only
/* The operations: attributes into structures and back. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include "liberot/netlink_priv.h"

static struct nla_policy session_policy[EROT_A_SESSION_MAX + 1] = {
	[EROT_A_SESSION_ID] = { .minlen = EROT_ID_SIZE, .maxlen = EROT_ID_SIZE },
	[EROT_A_SESSION_FD] = { .type = NLA_U32 },
	[EROT_A_SESSION_SESSION_KEY] = { .minlen = EROT_KEY_SIZE, .maxlen = EROT_KEY_SIZE },
	[EROT_A_SESSION_BOOT_KEY] = { .minlen = EROT_KEY_SIZE, .maxlen = EROT_KEY_SIZE },
	[EROT_A_SESSION_HOST_STATE] = { .type = NLA_U32 },
	[EROT_A_SESSION_STATE] = { .type = NLA_U32 },
	[EROT_A_SESSION_END] = { .type = NLA_U32 },
	[EROT_A_SESSION_RECEIPT] = { .minlen = EROT_DIGEST_SIZE, .maxlen = EROT_DIGEST_SIZE },
	[EROT_A_SESSION_ISOLATION] = { .type = NLA_U32 },
	[EROT_A_SESSION_EVIDENCE] = { .minlen = sizeof(struct erot_evidence),
				      .maxlen = sizeof(struct erot_evidence) },
	[EROT_A_SESSION_PID] = { .type = NLA_U32 },
	[EROT_A_SESSION_DEADLINE] = { .type = NLA_U64 },
	[EROT_A_SESSION_EVENT] = { .type = NLA_U32 },
	[EROT_A_SESSION_CHUNK] = { .type = NLA_U64 },
};

static struct nla_policy host_policy[EROT_A_HOST_MAX + 1] = {
	[EROT_A_HOST_VERSION] = { .type = NLA_STRING, .maxlen = 63 },
	[EROT_A_HOST_BOOT_KEY] = { .minlen = EROT_KEY_SIZE, .maxlen = EROT_KEY_SIZE },
	[EROT_A_HOST_HOST_STATE] = { .type = NLA_U32 },
	[EROT_A_HOST_MODE] = { .type = NLA_U32 },
	[EROT_A_HOST_PCR] = { .type = NLA_U32 },
	[EROT_A_HOST_HARDWARE_KEY] = { .minlen = EROT_DIGEST_SIZE, .maxlen = EROT_DIGEST_SIZE },
};

static struct nla_policy stats_policy[EROT_A_STATS_MAX + 1] = {
	[EROT_A_STATS_SESSIONS] = { .type = NLA_U32 },
	[EROT_A_STATS_CREATED] = { .type = NLA_U64 },
	[EROT_A_STATS_REFUSED] = { .type = NLA_U64 },
	[EROT_A_STATS_CHUNKS] = { .type = NLA_U64 },
	[EROT_A_STATS_SHARED] = { .type = NLA_U64 },
	[EROT_A_STATS_DAMAGED] = { .type = NLA_U64 },
	[EROT_A_STATS_PINNED] = { .type = NLA_U64 },
	[EROT_A_STATS_KEYS] = { .type = NLA_U32 },
};

static int lacks(struct erot_error *err, const char *what)
{
	return erot_fail(err, EBADMSG, "netlink-answer", "netlink: the answer lacks %s", what);
}

static uint32_t u32_of(struct nlattr *a)
{
	return a ? nla_get_u32(a) : 0;
}

static uint64_t u64_of(struct nlattr *a)
{
	return a ? nla_get_u64(a) : 0;
}

static bool copy_of(void *out, struct nlattr *a, size_t len)
{
	if (a)
		memcpy(out, nla_data(a), len);
	return a;
}

/*
 * A descriptor is in our table whether or not we like the rest of the answer: it comes out first.
 */
static int installed_fd(struct nlattr *attrs, int len)
{
	struct nlattr *a = nla_find(attrs, len, EROT_A_SESSION_FD);
	uint32_t fd = a && nla_len(a) == sizeof(fd) ? nla_get_u32(a) : UINT32_MAX;

	return fd <= INT_MAX ? (int)fd : -1;
}

int erot_nl_ignore(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	int fd = -1;

	(void)err;
	/* Only answers to NEW and GET have session attributes, and only NEW's have this one. */
	if (ctx && *(const uint8_t *)ctx == EROT_CMD_NEW)
		fd = installed_fd(attrs, len);
	if (fd >= 0)
		close(fd);
	return 0;
}

static int read_new(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	struct nlattr *at[EROT_A_SESSION_MAX + 1];
	struct erot_nl_new *out = ctx;

	if (out->fd >= 0)
		return lacks(err, "an end");
	out->fd = installed_fd(attrs, len);
	if (nla_parse(at, EROT_A_SESSION_MAX, attrs, len, session_policy) || out->fd < 0 ||
	    !copy_of(out->id, at[EROT_A_SESSION_ID], sizeof(out->id)) ||
	    !copy_of(out->session_key, at[EROT_A_SESSION_SESSION_KEY], sizeof(out->session_key)) ||
	    !copy_of(out->boot_key, at[EROT_A_SESSION_BOOT_KEY], sizeof(out->boot_key)) ||
	    !at[EROT_A_SESSION_HOST_STATE])
		return lacks(err, "a part of the session");
	out->host_state = u32_of(at[EROT_A_SESSION_HOST_STATE]);
	return 0;
}

int erot_nl_new(struct erot_nl *nl, struct erot_nl_new *out, struct erot_error *err)
{
	struct nl_msg *msg;
	int ret;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	msg = erot_nl_request(nl, EROT_CMD_NEW, 0, err);
	if (!msg)
		return -ENOMEM;
	ret = erot_nl_exchange(nl, msg, read_new, out, err);
	if (!ret && out->fd < 0)
		ret = lacks(err, "everything");
	if (ret && out->fd >= 0) {
		close(out->fd);
		out->fd = -1;
	}
	return ret;
}

static int no_room(struct nl_msg *msg, struct erot_error *err)
{
	nlmsg_free(msg);
	return erot_fail(err, EMSGSIZE, "netlink", "netlink: the request is too long");
}

int erot_nl_provision(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], const void *cms,
		      size_t cms_len, const struct erot_release *release, struct erot_error *err)
{
	struct nl_msg *msg;

	/*
	 * Of more than 16 bits netlink would make something shorter; what the kernel refuses is its
	 * business.
	 */
	if (cms_len > UINT16_MAX - NLA_HDRLEN)
		return erot_fail(err, EMSGSIZE, "cms-size", "receipt: %zu bytes, at most %d fit",
				 cms_len, EROT_CMS_MAX);
	msg = erot_nl_request(nl, EROT_CMD_PROVISION, 0, err);
	if (!msg)
		return -ENOMEM;
	if (nla_put(msg, EROT_A_SESSION_ID, EROT_ID_SIZE, id) ||
	    nla_put(msg, EROT_A_SESSION_CMS, (int)cms_len, cms) ||
	    nla_put(msg, EROT_A_SESSION_RELEASE, sizeof(*release), release))
		return no_room(msg, err);
	return erot_nl_exchange(nl, msg, NULL, NULL, err);
}

static int destroy(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], bool live,
		   struct erot_error *err)
{
	struct nl_msg *msg = erot_nl_request(nl, EROT_CMD_DESTROY, 0, err);

	if (!msg)
		return -ENOMEM;
	if (nla_put(msg, EROT_A_SESSION_ID, EROT_ID_SIZE, id) ||
	    (live && nla_put_flag(msg, EROT_A_SESSION_LIVE)))
		return no_room(msg, err);
	return erot_nl_exchange(nl, msg, NULL, NULL, err);
}

int erot_nl_destroy(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], struct erot_error *err)
{
	return destroy(nl, id, false, err);
}

int erot_nl_end(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], struct erot_error *err)
{
	return destroy(nl, id, true, err);
}

static int parse_session(struct nlattr *attrs, int len, struct erot_nl_session *s,
			 struct erot_error *err)
{
	struct nlattr *at[EROT_A_SESSION_MAX + 1];

	memset(s, 0, sizeof(*s));
	if (nla_parse(at, EROT_A_SESSION_MAX, attrs, len, session_policy) ||
	    !copy_of(s->id, at[EROT_A_SESSION_ID], sizeof(s->id)) || !at[EROT_A_SESSION_STATE])
		return lacks(err, "id or state of a session");
	s->state = u32_of(at[EROT_A_SESSION_STATE]);
	s->end = u32_of(at[EROT_A_SESSION_END]);
	copy_of(s->session_key, at[EROT_A_SESSION_SESSION_KEY], sizeof(s->session_key));
	s->host_state = u32_of(at[EROT_A_SESSION_HOST_STATE]);
	s->has_receipt = copy_of(s->receipt, at[EROT_A_SESSION_RECEIPT], sizeof(s->receipt));
	s->isolation = u32_of(at[EROT_A_SESSION_ISOLATION]);
	s->has_evidence = copy_of(&s->evidence, at[EROT_A_SESSION_EVIDENCE], sizeof(s->evidence));
	s->pid = u32_of(at[EROT_A_SESSION_PID]);
	s->deadline = u64_of(at[EROT_A_SESSION_DEADLINE]);
	return 0;
}

struct one {
	struct erot_nl_session *out;
	bool got;
};

static int read_one(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	struct one *o = ctx;

	o->got = true;
	return parse_session(attrs, len, o->out, err);
}

int erot_nl_get(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], struct erot_nl_session *out,
		struct erot_error *err)
{
	struct nl_msg *msg = erot_nl_request(nl, EROT_CMD_GET, 0, err);
	struct one o = { out, false };
	int ret;

	if (!msg)
		return -ENOMEM;
	if (nla_put(msg, EROT_A_SESSION_ID, EROT_ID_SIZE, id))
		return no_room(msg, err);
	ret = erot_nl_exchange(nl, msg, read_one, &o, err);
	if (!ret && !o.got)
		ret = lacks(err, "the session");
	return ret;
}

struct each {
	int (*fn)(void *ctx, const struct erot_nl_session *s);
	void *ctx;
	int stopped;
};

static int read_each(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	struct erot_nl_session s;
	struct each *e = ctx;
	int ret;

	if (e->stopped)
		return 0;
	ret = parse_session(attrs, len, &s, err);
	if (!ret)
		e->stopped = e->fn(e->ctx, &s);
	return ret;
}

int erot_nl_dump(struct erot_nl *nl, int (*fn)(void *ctx, const struct erot_nl_session *s),
		 void *ctx, struct erot_error *err)
{
	struct nl_msg *msg = erot_nl_request(nl, EROT_CMD_GET, NLM_F_DUMP, err);
	struct each e = { fn, ctx, 0 };
	int ret;

	if (!msg)
		return -ENOMEM;
	ret = erot_nl_exchange(nl, msg, read_each, &e, err);
	return ret ? ret : e.stopped;
}

static int read_host(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	struct nlattr *at[EROT_A_HOST_MAX + 1];
	struct erot_nl_host *out = ctx;

	if (nla_parse(at, EROT_A_HOST_MAX, attrs, len, host_policy) || !at[EROT_A_HOST_VERSION] ||
	    !copy_of(out->boot_key, at[EROT_A_HOST_BOOT_KEY], sizeof(out->boot_key)) ||
	    !at[EROT_A_HOST_HOST_STATE] || !at[EROT_A_HOST_MODE])
		return lacks(err, "a part of the host");
	nla_strlcpy(out->version, at[EROT_A_HOST_VERSION], sizeof(out->version));
	out->host_state = u32_of(at[EROT_A_HOST_HOST_STATE]);
	out->attested = u32_of(at[EROT_A_HOST_MODE]) == 1;
	out->has_pcr = at[EROT_A_HOST_PCR];
	out->pcr = u32_of(at[EROT_A_HOST_PCR]);
	out->has_hwkey = copy_of(out->hwkey, at[EROT_A_HOST_HARDWARE_KEY], sizeof(out->hwkey));
	return 0;
}

int erot_nl_host(struct erot_nl *nl, const uint8_t set_hwkey[EROT_DIGEST_SIZE],
		 struct erot_nl_host *out, struct erot_error *err)
{
	struct nl_msg *msg = erot_nl_request(nl, EROT_CMD_HOST, 0, err);
	struct erot_nl_host host = { 0 };
	int ret;

	if (!msg)
		return -ENOMEM;
	if (set_hwkey && nla_put(msg, EROT_A_HOST_HARDWARE_KEY, EROT_DIGEST_SIZE, set_hwkey))
		return no_room(msg, err);
	ret = erot_nl_exchange(nl, msg, read_host, &host, err);
	if (!ret && !host.version[0])
		ret = lacks(err, "everything");
	if (!ret && out)
		*out = host;
	return ret;
}

struct stats {
	struct erot_nl_stats *out;
	bool got;
};

static int read_stats(void *ctx, struct nlattr *attrs, int len, struct erot_error *err)
{
	struct nlattr *at[EROT_A_STATS_MAX + 1];
	struct stats *s = ctx;
	int i;

	if (nla_parse(at, EROT_A_STATS_MAX, attrs, len, stats_policy))
		return lacks(err, "a valid form");
	for (i = EROT_A_STATS_SESSIONS; i <= EROT_A_STATS_MAX; i++)
		if (i != EROT_A_STATS_PAD && !at[i])
			return lacks(err, "a counter");
	s->out->sessions = u32_of(at[EROT_A_STATS_SESSIONS]);
	s->out->created = u64_of(at[EROT_A_STATS_CREATED]);
	s->out->refused = u64_of(at[EROT_A_STATS_REFUSED]);
	s->out->chunks = u64_of(at[EROT_A_STATS_CHUNKS]);
	s->out->shared = u64_of(at[EROT_A_STATS_SHARED]);
	s->out->damaged = u64_of(at[EROT_A_STATS_DAMAGED]);
	s->out->pinned = u64_of(at[EROT_A_STATS_PINNED]);
	s->out->keys = u32_of(at[EROT_A_STATS_KEYS]);
	s->got = true;
	return 0;
}

int erot_nl_stats(struct erot_nl *nl, struct erot_nl_stats *out, struct erot_error *err)
{
	struct nl_msg *msg = erot_nl_request(nl, EROT_CMD_STATS, 0, err);
	struct stats s = { out, false };
	int ret;

	if (!msg)
		return -ENOMEM;
	ret = erot_nl_exchange(nl, msg, read_stats, &s, err);
	if (!ret && !s.got)
		ret = lacks(err, "everything");
	return ret;
}

static bool parse_event(struct nlmsghdr *h, int family, struct erot_nl_event *e)
{
	struct nlattr *at[EROT_A_SESSION_MAX + 1];
	struct genlmsghdr *g = nlmsg_data(h);

	memset(e, 0, sizeof(*e));
	if (h->nlmsg_type != family || nlmsg_datalen(h) < (int)GENL_HDRLEN ||
	    g->cmd != EROT_CMD_LIFECYCLE ||
	    nla_parse(at, EROT_A_SESSION_MAX, (struct nlattr *)((char *)g + GENL_HDRLEN),
		      nlmsg_datalen(h) - GENL_HDRLEN, session_policy) ||
	    !at[EROT_A_SESSION_EVENT] || !copy_of(e->id, at[EROT_A_SESSION_ID], sizeof(e->id)))
		return false;
	e->event = u32_of(at[EROT_A_SESSION_EVENT]);
	e->state = u32_of(at[EROT_A_SESSION_STATE]);
	e->end = u32_of(at[EROT_A_SESSION_END]);
	e->chunk = u64_of(at[EROT_A_SESSION_CHUNK]);
	return true;
}

int erot_nl_recv(struct erot_nl *nl, void (*fn)(void *ctx, const struct erot_nl_event *e),
		 void *ctx, struct erot_error *err)
{
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct erot_nl_event e;
	int count = 0;

	if (!nl->events)
		return erot_fail(err, EINVAL, "netlink", "netlink: not subscribed");
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;
		ssize_t n = recvfrom(nl_socket_get_fd(nl->events), buf, sizeof(buf), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return count;
		if (n < 0 && errno == ENOBUFS)
			return erot_fail(err, ENOBUFS, "events-lost", "netlink: events were lost");
		if (n < 0)
			return erot_fail(err, errno, "netlink", "netlink: %s", strerror(errno));
		if (from.nl_pid)
			continue;	/* not the kernel: anybody may send to a netlink socket */
		for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			if (!parse_event(h, nl->family, &e))
				continue;
			fn(ctx, &e);
			count++;
		}
	}
}
