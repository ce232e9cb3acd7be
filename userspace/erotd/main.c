// SPDX-License-Identifier: GPL-2.0-only
/* erotd: order of starting and stopping. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/secret.h"
#include "erotd/cgroup.h"
#include "erotd/erotd.h"
#include "erotd/filter.h"
#include "erotd/launch.h"
#include "erotd/mounts.h"
#include "erotd/notify.h"
#include "erotd/report.h"
#include "erotd/server.h"
#include "erotd/store.h"
#include "common/wire.h"
#include "liberot/crypto.h"

enum { EXIT_INTERNAL = 1, EXIT_USAGE = 2, EXIT_HOST = 5 };

void erotd_log(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= 0)
		fprintf(stderr, "erotd: %s\n", line);
}

static int read_config(const char *path, struct erotd_config *cfg, struct erot_error *err)
{
	uint8_t *text;
	size_t len;
	int ret = erot_read_file(path, EROTD_CONFIG_MAX, &text, &len, err);

	if (ret)
		return ret;
	ret = erotd_config_parse((char *)text, len, path, cfg, err);
	erot_wipe_free(text, len);
	return ret;
}

/* SubjectPublicKeyInfo, PEM or DER, told to the module as its digest. */
static int set_hardware_key(struct erotd *d, struct erot_error *err)
{
	const char *path = d->cfg.hardware_key;
	uint8_t digest[EROT_DIGEST_SIZE], *data, *der = NULL;
	const unsigned char *p;
	EVP_PKEY *key = NULL;
	size_t len;
	BIO *bio;
	int n, ret;

	ret = erot_read_file(path, 65536, &data, &len, err);
	if (ret)
		return ret;
	bio = BIO_new_mem_buf(data, (int)len);
	if (bio)
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	p = data;
	if (!key && len) {
		key = d2i_PUBKEY(NULL, &p, (long)len);
		if (key && p != data + len) {
			EVP_PKEY_free(key);
			key = NULL;
		}
	}
	n = key ? i2d_PUBKEY(key, &der) : -1;
	EVP_PKEY_free(key);
	erot_wipe_free(data, len);
	if (n <= 0 || n > EROT_HWKEY_MAX)
		ret = erot_fail(err, EINVAL, "hardware-key", "%s: not a public key in PEM or DER",
				path);
	else
		ret = erot_sha256(der, (size_t)n, digest) ?:
		      erot_nl_host(d->nl, digest, NULL, err);
	OPENSSL_free(der);
	return ret;
}

static void on_notification(void *ctx, const struct erot_nl_event *e)
{
	struct erotd *d = ctx;
	struct erotd_launch *l = erotd_launch_find(d, e->id);

	if (e->event == EROT_EVENT_RUNNING && l)
		erotd_launch_running(l);
	else if (e->event == EROT_EVENT_DEAD && l)
		erotd_launch_dead(l, e->end);
	else if (e->event == EROT_EVENT_RELEASED)
		erotd_report_ended(d, e->id);
	else if (e->event == EROT_EVENT_DAMAGED && l)
		erotd_log("session %s: chunk %llu is damaged", l->name,
			  (unsigned long long)e->chunk);
}

/* Notifications were lost: ask for what they would have said. */
static void ask_all(struct erotd *d)
{
	struct erotd_launch *l, *next;
	struct erot_nl_session s;
	struct erot_error err;

	for (l = LIST_FIRST(&d->launches); l; l = next) {
		next = LIST_NEXT(l, entry);
		if (erot_nl_get(d->nl, l->id, &s, &err))
			continue;
		if (s.state == EROT_STATE_RUNNING)
			erotd_launch_running(l);
		else if (s.end)
			erotd_launch_dead(l, s.end);	/* may free it */
	}
}

void erotd_drain_events(struct erotd *d)
{
	struct erot_error err;
	int ret;

	ret = erot_nl_recv(d->nl_events, on_notification, d, &err);
	if (ret == -ENOBUFS)
		ask_all(d);
	else if (ret < 0 && ret != -EAGAIN)
		erotd_log("events: %s: %s", err.code, err.text);
}

static void on_events(void *ctx, uint32_t events)
{
	(void)events;
	erotd_drain_events(ctx);
}

static void stop(struct erotd *d)
{
	struct erot_error err;
	struct erotd_launch *l, *next;

	if (d->stopping)
		return;
	d->stopping = true;
	erot_fail(&err, EINTR, "stopping", "erotd was told to stop");
	for (l = LIST_FIRST(&d->launches); l; l = next) {
		next = LIST_NEXT(l, entry);
		erotd_launch_end(l, &err, EROTD_EXIT_SELF);
	}
}

static void on_signal(void *ctx, uint32_t events)
{
	struct erotd *d = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(d->signals.fd, &info, sizeof(info)) == sizeof(info))
		stop(d);
}

static int open_signals(struct erotd *d, struct erot_error *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || sigaction(SIGPIPE, &ignore, NULL) ||
	    sigaction(SIGHUP, &ignore, NULL))
		return erot_fail(err, errno, "signals", "signals: %s", strerror(errno));
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return erot_fail(err, errno, "signals", "signalfd: %s", strerror(errno));
	return erotd_loop_add(&d->loop, &d->signals, fd, EPOLLIN, on_signal, d, err);
}

