/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the HTTPS server.
 *
 * Lock order: none of the locks here is held while another is taken.
 */
#ifndef DERGD_HTTP_PRIV_H
#define DERGD_HTTP_PRIV_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "dergd/http.h"
#include "dergd/route.h"

/* ---- http_tls.c */

/**
 * struct http_tls - certificate, key and client CAs as they were at one time
 * @users: connections that began with it, and the server while it is the newest
 * @credentials: the server's, for GnuTLS
 * @clients: CAs of client certificates; NULL: any issuer
 */
struct http_tls {
	atomic_uint users;
	gnutls_certificate_credentials_t credentials;
	gnutls_x509_trust_list_t clients;
};

int http_tls_load(struct http_tls **out, const struct settings *settings, struct erot_error *err);
void http_tls_put(struct http_tls *tls);
void http_tls_session(struct http_tls *tls, gnutls_session_t session);
int http_tls_peer(struct http_tls *tls, gnutls_session_t session,
		  uint8_t fingerprint[EROT_DIGEST_SIZE], struct erot_error *err);

/* ---- http_conn.c */

/*
 * What a connection waits for. Each phase but HTTP_WORK ends at a fixed time, however busy the peer
 * looks:
 *
 *	HEADER -> BODY -> WORK -> SEND -> HEADER
 */
enum http_phase { HTTP_HEADER, HTTP_BODY, HTTP_WORK, HTTP_SEND };

/**
 * struct http_address - where connections come from; guarded by the lock of http_conns
 * @key: IPv4 address as mapped IPv6, or the first 64 bits of an IPv6 one
 * @users: its connections; without any it is freed
 * @body: bytes of bodies in all of them
 */
struct http_address {
	uint8_t key[16];
	unsigned int users;
	size_t body;
};

/**
 * struct http_conn - one TCP connection
 * @entry: in http_conns.list; guarded by its lock, as are the fields down to @cut
 * @fd: of it; valid while the connection is in the list
 * @from: its peer, shared with the other connections from there
 * @body: bytes held of the body that is read or worked on
 * @phase: see above
 * @deadline: of @phase, CLOCK_MONOTONIC in ns; 0: none
 * @cut: was shut down
 * @tls: that it began with
 */
struct http_conn {
	TAILQ_ENTRY(http_conn) entry;
	int fd;
	struct http_address *from;
	size_t body;
	enum http_phase phase;
	uint64_t deadline;
	bool cut;
	struct http_tls *tls;
};

/**
 * struct http_limits - of struct settings, what changes while the server runs
 */
struct http_limits {
	unsigned int max_connections, max_per_address, max_body_memory;
	unsigned int header_timeout, body_timeout, send_timeout, idle_timeout;
};

struct http_conns {
	pthread_mutex_t lock;
	pthread_cond_t tick;		/* wakes the watch, and whoever waits for the drain */
	TAILQ_HEAD(http_conn_list, http_conn) list;
	size_t count;
	size_t body;			/* bytes of the bodies of all of them */
	struct http_limits limits;
	bool draining;			/* idle connections are ended */
	bool stop;			/* of the watch */
	pthread_t watch;
	struct metrics *metrics;
};

/* With those that were cut and are not closed yet; from there on new ones wait to be accepted. */
#define HTTP_CONNS_MOST(max) ((max) + (max) / 2)

uint64_t http_now_ns(void);
int http_conns_start(struct http_conns *c, struct metrics *metrics, struct erot_error *err);
void http_conns_stop(struct http_conns *c);
void http_conns_limits(struct http_conns *c, const struct settings *settings);
bool http_conns_admit(struct http_conns *c, const struct sockaddr *addr);
struct http_conn *http_conn_add(struct http_conns *c, int fd, const struct sockaddr *addr,
				struct http_tls *tls);
void http_conn_remove(struct http_conns *c, struct http_conn *conn);
bool http_conn_body(struct http_conns *c, struct http_conn *conn, size_t len);
void http_conn_body_done(struct http_conns *c, struct http_conn *conn);
void http_conn_phase(struct http_conns *c, struct http_conn *conn, enum http_phase phase);
bool http_conns_drain(struct http_conns *c, unsigned int seconds);

/* ---- http_pool.c */

struct http_job {
	STAILQ_ENTRY(http_job) entry;
	void (*run)(struct http_job *job, void *worker);
};

struct http_pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	STAILQ_HEAD(http_job_list, http_job) queue;
	unsigned int queued, max_queue;
	bool stop;
	unsigned int n;
	pthread_t *threads;
	void **workers;
	const struct http_hooks *hooks;
};

int http_pool_start(struct http_pool *p, unsigned int n, unsigned int max_queue,
		    const struct http_hooks *hooks, struct erot_error *err);
bool http_pool_reserve(struct http_pool *p);
void http_pool_add(struct http_pool *p, struct http_job *job);
int http_pool_stop(struct http_pool *p, unsigned int seconds);

/* ---- http_server.c */

struct http_server {
	struct http_hooks hooks;
	struct metrics *metrics;
	struct settings settings;	/* as started */
	char address[160];
	struct MHD_Daemon *mhd;
	int listener;
	struct http_conns conns;
	struct http_pool pool;
	atomic_bool stopping;		/* answers end their connections */
	atomic_bool cancelled;		/* the time to finish is over: no handler begins */
	pthread_mutex_t tls_lock;	/* guards @tls, not what it points to */
	struct http_tls *tls;
};

struct http_tls *http_server_tls(struct http_server *s);

/* ---- http_request.c */

void *http_request_begin(void *ctx, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_request_access(void *ctx, struct MHD_Connection *connection, const char *url,
				    const char *method, const char *version, const char *data,
				    size_t *size, void **request);
void http_request_completed(void *ctx, struct MHD_Connection *connection, void **request,
			    enum MHD_RequestTerminationCode why);

/**
 * struct http_request - one request
 * @job: for the pool; first, so that it can be found from there
 * @server: of it
 * @conn: its connection
 * @connection: the same for the library
 * @started: CLOCK_MONOTONIC, ns
 * @call: what the handler sees
 * @client: behind @call.client
 * @fingerprint: of the client's certificate
 * @has_certificate: and whether there is one
 * @target: path and query as sent
 * @head: a HEAD request
 * @options: an OPTIONS request
 * @refused: before its body was there; that is read, or the client would not see why, and dropped
 * @submitted: to the pool
 * @answered: an answer was given to the library
 * @body: received so far
 * @body_len: bytes of it
 * @body_size: that were announced
 * @allow: methods of the path
 * @ret: 0 or a negative errno
 * @err: with it
 */
struct http_request {
	struct http_job job;
	struct http_server *server;
	struct http_conn *conn;
	struct MHD_Connection *connection;
	uint64_t started;
	struct api_call call;
	struct api_client client;
	uint8_t fingerprint[EROT_DIGEST_SIZE];
	bool has_certificate;
	char *target;
	bool head, options, refused, submitted, answered;
	uint8_t *body;
	size_t body_len, body_size;
	char method[16];
	char allow[ROUTE_ALLOW_MAX];
	int ret;
	struct erot_error err;
};

/* ---- http_check.c: what a header must say; fills r->err */

int http_check_header(struct http_request *r, const char *method);
int http_check_caller(struct http_request *r, void *worker);
int http_check_body(struct http_request *r, json_t **out);

/* ---- http_reply.c */

enum MHD_Result http_reply_send(struct http_request *r);

#endif
