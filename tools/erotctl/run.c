// SPDX-License-Identifier: GPL-2.0-only
/* erotctl run: a foreground process that stands for the workload. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cmd.h"
#include "common/io.h"
#include "common/secret.h"
#include "common/wire.h"
#include "proxy.h"

static const int forwarded[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO,
	SIGPWR,
};

struct run {
	const struct command *cmd;
	const char *ewc;
	const char *payload;
	const char *receipt;
	const char *socket;
	bool tty;
	bool no_tty;
	bool verbose;
	int sock;
	int signals;
	struct proxy proxy;
	bool exited;	/* @status is the workload's */
	bool done;	/* @status is final */
	int status;
};

static int parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{ "tty", no_argument, NULL, 't' },
		{ "no-tty", no_argument, NULL, 'T' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "payload", required_argument, NULL, 'p' },
		{ "socket", required_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+tTvp:", options, NULL)) != -1) {
		switch (c) {
		case 't':
			r->tty = true;
			break;
		case 'T':
			r->no_tty = true;
			break;
		case 'v':
			r->verbose = true;
			break;
		case 'p':
			r->payload = optarg;
			break;
		case 'S':
			r->socket = optarg;
			break;
		default:
			return -1;
		}
	}
	if (argc - optind != 2 || (r->tty && r->no_tty))
		return -1;
	r->ewc = argv[optind];
	r->receipt = argv[optind + 1];
	return 0;
}

static int open_file(const char *path, int *fds, size_t *n, struct erot_error *err)
{
	struct stat st;
	/* NONBLOCK: not to hang on a pipe before it is refused */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return erot_fail(err, errno, "file", "%s: %s", path, strerror(errno));
	fds[(*n)++] = fd;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return erot_fail(err, EINVAL, "file", "%s: not a regular file", path);
	return 0;
}

/* Read here, whatever it is in: erotd takes nothing that could make it wait. */
static int copy_receipt(const char *path, int *fds, size_t *n, struct erot_error *err)
{
	int fd, ret;
	uint8_t *data;
	size_t len;

	ret = erot_read_file(path, EROT_CMS_MAX, &data, &len, err);
	if (ret)
		return ret;
	fd = memfd_create("receipt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0)
		fds[(*n)++] = fd;
	ret = fd < 0 ? -errno : erot_write_full(fd, data, len);
	if (!ret && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW))
		ret = -errno;
	erot_wipe_free(data, len);
	return ret ? erot_fail(err, -ret, "io", "%s: %s", path, strerror(-ret)) : 0;
}

static int request(struct run *r, struct erot_error *err)
{
	unsigned short rows = 24, cols = 80;
	int fds[EROTD_WIRE_FDS], ret;
	size_t n = 0, opened;
	json_t *msg;

	ret = open_file(r->ewc, fds, &n, err);
	if (!ret && r->payload)
		ret = open_file(r->payload, fds, &n, err);
	if (!ret)
		ret = copy_receipt(r->receipt, fds, &n, err);
	opened = n;
	for (int i = 0; !ret && !r->tty && i < 3; i++)
		fds[n++] = i;
	proxy_size(&rows, &cols);
	msg = json_pack("{s:s, s:b, s:i, s:i}", "op", "run", "payload", !!r->payload, "rows",
			(int)rows, "cols", (int)cols);
	if (msg && (r->tty || r->no_tty))
		json_object_set_new(msg, "tty", json_boolean(r->tty));
	if (!ret) {
		r->sock = connect_erotd(r->socket, err);
		ret = r->sock < 0 ? r->sock : 0;
	}
	if (!ret) {
		ret = msg ? erotd_wire_send(r->sock, msg, fds, n, 0) : -ENOMEM;
		if (ret)
			erot_fail(err, -ret, "erotd-gone", "request: %s", strerror(-ret));
	}
	json_decref(msg);
	erotd_wire_close(fds, opened);
	return ret;
}

static void note(struct run *r, const char *what, const char *value)
{
	if (r->verbose)
		fprintf(stderr, "erotctl: run: %s%s%s\n", what, *value ? " " : "", value);
}

/* As erotctl events has them: seconds on the boot clock. */
static void note_times(struct run *r, json_t *times)
{
	json_t *pair;
	size_t i;

	json_array_foreach(times, i, pair) {
		const char *step = json_string_value(json_array_get(pair, 0));
		json_int_t us = json_integer_value(json_array_get(pair, 1));
		char line[64];

		snprintf(line, sizeof(line), "%lld.%06lld %s", (long long)us / 1000000,
			 (long long)us % 1000000, step ?: "");
		note(r, "time", line);
	}
}

static int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *text_of(json_t *msg, const char *name)
{
	return json_string_value(json_object_get(msg, name)) ?: "";
}

static void on_error(struct run *r, json_t *msg, json_t *error)
{
	struct erot_error err;

	proxy_end(&r->proxy);
	erot_fail(&err, EIO, text_of(error, "code"), "%s", text_of(error, "text"));
	r->status = (int)json_integer_value(json_object_get(msg, "exit"));
	if (r->status < 1 || r->status > 255)
		r->status = EROTD_EXIT_SELF;
	fail(r->cmd, &err, 0);
	r->done = true;
}

