// SPDX-License-Identifier: GPL-2.0-only
/* Start and end of the HTTPS server; what the library calls outside of requests. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <gnutls/abstract.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dergd/http_priv.h"
#include "dergd/logline.h"

#define NETWORK_THREADS	2
#define NETWORK_STACK	(512U << 10)
#define BACKLOG		1024
#define OTHER_FDS	128	/* database, HSM, log, files that are read */
#define CANCEL_SECONDS	5	/* for handlers that run after the time to finish */

static void on_connection(void *ctx, struct MHD_Connection *connection, void **conn,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	const struct sockaddr *addr = NULL;
	struct http_server *s = ctx;
	struct http_tls *tls;
	int fd;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*conn)
			http_conn_remove(&s->conns, *conn);
		*conn = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info)
		addr = info->client_addr;
	fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	tls = http_server_tls(s);
	*conn = http_conn_add(&s->conns, fd, addr, tls);
	if (!*conn) {
		http_tls_put(tls);
		shutdown(fd, SHUT_RDWR);
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	http_tls_session(tls, info->tls_session);
}

static enum MHD_Result on_accept(void *ctx, const struct sockaddr *addr, socklen_t len)
{
	struct http_server *s = ctx;

	(void)len;
	return http_conns_admit(&s->conns, addr) ? MHD_YES : MHD_NO;
}

/* Requests are cut and decoded by route.c, from what was sent. */
static size_t leave_escapes(void *ctx, struct MHD_Connection *connection, char *text)
{
	(void)ctx;
	(void)connection;
	return strlen(text);
}

/* Each session gets its certificate in on_connection(); the library wants to know of one. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *ca_names, int n_ca_names,
			  const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
			  gnutls_pcert_st **certs, unsigned int *n_certs, gnutls_privkey_t *key)
{
	(void)session;
	(void)ca_names;
	(void)n_ca_names;
	(void)algorithms;
	(void)n_algorithms;
	(void)certs;
	(void)n_certs;
	(void)key;
	return -1;
}

struct http_tls *http_server_tls(struct http_server *s)
{
	struct http_tls *tls;

	pthread_mutex_lock(&s->tls_lock);
	tls = s->tls;
	atomic_fetch_add(&tls->users, 1);
	pthread_mutex_unlock(&s->tls_lock);
	return tls;
}

static int open_listener(const char *listen_on, struct erot_error *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	char host[sizeof(((struct settings *)0)->listen)], *port;
	struct addrinfo *found;
	int fd, off = 0, on = 1, num;

	snprintf(host, sizeof(host), "%s", listen_on + (*listen_on == '['));
	port = strrchr(host, ':');
	*port++ = '\0';
	if (*listen_on == '[')
		port[-2] = '\0';
	num = getaddrinfo(host, port, &hints, &found);
	if (num)
		return erot_fail(err, EINVAL, "listen", "%s: %s", listen_on, gai_strerror(num));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (found->ai_family == AF_INET6)	/* [::] takes IPv4 too */
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	num = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, BACKLOG) ?
	      errno : 0;
	freeaddrinfo(found);
	if (num) {
		if (fd >= 0)
			close(fd);
		return erot_fail(err, num, "listen", "%s: %s", listen_on, strerror(num));
	}
	return fd;
}

static void find_address(struct http_server *s)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[128] = "?", port[16] = "?";

	if (!getsockname(s->listener, (struct sockaddr *)&addr, &len))
		getnameinfo((struct sockaddr *)&addr, len, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(s->address, sizeof(s->address), addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		 host, port);
}

/* More connections than descriptors would mean that accept() fails in a circle. */
static int check_descriptors(const struct settings *settings, struct erot_error *err)
{
	rlim_t want = HTTP_CONNS_MOST(settings->max_connections) + OTHER_FDS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return erot_fail(err, errno, "http", "RLIMIT_NOFILE: %s", strerror(errno));
	if (limit.rlim_cur >= want)
		return 0;
	limit.rlim_cur = want;
	if (want > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit))
		return erot_fail(err, EMFILE, "http",
				 "max_connections: %llu descriptors are needed, %llu allowed",
				 (unsigned long long)want, (unsigned long long)limit.rlim_max);
	return 0;
}

