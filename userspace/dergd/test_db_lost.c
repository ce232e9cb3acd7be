// SPDX-License-Identifier: GPL-2.0-only
/* Connections to PostgreSQL that break, in COMMIT or before. */
#include "dergd/test_database.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

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

static void behind_proxy(struct test_base *base, struct db *direct)
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
	snprintf(proxied, sizeof(proxied), "postgresql://erot@/lost?host=%s", p.dir);
	url = proxied;
	test_lost_commit(&p, direct);
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
