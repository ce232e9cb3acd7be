// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family: thin, every answer comes from the layer that knows it.
 * Order of checks in each operation: attributes (-EINVAL, -ERANGE: generic netlink, by the policy),
 * permission (-EPERM), lookup (-ENOENT), state, content.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rwsem.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "bootkey.h"
#include "host.h"
#include "ioctl.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "secret.h"
#include "session.h"
#include "trace.h"

#define NEEDED	"CAP_SYS_ADMIN in the initial user namespace is needed"

int erot_netlink_pre(const struct genl_split_ops *ops, struct sk_buff *skb, struct genl_info *info)
{
	/* The socket's opener and the sender both need it, in the initial user namespace. */
	if (!netlink_capable(skb, CAP_SYS_ADMIN)) {
		NL_SET_ERR_MSG(info->extack, NEEDED);
		return -EPERM;
	}
	return 0;
}

void erot_netlink_post(const struct genl_split_ops *ops, struct sk_buff *skb,
		       struct genl_info *info)
{
}

int erot_netlink_dump_pre(struct netlink_callback *cb)
{
	if (netlink_capable(cb->skb, CAP_SYS_ADMIN))
		return 0;
	NL_SET_ERR_MSG(cb->extack, NEEDED);
	return -EPERM;
}

/*
 * Events are for those who listen; before and after registration nobody can. The lock is held
 * while one is sent, since works of ended sessions may still tell of them at unload.
 */
static bool registered;
static DECLARE_RWSEM(registration);

static int refuse(struct genl_info *info, const u8 *id, const char *why, int err)
{
	static const u8 none[EROT_ID_SIZE];

	if (why)
		NL_SET_ERR_MSG_FMT(info->extack, "%s", why);
	atomic64_inc(&erot_stats.refused);
	trace_erot_refused(id ?: none, why ?: "", err);
	return err;
}

/* The session that the request names, referenced, or an ERR_PTR. */
static struct erot_session *named_session(struct genl_info *info)
{
	struct erot_session *s;

	if (GENL_REQ_ATTR_CHECK(info, EROT_A_SESSION_ID))
		return ERR_PTR(refuse(info, NULL, "session id is missing", -EINVAL));
	s = erot_session_find(nla_data(info->attrs[EROT_A_SESSION_ID]));
	return s ?: ERR_PTR(refuse(info, NULL, "no such session", -ENOENT));
}

