/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HTTPS server: TLS 1.3, limits, deadlines, threads. It knows a table of
 * routes and a few functions of the program, and no more of what is served.
 *
 * Threads: libmicrohttpd's (network, never blocked by a handler), a pool of
 * workers (handlers), one watch (deadlines of connections).
 */
#ifndef DERGD_HTTP_H
#define DERGD_HTTP_H

#include "dergd/api.h"
#include "dergd/metrics.h"
#include "dergd/settings.h"

struct http_server;

/**
 * struct http_hooks - what the server asks the program
 * @app: first argument of the others, and api_call.app
 * @routes: table
 * @n_routes: of them
 * @worker_open: makes what one worker thread needs (a database connection); may be NULL
 * @worker_close: its end; may be NULL
 * @client_find: the client with this fingerprint; -ENOENT: none. Called in a worker.
 */
struct http_hooks {
	void *app;
	const struct api_route *routes;
	size_t n_routes;
	int (*worker_open)(void *app, void **worker, struct erot_error *err);
	void (*worker_close)(void *app, void *worker);
	int (*client_find)(void *app, void *worker, const uint8_t fingerprint[EROT_DIGEST_SIZE],
			   struct api_client *out, struct erot_error *err);
};

/**
 * http_start() - bind, load the certificate, start the threads
 * @out: the server
 * @settings: a copy is kept
 * @hooks: copied; what it points to must stay
 * @metrics: of the program, made with @hooks->n_routes
 * @listener: a listening socket that is given to the server, or -1: bind @settings->listen
 * @err: "listen", "tls-certificate", "tls-key", "tls-ca", "http", "no-memory", of worker_open()
 *
 * Return: 0 or a negative errno.
 */
int http_start(struct http_server **out, const struct settings *settings,
	       const struct http_hooks *hooks, struct metrics *metrics, int listener,
	       struct erot_error *err);

/**
 * http_reload() - new certificate, key, CA, limits and timeouts, for what begins from now on
 *
 * All of it or, on an error, nothing. No connection is closed.
 */
int http_reload(struct http_server *s, const struct settings *settings, struct erot_error *err);

/* Where it listens: "127.0.0.1:8443" */
const char *http_address(const struct http_server *s);

/**
 * http_stop() - take no more connections, finish what runs, end the threads
 * @drain_seconds: for requests that are being read or answered; then they are cut
 *
 * Return: 0, or -ETIMEDOUT: a handler still runs, and the process must end by _exit().
 */
int http_stop(struct http_server *s, unsigned int drain_seconds);

#endif
