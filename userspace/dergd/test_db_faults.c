// SPDX-License-Identifier: GPL-2.0-only
/* What goes wrong under a database: a full disk, a dead server; see also test_db_lost.c. */
#include "dergd/test_database.h"

#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>

/* ---- SQLite */

static void test_sqlite_files(struct db *db)
{
	static const char *const suffix[] = { "", "-wal", "-shm", "-lock" };
	struct stat st;
	char path[300];
	size_t i;

	run(db, "UPDATE t_keys SET v = 1 WHERE k = 1");
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", url + strlen("sqlite:"), suffix[i]);
		tap_ok(!stat(path, &st) && (st.st_mode & 0777) == 0600, "sqlite: erot.db%s is ours",
		       suffix[i]);
	}
}

/* Another program that writes and does not know the lock file. */
static void test_sqlite_busy(struct db *db)
{
	char *argv[] = { "sqlite3", (char *)url + strlen("sqlite:"), "BEGIN IMMEDIATE", "SELECT 1",
			 ".read /dev/stdin", NULL };
	struct timespec begin, end;
	int in[2], out[2];
	char c;
	pid_t pid;

	if (pipe(in) || pipe(out))
		test_bail("pipe");
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (read(out[0], &c, 1) != 1)
		test_bail("sqlite3 does not run");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	tap_refused(run(db, "UPDATE t_keys SET v = 2 WHERE k = 1"), EBUSY, &err, "db-busy",
		    "sqlite: locked by another program");
	clock_gettime(CLOCK_MONOTONIC, &end);
	tap_ok(end.tv_sec - begin.tv_sec < 20, "sqlite: for %lld seconds, not for twelve times as "
	       "long", (long long)(end.tv_sec - begin.tv_sec));
	close(in[1]);
	close(out[0]);
	test_wait(pid);
	tap_ok(!run(db, "UPDATE t_keys SET v = 3 WHERE k = 1"), "sqlite: and then not");
}

static int hold_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_EX) ? -1 : fd;
}

/* Writers queue at the lock file. No checkpoint is made without it, so none by closing. */
static void test_sqlite_lock(struct db *db)
{
	char lock[300], wal[300], byte;
	struct stat st;
	struct pollfd p;
	int ends[2], held;
	pid_t pid;

	snprintf(lock, sizeof(lock), "%s-lock", url + strlen("sqlite:"));
	snprintf(wal, sizeof(wal), "%s-wal", url + strlen("sqlite:"));
	held = hold_lock(lock);
	if (held < 0 || pipe(ends))
		test_bail("lock");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(held);	/* the parent's lock stays, this is one of two descriptors */
		struct db *mine;

		if (write(ends[1], "a", 1) == 1 && !db_open(url, &mine, &err) &&
		    !run(mine, "UPDATE t_keys SET v = 5 WHERE k = 1") &&
		    write(ends[1], "b", 1) == 1)
			_exit(0);
		_exit(1);
	}
	close(ends[1]);
	p = (struct pollfd) { ends[0], POLLIN, 0 };
	tap_ok(read(ends[0], &byte, 1) == 1 && poll(&p, 1, 300) == 0,
	       "sqlite: who does not get the lock file waits");
	tap_ok(number(db, "SELECT v FROM t_keys WHERE k = 1") == 3, "sqlite: who reads does not");
	close(held);
	tap_ok(read(ends[0], &byte, 1) == 1 && byte == 'b' && !test_wait(pid),
	       "sqlite: and then gets it");
	close(ends[0]);
	db_close(db);
	tap_ok(!stat(wal, &st) && st.st_size > 0, "sqlite: closing makes no checkpoint");
}

/* A disk that fails in COMMIT. */
static int fail_in_commit(void *ctx, int i)
{
	struct db *db = must_open();
	static uint8_t big[300000];
	struct step s = { .sql = "INSERT INTO t_keys (c) VALUES ($1)", .n = 1,
			  .args = { db_blob(big, sizeof(big)) } };
	struct rlimit limit = { 200000, 200000 };
	int ret;

	(void)ctx;
	(void)i;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	ret = db_transaction(db, 0, run_step, &s, &err);
	printf("# %d %s: %s\n", ret, err.code, err.text);
	fflush(stdout);
	return !(ret == -EINPROGRESS && !strcmp(err.code, "db-outcome-unknown") &&
		 s.attempts == 1);
}

