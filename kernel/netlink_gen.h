/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/erot.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_EROT_GEN_H
#define _LINUX_EROT_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/erot.h>

int erot_netlink_pre(const struct genl_split_ops *ops, struct sk_buff *skb,
		     struct genl_info *info);
void
erot_netlink_post(const struct genl_split_ops *ops, struct sk_buff *skb,
		  struct genl_info *info);
int erot_netlink_dump_pre(struct netlink_callback *cb);

int erot_nl_new_doit(struct sk_buff *skb, struct genl_info *info);
int erot_nl_provision_doit(struct sk_buff *skb, struct genl_info *info);
int erot_nl_destroy_doit(struct sk_buff *skb, struct genl_info *info);
int erot_nl_get_doit(struct sk_buff *skb, struct genl_info *info);
int erot_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int erot_nl_host_doit(struct sk_buff *skb, struct genl_info *info);
int erot_nl_stats_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	EROT_NLGRP_LIFECYCLE,
};

extern struct genl_family erot_nl_family;

#endif /* _LINUX_EROT_GEN_H */
