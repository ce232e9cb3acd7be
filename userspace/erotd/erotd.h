/* SPDX-License-Identifier: GPL-2.0-only */
/* What all of erotd shares. */
#ifndef EROTD_H
#define EROTD_H

#include <stdbool.h>
#include <sys/queue.h>

#include "erotd/config.h"
#include "erotd/loop.h"
#include "liberot/netlink.h"

#define EROTD_VERSION "1"

struct erotd_client;
struct erotd_launch;
struct erotd_report;

LIST_HEAD(erotd_clients, erotd_client);
LIST_HEAD(erotd_launches, erotd_launch);
LIST_HEAD(erotd_reports, erotd_report);
TAILQ_HEAD(erotd_turns, erotd_report);

/**
 * struct erotd - the daemon
 * @nl:       requests to the module
 * @events:   its notifications
 * @listener: the socket
 * @patrol:   while there are clients: those that ask for nothing are sent away
 * @signals:  SIGTERM, SIGINT
 * @cgroup:   directory of the parent, locked
 * @store:    state directory, locked
 * @ranges:   which id ranges are in use
 * @launches: each from its request until its sandbox is gone and the client knows
 * @reports:  each from PROVISION until the record of its end is stored
 * @turns:    those whose evidence waits for a provider command
 * @calls:    provider commands that have evidence
 * @stopping: take no more launches, end what runs
 */
struct erotd {
	struct erotd_loop loop;
	struct erotd_config cfg;
	struct erot_nl *nl;
	struct erot_nl *nl_events;
	struct erotd_source events;
	struct erotd_source listener;
	struct erotd_source patrol;
	struct erotd_source signals;
	int cgroup;
	int store;
	bool ranges[EROTD_SESSIONS_MAX];
	struct erotd_clients clients;
	struct erotd_launches launches;
	struct erotd_reports reports;
	struct erotd_turns turns;
	unsigned int calls;
	bool stopping;
};

/* Read the notifications that have come: before a conclusion is drawn from their absence. */
void erotd_drain_events(struct erotd *d);

/* One line on stderr: "erotd: ..." */
void erotd_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* EROTD_H */
