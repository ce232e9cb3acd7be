// SPDX-License-Identifier: GPL-2.0-only
/* What goes wrong under a database: a full disk, a dead server, a COMMIT without an answer. */
#include "dergd/test_database.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/* ---- PostgreSQL: a connection that breaks in COMMIT */

/**
 * struct proxy - between client and server
 * @dir:    its socket is there
 * @server: path of the server's socket
 * @listen: descriptor
 * @drop:   1: COMMIT is not passed on; 2: it is, but not the answer; 3: the answer is that the
 *	    server shuts down; 0: nothing is done
 */
struct proxy {
	char dir[96];
	char server[128];
	int listen;
	int drop;
};

static int unix_socket(const char *path, bool serve)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ret = serve ? bind(fd, (void *)&addr, sizeof(addr)) || listen(fd, 16) :
		      connect(fd, (void *)&addr, sizeof(addr));
	if (fd < 0 || ret)
		test_bail("socket");
	return fd;
}

/* Return: bytes passed on; 0: the end. */
static ssize_t pass(int from, int to, char *data, size_t size)
{
	ssize_t n = read(from, data, size);

	if (n > 0 && to >= 0 && write(to, data, (size_t)n) != n)
		return 0;
	return n;
}

/* ErrorResponse and ReadyForQuery; a real server would hang up behind the first, at some time. */
static const char shutdown_message[] = {
	'E', 0, 0, 0, 30, 'S', 'F', 'A', 'T', 'A', 'L', 0, 'C', '5', '7', 'P', '0', '1', 0,
	'M', 's', 'h', 'u', 't', ' ', 'd', 'o', 'w', 'n', 0, 0,
	'Z', 0, 0, 0, 5, 'I',
};

static void serve_client(struct proxy *p, int client)
{
	int server = unix_socket(p->server, false);
	struct pollfd fds[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
	char data[65536];

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			break;
		if (fds[1].revents && pass(server, client, data, sizeof(data)) <= 0)
			break;
		if (fds[0].revents) {
			ssize_t n = pass(client, -1, data, sizeof(data));
			int drop = __atomic_load_n(&p->drop, __ATOMIC_SEQ_CST);
			bool hit = drop && n == 12 && !memcmp(data, "Q\0\0\0\vCOMMIT", 12);

			if (n <= 0)
				break;
			if (hit)	/* once */
				__atomic_store_n(&p->drop, 0, __ATOMIC_SEQ_CST);
			if (hit && drop == 1)
				break;
			if (write(server, data, (size_t)n) != n)
				break;
			/* the answer shows that it has happened */
			if (hit && read(server, data, sizeof(data)) > 0 &&
			    (drop == 2 || write(client, shutdown_message,
						sizeof(shutdown_message)) < 0))
				break;
		}
	}
	close(server);
	close(client);
}

static void *serve_clients(void *arg)
{
	struct proxy *p = arg;
	int client;

	/* one at a time: so is the test's connection */
	while ((client = accept(p->listen, NULL, NULL)) >= 0)
		serve_client(p, client);
	return NULL;
}

struct insert {
	int64_t key;
	int attempts;
};

/* Finds its own effect: the callback that DB_RESUME is for. */
static int insert_once(struct db *db, void *ctx, struct erot_error *e)
{
	struct insert *in = ctx;
	struct db_rows *rows;
	bool there;
	int ret;

	in->attempts++;
	db_query(db, e, &rows, "SELECT v FROM t_lost WHERE k = $1", DB_ARGS(db_int(in->key)));
	there = db_next(rows);
	ret = db_end(rows, e);
	if (ret || there)
		return ret;
	return db_run(db, e, NULL, "INSERT INTO t_lost (k, v) VALUES ($1, 1)",
		      DB_ARGS(db_int(in->key)));
}

static void test_lost_commit(struct proxy *p, struct db *direct)
{
	static const char *const what[] = { "", "COMMIT does not arrive", "its answer does not",
					    "the server shuts down in COMMIT" };
	struct db *db;
	char name[96];
	int drop;

	if (db_open(url, &db, &err))
		test_bail(err.text);
	for (drop = 1; drop <= 3; drop++) {
		struct insert blind = { .key = drop }, again = { .key = 10 + drop };

		snprintf(name, sizeof(name), "postgresql: %s", what[drop]);
		__atomic_store_n(&p->drop, drop, __ATOMIC_SEQ_CST);
		tap_refused(db_transaction(db, 0, insert_once, &blind, &err), EINPROGRESS, &err,
			    "db-outcome-unknown", name);
		tap_ok(blind.attempts == 1, "%s: not tried again", name);
		tap_ok(number(direct, drop == 1 ? "SELECT count(*) FROM t_lost WHERE k = 1" :
			      drop == 2 ? "SELECT 1 - count(*) FROM t_lost WHERE k = 2" :
			      "SELECT 1 - count(*) FROM t_lost WHERE k = 3") == 0,
		       "%s: it has %shappened", name, drop == 1 ? "not " : "");
		__atomic_store_n(&p->drop, drop, __ATOMIC_SEQ_CST);
		tap_ok(!db_transaction(db, DB_RESUME, insert_once, &again, &err) &&
		       again.attempts == 2, "%s: DB_RESUME looks again", name);
	}
	tap_ok(number(direct, "SELECT count(*) FROM t_lost WHERE k > 10") == 3,
	       "postgresql: DB_RESUME did it once each");
	db_close(db);
}

static void test_proxy(struct test_base *base, struct db *direct)
{
	static struct proxy p;
	static char proxied[300];
	const char *keep = url;
	pthread_t thread;
	char path[160];

	signal(SIGPIPE, SIG_IGN);
	snprintf(p.dir, sizeof(p.dir), "%s/proxy", base->dir);
	mkdir(p.dir, 0700);
	snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", p.dir);
	snprintf(p.server, sizeof(p.server), "%s/.s.PGSQL.5432", base->dir);
	p.listen = unix_socket(path, true);
	if (pthread_create(&thread, NULL, serve_clients, &p))
		test_bail("thread");
	snprintf(proxied, sizeof(proxied), "postgresql://erot@/faults?host=%s", p.dir);
	url = proxied;
	test_lost_commit(&p, direct);
	url = keep;
	shutdown(p.listen, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(p.listen);
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

static void test_unsafe(void)
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
	test_proxy(&base, db);
	test_again(db);
	test_unsafe();
	test_dead_server(&base, db);
	db_close(db);
	test_base_stop(&base);
	return tap_done();
}