static struct sk_buff *reply_new(struct genl_info *info, size_t payload, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(payload, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_iput(skb, info);
	if (!*hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

int erot_nl_new_doit(struct sk_buff *req, struct genl_info *info)
{
	const char *why = NULL;
	struct erot_session *s;
	struct sk_buff *skb;
	struct file *file;
	int fd, err;
	void *hdr;

	s = erot_session_create(&why);
	if (IS_ERR(s))
		return refuse(info, NULL, why, PTR_ERR(s));
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		why = "session: no descriptor is left";
		err = fd;
		goto fail;
	}
	file = erot_ioctl_file(s);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto fail_fd;
	}

	err = -ENOMEM;
	skb = reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		goto fail_file;
	if (nla_put(skb, EROT_A_SESSION_ID, EROT_ID_SIZE, s->id) ||
	    nla_put_u32(skb, EROT_A_SESSION_FD, fd) ||
	    nla_put(skb, EROT_A_SESSION_SESSION_KEY, EROT_KEY_SIZE, s->session_pk) ||
	    nla_put(skb, EROT_A_SESSION_BOOT_KEY, EROT_KEY_SIZE, erot_bootkey_public()) ||
	    nla_put_u32(skb, EROT_A_SESSION_HOST_STATE, s->host)) {
		nlmsg_free(skb);
		err = -EMSGSIZE;
		goto fail_file;
	}
	genlmsg_end(skb, hdr);
	err = genlmsg_reply(skb, info);
	if (err)
		goto fail_file;
	fd_install(fd, file);
	erot_notify(s, EROT_EVENT_NEW, 0);
	erot_session_put(s);
	return 0;

fail_file:
	fput(file);	/* its release ends the session */
fail_fd:
	put_unused_fd(fd);
fail:
	erot_session_die(s, EROT_END_FAILED);
	refuse(info, s->id, why, err);
	erot_session_put(s);
	return err;
}

int erot_nl_provision_doit(struct sk_buff *req, struct genl_info *info)
{
	const struct nlattr *cms = info->attrs[EROT_A_SESSION_CMS];
	const struct nlattr *release = info->attrs[EROT_A_SESSION_RELEASE];
	const char *why = NULL;
	struct erot_session *s;
	int err;

	if (!cms || !release)
		return refuse(info, NULL, "receipt or release is missing", -EINVAL);
	if (nla_len(cms) > EROT_CMS_MAX)
		return refuse(info, NULL, "receipt: too large", -EMSGSIZE);
	s = named_session(info);
	if (IS_ERR(s))
		return PTR_ERR(s);
	err = erot_session_provision(s, nla_data(cms), nla_len(cms), nla_data(release), &why);
	if (err)
		refuse(info, s->id, why, err);
	erot_session_put(s);
	return err;
}

int erot_nl_destroy_doit(struct sk_buff *req, struct genl_info *info)
{
	bool live = nla_get_flag(info->attrs[EROT_A_SESSION_LIVE]);
	struct erot_session *s = named_session(info);
	int err = 0;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (live && READ_ONCE(s->end))
		err = refuse(info, s->id, "session is dead", -ESHUTDOWN);
	else if (live || erot_session_forget(s))
		erot_session_die(s, EROT_END_DESTROYED);
	erot_session_put(s);
	return err;
}

/*
 * A struct pid keeps its numbers when the process is gone, and others get them. So the number is
 * told until the process enters its exit; if it was no longer watched then, until it is reaped.
 */
static u32 first_process(const struct erot_session *s, struct pid_namespace *ns)
{
	if (READ_ONCE(s->exited) || !pid_has_task(s->pid, PIDTYPE_TGID))
		return 0;
	return pid_nr_ns(s->pid, ns);
}

static int put_session(struct sk_buff *skb, struct erot_session *s, struct pid_namespace *ns)
{
	int state = smp_load_acquire(&s->state);
	bool known = s->started_ns;

	if (nla_put(skb, EROT_A_SESSION_ID, EROT_ID_SIZE, s->id) ||
	    nla_put_u32(skb, EROT_A_SESSION_STATE, state) ||
	    nla_put_u32(skb, EROT_A_SESSION_END, READ_ONCE(s->end)) ||
	    nla_put(skb, EROT_A_SESSION_SESSION_KEY, EROT_KEY_SIZE, s->session_pk) ||
	    nla_put_u32(skb, EROT_A_SESSION_HOST_STATE, s->host) ||
	    nla_put_u32(skb, EROT_A_SESSION_ISOLATION, s->isolation) ||
	    nla_put_u64_64bit(skb, EROT_A_SESSION_DEADLINE, s->deadline_ns, EROT_A_SESSION_PAD))
		return -EMSGSIZE;
	if (known && nla_put(skb, EROT_A_SESSION_RECEIPT, EROT_DIGEST_SIZE, s->facts.digest))
		return -EMSGSIZE;
	if (s->pid && nla_put_u32(skb, EROT_A_SESSION_PID, first_process(s, ns)))
		return -EMSGSIZE;
	if (known && state == EROT_STATE_RELEASED &&
	    nla_put(skb, EROT_A_SESSION_EVIDENCE, sizeof(s->evidence), &s->evidence))
		return -EMSGSIZE;
	return 0;
}

/* Under the keys lock, so that what belongs together is seen together. */
static int put_session_locked(struct sk_buff *skb, struct erot_session *s)
{
	int err;

	down_read(&s->keys);
	err = put_session(skb, s, task_active_pid_ns(current));
	up_read(&s->keys);
	return err;
}

int erot_nl_get_doit(struct sk_buff *req, struct genl_info *info)
{
	struct erot_session *s = named_session(info);
	struct sk_buff *skb;
	void *hdr;
	int err = -ENOMEM;

	if (IS_ERR(s))
		return PTR_ERR(s);
	skb = reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (skb) {
		err = put_session_locked(skb, s);
		if (err) {
			nlmsg_free(skb);
		} else {
			genlmsg_end(skb, hdr);
			err = genlmsg_reply(skb, info);
		}
	}
	erot_session_put(s);
	return err;
}

int erot_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long index = cb->args[0];
	struct erot_session *s;
	int err = 0;
	void *hdr;

	while (!err && (s = erot_session_next(&index))) {
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &erot_nl_family, NLM_F_MULTI, EROT_CMD_GET);
		err = hdr ? put_session_locked(skb, s) : -EMSGSIZE;
		if (!err)
			genlmsg_end(skb, hdr);
		else if (hdr)
			genlmsg_cancel(skb, hdr);
		erot_session_put(s);
		if (!err)
			cb->args[0] = ++index;
	}
	return err == -EMSGSIZE && skb->len ? skb->len : err ?: skb->len;
}

