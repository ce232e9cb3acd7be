// SPDX-License-Identifier: GPL-2.0-only
/* Open connections: how many, from where, and until when. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "dergd/http_priv.h"

#define TICK_NS		250000000ULL
#define SECOND_NS	1000000000ULL
#define ADDRESS_SHARE	4	/* of the memory for bodies: a fourth */

uint64_t http_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

/* The whole of an IPv4 address, the network of an IPv6 one: a host has 2^64 of those. */
static void address_key(const struct sockaddr *addr, uint8_t key[16])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *four = (const struct sockaddr_in *)addr;

	memset(key, 0, 16);
	if (addr->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		memcpy(key, &six->sin6_addr, 16);
	} else if (addr->sa_family == AF_INET6) {
		memcpy(key, &six->sin6_addr, 8);
	} else if (addr->sa_family == AF_INET) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &four->sin_addr, 4);
	}
}

/*
 * Ends it, whatever it waits for; the library then closes it. The descriptor cannot belong to
 * another connection yet: it is closed only after http_conn_remove(). Lock held.
 */
static void cut(struct http_conns *c, struct http_conn *conn)
{
	if (conn->cut)
		return;
	conn->cut = true;
	shutdown(conn->fd, SHUT_RDWR);
	metrics_count(c->metrics, METRICS_CONNECTIONS_CUT);
}

static void *watch(void *ctx)
{
	struct http_conns *c = ctx;
	struct http_conn *conn;
	struct timespec until;
	uint64_t now;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		now = http_now_ns();
		TAILQ_FOREACH(conn, &c->list, entry)
			if ((conn->deadline && conn->deadline <= now) ||
			    (c->draining && conn->phase == HTTP_HEADER))
				cut(c, conn);
		now += TICK_NS;
		until.tv_sec = (time_t)(now / SECOND_NS);
		until.tv_nsec = (long)(now % SECOND_NS);
		pthread_cond_timedwait(&c->tick, &c->lock, &until);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int http_conns_start(struct http_conns *c, struct metrics *metrics, struct erot_error *err)
{
	pthread_condattr_t attr;
	int num;

	TAILQ_INIT(&c->list);
	c->metrics = metrics;
	num = pthread_mutex_init(&c->lock, NULL) ?: pthread_condattr_init(&attr) ?:
	      pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) ?:
	      pthread_cond_init(&c->tick, &attr) ?:
	      pthread_create(&c->watch, NULL, watch, c);
	if (num)
		return erot_fail(err, num, "http", "watch of connections: %s", strerror(num));
	return 0;
}

void http_conns_stop(struct http_conns *c)
{
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->tick);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->watch, NULL);
	pthread_cond_destroy(&c->tick);
	pthread_mutex_destroy(&c->lock);
}

/* What already waits keeps its deadline. */
void http_conns_limits(struct http_conns *c, const struct settings *s)
{
	pthread_mutex_lock(&c->lock);
	c->limits = (struct http_limits) {
		.max_connections = s->max_connections,
		.max_per_address = s->max_per_address,
		.max_body_memory = s->max_body_memory,
		.header_timeout = s->header_timeout,
		.body_timeout = s->body_timeout,
		.send_timeout = s->send_timeout,
		.idle_timeout = s->idle_timeout,
	};
	pthread_mutex_unlock(&c->lock);
}

/**
 * http_conn_body() - more of a body is there
 * @c: connections
 * @conn: that it came by
 * @len: bytes more
 *
 * All of them have one limit, and each address a quarter of it, so that none keeps all others from
 * sending theirs; the only body of an address is not held against that.
 *
 * Return: false: over a limit. The bytes count in any case, until http_conn_body_done().
 */
bool http_conn_body(struct http_conns *c, struct http_conn *conn, size_t len)
{
	bool ok;

	pthread_mutex_lock(&c->lock);
	c->body += len;
	conn->from->body += len;
	conn->body += len;
	ok = c->body <= c->limits.max_body_memory &&
	     (conn->from->body <= c->limits.max_body_memory / ADDRESS_SHARE ||
	      conn->from->body == conn->body);
	pthread_mutex_unlock(&c->lock);
	metrics_change(c->metrics, METRICS_BODY_BYTES, (long long)len);
	return ok;
}

void http_conn_body_done(struct http_conns *c, struct http_conn *conn)
{
	size_t len;

	pthread_mutex_lock(&c->lock);
	len = conn->body;
	c->body -= len;
	conn->from->body -= len;
	conn->body = 0;
	pthread_mutex_unlock(&c->lock);
	metrics_change(c->metrics, METRICS_BODY_BYTES, -(long long)len);
}

/*
 * Whoever waits longest without having sent a request makes room, so that idle connections from
 * many addresses cannot keep all others out. Lock held.
 */
