// SPDX-License-Identifier: GPL-2.0-only
/* Connections to PostgreSQL that break, in COMMIT or before, and how often they are waited for. */
#define _GNU_SOURCE
#include "dergd/test_database.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

/**
 * struct proxy - between client and server
 * @dir:    its socket is there
 * @server: path of the server's socket
 * @listen: descriptor
 * @drop:   1: what the client sends is not passed on; 2: it is, but not the answer; 3: the answer
 *	    is that the server shuts down; 0: nothing is done
 * @at:     where: this is in it
 * @gone:   the server is, once that has happened: connections are hung up on
 * @turns:  how often the client has sent something, and then waited
 */
struct proxy {
	char dir[96];
	char server[128];
	int listen;
	int drop;
	const char *at;
	bool gone;
	int turns;
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
			bool hit;

			if (n <= 0)
				break;
			__atomic_fetch_add(&p->turns, 1, __ATOMIC_SEQ_CST);
			hit = drop && memmem(data, (size_t)n, p->at, strlen(p->at));
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
	while ((client = accept(p->listen, NULL, NULL)) >= 0) {
		if (__atomic_load_n(&p->gone, __ATOMIC_SEQ_CST) &&
		    !__atomic_load_n(&p->drop, __ATOMIC_SEQ_CST))
			close(client);
		else
			serve_client(p, client);
	}
	return NULL;
}

