/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCR policy: reference values that a machine is held against before anything is released to it.
 * JSON; identified by the SHA-256 of the file's bytes, which stands in key statement and receipt.
 *
 *	{
 *	  "version": 1,
 *	  "bank": "sha256",
 *	  "pcrs": {"0": ["64 hex digits", ...], ...},	PCRs 0 to 15, each with its accepted values;
 *						may be empty only without "tpm" in hardwareKeys
 *	  "bootPcr": 13,			8 to 15, not in pcrs; default 13
 *	  "moduleVersions": ["0.1", ...],	not empty
 *	  "hostState": ["attested", ...],	must all hold; default everything
 *	  "hardwareKeys": ["tpm"],		"tpm", "software"; default ["tpm"]
 *	  "eventLog": "required",		or "optional"; default "required"
 *	  "maxUnaccounted": 0,			unaccounted launches of a machine; default no limit
 *	  "events": [[{"pcr": 0, "type": "EV_...", "digest": "hex", "text": "..."}, ...], ...]
 *	}
 *
 * "events" has the event logs that the values were learned from, one list each. It explains a
 * mismatch and is never checked: values are what counts.
 */
#ifndef EROT_LIBEROT_POLICY_H
#define EROT_LIBEROT_POLICY_H

#include <stdbool.h>

#include "common/error.h"
#include "liberot/eventlog.h"
#include "liberot/state.h"

#define EROT_POLICY_MAX		(1U << 20)	/* bytes */
#define EROT_POLICY_PCRS	16		/* the others can be reset without a reboot */
#define EROT_POLICY_VALUES_MAX	64		/* of one PCR; module versions likewise */
#define EROT_BOOT_PCR		13		/* default */
#define EROT_UNACCOUNTED_ANY	UINT32_MAX	/* no limit */

/**
 * struct erot_policy_event - one event of a log that was learned from
 * @pcr:    number
 * @type:   name
 * @digest: sha256
 * @text:   description
 */
struct erot_policy_event {
	uint32_t pcr;
	char *type;
	uint8_t digest[EROT_DIGEST_SIZE];
	char *text;
};

/**
 * struct erot_policy_log - a log that was learned from
 * @events: in order
 * @count:  of them
 */
struct erot_policy_log {
	struct erot_policy_event *events;
	size_t count;
};

/**
 * struct erot_policy - a checked policy
 * @digest:          SHA-256 of its bytes
 * @mask:            PCRs with reference values
 * @values:          @n_values[n] digests of PCR n
 * @n_values:        0 where @mask has no bit
 * @boot_pcr:        of the boot key
 * @versions:        of the module
 * @n_versions:      of them
 * @host:            EROT_HOST_* required
 * @allow_tpm:       hardware keys in a TPM are accepted
 * @allow_software:  software keys are accepted
 * @need_log:        an event log is required
 * @max_unaccounted: the caller's to enforce; EROT_UNACCOUNTED_ANY: no limit
 * @logs:            for explanations
 * @n_logs:          of them
 */
struct erot_policy {
	uint8_t digest[EROT_DIGEST_SIZE];
	uint32_t mask;
	uint8_t (*values[EROT_POLICY_PCRS])[EROT_DIGEST_SIZE];
	size_t n_values[EROT_POLICY_PCRS];
	uint32_t boot_pcr;
	char **versions;
	size_t n_versions;
	uint32_t host;
	bool allow_tpm;
	bool allow_software;
	bool need_log;
	uint32_t max_unaccounted;
	struct erot_policy_log *logs;
	size_t n_logs;
};

/**
 * erot_policy_parse() - read a policy
 * @text:   not necessarily zero-terminated
 * @len:    1 to EROT_POLICY_MAX bytes
 * @policy: filled on success; to be freed with erot_policy_free(). All zeros on failure
 * @err:    "policy-size", "policy-syntax", "policy-unknown", "policy-missing", "policy-type",
 *          "policy-value", "no-memory"
 *
 * Return: 0, -EINVAL, -EFBIG, -ENOMEM or -EIO.
 */
int erot_policy_parse(const void *text, size_t len, struct erot_policy *policy,
		      struct erot_error *err);

void erot_policy_free(struct erot_policy *policy);

/* PCRs that a quote under this policy must select: those with values, and the boot PCR. */
uint32_t erot_policy_selection(const struct erot_policy *policy);

/**
 * erot_policy_check() - hold a machine against a policy
 * @policy: parsed
 * @state:  of the machine; with a TPM its PCRs have erot_policy_selection() and were quoted
 * @err:    the first check that fails, in this order: "software-key" (or "tpm-key") for a kind of
 *          hardware key that is not accepted; "event-log-missing", "event-log-..." (malformed),
 *          "event-log-replay" (of all PCRs with values); "pcr-missing", "pcr-mismatch" (the text
 *          has the PCR; expected is one of the accepted values); "boot-key-pcr"; "module-version";
 *          "host-state"
 *
 * With a software key those about PCRs and event log are left out.
 *
 * Return: 0, -EKEYREJECTED; -EBADMSG, -EFBIG (event log); -ENOMEM or -EIO.
 */
int erot_policy_check(const struct erot_policy *policy, const struct erot_machine_state *state,
		      struct erot_error *err);

/**
 * typedef erot_policy_verdict_fn - told of each check
 * @ctx:   of the caller
 * @check: its name: "hardware-key", "event-log", "pcrs", "boot-key", "module-version", "host-state"
 * @ret:   0 or -errno, and then @err says why
 */
typedef void (*erot_policy_verdict_fn)(void *ctx, const char *check, int ret,
				       const struct erot_error *err);

/* The same, but every check is made and told; returns what erot_policy_check() would have. */
int erot_policy_verdicts(const struct erot_policy *policy, const struct erot_machine_state *state,
			 erot_policy_verdict_fn tell, void *ctx, struct erot_error *err);

/**
 * struct erot_learn - how a policy is made from known-good machines
 * @mask:            PCRs to take; 0: all from 0 to 15 that the first machine delivers, without
 *                   @boot_pcr and without 10 (which the kernel's IMA changes all the time)
 * @boot_pcr:        checked to hold the boot key
 * @host:            EROT_HOST_* to require, which all machines must have
 * @optional_log:    do not require event logs
 * @allow_software:  accept software keys, too
 * @max_unaccounted: or EROT_UNACCOUNTED_ANY
 */
struct erot_learn {
	uint32_t mask;
	uint32_t boot_pcr;
	uint32_t host;
	bool optional_log;
	bool allow_software;
	uint32_t max_unaccounted;
};

/**
 * erot_policy_learn() - make a policy that accepts the machines it is shown
 * @how:    choices
 * @states: machine states, each of which the policy accepts
 * @n:      1 to EROT_POLICY_VALUES_MAX
 * @text:   JSON, to be freed
 * @err:    "learn-pcrs" (nothing to take), "learn-size" (too many machines, or the policy would be
 *          too large), "no-memory", or what erot_policy_check() says of a machine; the text has its
 *          number, from 0
 *
 * Return: 0, -EINVAL, -EKEYREJECTED, -EBADMSG, -EFBIG, -ENOMEM or -EIO.
 */
int erot_policy_learn(const struct erot_learn *how, const struct erot_machine_state *states,
		      size_t n, char **text, struct erot_error *err);

#endif /* EROT_LIBEROT_POLICY_H */
