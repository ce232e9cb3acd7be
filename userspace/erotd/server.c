// SPDX-License-Identifier: GPL-2.0-only
/* Clients: malformed input costs a client its connection, nothing else. */
#define _GNU_SOURCE
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "erotd/launch.h"
#include "erotd/report.h"
#include "erotd/server.h"
#include "common/wire.h"

/*
 * What one member of socket_group can take: others have room beside it, and root beside all of
 * them. Of the launches, see erotd_launch_start().
 */
#define CLIENTS_MAX	2048
#define CLIENTS_ROOT	64	/* of those, for nobody else */
#define CLIENTS_USER	512	/* of one user; not root */
#define IDLE_MAX	10	/* seconds that a connection may be without a launch */
#define PATROL_MS	1000

/**
 * struct erotd_client - one connection
 * @uid:    of the peer, as of connect()
 * @since:  seconds on the monotonic clock when it was accepted
 * @launch: it waits for; cleared by erotd_client_done()
 * @dead:   to be freed by the handler that is at work, or by the next event
 */
struct erotd_client {
	LIST_ENTRY(erotd_client) entry;
	struct erotd *d;
	struct erotd_source sock;
	uid_t uid;
	time_t since;
	struct erotd_launch *launch;
};

static void client_free(struct erotd_client *c)
{
	struct erotd_launch *launch = c->launch;

	LIST_REMOVE(c, entry);
	erotd_loop_del(&c->d->loop, &c->sock);
	c->launch = NULL;
	if (launch) {
		launch->client = NULL;
		erotd_launch_end(launch, NULL, 0);
	}
	free(c);
}

void erotd_client_send(struct erotd_client *c, json_t *msg, int fd)
{
	/*
	 * A peer whose buffer is full does not read its few small messages. It is shut down, not
	 * freed: the caller may be working for it. The loop then reports the end of the connection.
	 */
	if (erotd_wire_send(c->sock.fd, msg, &fd, fd >= 0, MSG_DONTWAIT))
		shutdown(c->sock.fd, SHUT_RDWR);
}

void erotd_client_done(struct erotd_client *c)
{
	c->launch = NULL;
	shutdown(c->sock.fd, SHUT_RDWR);
}

static void answer_error(struct erotd_client *c, const struct erot_error *err, int exit_code)
{
	json_t *msg = json_pack("{s:{s:s, s:s}, s:i}", "error", "code", err->code, "text",
				err->text, "exit", exit_code);

	if (msg)
		erotd_client_send(c, msg, -1);
	json_decref(msg);
	shutdown(c->sock.fd, SHUT_RDWR);
}

static void answer_ok(struct erotd_client *c)
{
	json_t *msg = json_pack("{s:b}", "ok", 1);

	if (msg)
		erotd_client_send(c, msg, -1);
	json_decref(msg);
	shutdown(c->sock.fd, SHUT_WR);
}

static void answer_ping(struct erotd_client *c)
{
	unsigned int owed, unaccounted;
	json_t *msg;

	erotd_report_count(c->d, &owed, &unaccounted);
	msg = json_pack("{s:b, s:s, s:i, s:i, s:s}", "ok", 1, "version", EROTD_VERSION, "owed",
			(int)owed, "unaccounted", (int)unaccounted, "state_dir",
			c->d->cfg.state_dir);
	if (msg)
		erotd_client_send(c, msg, -1);
	json_decref(msg);
	shutdown(c->sock.fd, SHUT_WR);
}

static int do_kill(struct erotd_client *c, const struct erotd_request *req, struct erot_error *err)
{
	struct erotd_launch *l = erotd_launch_find(c->d, req->id);

	/* One answer for both: a stranger learns nothing about what exists. */
	if (!l || (c->uid && c->uid != l->owner))
		return erot_fail(err, ENOENT, "not-found", "no such session of yours");
	return erotd_launch_signal(l, req->signal, err);
}

/* Too late is no error: so it is with a process of one's own. Too early, it ends the launch. */
static void do_signal(struct erotd_launch *l, int number)
{
	struct erot_error err;

	if (l->said_exec) {
		erotd_launch_signal(l, number, &err);
	} else if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) {
		erot_fail(&err, EINTR, "interrupted", "signal %d before the workload began",
			  number);
		erotd_launch_end(l, &err, 128 + number);
	}
}

static void handle(struct erotd_client *c, const struct erotd_request *req, int *fds, size_t n)
{
	struct erot_error err;

	if (c->launch && req->op != EROTD_OP_SIGNAL) {
		erotd_wire_close(fds, n);
		shutdown(c->sock.fd, SHUT_RDWR);
		return;
	}
	switch (req->op) {
	case EROTD_OP_RUN:
		c->launch = erotd_launch_start(c->d, c, c->uid, req, fds, n, &err);
		if (!c->launch)
			answer_error(c, &err, EROTD_EXIT_SELF);
		return;
	case EROTD_OP_SIGNAL:
		if (c->launch)
			do_signal(c->launch, req->signal);
		return;
	case EROTD_OP_KILL:
		if (do_kill(c, req, &err))
			answer_error(c, &err, strcmp(err.code, "not-found") ? 3 : 4);
		else
			answer_ok(c);
		return;
	case EROTD_OP_PING:
		answer_ping(c);
		return;
	}
}