static void on_ended(struct run *r, json_t *msg)
{
	json_t *unaccounted = json_object_get(msg, "unaccounted");
	const char *end = text_of(msg, "end");

	proxy_end(&r->proxy);
	r->status = shell_status((int)json_integer_value(json_object_get(msg, "status")));
	r->done = true;
	if (strcmp(end, "exit") && strcmp(end, "none") && strcmp(end, "killed"))
		fprintf(stderr, "erotctl: run: the session ended: %s\n", end);
	if (json_is_object(unaccounted))
		fprintf(stderr, "erotctl: run: no destruction record yet, erotd will try again: "
			"%s: %s\n", text_of(unaccounted, "code"), text_of(unaccounted, "text"));
	else
		note(r, "destruction record", text_of(msg, "record"));
}

static int on_terminal(struct run *r, int *fds, size_t n)
{
	int master = n ? fds[0] : -1, ret;

	if (r->no_tty || n != 1 || r->proxy.master >= 0)
		return -EPROTO;
	ret = proxy_begin(&r->proxy, master);
	if (!ret)
		fds[0] = -1;
	return ret;
}

/* One message. -errno when erotd is gone or not to be understood. */
static int on_message(struct run *r)
{
	int fds[EROTD_WIRE_FDS], ret;
	const char *event;
	json_t *msg, *error;
	size_t n;

	ret = erotd_wire_recv(r->sock, &msg, fds, &n, 0);
	if (ret)
		return ret;
	event = text_of(msg, "event");
	error = json_object_get(msg, "error");
	if (error) {
		on_error(r, msg, error);
	} else if (!strcmp(event, "session")) {
		note(r, "session", text_of(msg, "id"));
	} else if (!strcmp(event, "terminal")) {
		ret = on_terminal(r, fds, n);
	} else if (!strcmp(event, "running")) {
		note(r, "running", "");
		note_times(r, json_object_get(msg, "times"));
	} else if (!strcmp(event, "exited")) {
		proxy_end(&r->proxy);
		r->exited = true;
		r->status = shell_status((int)json_integer_value(json_object_get(msg, "status")));
		note(r, "exited; the keys are gone", "");
	} else if (!strcmp(event, "ended")) {
		on_ended(r, msg);
	}
	erotd_wire_close(fds, n);
	json_decref(msg);
	return ret;
}

static int on_signal(struct run *r)
{
	struct signalfd_siginfo info;
	json_t *msg;
	int ret;

	if (read(r->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH) {
		proxy_resize(&r->proxy);
		return 0;
	}
	msg = json_pack("{s:s, s:i}", "op", "signal", "signal", (int)info.ssi_signo);
	ret = msg ? erotd_wire_send(r->sock, msg, NULL, 0, 0) : -ENOMEM;
	json_decref(msg);
	/* It has hung up: what it said before is still to be read. */
	return ret == -EPIPE ? 0 : ret;
}

static int open_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&set, forwarded[i]);
	sigaddset(&set, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? -errno : 0;
}

static int wait_for_end(struct run *r)
{
	struct pollfd p[4];
	int ret = 0;

	while (!r->done && !ret) {
		p[0] = (struct pollfd){ .fd = r->sock, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
		proxy_poll(&r->proxy, p + 2);
		if (poll(p, 4, -1) < 0) {
			if (errno != EINTR)
				ret = -errno;
			continue;
		}
		proxy_copy(&r->proxy, p + 2);
		if (p[1].revents)
			ret = on_signal(r);
		if (!ret && p[0].revents)
			ret = on_message(r);
	}
	return ret;
}

int cmd_run(const struct command *cmd, int argc, char **argv)
{
	struct run r = { .cmd = cmd, .socket = EROTD_SOCKET, .sock = -1, .signals = -1,
			 .proxy.master = -1 };
	struct erot_error err;
	int ret;

	if (parse(&r, argc, argv)) {
		usage(cmd);
		return EROTD_EXIT_SELF;
	}
	if (r.tty && !isatty(STDIN_FILENO)) {
		erot_fail(&err, ENOTTY, "usage", "-t needs a terminal on stdin");
		return fail(cmd, &err, EROTD_EXIT_SELF);
	}
	ret = open_signals(&r);
	if (ret) {
		erot_fail(&err, -ret, "signals", "signals: %s", strerror(-ret));
		return fail(cmd, &err, EROTD_EXIT_SELF);
	}
	if (request(&r, &err))
		return fail(cmd, &err, EROTD_EXIT_SELF);
	ret = wait_for_end(&r);
	proxy_end(&r.proxy);
	if (ret) {
		erot_fail(&err, -ret, "erotd-gone", "%s", r.exited ?
			  "no word of the destruction record" :
			  "erotd went away, and the session with it");
		fail(cmd, &err, 0);
		return r.exited ? r.status : EROTD_EXIT_SELF;
	}
	return r.status;
}