static void make_room(struct http_conns *c)
{
	struct http_conn *conn, *oldest = NULL;

	TAILQ_FOREACH(conn, &c->list, entry)
		if (!conn->cut && conn->phase == HTTP_HEADER &&
		    (!oldest || conn->deadline < oldest->deadline))
			oldest = conn;
	if (oldest)
		cut(c, oldest);
}

/* May a connection from there be taken? */
bool http_conns_admit(struct http_conns *c, const struct sockaddr *addr)
{
	unsigned int same = 0, going = 0;
	struct http_conn *conn;
	uint8_t key[16];
	bool ok;

	address_key(addr, key);
	pthread_mutex_lock(&c->lock);
	TAILQ_FOREACH(conn, &c->list, entry) {
		same += !memcmp(conn->from->key, key, sizeof(key));
		going += conn->cut;
	}
	ok = same < c->limits.max_per_address && !c->draining;
	if (ok && c->count - going >= c->limits.max_connections)
		make_room(c);
	pthread_mutex_unlock(&c->lock);
	metrics_count(c->metrics, ok ? METRICS_CONNECTIONS : METRICS_CONNECTIONS_REFUSED);
	return ok;
}

/* Shared with the connections from there that are open. Lock held; NULL without memory. */
static struct http_address *address_get(struct http_conns *c, const uint8_t key[16])
{
	struct http_address *from = NULL;
	struct http_conn *conn;

	TAILQ_FOREACH(conn, &c->list, entry) {
		if (!memcmp(conn->from->key, key, sizeof(conn->from->key))) {
			from = conn->from;
			break;
		}
	}
	if (!from) {
		from = calloc(1, sizeof(*from));
		if (!from)
			return NULL;
		memcpy(from->key, key, sizeof(from->key));
	}
	from->users++;
	return from;
}

/* Takes the reference to @tls; NULL without memory. */
struct http_conn *http_conn_add(struct http_conns *c, int fd, const struct sockaddr *addr,
				struct http_tls *tls)
{
	struct http_conn *conn = calloc(1, sizeof(*conn));
	uint8_t key[16] = { 0 };

	if (!conn)
		return NULL;
	conn->fd = fd;
	conn->tls = tls;
	if (addr)
		address_key(addr, key);
	pthread_mutex_lock(&c->lock);
	conn->from = address_get(c, key);
	if (!conn->from) {
		pthread_mutex_unlock(&c->lock);
		free(conn);
		return NULL;
	}
	conn->deadline = http_now_ns() + c->limits.header_timeout * SECOND_NS;
	TAILQ_INSERT_TAIL(&c->list, conn, entry);
	c->count++;
	pthread_mutex_unlock(&c->lock);
	metrics_change(c->metrics, METRICS_OPEN, 1);
	return conn;
}

void http_conn_remove(struct http_conns *c, struct http_conn *conn)
{
	http_conn_body_done(c, conn);
	pthread_mutex_lock(&c->lock);
	TAILQ_REMOVE(&c->list, conn, entry);
	c->count--;
	if (!--conn->from->users)
		free(conn->from);
	pthread_cond_broadcast(&c->tick);
	pthread_mutex_unlock(&c->lock);
	metrics_change(c->metrics, METRICS_OPEN, -1);
	http_tls_put(conn->tls);
	free(conn);
}

void http_conn_phase(struct http_conns *c, struct http_conn *conn, enum http_phase phase)
{
	unsigned int seconds = 0;

	pthread_mutex_lock(&c->lock);
	switch (phase) {
	case HTTP_HEADER:
		seconds = c->limits.idle_timeout;
		break;
	case HTTP_BODY:
		seconds = c->limits.body_timeout;
		break;
	case HTTP_SEND:
		seconds = c->limits.send_timeout;
		break;
	case HTTP_WORK:
		break;
	}
	conn->phase = phase;
	conn->deadline = seconds ? http_now_ns() + seconds * SECOND_NS : 0;
	pthread_mutex_unlock(&c->lock);
}

/**
 * http_conns_drain() - end idle connections, wait for the others, then end them too
 * @c: connections
 * @seconds: to wait
 *
 * Return: true when nothing had to be cut.
 */
bool http_conns_drain(struct http_conns *c, unsigned int seconds)
{
	uint64_t end = http_now_ns() + seconds * SECOND_NS;
	struct timespec until = { (time_t)(end / SECOND_NS), (long)(end % SECOND_NS) };
	struct http_conn *conn;
	bool clean;

	pthread_mutex_lock(&c->lock);
	c->draining = true;
	pthread_cond_broadcast(&c->tick);
	while (c->count && http_now_ns() < end)
		pthread_cond_timedwait(&c->tick, &c->lock, &until);
	clean = !c->count;
	TAILQ_FOREACH(conn, &c->list, entry)
		cut(c, conn);
	pthread_mutex_unlock(&c->lock);
	return clean;
}
