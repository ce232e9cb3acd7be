/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machine state: what a machine says of itself, for the PCR policy. `erot-attester state` writes
 * it, `dergctl policy learn|explain|test` read it; a release carries the same members.
 *
 *	{
 *	  "version": 1,
 *	  "bank": "sha256",
 *	  "pcrs": {"0": "64 hex digits", ...},	as read or quoted; {} without a TPM
 *	  "eventLog": "base64",			default none
 *	  "bootKey": "base64",			32 bytes; default none
 *	  "moduleVersion": "0.1",		default none
 *	  "hostState": ["attested", ...]	names as in liberot/names.h
 *	}
 *
 * Nothing here is authentic by itself: the caller has checked the quote, which covers the PCRs.
 */
#ifndef EROT_LIBEROT_STATE_H
#define EROT_LIBEROT_STATE_H

#include <stdbool.h>

#include "common/error.h"
#include "liberot/pcr.h"

#define EROT_STATE_MAX		(2U << 20)	/* bytes of JSON */
#define EROT_MODULE_VERSION_MAX	64

/**
 * struct erot_machine_state - machine state; start from all zeros
 * @software:       the machine's hardware key is a software key: there is no TPM, @pcrs and
 *                  @event_log say nothing. Known from the enrolment, not part of the JSON
 * @pcrs:           sha256 bank
 * @event_log:      NULL: none. Owned by what filled it
 * @event_log_len:  bytes
 * @has_boot_key:   @boot_key is there
 * @boot_key:       X25519
 * @module_version: "" for none
 * @host:           EROT_HOST_*
 */
struct erot_machine_state {
	bool software;
	struct erot_pcrs pcrs;
	uint8_t *event_log;
	size_t event_log_len;
	bool has_boot_key;
	uint8_t boot_key[EROT_KEY_SIZE];
	char module_version[EROT_MODULE_VERSION_MAX + 1];
	uint32_t host;
};

/**
 * erot_machine_state_parse() - read machine state
 * @text:  JSON, 1 to EROT_STATE_MAX bytes
 * @len:   bytes
 * @state: filled on success; to be freed with erot_machine_state_free()
 * @err:   "state-size", "state-syntax", "state-unknown", "state-missing", "state-type",
 *         "state-value", "no-memory"
 *
 * Return: 0, -EINVAL, -EFBIG or -ENOMEM.
 */
int erot_machine_state_parse(const void *text, size_t len, struct erot_machine_state *state,
		     struct erot_error *err);

/* The reverse: JSON, to be freed. NULL without memory. */
char *erot_machine_state_build(const struct erot_machine_state *state);

void erot_machine_state_free(struct erot_machine_state *state);

/* Names of EROT_HOST_* bits: a new array, or NULL without memory. */
json_t *erot_host_names(uint32_t host);

#endif /* EROT_LIBEROT_STATE_H */
