/* SPDX-License-Identifier: GPL-2.0-only */
/* Client of the generic netlink family "erot". One thread per handle. */
#ifndef EROT_LIBEROT_NETLINK_H
#define EROT_LIBEROT_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

#include "common/error.h"

struct erot_nl;

/**
 * struct erot_nl_new - answer to NEW
 * @id:          of the session
 * @fd:          session descriptor, close-on-exec, owned by the caller: closing the last one ends
 *               it
 * @session_key: X25519 public key
 * @boot_key:    X25519 public key
 * @host_state:  EROT_HOST_*
 */
struct erot_nl_new {
	uint8_t id[EROT_ID_SIZE];
	int fd;
	uint8_t session_key[EROT_KEY_SIZE];
	uint8_t boot_key[EROT_KEY_SIZE];
	uint32_t host_state;
};

/**
 * struct erot_nl_session - answer to GET
 * @id:           of the session
 * @state:        enum erot_state
 * @end:          enum erot_end
 * @session_key:  X25519 public key
 * @host_state:   EROT_HOST_*
 * @has_receipt:  @receipt is there
 * @receipt:      digest of the receipt's content
 * @isolation:    EROT_ISO_* observed
 * @has_evidence: @evidence is there
 * @evidence:     not checked
 * @pid:          of the sandbox's first process; 0: none
 * @deadline:     boot clock, nanoseconds; 0: none
 */
struct erot_nl_session {
	uint8_t id[EROT_ID_SIZE];
	uint32_t state;
	uint32_t end;
	uint8_t session_key[EROT_KEY_SIZE];
	uint32_t host_state;
	bool has_receipt;
	uint8_t receipt[EROT_DIGEST_SIZE];
	uint32_t isolation;
	bool has_evidence;
	struct erot_evidence evidence;
	uint32_t pid;
	uint64_t deadline;
};

/**
 * struct erot_nl_host - answer to HOST
 * @version:    of the module
 * @boot_key:   X25519 public key
 * @host_state: EROT_HOST_*, read now
 * @attested:   mode
 * @has_pcr:    @pcr is there: the boot key was extended into it
 * @pcr:        number
 * @has_hwkey:  @hwkey is there
 * @hwkey:      SHA-256 of the hardware key
 */
struct erot_nl_host {
	char version[64];
	uint8_t boot_key[EROT_KEY_SIZE];
	uint32_t host_state;
	bool attested;
	bool has_pcr;
	uint32_t pcr;
	bool has_hwkey;
	uint8_t hwkey[EROT_DIGEST_SIZE];
};

/* Answer to STATS; see the family's specification. */
struct erot_nl_stats {
	uint32_t sessions;
	uint64_t created;
	uint64_t refused;
	uint64_t chunks;
	uint64_t damaged;
	uint64_t pinned;
	uint32_t keys;
	uint64_t shared;
};

/**
 * struct erot_nl_event - a lifecycle notification
 * @event: enum erot_event
 * @id:    of the session
 * @state: enum erot_state
 * @end:   enum erot_end
 * @chunk: only with EROT_EVENT_DAMAGED
 */
struct erot_nl_event {
	uint32_t event;
	uint8_t id[EROT_ID_SIZE];
	uint32_t state;
	uint32_t end;
	uint64_t chunk;
};

/*
 * All return 0 or a negative errno, the kernel's where it refused; then code is "kernel" and text
 * names the check, from the extended acknowledgement. -EBADMSG, "netlink-answer": an answer that
 * lacks something.
 */

/* -ENOENT, "no-module": the family is not there. To be closed with erot_nl_close(). */
int erot_nl_open(struct erot_nl **nl, struct erot_error *err);
void erot_nl_close(struct erot_nl *nl);

int erot_nl_new(struct erot_nl *nl, struct erot_nl_new *out, struct erot_error *err);
int erot_nl_provision(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], const void *cms,
		      size_t cms_len, const struct erot_release *release, struct erot_error *err);
/* Ends it; or, where it is RELEASED, says that its evidence was read, which is forgotten then. */
int erot_nl_destroy(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], struct erot_error *err);
/* Ends it, and leaves one that has ended before as it is: -ESHUTDOWN. */
int erot_nl_end(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], struct erot_error *err);
int erot_nl_get(struct erot_nl *nl, const uint8_t id[EROT_ID_SIZE], struct erot_nl_session *out,
		struct erot_error *err);

/* Calls @fn for each session; a value other than 0 from it ends the calls and is returned. */
int erot_nl_dump(struct erot_nl *nl, int (*fn)(void *ctx, const struct erot_nl_session *s),
		 void *ctx, struct erot_error *err);

/* @set_hwkey: digest of this machine's hardware key to set, or NULL. @out may be NULL. */
int erot_nl_host(struct erot_nl *nl, const uint8_t set_hwkey[EROT_DIGEST_SIZE],
		 struct erot_nl_host *out, struct erot_error *err);
int erot_nl_stats(struct erot_nl *nl, struct erot_nl_stats *out, struct erot_error *err);

/**
 * erot_nl_subscribe() - join "lifecycle" on a socket of its own
 * @fd: to poll; belongs to @nl, non-blocking
 */
int erot_nl_subscribe(struct erot_nl *nl, int *fd, struct erot_error *err);

/**
 * erot_nl_recv() - read what has come
 * @fn: called for each notification
 *
 * Return: number of notifications, 0 when there was none; -ENOBUFS, "events-lost", when the kernel
 * had to drop some (read the sessions again with erot_nl_dump()); else -errno.
 */
int erot_nl_recv(struct erot_nl *nl, void (*fn)(void *ctx, const struct erot_nl_event *e),
		 void *ctx, struct erot_error *err);

/*
 * For tests of refusals: sends @cmd (EROT_CMD_*) with the attributes given, each struct nlattr with
 * its padding, and returns what the kernel answers.
 */
int erot_nl_raw(struct erot_nl *nl, uint8_t cmd, const void *attrs, size_t len,
		struct erot_error *err);

#endif /* EROT_LIBEROT_NETLINK_H */
