// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions of several threads, committed together: whoever comes while nobody writes does it,
 * for all that wait by then, on its own connection, and those who come meanwhile are the next
 * group. So one wait for the disk serves them all, and a writer without company waits for nobody.
 *
 * Each is in a savepoint of its own, and what fails is rolled back alone. What COMMIT then refuses
 * was told to nobody: all of the group run again, one by one, also those who were refused, for that
 * may have been because of another one's effects, which are gone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "dergd/db_priv.h"

#define MOST	32	/* in one commit; the first waits for the last */

/**
 * struct job - a transaction that waits
 * @entry:  in the queue or the group
 * @work:   and the others: of db_transaction()
 * @ret:    its result, and @err
 * @done:   guarded by the lock of the group, as is @lead
 * @lead:   it is this one's turn to write
 * @wake:   either of the two has become true
 */
struct job {
	STAILQ_ENTRY(job) entry;
	db_work work;
	void *ctx;
	bool resume;
	int ret;
	struct erot_error err;
	bool done, lead;
	pthread_cond_t wake;
};

STAILQ_HEAD(jobs, job);

/**
 * struct db_group - those who commit together
 * @lock:    over the rest
 * @waiting: have no leader yet
 * @led:     somebody writes, or was woken to do so
 */
struct db_group {
	pthread_mutex_t lock;
	struct jobs waiting;
	bool led;
};

struct db_group *db_group_new(void)
{
	struct db_group *g = calloc(1, sizeof(*g));

	if (g && pthread_mutex_init(&g->lock, NULL)) {
		free(g);
		g = NULL;
	}
	if (g)
		STAILQ_INIT(&g->waiting);
	return g;
}

void db_group_free(struct db_group *g)
{
	if (g)
		pthread_mutex_destroy(&g->lock);
	free(g);
}

unsigned int db_group_waiting(struct db_group *g)
{
	struct job *job;
	unsigned int n = 0;

	pthread_mutex_lock(&g->lock);
	STAILQ_FOREACH(job, &g->waiting, entry)
		n++;
	pthread_mutex_unlock(&g->lock);
	return n;
}

void db_join(struct db *db, struct db_group *g)
{
	db->group = g;
}

/*
 * Nonzero: the transaction of all of them is broken. So it is when the savepoint was never made:
 * there is nothing to go back to then.
 */
static int run_job(struct db *db, struct job *job, struct erot_error *err)
{
	int ret;

	ret = db_exec(db, "SAVEPOINT job", err);
	if (ret)
		return ret;
	job->ret = db_work_run(db, job->work, job->ctx, "RELEASE SAVEPOINT job", &job->err);
	if (!job->ret)
		return 0;
	if (db->verdict != DB_FAILED) {
		*err = job->err;
		return job->ret;
	}
	ret = db_exec(db, "ROLLBACK TO SAVEPOINT job", err);
	if (!ret)
		ret = db_exec(db, "RELEASE SAVEPOINT job", err);
	return ret ?: db_settle(db, err);
}

static int run_together(struct db *db, struct jobs *jobs, struct erot_error *err)
{
	struct job *job;
	int ret;

	ret = db_begin(db, DB_MODE_WRITE, err);
	if (ret)
		return ret;
	for (job = STAILQ_FIRST(jobs); job && !ret; job = STAILQ_NEXT(job, entry))
		ret = run_job(db, job, err);
	return db_finish(db, ret, err);
}

static void run_alone(struct db *db, struct job *job)
{
	job->ret = db_alone(db, DB_MODE_WRITE, job->resume, job->work, job->ctx, &job->err);
}

static void run_all(struct db *db, struct jobs *jobs)
{
	struct erot_error why = { 0 };
	struct job *job;
	bool unknown;
	int ret;

	job = STAILQ_FIRST(jobs);
	if (!STAILQ_NEXT(job, entry)) {
		run_alone(db, job);
		return;
	}
	ret = run_together(db, jobs, &why);
	if (!ret)
		return;
	unknown = ret == -EINPROGRESS && !strcmp(why.code, "db-outcome-unknown");
	STAILQ_FOREACH(job, jobs, entry) {
		/* who was refused has done nothing, whatever became of the others */
		bool perhaps = unknown && !job->ret;

		if (!perhaps || job->resume)
			run_alone(db, job);
		if (perhaps && (!job->resume || job->ret == -EBUSY)) {
			job->ret = ret;
			job->err = why;
		}
	}
}

/* Everybody who waits by now, up to MOST. Under the lock. */
static void gather(struct db_group *g, struct jobs *jobs)
{
	struct job *job;
	unsigned int n;

	STAILQ_INIT(jobs);
	for (n = 0; n < MOST && (job = STAILQ_FIRST(&g->waiting)); n++) {
		STAILQ_REMOVE_HEAD(&g->waiting, entry);
		STAILQ_INSERT_TAIL(jobs, job, entry);
	}
}

/* Theirs is over, the next may begin. Under the lock; a job is gone once its owner sees @done. */
static void dismiss(struct db_group *g, struct jobs *jobs)
{
	struct job *job;

	while ((job = STAILQ_FIRST(jobs))) {
		STAILQ_REMOVE_HEAD(jobs, entry);
		job->done = true;
		pthread_cond_signal(&job->wake);
	}
	job = STAILQ_FIRST(&g->waiting);
	g->led = job != NULL;
	if (job) {
		job->lead = true;
		pthread_cond_signal(&job->wake);
	}
}

int db_group_run(struct db *db, bool resume, db_work work, void *ctx, struct erot_error *err)
{
	struct job job = { .work = work, .ctx = ctx, .resume = resume };
	struct db_group *g = db->group;
	struct jobs jobs;

	if (pthread_cond_init(&job.wake, NULL))
		return db_alone(db, DB_MODE_WRITE, resume, work, ctx, err);
	pthread_mutex_lock(&g->lock);
	STAILQ_INSERT_TAIL(&g->waiting, &job, entry);
	if (!g->led)
		g->led = job.lead = true;
	while (!job.done && !job.lead)
		pthread_cond_wait(&job.wake, &g->lock);
	if (!job.done) {
		gather(g, &jobs);
		pthread_mutex_unlock(&g->lock);
		run_all(db, &jobs);
		pthread_mutex_lock(&g->lock);
		dismiss(g, &jobs);
	}
	pthread_mutex_unlock(&g->lock);
	pthread_cond_destroy(&job.wake);
	if (job.ret && err)
		*err = job.err;
	return job.ret;
}
