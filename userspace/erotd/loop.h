/* SPDX-License-Identifier: GPL-2.0-only */
/* The event loop: one thread, one event at a time, so that a handler may remove any source. */
#ifndef EROTD_LOOP_H
#define EROTD_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "common/error.h"

/**
 * struct erotd_source - something that is waited for; lives in its owner
 * @fd:  -1 while it is not in a loop
 * @fn:  called with the events
 * @ctx: of the owner
 */
struct erotd_source {
	int fd;
	void (*fn)(void *ctx, uint32_t events);
	void *ctx;
};

struct erotd_loop {
	int epfd;
};

int erotd_loop_open(struct erotd_loop *loop, struct erot_error *err);
void erotd_loop_close(struct erotd_loop *loop);

/* Takes @fd over: erotd_loop_del() closes it. On failure @fd is closed. */
int erotd_loop_add(struct erotd_loop *loop, struct erotd_source *src, int fd, uint32_t events,
		   void (*fn)(void *ctx, uint32_t events), void *ctx, struct erot_error *err);
void erotd_loop_del(struct erotd_loop *loop, struct erotd_source *src);

/* Other events than so far; 0: only those that epoll reports anyway. */
void erotd_loop_want(struct erotd_loop *loop, struct erotd_source *src, uint32_t events);

/* Runs one event; -errno when epoll itself fails. */
int erotd_loop_step(struct erotd_loop *loop);

/* A one-shot timer as a source; set it with erotd_timer_set(), 0 ms stops it. */
int erotd_timer_add(struct erotd_loop *loop, struct erotd_source *src,
		    void (*fn)(void *ctx, uint32_t events), void *ctx, struct erot_error *err);
void erotd_timer_set(struct erotd_source *src, unsigned int ms);
void erotd_timer_ack(struct erotd_source *src);

#endif /* EROTD_LOOP_H */
