// SPDX-License-Identifier: GPL-2.0-only
/* Worker threads: handlers may block on a database or an HSM, the network must not. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dergd/http_priv.h"

#define STACK_SIZE	(1U << 20)

struct start {
	struct http_pool *pool;
	void *worker;
};

static struct http_job *next_job(struct http_pool *p)
{
	struct http_job *job;

	pthread_mutex_lock(&p->lock);
	while (STAILQ_EMPTY(&p->queue) && !p->stop)
		pthread_cond_wait(&p->more, &p->lock);
	job = STAILQ_FIRST(&p->queue);
	if (job) {
		STAILQ_REMOVE_HEAD(&p->queue, entry);
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return job;
}

static void *work(void *ctx)
{
	struct start start = *(struct start *)ctx;
	struct http_job *job;

	free(ctx);
	while ((job = next_job(start.pool)))
		job->run(job, start.worker);
	return NULL;
}

static int start_thread(struct http_pool *p, unsigned int i, const pthread_attr_t *attr,
			struct erot_error *err)
{
	struct start *start;
	int ret = 0;

	if (p->hooks->worker_open)
		ret = p->hooks->worker_open(p->hooks->app, &p->workers[i], err);
	if (ret)
		return ret;
	start = malloc(sizeof(*start));
	if (start) {
		start->pool = p;
		start->worker = p->workers[i];
		ret = pthread_create(&p->threads[i], attr, work, start);
		if (!ret)
			return 0;
		free(start);
	} else {
		ret = ENOMEM;
	}
	if (p->hooks->worker_close)
		p->hooks->worker_close(p->hooks->app, p->workers[i]);
	return erot_fail(err, ret, "http", "worker: %s", strerror(ret));
}

int http_pool_start(struct http_pool *p, unsigned int n, unsigned int max_queue,
		    const struct http_hooks *hooks, struct erot_error *err)
{
	pthread_attr_t attr;
	int ret = 0;

	STAILQ_INIT(&p->queue);
	p->hooks = hooks;
	p->max_queue = max_queue;
	p->threads = calloc(n, sizeof(*p->threads));
	p->workers = calloc(n, sizeof(*p->workers));
	if (!p->threads || !p->workers || pthread_mutex_init(&p->lock, NULL) ||
	    pthread_cond_init(&p->more, NULL) || pthread_attr_init(&attr))
		return erot_fail(err, ENOMEM, "no-memory", "workers");
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (p->n = 0; p->n < n && !ret; p->n += !ret)
		ret = start_thread(p, p->n, &attr, err);
	pthread_attr_destroy(&attr);
	if (ret)
		http_pool_stop(p, 1);
	return ret;
}

/* A place in the queue, or false: it is full. */
bool http_pool_reserve(struct http_pool *p)
{
	bool ok;

	pthread_mutex_lock(&p->lock);
	ok = p->queued < p->max_queue && !p->stop;
	p->queued += ok;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

/* After http_pool_reserve(). Where the threads are ending the job is told so here, by no worker. */
void http_pool_add(struct http_pool *p, struct http_job *job)
{
	bool stopped;

	pthread_mutex_lock(&p->lock);
	stopped = p->stop;
	if (!stopped) {
		STAILQ_INSERT_TAIL(&p->queue, job, entry);
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	if (stopped)
		job->run(job, NULL);
}

/**
 * http_pool_stop() - do what is queued, then end the threads
 * @p: pool
 * @seconds: to wait for all of them together
 *
 * Return: 0, or -ETIMEDOUT: a handler still runs, and nothing that it uses may be freed.
 */
int http_pool_stop(struct http_pool *p, unsigned int seconds)
{
	struct timespec until;
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	for (i = 0; i < p->n; i++) {
		if (pthread_timedjoin_np(p->threads[i], NULL, &until))
			return -ETIMEDOUT;
		if (p->hooks->worker_close)
			p->hooks->worker_close(p->hooks->app, p->workers[i]);
	}
	free(p->threads);
	free(p->workers);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	return 0;
}
