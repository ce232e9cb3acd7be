// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dergd/logline.h"
#include "dergd/sweep.h"
#include "dergd/unaccounted.h"

#define INTERVAL 10	/* seconds */

/**
 * struct sweep - the thread
 * @derg: its own
 * @lock: guards @stop
 * @tick: wakes it
 */
struct sweep {
	struct derg derg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t tick;
	bool stop;
};

static void sweep_once(struct sweep *s)
{
	struct erot_error err;
	unsigned int n = 0;
	char count[16];
	int ret;

	/* a bounded number at a time, until there are no more */
	do {
		ret = unaccounted_sweep(&s->derg, (uint64_t)time(NULL), &n, &err);
		if (ret) {
			log_error("sweep", &err);
		} else if (n) {
			snprintf(count, sizeof(count), "%u", n);
			log_line(LOG_LINE_WARNING, "unaccounted", "launches", count);
		}
	} while (!ret && n);
}

static void *run(void *ctx)
{
	struct sweep *s = ctx;
	struct timespec until;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		pthread_mutex_unlock(&s->lock);
		sweep_once(s);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += INTERVAL;
		pthread_mutex_lock(&s->lock);
		if (!s->stop)
			pthread_cond_timedwait(&s->tick, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int sweep_start(struct sweep **out, struct authority *a, struct erot_error *err)
{
	struct sweep *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return erot_fail(err, ENOMEM, "no-memory", "sweep");
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->tick, NULL);
	ret = derg_open(&s->derg, a, err);
	if (!ret) {
		ret = pthread_create(&s->thread, NULL, run, s);
		if (ret)
			ret = erot_fail(err, ret, "sweep", "thread: %s", strerror(ret));
	}
	if (ret) {
		derg_close(&s->derg);
		free(s);
		return ret;
	}
	*out = s;
	return 0;
}

void sweep_stop(struct sweep *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->tick);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->tick);
	pthread_mutex_destroy(&s->lock);
	derg_close(&s->derg);
	free(s);
}
