/* SPDX-License-Identifier: GPL-2.0-only */
/* A PostgreSQL of the test's own, and what tests of the database share. */
#ifndef DERGD_TEST_DATABASE_H
#define DERGD_TEST_DATABASE_H

#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/tap.h"
#include "dergd/db.h"

#define PG_SECONDS	60	/* for the server to start */

/**
 * struct test_base - directory of a test
 * @dir:   removed at the end
 * @pg:    the server
 * @owner: who started it, and stops it
 * @urls:  of an empty database each
 */
struct test_base {
	char dir[64];
	pid_t pg;
	pid_t owner;
	char urls[2][256];
};

static struct test_base *test_started;
static inline void test_base_stop(struct test_base *b);

static const char *const test_backends[] = { "sqlite", "postgresql" };

static inline void test_bail(const char *what)
{
	printf("Bail out! %s\n", what);
	if (test_started && test_started->owner == getpid())
		test_base_stop(test_started);
	exit(1);
}

static inline int test_wait(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The server refuses to run as root. */
static inline const struct passwd *test_pg_user(void)
{
	const struct passwd *pw = geteuid() ? NULL : getpwnam("postgres");

	if (!geteuid() && !pw)
		test_bail("no user postgres");
	return pw;
}

static inline pid_t test_pg_spawn(const char *program, char *const argv[])
{
	const struct passwd *pw = test_pg_user();
	pid_t parent = getpid(), pid = fork();
	int null;

	if (pid)
		return pid;
	if (pw && (setgid(pw->pw_gid) || setuid(pw->pw_uid)))
		_exit(126);
	/* behind setuid(), which clears it: no server outlives its test */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != parent)
		_exit(126);
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execv(program, argv);
	_exit(127);
}