int erot_nl_host_doit(struct sk_buff *req, struct genl_info *info)
{
	const struct nlattr *set = info->attrs[EROT_A_HOST_HARDWARE_KEY];
	u8 hwkey[EROT_DIGEST_SIZE];
	const char *why = NULL;
	struct sk_buff *skb;
	void *hdr;
	int err;

	if (set) {
		err = erot_host_set_hwkey(nla_data(set), &why);
		if (err)
			return refuse(info, NULL, why, err);
	}
	skb = reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	if (nla_put_string(skb, EROT_A_HOST_VERSION, THIS_MODULE->version) ||
	    nla_put(skb, EROT_A_HOST_BOOT_KEY, EROT_KEY_SIZE, erot_bootkey_public()) ||
	    nla_put_u32(skb, EROT_A_HOST_HOST_STATE, erot_host_state()) ||
	    nla_put_u32(skb, EROT_A_HOST_MODE, !erot_open) ||
	    (erot_bootkey_in_pcr() && nla_put_u32(skb, EROT_A_HOST_PCR, erot_bootkey_pcr())) ||
	    (erot_host_hwkey(hwkey) &&
	     nla_put(skb, EROT_A_HOST_HARDWARE_KEY, sizeof(hwkey), hwkey))) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int put_count(struct sk_buff *skb, int attr, atomic64_t *count)
{
	return nla_put_u64_64bit(skb, attr, atomic64_read(count), EROT_A_STATS_PAD);
}

int erot_nl_stats_doit(struct sk_buff *req, struct genl_info *info)
{
	struct sk_buff *skb;
	void *hdr;

	skb = reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	if (nla_put_u32(skb, EROT_A_STATS_SESSIONS, atomic_read(&erot_stats.sessions)) ||
	    put_count(skb, EROT_A_STATS_CREATED, &erot_stats.created) ||
	    put_count(skb, EROT_A_STATS_REFUSED, &erot_stats.refused) ||
	    put_count(skb, EROT_A_STATS_CHUNKS, &erot_stats.chunks) ||
	    put_count(skb, EROT_A_STATS_DAMAGED, &erot_stats.damaged) ||
	    put_count(skb, EROT_A_STATS_PINNED, &erot_stats.pinned) ||
	    put_count(skb, EROT_A_STATS_SHARED, &erot_stats.shared) ||
	    /* all but the boot key's */
	    nla_put_u32(skb, EROT_A_STATS_KEYS, erot_secret_live() - 1)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static void tell(struct erot_session *s, enum erot_event event, u64 chunk)
{
	struct sk_buff *skb = genlmsg_new(128, GFP_NOFS);
	void *hdr;

	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &erot_nl_family, 0, EROT_CMD_LIFECYCLE);
	if (!hdr || nla_put_u32(skb, EROT_A_SESSION_EVENT, event) ||
	    nla_put(skb, EROT_A_SESSION_ID, EROT_ID_SIZE, s->id) ||
	    nla_put_u32(skb, EROT_A_SESSION_STATE, READ_ONCE(s->state)) ||
	    nla_put_u32(skb, EROT_A_SESSION_END, READ_ONCE(s->end)) ||
	    (event == EROT_EVENT_DAMAGED &&
	     nla_put_u64_64bit(skb, EROT_A_SESSION_CHUNK, chunk, EROT_A_SESSION_PAD))) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast(&erot_nl_family, skb, 0, EROT_NLGRP_LIFECYCLE, GFP_NOFS);
}

/**
 * erot_notify - tell the lifecycle group
 * @s:     session
 * @event: what happened
 * @chunk: for EROT_EVENT_DAMAGED, else not sent
 *
 * Lossy: a listener that is late reads the state again.
 */
void erot_notify(struct erot_session *s, enum erot_event event, u64 chunk)
{
	down_read(&registration);
	if (registered)
		tell(s, event, chunk);
	up_read(&registration);
}

/* Who may not ask may not listen either; the generator knows CAP_NET_ADMIN only. */
static const struct genl_multicast_group groups[] = {
	[EROT_NLGRP_LIFECYCLE] = {
		.name	= EROT_MCGRP_LIFECYCLE,
		.flags	= GENL_MCAST_CAP_SYS_ADMIN,
	},
};

int erot_netlink_init(void)
{
	int err;

	/* The generator always says true; one machine has one family, in the first namespace. */
	erot_nl_family.netnsok = false;
	erot_nl_family.mcgrps = groups;
	err = genl_register_family(&erot_nl_family);
	down_write(&registration);
	registered = !err;
	up_write(&registration);
	return err;
}

void erot_netlink_exit(void)
{
	down_write(&registration);
	registered = false;
	up_write(&registration);
	genl_unregister_family(&erot_nl_family);
}
