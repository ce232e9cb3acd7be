// SPDX-License-Identifier: GPL-2.0-only
/* Transactions that are committed together: nobody pays for another one, on both databases. */
#include "dergd/test_database.h"

#include <pthread.h>
#include <sched.h>

#define OTHERS	8

/**
 * struct member - a thread with its transaction
 * @key:    that it writes
 * @sql:    with which statement; $1 is the key
 * @refuse: in the end
 * @gate:   waits, while it writes, until everybody else waits for it
 * @resume: DB_RESUME
 * @on:     connection that it ran on the last time
 * @runs:   of the work
 * @ret:    of the transaction, with @err
 */
struct member {
	int64_t key;
	const char *sql;
	int refuse, gate, resume;
	struct db *db, *on;
	int runs, ret;
	struct erot_error err;
	pthread_t thread;
};

static struct db_group *group;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static int gate_open, gate_reached;

#define KEEP	"INSERT INTO t_kept (k) VALUES ($1)"
/* refused at COMMIT only */
#define ORPHAN	"INSERT INTO t_child (k, parent) VALUES ($1, 999)"
#define CHILD	"INSERT INTO t_child (k, parent) VALUES ($1, NULL)"
#define NOWHERE	"INSERT INTO t_nowhere (k) VALUES ($1)"

static int member_work(struct db *db, void *ctx, struct erot_error *e)
{
	struct member *m = ctx;
	int ret;

	m->on = db;
	m->runs++;
	ret = db_run(db, e, NULL, m->sql, DB_ARGS(db_int(m->key)));
	if (m->gate) {
		pthread_mutex_lock(&lock);
		gate_reached = 1;
		pthread_cond_broadcast(&change);
		while (!gate_open)
			pthread_cond_wait(&change, &lock);
		pthread_mutex_unlock(&lock);
	}
	return ret ?: m->refuse ? erot_fail(e, EACCES, "test-refused", "no") : 0;
}

static void *member_thread(void *ctx)
{
	struct member *m = ctx;

	m->ret = db_transaction(m->db, DB_SHARED | (m->resume ? DB_RESUME : 0), member_work, m,
				&m->err);
	return NULL;
}

static void start(struct member *m)
{
	if (pthread_create(&m->thread, NULL, member_thread, m))
		test_bail("thread");
}

/* The first one writes until the others wait, in their order. */
static void together(struct member *first, struct member *others, unsigned int n)
{
	unsigned int i;

	gate_open = gate_reached = 0;
	start(first);
	pthread_mutex_lock(&lock);
	while (!gate_reached)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	for (i = 0; i < n; i++) {
		start(&others[i]);
		while (db_group_waiting(group) <= i)
			sched_yield();
	}
	pthread_mutex_lock(&lock);
	gate_open = 1;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
	pthread_join(first->thread, NULL);
	for (i = 0; i < n; i++)
		pthread_join(others[i].thread, NULL);
}

static struct db *dbs[OTHERS + 1];

/* Keys from @key on, on connections of their own. */
static void prepare(struct member *first, struct member *others, int64_t key)
{
	int i;

	*first = (struct member) { .key = key, .sql = KEEP, .gate = 1, .db = dbs[OTHERS] };
	for (i = 0; i < OTHERS; i++)
		others[i] = (struct member) { .key = key + 1 + i, .sql = KEEP, .db = dbs[i] };
}

static int ran_as(const struct member *m, const struct db *on, int runs)
{
	return m->on == on && m->runs == runs;
}

static void test_one_commit(struct db *db)
{
	struct member first, others[OTHERS];
	int i, good = 1;

	prepare(&first, others, 0);
	together(&first, others, OTHERS);
	for (i = 0; i < OTHERS; i++)
		good &= !others[i].ret && ran_as(&others[i], dbs[0], 1);
	tap_ok(!first.ret && ran_as(&first, dbs[OTHERS], 1), "%s: one writes alone", backend);
	tap_ok(good, "%s: %d that came meanwhile go into one commit", backend, OTHERS);
	tap_ok(number(db, "SELECT count(*) FROM t_kept WHERE k < 100") == OTHERS + 1,
	       "%s: and are all there", backend);
}

