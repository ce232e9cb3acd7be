/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of the provider command: one process each, JSON in, JSON out. */
#ifndef EROTD_PROVIDER_H
#define EROTD_PROVIDER_H

#include <jansson.h>

#include "erotd/config.h"
#include "erotd/loop.h"

struct erotd_call;

/**
 * typedef erotd_call_fn - the answer
 * @ctx:    of the caller
 * @answer: borrowed; NULL when there is an error
 * @err:    "provider-..." when the command itself failed, else the code that it refused with
 */
typedef void (*erotd_call_fn)(void *ctx, json_t *answer, const struct erot_error *err);

/**
 * erotd_call_start() - run the provider command
 * @op:      its last argument: "release" or "terminate"
 * @request: borrowed
 * @fn:      called once from the loop, unless the call was cancelled
 * @err:     "provider-start"
 *
 * Return: the call, which ends by itself before @fn is called; NULL on failure.
 */
struct erotd_call *erotd_call_start(struct erotd_loop *loop, const struct erotd_config *cfg,
				    const char *op, json_t *request, erotd_call_fn fn, void *ctx,
				    struct erot_error *err);

/* Kills the command; @fn is not called. NULL is nothing. */
void erotd_call_cancel(struct erotd_call *call);

#endif /* EROTD_PROVIDER_H */
