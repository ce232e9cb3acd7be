// SPDX-License-Identifier: GPL-2.0-only
/* erotctl events */
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "common/io.h"
#include "liberot/names.h"

struct watch {
	bool json;
	uint64_t left;		/* events to go; 0: no end */
	bool done;
};

static void print_event(void *ctx, const struct erot_nl_event *e)
{
	struct watch *w = ctx;
	char id[2 * EROT_ID_SIZE + 1], chunk[40] = "";
	struct timespec now;
	json_t *line;

	if (w->done)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	erot_hex(e->id, EROT_ID_SIZE, id);
	if (w->json) {
		line = json_pack("{s:s, s:s, s:s, s:s}", "event", erot_event_name(e->event), "id",
				 id, "state", erot_state_name(e->state), "end",
				 erot_end_name(e->end));
		if (e->event == EROT_EVENT_DAMAGED)
			json_object_set_new(line, "chunk", json_integer((json_int_t)e->chunk));
		json_dumpf(line, stdout, JSON_COMPACT);
		json_decref(line);
		putchar('\n');
	} else {
		if (e->event == EROT_EVENT_DAMAGED)
			snprintf(chunk, sizeof(chunk), " chunk %llu", (unsigned long long)e->chunk);
		printf("%6lld.%06ld %s %s%s%s%s\n", (long long)now.tv_sec, now.tv_nsec / 1000, id,
		       erot_event_name(e->event), e->end ? " " : "",
		       e->end ? erot_end_name(e->end) : "", chunk);
	}
	if (w->left && !--w->left)
		w->done = true;
}

static int watch(const struct command *cmd, struct erot_nl *nl, int fd, int signals,
		 struct watch *w)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	struct erot_error err;
	int ret;

	while (!w->done) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return EXIT_INTERNAL;
		if (p[1].revents)
			break;
		if (!p[0].revents)
			continue;
		ret = erot_nl_recv(nl, print_event, w, &err);
		if (ret == -ENOBUFS)
			fail(cmd, &err, 0);
		else if (ret < 0 && ret != -EAGAIN)
			return fail(cmd, &err, EXIT_INTERNAL);
		if (fflush(stdout))
			return EXIT_INTERNAL;
	}
	return EXIT_OK;
}

int cmd_events(const struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct watch w = { false, 0, false };
	struct erot_nl *nl = NULL;
	struct erot_error err;
	sigset_t set;
	int c, fd, signals, ret;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "jn:", options, NULL)) != -1) {
		if (c == 'j')
			w.json = true;
		else if (c != 'n' || erot_parse_u64(optarg, UINT32_MAX, &w.left) || !w.left)
			return usage(cmd);
	}
	if (optind != argc)
		return usage(cmd);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return EXIT_INTERNAL;
	ret = erot_nl_open(&nl, &err);
	if (!ret)
		ret = erot_nl_subscribe(nl, &fd, &err);
	if (ret)
		ret = fail(cmd, &err, status_of(ret, &err));
	else
		ret = watch(cmd, nl, fd, signals, &w);
	erot_nl_close(nl);
	close(signals);
	return ret;
}