static void on_client(void *ctx, uint32_t events)
{
	struct erotd_client *c = ctx;
	struct erotd_request req;
	struct erot_error err;
	int fds[EROTD_WIRE_FDS], ret;
	size_t n;
	json_t *msg;

	(void)events;
	ret = erotd_wire_recv(c->sock.fd, &msg, fds, &n, MSG_DONTWAIT);
	if (ret == -EAGAIN)
		return;
	if (ret == -EBADMSG || ret == -EMSGSIZE) {
		erot_fail(&err, EINVAL, "request-syntax", "request: not one small JSON object");
		answer_error(c, &err, EROTD_EXIT_SELF);
		return;
	}
	if (ret) {
		client_free(c);
		return;
	}
	if (erotd_request_parse(msg, n, &req, &err)) {
		erotd_wire_close(fds, n);
		answer_error(c, &err, EROTD_EXIT_SELF);
	} else {
		handle(c, &req, fds, n);
	}
	json_decref(msg);
}

static bool has_room(const struct erotd *d, uid_t uid)
{
	unsigned int all = 0, same = 0;
	const struct erotd_client *c;

	for (c = LIST_FIRST(&d->clients); c; c = LIST_NEXT(c, entry)) {
		all++;
		if (c->uid == uid)
			same++;
	}
	if (!uid)
		return all < CLIENTS_MAX;
	return all < CLIENTS_MAX - CLIENTS_ROOT && same < CLIENTS_USER;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* A request that erotd had no time to read yet, or the peer's end, is for on_client(). */
static bool says_nothing(const struct erotd_client *c)
{
	char first;

	return recv(c->sock.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Requests come at once, and so do all answers but those to a launch. */
static void on_patrol(void *ctx, uint32_t events)
{
	struct erotd *d = ctx;
	struct erotd_client *c, *next;
	time_t t = now();

	(void)events;
	erotd_timer_ack(&d->patrol);
	for (c = LIST_FIRST(&d->clients); c; c = next) {
		next = LIST_NEXT(c, entry);
		if (!c->launch && t - c->since > IDLE_MAX && says_nothing(c))
			client_free(c);
	}
	erotd_loop_want(&d->loop, &d->listener, EPOLLIN);
	if (!LIST_EMPTY(&d->clients))
		erotd_timer_set(&d->patrol, PATROL_MS);
}

static void on_listener(void *ctx, uint32_t events)
{
	struct erotd *d = ctx;
	struct erotd_client *c;
	struct erot_error err;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd;

	(void)events;
	fd = accept4(d->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		/* The connection stays in the queue, and would be reported again at once. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			erotd_loop_want(&d->loop, &d->listener, 0);
			erotd_timer_set(&d->patrol, PATROL_MS);
		}
		return;
	}
	c = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) || !has_room(d, peer.uid) ?
	    NULL : calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->d = d;
	c->uid = peer.uid;
	c->since = now();
	if (erotd_loop_add(&d->loop, &c->sock, fd, EPOLLIN, on_client, c, &err)) {
		erotd_log("client: %s", err.text);
		free(c);
		return;
	}
	if (LIST_EMPTY(&d->clients))
		erotd_timer_set(&d->patrol, PATROL_MS);
	LIST_INSERT_HEAD(&d->clients, c, entry);
}

static int set_owner(const struct erotd_config *cfg, struct erot_error *err)
{
	struct group *g = NULL;

	if (cfg->socket_group[0]) {
		errno = 0;
		g = getgrnam(cfg->socket_group);
		if (!g)
			return erot_fail(err, ENOENT, "socket", "socket_group: no group \"%s\"",
					 cfg->socket_group);
	}
	if (chown(cfg->socket, 0, g ? g->gr_gid : 0) || chmod(cfg->socket, g ? 0660 : 0600))
		return erot_fail(err, errno, "socket", "%s: %s", cfg->socket, strerror(errno));
	return 0;
}

/* A socket that nobody listens on is left over; one that answers belongs to another erotd. */
static int remove_stale(int fd, const struct sockaddr_un *addr, struct erot_error *err)
{
	struct stat st;

	if (lstat(addr->sun_path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return erot_fail(err, EEXIST, "socket", "%s is not a socket", addr->sun_path);
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return erot_fail(err, EADDRINUSE, "socket", "%s: another erotd is running",
				 addr->sun_path);
	unlink(addr->sun_path);
	return 0;
}

int erotd_server_open(struct erotd *d, struct erot_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, probe, ret;

	memcpy(addr.sun_path, d->cfg.socket, strlen(d->cfg.socket) + 1);
	probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || probe < 0) {
		ret = erot_fail(err, errno, "socket", "socket: %s", strerror(errno));
	} else {
		ret = remove_stale(probe, &addr, err);
		mask = umask(0177);
		if (!ret && (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64)))
			ret = erot_fail(err, errno, "socket", "%s: %s", d->cfg.socket,
					strerror(errno));
		umask(mask);
	}
	if (probe >= 0)
		close(probe);
	if (!ret)
		ret = set_owner(&d->cfg, err);
	if (ret) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	return erotd_loop_add(&d->loop, &d->listener, fd, EPOLLIN, on_listener, d, err) ?:
	       erotd_timer_add(&d->loop, &d->patrol, on_patrol, d, err);
}

void erotd_server_close(struct erotd *d)
{
	if (d->listener.fd >= 0)
		unlink(d->cfg.socket);
	erotd_loop_del(&d->loop, &d->listener);
	erotd_loop_del(&d->loop, &d->patrol);
	while (!LIST_EMPTY(&d->clients))
		client_free(LIST_FIRST(&d->clients));
}