static int start_library(struct http_server *s, struct erot_error *err)
{
	s->mhd = MHD_start_daemon(MHD_USE_TLS | MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC |
				  MHD_ALLOW_SUSPEND_RESUME, 0, on_accept, s, http_request_access, s,
				  MHD_OPTION_LISTEN_SOCKET, s->listener,
				  MHD_OPTION_HTTPS_CERT_CALLBACK, no_certificate,
				  MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3",
				  MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
				  MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, s,
				  MHD_OPTION_URI_LOG_CALLBACK, http_request_begin, s,
				  MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, s,
				  /* half of it is there for what is read */
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				  (size_t)2 * s->settings.max_header + 4096,
				  MHD_OPTION_CONNECTION_LIMIT,
				  HTTP_CONNS_MOST(s->settings.max_connections),
				  MHD_OPTION_THREAD_POOL_SIZE, NETWORK_THREADS,
				  MHD_OPTION_THREAD_STACK_SIZE, (size_t)NETWORK_STACK,
				  MHD_OPTION_STRICT_FOR_CLIENT, 1,
				  MHD_OPTION_END);
	if (!s->mhd)
		return erot_fail(err, EIO, "http", "the HTTP library does not start on %s",
				 s->address);
	return 0;
}

int http_start(struct http_server **out, const struct settings *settings,
	       const struct http_hooks *hooks, struct metrics *metrics, int listener,
	       struct erot_error *err)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int ret;

	if (!s || pthread_mutex_init(&s->tls_lock, NULL)) {
		free(s);
		return erot_fail(err, ENOMEM, "no-memory", "server");
	}
	s->hooks = *hooks;
	s->settings = *settings;
	s->metrics = metrics;
	ret = check_descriptors(settings, err) ?: http_tls_load(&s->tls, settings, err);
	if (ret)
		goto free_server;
	s->listener = listener >= 0 ? listener : open_listener(settings->listen, err);
	ret = s->listener < 0 ? s->listener : 0;
	if (ret)
		goto put_tls;
	find_address(s);
	ret = http_conns_start(&s->conns, metrics, err);
	if (ret)
		goto close_listener;
	http_conns_limits(&s->conns, settings);
	ret = http_pool_start(&s->pool, settings->workers, settings->max_queue, &s->hooks, err);
	if (ret)
		goto stop_conns;
	ret = start_library(s, err);
	if (ret)
		goto stop_pool;
	*out = s;
	return 0;

stop_pool:
	http_pool_stop(&s->pool, CANCEL_SECONDS);
stop_conns:
	http_conns_stop(&s->conns);
close_listener:
	close(s->listener);
put_tls:
	http_tls_put(s->tls);
free_server:
	pthread_mutex_destroy(&s->tls_lock);
	free(s);
	return ret;
}

int http_reload(struct http_server *s, const struct settings *settings, struct erot_error *err)
{
	struct http_tls *tls, *old;
	int ret;

	ret = settings_reloadable(&s->settings, settings, err) ?:
	      check_descriptors(settings, err) ?: http_tls_load(&tls, settings, err);
	if (ret)
		return ret;
	pthread_mutex_lock(&s->tls_lock);
	old = s->tls;
	s->tls = tls;
	pthread_mutex_unlock(&s->tls_lock);
	http_tls_put(old);
	http_conns_limits(&s->conns, settings);
	return 0;
}

const char *http_address(const struct http_server *s)
{
	return s->address;
}

int http_stop(struct http_server *s, unsigned int drain_seconds)
{
	bool clean;
	int ret;

	atomic_store(&s->stopping, true);
	MHD_quiesce_daemon(s->mhd);
	close(s->listener);
	clean = http_conns_drain(&s->conns, drain_seconds);
	if (!clean)
		log_line(LOG_LINE_WARNING, "stop", "detail", "requests were cut");
	atomic_store(&s->cancelled, true);
	ret = http_pool_stop(&s->pool, CANCEL_SECONDS);
	if (ret)
		return ret;
	MHD_stop_daemon(s->mhd);
	http_conns_stop(&s->conns);
	http_tls_put(s->tls);
	pthread_mutex_destroy(&s->tls_lock);
	free(s);
	return 0;
}