static void test_bad_ones(struct db *db)
{
	struct member first, others[OTHERS];
	char name[96];
	int i, good = 1;

	prepare(&first, others, 100);
	others[1].key = others[0].key;
	others[3].sql = NOWHERE;
	others[5].refuse = 1;
	others[7].key = others[0].key;
	together(&first, others, OTHERS);
	snprintf(name, sizeof(name), "%s: in a group: what another one has written", backend);
	tap_refused(others[1].ret, EEXIST, &others[1].err, "db-exists", name);
	snprintf(name, sizeof(name), "%s: in a group: the same, with COMMIT behind it", backend);
	tap_refused(others[7].ret, EEXIST, &others[7].err, "db-exists", name);
	snprintf(name, sizeof(name), "%s: in a group: a statement that fails", backend);
	tap_refused(others[3].ret, EIO, &others[3].err, "db-error", name);
	snprintf(name, sizeof(name), "%s: in a group: refused behind its write", backend);
	tap_refused(others[5].ret, EACCES, &others[5].err, "test-refused", name);
	for (i = 0; i < OTHERS; i++)
		good &= ran_as(&others[i], dbs[0], 1) &&
			!others[i].ret == (i != 1 && i != 3 && i != 5 && i != 7);
	tap_ok(good && !first.ret, "%s: nobody else notices", backend);
	tap_ok(number(db, "SELECT count(*) FROM t_kept WHERE k >= 100 AND k < 200") ==
	       OTHERS + 1 - 4 && number(db, "SELECT count(*) FROM t_kept WHERE k = 106") == 0,
	       "%s: and what failed left nothing", backend);
}

/*
 * COMMIT refuses all of it because of one; of another one the insert failed because of that one's,
 * which is never to be.
 */
static void test_commit_fails(struct db *db)
{
	struct member first, others[OTHERS];
	char name[96];
	int i, good = 1;

	prepare(&first, others, 200);
	others[2].sql = ORPHAN;
	others[4].sql = CHILD;
	others[4].key = others[2].key;
	others[6].resume = 1;
	together(&first, others, OTHERS);
	snprintf(name, sizeof(name), "%s: what COMMIT refuses", backend);
	tap_refused(others[2].ret, EINVAL, &others[2].err, "db-constraint", name);
	for (i = 0; i < OTHERS; i++)
		good &= ran_as(&others[i], dbs[0], 2) && !others[i].ret == (i != 2);
	tap_ok(good && !first.ret, "%s: the others are done without it", backend);
	tap_ok(!others[4].ret && number(db, "SELECT count(*) FROM t_child WHERE parent IS NULL") ==
	       1, "%s: also who was in its way only while it lasted", backend);
	tap_ok(number(db, "SELECT count(*) FROM t_kept WHERE k >= 200") == OTHERS + 1 - 2 &&
	       number(db, "SELECT count(*) FROM t_child") == 1, "%s: once", backend);
}

static void test_backend(void)
{
	struct db *db = must_open();
	int i;

	run(db, "CREATE TABLE t_kept (k BIGINT PRIMARY KEY)");
	run(db, "CREATE TABLE t_child (k BIGINT PRIMARY KEY, parent BIGINT REFERENCES t_kept (k) "
		"DEFERRABLE INITIALLY DEFERRED)");
	group = db_group_new();
	for (i = 0; i <= OTHERS; i++) {
		dbs[i] = must_open();
		db_join(dbs[i], group);
	}
	test_one_commit(db);
	test_bad_ones(db);
	test_commit_fails(db);
	for (i = 0; i <= OTHERS; i++)
		db_close(dbs[i]);
	db_group_free(group);
	db_close(db);
}

int main(void)
{
	struct test_base base;

	test_base_start(&base);
	test_new_database(&base, "groups");
	test_on_both(&base, test_backend);
	test_base_stop(&base);
	return tap_done();
}