static void test_sqlite(struct db *db)
{
	tap_refused(db_open("sqlite:relative", &(struct db *){ NULL }, &err), EINVAL, &err,
		    "db-url", "sqlite: a relative path");
	tap_refused(db_open("mysql://x", &(struct db *){ NULL }, &err), EINVAL, &err,
		    "db-url", "another database");
	test_sqlite_files(db);
	tap_refused(run(db, "DELETE FROM t_keys; DELETE FROM t_keys"), EINVAL, &err, "db-use",
		    "sqlite: two statements");
	test_sqlite_busy(db);
	tap_ok(test_processes(1, fail_in_commit, NULL) == 1,
	       "sqlite: a disk that fails in COMMIT leaves the outcome unknown");
	tap_ok(number(db, "SELECT count(*) FROM t_keys WHERE c IS NOT NULL") == 0 &&
	       !run(db, "UPDATE t_keys SET v = 3 WHERE k = 1"), "sqlite: and others go on");
	test_sqlite_lock(db);
}

/* ---- PostgreSQL: what is tried again, and how often */

/**
 * struct other - a session that keeps to none of db.c's rules
 * @c:        connection
 * @sql:      what it does while the transaction is under way
 * @times:    in the first attempts
 * @attempts: seen
 */
struct other {
	PGconn *c;
	const char *sql;
	int times;
	int attempts;
};

static int meddled(struct db *db, void *ctx, struct erot_error *e)
{
	struct number n = { .sql = "SELECT v FROM t_lost WHERE k = 100" };
	struct other *o = ctx;
	int ret;

	ret = read_number(db, &n, e);
	if (!ret && o->attempts++ < o->times)
		PQclear(PQexec(o->c, o->sql));
	return ret ?: db_run(db, e, NULL, "UPDATE t_lost SET v = $1 WHERE k = 100",
			     DB_ARGS(db_int(n.value + 1)));
}

/* LOCK TABLE is not waited for, but the server has done it before it looks at anything. */
static void test_order(struct db *db)
{
	struct other o = { .times = 0 };

	o.c = PQconnectdb(url);
	run(db, "INSERT INTO t_lost (k, v) VALUES (100, 0)");
	PQclear(PQexec(o.c, "BEGIN; LOCK TABLE erot_schema IN EXCLUSIVE MODE; "
		       "UPDATE t_lost SET v = 10 WHERE k = 100"));
	PQsendQuery(o.c, "SELECT pg_sleep(0.3); COMMIT");
	tap_ok(!db_transaction(db, 0, meddled, &o, &err) && o.attempts == 1 &&
	       number(db, "SELECT v FROM t_lost WHERE k = 100") == 11,
	       "postgresql: a writer begins with what the one before it has left");
	PQfinish(o.c);
	run(db, "DELETE FROM t_lost");
}

