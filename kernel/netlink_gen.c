// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/erot.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/erot.h>

/* EROT_CMD_PROVISION - do */
static const struct nla_policy erot_provision_nl_policy[EROT_A_SESSION_RELEASE + 1] = {
	[EROT_A_SESSION_ID] = NLA_POLICY_EXACT_LEN(16),
	[EROT_A_SESSION_CMS] = { .type = NLA_BINARY, },
	[EROT_A_SESSION_RELEASE] = NLA_POLICY_EXACT_LEN(EROT_RELEASE_SIZE),
};

/* EROT_CMD_DESTROY - do */
static const struct nla_policy erot_destroy_nl_policy[EROT_A_SESSION_LIVE + 1] = {
	[EROT_A_SESSION_ID] = NLA_POLICY_EXACT_LEN(16),
	[EROT_A_SESSION_LIVE] = { .type = NLA_FLAG, },
};

/* EROT_CMD_GET - do */
static const struct nla_policy erot_get_nl_policy[EROT_A_SESSION_ID + 1] = {
	[EROT_A_SESSION_ID] = NLA_POLICY_EXACT_LEN(16),
};

/* EROT_CMD_HOST - do */
static const struct nla_policy erot_host_nl_policy[EROT_A_HOST_HARDWARE_KEY + 1] = {
	[EROT_A_HOST_HARDWARE_KEY] = NLA_POLICY_EXACT_LEN(32),
};

/* Ops table for erot */
static const struct genl_split_ops erot_nl_ops[] = {
	{
		.cmd		= EROT_CMD_NEW,
		.pre_doit	= erot_netlink_pre,
		.doit		= erot_nl_new_doit,
		.post_doit	= erot_netlink_post,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= EROT_CMD_PROVISION,
		.pre_doit	= erot_netlink_pre,
		.doit		= erot_nl_provision_doit,
		.post_doit	= erot_netlink_post,
		.policy		= erot_provision_nl_policy,
		.maxattr	= EROT_A_SESSION_RELEASE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= EROT_CMD_DESTROY,
		.pre_doit	= erot_netlink_pre,
		.doit		= erot_nl_destroy_doit,
		.post_doit	= erot_netlink_post,
		.policy		= erot_destroy_nl_policy,
		.maxattr	= EROT_A_SESSION_LIVE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= EROT_CMD_GET,
		.pre_doit	= erot_netlink_pre,
		.doit		= erot_nl_get_doit,
		.post_doit	= erot_netlink_post,
		.policy		= erot_get_nl_policy,
		.maxattr	= EROT_A_SESSION_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= EROT_CMD_GET,
		.start	= erot_netlink_dump_pre,
		.dumpit	= erot_nl_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= EROT_CMD_HOST,
		.pre_doit	= erot_netlink_pre,
		.doit		= erot_nl_host_doit,
		.post_doit	= erot_netlink_post,
		.policy		= erot_host_nl_policy,
		.maxattr	= EROT_A_HOST_HARDWARE_KEY,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= EROT_CMD_STATS,
		.pre_doit	= erot_netlink_pre,
		.doit		= erot_nl_stats_doit,
		.post_doit	= erot_netlink_post,
		.flags		= GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group erot_nl_mcgrps[] = {
	[EROT_NLGRP_LIFECYCLE] = { "lifecycle", },
};

struct genl_family erot_nl_family __ro_after_init = {
	.name		= EROT_FAMILY_NAME,
	.version	= EROT_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= erot_nl_ops,
	.n_split_ops	= ARRAY_SIZE(erot_nl_ops),
	.mcgrps		= erot_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(erot_nl_mcgrps),
};
