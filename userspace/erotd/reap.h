/* SPDX-License-Identifier: GPL-2.0-only */
/* Children that nobody waits for any more: reaped when they end, however long that takes. */
#ifndef EROTD_REAP_H
#define EROTD_REAP_H

#include <sys/types.h>

#include "erotd/loop.h"

/**
 * erotd_reap_later() - leave a child to the loop
 * @pid:   child; a killed one can take its time, as when a disk does not answer
 * @pidfd: of it; stays the caller's
 *
 * Where the loop cannot take it, the child is killed and waited for here.
 */
void erotd_reap_later(struct erotd_loop *loop, pid_t pid, int pidfd);

#endif /* EROTD_REAP_H */
