/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One launch, as erotd sees it.
 *
 *	RELEASE ---> SANDBOX ---> RUNNING ---> ENDING ---> (gone)
 *	  |  the provider  |  the module      |  child      record stored, or the provider
 *	  |  has answered  |  told of it      |  reaped     did not take the evidence yet
 *	  +----------------+------------------+--> ENDING by any failure, by the client leaving,
 *						   by SIGTERM to erotd
 *
 * The session descriptor is held until ENDING begins: a dead erotd ends the session.
 */
#ifndef EROTD_LAUNCH_H
#define EROTD_LAUNCH_H

#include <sys/types.h>

#include "erotd/erotd.h"
#include "erotd/request.h"
#include "erotd/sandbox.h"
#include "erotd/times.h"
#include "liberot/grant.h"

enum erotd_phase { EROTD_RELEASE, EROTD_SANDBOX, EROTD_RUNNING, EROTD_ENDING };

enum { EROTD_FD_ENVELOPE, EROTD_FD_PAYLOAD, EROTD_FD_RECEIPT, EROTD_FD_STDIO };

/**
 * struct erotd_launch - one launch
 * @client:      to be told; NULL when it has gone
 * @owner:       user id of the client
 * @fds:         envelope, payload, receipt, stdio; -1 where used up
 * @session_fd:  keeps the session alive
 * @content:     of the receipt; @receipt and @manifest point into it
 * @provisioned: there will be evidence
 * @tty:         the workload gets a terminal
 * @range:       id range, -1 for none
 * @in_cgroup:   there is a leaf
 * @pid:         of the child, 0 for none
 * @exit:        of the child; its descriptor is a pidfd
 * @sock:        to the child
 * @mounter:     pidfd of the mounter, -1 for none; the loop reaps it
 * @mounter_sock: to it
 * @attached:    it has ATTACHed
 * @bound:       the child is bound
 * @mounted:     the child was given the mount
 * @said_exec:   the child was about to execute
 * @ran:         the module confirmed it
 * @failed:      @error and @exit_code say why
 * @status:      as wait() reports it, valid when @reaped
 * @times:       of the steps up to exec
 */
struct erotd_launch {
	LIST_ENTRY(erotd_launch) entry;
	struct erotd *d;
	struct erotd_client *client;
	uid_t owner;
	enum erotd_phase phase;
	struct erotd_request req;
	int fds[EROTD_FD_STDIO + 3];
	uint8_t id[EROT_ID_SIZE];
	char name[2 * EROT_ID_SIZE + 1];
	int session_fd;
	uint8_t *cms;
	size_t cms_len;
	uint8_t *content;
	size_t content_len;
	struct erot_receipt_info receipt;
	struct erot_manifest manifest;
	bool provisioned;
	struct erotd_call *call;
	bool tty;
	int range;
	bool in_cgroup;
	pid_t pid;
	struct erotd_source exit;
	struct erotd_source sock;
	int mounter;
	struct erotd_source mounter_sock;
	bool attached;
	bool bound;
	bool mounted;
	struct erotd_source sweep;
	bool said_exec;
	bool ran;
	bool failed;
	bool reaped;
	bool reported;
	int exit_code;
	int status;
	struct erotd_times times;
	struct erot_error error;
};

/**
 * erotd_launch_start() - begin a launch
 * @fds: as they came with the request; taken over, also on failure
 * @n:   of them
 * @err: names the check that refused
 *
 * Return: the launch, which tells @client how it goes on; NULL on failure.
 */
struct erotd_launch *erotd_launch_start(struct erotd *d, struct erotd_client *client, uid_t owner,
					const struct erotd_request *req, const int *fds, size_t n,
					struct erot_error *err);

/* End it by the module, whatever it is doing; the client hears the error, if there is one. */
void erotd_launch_end(struct erotd_launch *l, const struct erot_error *err, int exit_code);

/* Send a signal to the workload. "not-running". */
int erotd_launch_signal(struct erotd_launch *l, int number, struct erot_error *err);

struct erotd_launch *erotd_launch_find(struct erotd *d, const uint8_t id[EROT_ID_SIZE]);

/* From report.c: the end was recorded, or could not be for now (@err); @evidence may be NULL. */
void erotd_launch_reported(struct erotd_launch *l, const struct erot_evidence *evidence,
			   const struct erot_error *err);

/* From the events: the exec gate has let the workload pass. */
void erotd_launch_running(struct erotd_launch *l);

/* From the events: the session is dead, maybe before there was anything to run. */
void erotd_launch_dead(struct erotd_launch *l, uint32_t end);

/* In supervise.c: the part of a launch that has a sandbox. */
int erotd_supervise_start(struct erotd_launch *l, struct erot_error *err);
void erotd_supervise_stop(struct erotd_launch *l);
void erotd_supervise_check(struct erotd_launch *l);
void erotd_supervise_hear(struct erotd_launch *l);
void erotd_launch_exited(struct erotd_launch *l);

#endif /* EROTD_LAUNCH_H */