static inline void test_pg_program(const char *name, char path[256])
{
	char pattern[64];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/*/bin/%s", name);
	if (glob(pattern, 0, NULL, &g) || !g.gl_pathc)
		test_bail("no PostgreSQL server: make deps");
	snprintf(path, 256, "%s", g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
}

static inline void test_pg_start(struct test_base *b)
{
	char initdb[256], postgres[256], data[128], url[256];
	char *init[] = { initdb, "-D", data, "-A", "trust", "-U", "erot", "-E", "UTF8",
			 "--no-locale", "--no-sync", NULL };
	char *run[] = { postgres, "-D", data, "-k", b->dir, "-c", "listen_addresses=", "-c",
			"max_connections=60", NULL };
	int i;

	test_pg_program("initdb", initdb);
	test_pg_program("postgres", postgres);
	snprintf(data, sizeof(data), "%s/data", b->dir);
	if (test_wait(test_pg_spawn(initdb, init)))
		test_bail("initdb failed");
	b->pg = test_pg_spawn(postgres, run);
	snprintf(url, sizeof(url), "postgresql://erot@/postgres?host=%s", b->dir);
	for (i = 0; i < PG_SECONDS * 20 && PQping(url) != PQPING_OK; i++)
		poll(NULL, 0, 50);
	if (PQping(url) != PQPING_OK)
		test_bail("PostgreSQL did not start");
	snprintf(b->urls[1], sizeof(b->urls[1]), "%s", url);
}

static inline void test_base_start(struct test_base *b)
{
	const struct passwd *pw = test_pg_user();

	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "/tmp/erot-db-XXXXXX");
	if (!mkdtemp(b->dir) || (pw && chown(b->dir, pw->pw_uid, pw->pw_gid)))
		test_bail("no temporary directory");
	b->owner = getpid();
	test_started = b;
	snprintf(b->urls[0], sizeof(b->urls[0]), "sqlite:%s/erot.db", b->dir);
	test_pg_start(b);
}

static inline void test_base_stop(struct test_base *b)
{
	char *argv[] = { "rm", "-rf", "--", b->dir, NULL };
	pid_t pid;

	test_started = NULL;
	if (b->pg > 0) {
		kill(b->pg, SIGQUIT);
		test_wait(b->pg);
	}
	pid = fork();
	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	test_wait(pid);
}

/* A database of its own: the next ones in @b->dir. */
static inline void test_new_database(struct test_base *b, const char *name)
{
	char sql[128];
	PGconn *c;

	c = PQconnectdb(b->urls[1]);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
	PQclear(PQexec(c, sql));
	PQfinish(c);
	snprintf(b->urls[1], sizeof(b->urls[1]), "postgresql://erot@/%s?host=%s", name, b->dir);
	snprintf(b->urls[0], sizeof(b->urls[0]), "sqlite:%s/%s.db", b->dir, name);
}

/* Runs @fn in @n processes at once; returns how many ended with status 0. */
static inline int test_processes(int n, int (*fn)(void *ctx, int number), void *ctx)
{
	int gate[2], i, good = 0;
	char byte = 0;

	if (pipe(gate))
		test_bail("pipe");
	fflush(stdout);
	for (i = 0; i < n; i++) {
		if (fork())
			continue;
		close(gate[1]);
		/* nobody begins before all are there */
		if (read(gate[0], &byte, 1) != 0)
			_exit(99);
		_exit(fn(ctx, i));
	}
	close(gate[0]);
	close(gate[1]);
	for (i = 0; i < n; i++) {
		int status = -1;

		if (wait(&status) < 0)
			break;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			good++;
		else if (!WIFEXITED(status))
			printf("# a process ended with %x\n", status);
	}
	return good;
}

/* ---- of the case that runs */

__attribute__((unused)) static const char *backend, *url;
static struct erot_error err;

static inline void test_on(struct test_base *b, int i)
{
	backend = test_backends[i];
	url = b->urls[i];
}

static inline void test_on_both(struct test_base *b, void (*fn)(void))
{
	int i;

	for (i = 0; i < 2; i++) {
		test_on(b, i);
		fn();
	}
}

__attribute__((unused)) static struct db *must_open(void)
{
	struct db *db;

	if (db_open(url, &db, &err) || db_schema(db, &err)) {
		printf("# %s: %s\n", err.code, err.text);
		test_bail("cannot open the database");
	}
	return db;
}

/* One statement, as a transaction. */
struct step {
	const char *sql;
	struct db_value args[8];
	size_t n;
	int64_t changed;
	int attempts;
	int ret;
};

__attribute__((unused)) static int run_step(struct db *db, void *ctx, struct erot_error *e)
{
	struct step *s = ctx;

	s->attempts++;
	return s->ret = db_run(db, e, &s->changed, s->sql, s->args, s->n);
}

__attribute__((unused)) static int run(struct db *db, const char *sql)
{
	struct step s = { .sql = sql };

	return db_transaction(db, 0, run_step, &s, &err);
}

struct number {
	const char *sql;
	int64_t value;
};

__attribute__((unused)) static int read_number(struct db *db, void *ctx, struct erot_error *e)
{
	struct number *n = ctx;
	struct db_rows *rows;

	n->value = -1;
	db_query(db, e, &rows, n->sql, DB_NO_ARGS);
	if (db_next(rows))
		n->value = db_get_int(rows, 0);
	return db_end(rows, e);
}

__attribute__((unused)) static int64_t number(struct db *db, const char *sql)
{
	struct number n = { .sql = sql };

	if (db_transaction(db, DB_READ, read_number, &n, &err)) {
		printf("# %s: %s\n", err.code, err.text);
		return -2;
	}
	return n.value;
}

/* Back to the tables of version 2, with all that is in them. */
__attribute__((unused)) static void make_version_2(struct db *db)
{
	static const char *const undo[] = {
		"DROP INDEX challenge_unused",
		"CREATE INDEX challenge_expires ON challenge (expires)",
		"DROP TABLE open_launch",
		"CREATE INDEX release_deadline ON release (deadline)",
		"DROP INDEX unaccounted_machine",
		"CREATE INDEX unaccounted_machine ON unaccounted (tenant, machine)",
		"DROP INDEX machine_pending",
		"DROP INDEX challenge_machine",
		"UPDATE erot_schema SET version = 2",
	};
	size_t i;

	for (i = 0; i < sizeof(undo) / sizeof(undo[0]); i++) {
		if (run(db, undo[i])) {
			printf("# %s: %s\n", err.code, err.text);
			test_bail("version 2");
		}
	}
}

#endif