static int make_dirs(struct erot_error *err)
{
	/* Searchable: the sandbox's first process mounts there as a user of its own range. */
	static const char *const dirs[] = { EROTD_RUN_DIR, EROTD_BASE_DIR };

	for (size_t i = 0; i < 2; i++) {
		if (mkdir(dirs[i], 0755) && errno != EEXIST)
			return erot_fail(err, errno, "run-dir", "%s: %s", dirs[i], strerror(errno));
		if (chmod(dirs[i], 0755))
			return erot_fail(err, errno, "run-dir", "%s: %s", dirs[i], strerror(errno));
	}
	return 0;
}

static int open_module(struct erotd *d, struct erot_error *err)
{
	int fd, ret;

	ret = erot_nl_open(&d->nl, err) ?: erot_nl_open(&d->nl_events, err) ?:
	      erot_nl_subscribe(d->nl_events, &fd, err);
	if (ret)
		return ret;
	/* The descriptor is the library's; the loop closes its own. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return erot_fail(err, errno, "events", "dup: %s", strerror(errno));
	return erotd_loop_add(&d->loop, &d->events, fd, EPOLLIN, on_events, d, err);
}

static int open_store(struct erotd *d, struct erot_error *err)
{
	d->store = erotd_store_open(d->cfg.state_dir, err);
	return d->store < 0 ? d->store : 0;
}

static int start(struct erotd *d, struct erot_error *err)
{
	int ret;

	ret = erotd_loop_open(&d->loop, err) ?: open_signals(d, err) ?: make_dirs(err) ?:
	      open_store(d, err) ?: open_module(d, err) ?: erotd_filter_prepare(err);
	if (!ret && d->cfg.hardware_key[0])
		ret = set_hardware_key(d, err);
	if (ret)
		return ret;
	/* The socket first: it is what tells another erotd from a dead one. */
	ret = erotd_server_open(d, err);
	if (ret)
		return ret;
	d->cgroup = erotd_cgroup_open(d->cfg.cgroup_parent, err);
	if (d->cgroup < 0)
		return d->cgroup;
	return erotd_report_recover(d, err);
}

static void finish(struct erotd *d)
{
	erotd_server_close(d);
	erotd_report_free_all(d);
	erotd_loop_del(&d->loop, &d->events);
	erotd_loop_del(&d->loop, &d->signals);
	if (d->cgroup >= 0)
		close(d->cgroup);
	if (d->store >= 0)
		close(d->store);
	erot_nl_close(d->nl_events);
	erot_nl_close(d->nl);
	erotd_loop_close(&d->loop);
}

static int run(struct erotd *d)
{
	int ret = 0;

	erotd_log("ready on %s", d->cfg.socket);
	erotd_notify_ready();
	while (!ret && !(d->stopping && LIST_EMPTY(&d->launches) && erotd_report_idle(d)))
		ret = erotd_loop_step(&d->loop);
	if (ret)
		erotd_log("epoll: %s", strerror(-ret));
	return ret;
}

/* What is inherited must not be taken for something of ours. */
static int clean_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= 2);
	close(fd);
	return close_range(3, ~0U, 0);
}

#define USAGE	"usage: erotd [-c FILE] [-t] [-V]"

static int help(void)
{
	fputs(USAGE "\n"
	      "  -c FILE  configuration (" EROTD_CONFIG_FILE ")\n"
	      "  -t       check the configuration, then exit\n"
	      "  -V       version\n", stdout);
	return fflush(stdout) ? EXIT_INTERNAL : 0;
}

static int usage(const char *what)
{
	erotd_log("%s: no such option, or not with its argument; " USAGE, what);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	static struct erotd d;
	const char *path = EROTD_CONFIG_FILE;
	struct erot_error err = { "", "" };
	bool test = false;
	int c, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'V':
			puts("erotd " EROTD_VERSION);
			return 0;
		case 'h':
			return help();
		default:
			return usage(argv[optind - 1]);
		}
	}
	if (optind != argc)
		return usage(argv[optind]);
	if (read_config(path, &d.cfg, &err)) {
		erotd_log("%s: %s", err.code, err.text);
		return EXIT_USAGE;
	}
	if (test)
		return 0;
	TAILQ_INIT(&d.turns);
	d.events.fd = d.listener.fd = d.patrol.fd = d.signals.fd = -1;
	d.cgroup = d.store = d.loop.epfd = -1;
	/* Not dumpable: nor are the sandboxes, until they execute. */
	if (clean_descriptors() || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
		erotd_log("start: %s", strerror(errno));
		return EXIT_INTERNAL;
	}
	umask(022);
	ret = geteuid() ? erot_fail(&err, EPERM, "not-root", "erotd must be started as root") :
	      start(&d, &err);
	if (ret)
		erotd_log("%s: %s", err.code, err.text);
	else
		ret = run(&d) ? EXIT_INTERNAL : 0;
	finish(&d);
	if (ret >= 0)
		return ret;
	return !strcmp(err.code, "no-module") || !strcmp(err.code, "not-root") ? EXIT_HOST :
	       EXIT_INTERNAL;
}