static void test_again(struct db *db)
{
	struct other o = { .sql = "BEGIN ISOLATION LEVEL SERIALIZABLE; "
			   "UPDATE t_lost SET v = v + 1000 WHERE k = 100; COMMIT", .times = 2 };

	o.c = PQconnectdb(url);
	run(db, "INSERT INTO t_lost (k, v) VALUES (100, 0)");
	tap_ok(!db_transaction(db, 0, meddled, &o, &err) && o.attempts == 3 &&
	       number(db, "SELECT v FROM t_lost WHERE k = 100") == 2001,
	       "postgresql: serialisation failures are tried again, on what is then there");
	o.times = 1000;
	o.attempts = 0;
	tap_refused(db_transaction(db, 0, meddled, &o, &err), EBUSY, &err, "db-busy",
		    "postgresql: but not for ever");
	tap_ok(o.attempts > 3 && o.attempts < 100, "postgresql: %d times", o.attempts);
	o.sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
		"WHERE datname = 'faults' AND pid <> pg_backend_pid()";
	o.times = 2;
	o.attempts = 0;
	tap_ok(!db_transaction(db, 0, meddled, &o, &err) && o.attempts == 3,
	       "postgresql: so are connections that break before COMMIT");
	tap_ok(!err.code[0], "postgresql: of which nothing is said in the end");
	PQclear(PQexec(o.c, "BEGIN; LOCK TABLE erot_schema IN EXCLUSIVE MODE"));
	tap_refused(run(db, "UPDATE t_lost SET v = 1"), EBUSY, &err, "db-busy",
		    "postgresql: another writer does not end");
	PQclear(PQexec(o.c, "ROLLBACK"));
	tap_ok(!run(db, "UPDATE t_lost SET v = 1"), "postgresql: and then it does");
	PQfinish(o.c);
}

/* ---- PostgreSQL: servers that lose what they committed */

/* Of a connection that is lost and made again: also when the transaction after that one comes. */
static void test_unsafe_later(struct db *db, PGconn *c)
{
	int i;

	PQclear(PQexec(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
		       "WHERE datname = 'faults' AND pid <> pg_backend_pid()"));
	for (i = 0; i < 2; i++)
		tap_refused(run(db, "UPDATE t_lost SET v = 1"), EIO, &err, "db-unsafe",
			    "postgresql: fsync off since the connection was made");
}

static void test_unsafe(struct db *db)
{
	char with[400];
	struct db *other = NULL;
	PGconn *c = PQconnectdb(url);
	int i;

	snprintf(with, sizeof(with), "%s&options=-csynchronous_commit%%3Doff", url);
	tap_refused(db_open(with, &other, &err), EIO, &err, "db-unsafe",
		    "postgresql: synchronous_commit off");
	snprintf(with, sizeof(with), "%s&options=-csynchronous_commit%%3Dremote_apply", url);
	tap_ok(!db_open(with, &other, &err), "postgresql: remote_apply is more than on");
	db_close(other);
	PQclear(PQexec(c, "ALTER SYSTEM SET fsync = off"));
	PQclear(PQexec(c, "SELECT pg_reload_conf()"));
	/* the postmaster tells its new children; wait for the first that has heard */
	for (i = 0; i < 200; i++) {
		if (db_open(url, &other, &err))
			break;
		db_close(other);
		poll(NULL, 0, 20);
	}
	tap_refused(db_open(url, &other, &err), EIO, &err, "db-unsafe", "postgresql: fsync off");
	test_unsafe_later(db, c);
	PQclear(PQexec(c, "ALTER SYSTEM RESET fsync"));
	PQclear(PQexec(c, "SELECT pg_reload_conf()"));
	PQfinish(c);
	tap_refused(db_open("postgresql://erot@/nothing?host=/nonexistent", &other, &err), ENOTCONN,
		    &err, "db-open", "postgresql: no server");
}

static void test_dead_server(struct test_base *base, struct db *db)
{
	kill(base->pg, SIGQUIT);
	test_wait(base->pg);
	base->pg = 0;
	tap_refused(run(db, "UPDATE t_lost SET v = 2"), EBUSY, &err, "db-lost",
		    "postgresql: the server is gone");
}

int main(void)
{
	struct test_base base;
	struct db *db;

	test_base_start(&base);
	test_new_database(&base, "faults");
	test_on(&base, 0);
	db = must_open();
	run(db, "CREATE TABLE t_keys (k INTEGER PRIMARY KEY, v INTEGER, c BLOB)");
	run(db, "INSERT INTO t_keys (k, v) VALUES (1, 1)");
	test_sqlite(db);

	test_on(&base, 1);
	db = must_open();
	run(db, "CREATE TABLE t_lost (k BIGINT PRIMARY KEY, v BIGINT)");
	test_order(db);
	test_again(db);
	test_unsafe(db);
	test_dead_server(&base, db);
	db_close(db);
	test_base_stop(&base);
	return tap_done();
}