static void arm(struct proxy *p, int drop, const char *at)
{
	p->at = at;
	__atomic_store_n(&p->drop, drop, __ATOMIC_SEQ_CST);
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

static void test_lost_commit(struct proxy *p, struct db *db, struct db *direct)
{
	static const char *const what[] = { "", "COMMIT does not arrive", "its answer does not",
					    "the server shuts down in COMMIT" };
	char name[96];
	int drop;

	for (drop = 1; drop <= 3; drop++) {
		struct insert blind = { .key = drop }, again = { .key = 10 + drop };

		snprintf(name, sizeof(name), "postgresql: %s", what[drop]);
		arm(p, drop, "COMMIT");
		tap_refused(db_transaction(db, 0, insert_once, &blind, &err), EINPROGRESS, &err,
			    "db-outcome-unknown", name);
		tap_ok(blind.attempts == 1, "%s: not tried again", name);
		tap_ok(number(direct, drop == 1 ? "SELECT count(*) FROM t_lost WHERE k = 1" :
			      drop == 2 ? "SELECT 1 - count(*) FROM t_lost WHERE k = 2" :
			      "SELECT 1 - count(*) FROM t_lost WHERE k = 3") == 0,
		       "%s: it has %shappened", name, drop == 1 ? "not " : "");
		arm(p, drop, "COMMIT");
		tap_ok(!db_transaction(db, DB_RESUME, insert_once, &again, &err) &&
		       again.attempts == 2, "%s: DB_RESUME looks again", name);
	}
	tap_ok(number(direct, "SELECT count(*) FROM t_lost WHERE k > 10") == 3,
	       "postgresql: DB_RESUME did it once each");
}

static void test_lost_for_good(struct proxy *p, struct db *db)
{
	struct insert again = { .key = 20 };

	__atomic_store_n(&p->gone, true, __ATOMIC_SEQ_CST);
	arm(p, 2, "COMMIT");
	tap_refused(db_transaction(db, DB_RESUME, insert_once, &again, &err), EINPROGRESS, &err,
		    "db-outcome-unknown", "postgresql: lost in COMMIT, and not found again");
	tap_ok(again.attempts == 1, "DB_RESUME had no chance to look");
	__atomic_store_n(&p->gone, false, __ATOMIC_SEQ_CST);
	tap_ok(!db_transaction(db, DB_RESUME, insert_once, &again, &err) && again.attempts == 2,
	       "and looks when it has");
}

/**
 * struct member - of a group; the first waits in its work until two wait for it
 * @work: of its transaction
 */
struct member {
	struct insert in;
	struct db *db;
	struct db_group *group;
	db_work work;
	bool begun;
	int ret;
	struct erot_error err;
	pthread_t thread;
};

static int wait_for_two(struct db *db, void *ctx, struct erot_error *e)
{
	struct member *m = ctx;

	(void)db;
	(void)e;
	__atomic_store_n(&m->begun, true, __ATOMIC_SEQ_CST);
	while (db_group_waiting(m->group) < 2)
		sched_yield();
	return 0;
}

static void *member_thread(void *ctx)
{
	struct member *m = ctx;

	m->ret = db_transaction(m->db, DB_SHARED | DB_RESUME, m->work,
				m->work == insert_once ? (void *)&m->in : m, &m->err);
	return NULL;
}

static void start(struct member *m)
{
	db_join(m->db, m->group);
	if (pthread_create(&m->thread, NULL, member_thread, m))
		test_bail("thread");
}

/* The second commits for the third, too, and its connection breaks. */
static void test_group_lost(struct proxy *p, struct db *db, struct db *direct, struct db *third)
{
	struct db_group *g = db_group_new();
	struct member m[3] = {
		{ .db = direct, .group = g, .work = wait_for_two },
		{ .db = db, .group = g, .work = insert_once, .in = { .key = 30 } },
		{ .db = third, .group = g, .work = insert_once, .in = { .key = 31 } },
	};
	int i;

	start(&m[0]);
	while (!__atomic_load_n(&m[0].begun, __ATOMIC_SEQ_CST))
		sched_yield();
	__atomic_store_n(&p->gone, true, __ATOMIC_SEQ_CST);
	arm(p, 2, "COMMIT");
	start(&m[1]);
	while (db_group_waiting(g) < 1)
		sched_yield();
	start(&m[2]);
	for (i = 0; i < 3; i++) {
		pthread_join(m[i].thread, NULL);
		db_join(m[i].db, NULL);
	}
	__atomic_store_n(&p->gone, false, __ATOMIC_SEQ_CST);
	for (i = 1; i < 3; i++)
		tap_refused(m[i].ret, EINPROGRESS, &m[i].err, "db-outcome-unknown", i == 1 ?
			    "a group lost in COMMIT: its leader" : "and its other member");
	tap_ok(m[1].in.attempts == 1 && m[2].in.attempts == 1, "none of them had another look");
	db_group_free(g);
}

/* ---- before COMMIT */

/**
 * struct several - inserts that nobody waits for
 * @key:      of the first
 * @n:        of them
 * @drop:     of the proxy, when all have been made, and @at
 * @attempts: of the transaction
 * @refused:  in the end
 */
struct several {
	struct proxy *p;
	int64_t key;
	int n, drop, attempts;
	const char *at;
	bool refused;
};

static int insert_several(struct db *db, void *ctx, struct erot_error *e)
{
	struct several *s = ctx;
	struct number n = { .sql = "SELECT count(*) FROM t_lost" };
	int i, ret;

	s->attempts++;
	ret = read_number(db, &n, e);
	for (i = 0; i < s->n && !ret; i++)
		ret = db_run(db, e, NULL, "INSERT INTO t_lost (k, v) VALUES ($1, $1)",
			     DB_ARGS(db_int(s->key + i)));
	if (s->attempts == 1)
		arm(s->p, s->drop, s->at ?: "");
	return ret ?: s->refused ? erot_fail(e, EACCES, "test-refused", "no") : 0;
}

static void test_lost_before(struct proxy *p, struct db *db, struct db *direct)
{
	static const char *const what[] = { "", "statements do not arrive",
					    "their answers do not" };
	struct several s;
	int drop, ret;

	for (drop = 1; drop <= 2; drop++) {
		s = (struct several){ .p = p, .key = 1000 + 100 * drop, .n = 3, .drop = drop };

		ret = db_transaction(db, 0, insert_several, &s, &err);
		tap_ok(!ret && s.attempts == 2, "postgresql: %s: tried again", what[drop]);
		s = (struct several){ .p = p, .key = 1050 + 100 * drop, .n = 3, .drop = drop,
				      .refused = true };
		ret = db_transaction(db, 0, insert_several, &s, &err);
		tap_ok(ret == -EACCES && s.attempts == 2, "postgresql: %s: so is a refusal",
		       what[drop]);
	}
	tap_ok(number(direct, "SELECT count(*) FROM t_lost WHERE k >= 1000") == 6,
	       "postgresql: and done once each");
	s = (struct several){ .p = p, .key = 1300, .n = 3, .drop = 1, .at = "ROLLBACK",
			      .refused = true };
	ret = db_transaction(db, 0, insert_several, &s, &err);
	tap_ok(ret == -EACCES && s.attempts == 1,
	       "postgresql: lost behind a refusal: not tried again");
	s = (struct several){ .p = p, .key = 1300, .n = 3 };
	tap_ok(!db_transaction(db, 0, insert_several, &s, &err) && s.attempts == 1,
	       "postgresql: and connected again");
}

/* ---- how often */

static int turns(struct proxy *p, struct db *db, unsigned int flags, struct several *s)
{
	int before = __atomic_load_n(&p->turns, __ATOMIC_SEQ_CST);
	int ret = db_transaction(db, flags, insert_several, s, &err);

	if (ret && !s->refused)
		printf("# %s: %s\n", err.code, err.text);
	return __atomic_load_n(&p->turns, __ATOMIC_SEQ_CST) - before;
}

static void test_turns(struct proxy *p, struct db *db)
{
	struct several s = { .p = p, .key = 2000, .n = 1 };

	turns(p, db, 0, &s);	/* prepares */
	s = (struct several){ .p = p, .key = 2010, .n = 8 };
	tap_ok(turns(p, db, 0, &s) == 3, "postgresql: a query, eight inserts and COMMIT: 3 turns");
	s = (struct several){ .p = p, .n = 0 };
	tap_ok(turns(p, db, DB_READ, &s) == 2, "postgresql: a query and COMMIT: 2");
	s = (struct several){ .p = p, .key = 2030, .n = 8, .refused = true };
	tap_ok(turns(p, db, 0, &s) == 3, "postgresql: what is refused then: 3");
	s = (struct several){ .p = p, .key = 2100, .n = 40 };
	tap_ok(turns(p, db, 0, &s) == 5, "postgresql: forty inserts: 5, two on the way");
}

static void behind_proxy(struct test_base *base, struct db *direct)
{
	static struct proxy p;
	static char proxied[300];
	const char *keep = url;
	struct db *db, *third = must_open();
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
	snprintf(proxied, sizeof(proxied), "postgresql://erot@/lost?host=%s", p.dir);
	url = proxied;
	if (db_open(url, &db, &err))
		test_bail(err.text);
	test_lost_commit(&p, db, direct);
	test_lost_for_good(&p, db);
	test_group_lost(&p, db, direct, third);
	db_close(third);
	test_lost_before(&p, db, direct);
	test_turns(&p, db);
	db_close(db);
	url = keep;
	shutdown(p.listen, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(p.listen);
}

int main(void)
{
	struct test_base base;
	struct db *db;

	test_base_start(&base);
	test_new_database(&base, "lost");
	test_on(&base, 1);
	db = must_open();
	run(db, "CREATE TABLE t_lost (k BIGINT PRIMARY KEY, v BIGINT)");
	behind_proxy(&base, db);
	db_close(db);
	test_base_stop(&base);
	return tap_done();
}
