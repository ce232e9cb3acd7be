/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by netlink.c (the exchange) and netlink_ops.c (what is said in it). */
#ifndef EROT_LIBEROT_NETLINK_PRIV_H
#define EROT_LIBEROT_NETLINK_PRIV_H

#include "liberot/netlink.h"

struct nl_msg;
struct nl_sock;
struct nlattr;

/**
 * struct erot_nl - a client
 * @sock:   for requests
 * @events: for notifications; NULL before erot_nl_subscribe()
 * @family: number of "erot"
 */
struct erot_nl {
	struct nl_sock *sock;
	struct nl_sock *events;
	int family;
};

/* Gets the attributes of each answer; 0 or -errno with @err filled. */
typedef int (*erot_nl_answer_fn)(void *ctx, struct nlattr *attrs, int len, struct erot_error *err);

/* A socket with extended acknowledgements and room for a receipt. */
int erot_nl_connect(struct nl_sock **out, struct erot_error *err);

struct nl_msg *erot_nl_request(struct erot_nl *nl, uint8_t cmd, int flags, struct erot_error *err);

/* Sends @msg, frees it, calls @fn for each answer, reads up to the acknowledgement. */
int erot_nl_exchange(struct erot_nl *nl, struct nl_msg *msg, erot_nl_answer_fn fn, void *ctx,
		     struct erot_error *err);

/* An answer_fn that closes a descriptor the answer may have brought, and drops the rest. */
int erot_nl_ignore(void *ctx, struct nlattr *attrs, int len, struct erot_error *err);

#endif /* EROT_LIBEROT_NETLINK_PRIV_H */
