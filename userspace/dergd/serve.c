// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/secret.h"
#include "dergd/logline.h"
#include "dergd/notify.h"
#include "dergd/serve.h"

#define ARENAS 4	/* of malloc(); each keeps what was once its most */

static void wanted(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGCHLD);
}

static int lock_memory(bool required, struct erot_error *err)
{
	/* as it is touched: stacks of threads are large and mostly never used */
	if (!mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return 0;
	if (required)
		return erot_fail(err, errno, "memory-lock",
				 "memory cannot be locked (%s): raise RLIMIT_MEMLOCK, in a unit "
				 "LimitMEMLOCK=, or say memory_lock = optional", strerror(errno));
	log_line(LOG_LINE_WARNING, "memory-lock", "detail",
		 "memory is not locked and may be written to swap");
	return 0;
}

int serve_prepare(bool memory_lock, struct erot_error *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;
	int ret;

	wanted(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || sigaction(SIGPIPE, &ignore, NULL))
		return erot_fail(err, errno, "signals", "signals: %s", strerror(errno));
	mallopt(M_ARENA_MAX, ARENAS);
	ret = erot_no_dumps(err);
	return ret ?: lock_memory(memory_lock, err);
}

/* Parsed and loaded whole, then swapped in; an error leaves everything as it was. */
static void reload(struct http_server *http, const char *config, struct settings *settings,
		   struct metrics *metrics)
{
	struct settings *new = malloc(sizeof(*new));
	struct erot_error err = { "no-memory", "reload" };

	notify_reloading();
	if (new && !settings_read(config, new, &err) && !http_reload(http, new, &err)) {
		*settings = *new;
		metrics_count(metrics, METRICS_RELOADS);
		log_line(LOG_LINE_INFO, "reload", "file", config);
	} else {
		metrics_count(metrics, METRICS_RELOAD_FAILURES);
		log_error("reload-refused", &err);
	}
	free(new);
	notify_send("READY=1");
}

/* The only child is the HSM helper, and whoever started it waits for it. */
static bool child_gone(void)
{
	siginfo_t info = { .si_pid = 0 };

	return !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

static int run(struct http_server *http, const char *config, struct settings *settings,
	       struct metrics *metrics, struct erot_error *err)
{
	bool gone = false;
	sigset_t set;
	int sig, ret;

	wanted(&set);
	for (;;) {
		sig = sigwaitinfo(&set, NULL);
		if (sig == SIGHUP)
			reload(http, config, settings, metrics);
		else if (sig == SIGCHLD)
			gone = child_gone();
		else if (sig > 0)
			break;
		if (gone)	/* without it nothing can be decided: start anew */
			break;
	}
	notify_send("STOPPING=1");
	log_line(gone ? LOG_LINE_ERROR : LOG_LINE_INFO, "stopping", "signal", sigabbrev_np(sig));
	ret = http_stop(http, settings->drain_timeout);
	if (!ret && gone)
		ret = erot_fail(err, ECHILD, "hsm-helper", "erot-hsm has ended");
	return ret;
}

int serve(const char *config, const struct settings *settings, const struct http_hooks *hooks,
	  struct metrics *metrics, struct erot_error *err)
{
	struct settings *now = malloc(sizeof(*now));
	struct http_server *http;
	int ret, listener;

	if (!now)
		return erot_fail(err, ENOMEM, "no-memory", "settings");
	*now = *settings;
	listener = notify_listener();
	ret = listener == -EINVAL ? erot_fail(err, EINVAL, "listen",
					      "systemd must give exactly one stream socket") :
	      http_start(&http, now, hooks, metrics, listener, err);
	if (!ret) {
		log_line(LOG_LINE_INFO, "ready", "listen", http_address(http));
		notify_send("READY=1");
		ret = run(http, config, now, metrics, err);
		log_line(LOG_LINE_INFO, "stopped");
	}
	free(now);
	return ret;
}
