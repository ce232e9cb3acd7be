/* SPDX-License-Identifier: GPL-2.0-only */
/* Challenges (challenge.c) and releases (release.c, release_checks.c). */
#ifndef DERGD_RELEASE_H
#define DERGD_RELEASE_H

#include "dergd/authority.h"
#include "liberot/quote.h"
#include "liberot/state.h"

#define DERG_CHALLENGE_SIZE	32

/**
 * struct derg_challenge - what a quote has to be about
 * @challenge: random
 * @expires: seconds since 1970
 * @pcrs: that the tenant's policy wants to see
 */
struct derg_challenge {
	uint8_t challenge[DERG_CHALLENGE_SIZE];
	uint64_t expires;
	uint32_t pcrs;
};

/* For a machine: "machine-unknown", "machine-revoked", "machine-pending", "policy-none". */
int derg_challenge(struct derg *d, const char *tenant, const uint8_t machine[EROT_DIGEST_SIZE],
		   uint64_t now, struct derg_challenge *out, struct erot_error *err);

/**
 * struct derg_release_request - what a machine asks with
 * @tenant: name; NULL: the receipt's
 * @receipt: CMS
 * @receipt_len: bytes
 * @session_pk: of the session
 * @state: of the machine: PCRs, event log, boot key, module version, host state
 * @machine: id; NULL (without attestation): the receipt's
 * @challenge: NULL without attestation
 * @quote: of a TPM
 * @signature: of a software key, instead of a quote, over the same qualifying data
 * @signature_len: bytes
 */
struct derg_release_request {
	const char *tenant;
	const void *receipt;
	size_t receipt_len;
	uint8_t session_pk[EROT_KEY_SIZE];
	struct erot_machine_state state;
	const uint8_t *machine;
	const uint8_t *challenge;
	struct erot_quote quote;
	const void *signature;
	size_t signature_len;
};

/**
 * typedef derg_verdict_fn - told of each check
 * @check: its name, see release_checks.c
 * @ret: 0, or -errno and @err says why; -ECANCELED: not made, an earlier one must hold first
 */
typedef void (*derg_verdict_fn)(void *ctx, const char *check, int ret,
				const struct erot_error *err);

/**
 * derg_release() - release an ERoT to one session
 * @in: who asks, with what
 * @now: seconds since 1970
 * @out: sealed private key
 * @err: the codes of release_checks.c, in its order; "key-mismatch" (the root is another one)
 *
 * The answer is in the database and in the log before it leaves; the same session gets the same one
 * again, byte for byte, so that a lost answer costs nothing. A refusal of a receipt that is ours
 * stands in the log too.
 *
 * Return: 0 or a negative errno.
 */
int derg_release(struct derg *d, const struct derg_release_request *in, uint64_t now,
		 struct erot_release *out, struct erot_error *err);

/* Every check, told to @tell; nothing is spent, stored or logged. Returns what a release would. */
int derg_release_dry(struct derg *d, const struct derg_release_request *in, uint64_t now,
		     derg_verdict_fn tell, void *ctx, struct erot_error *err);

#endif
