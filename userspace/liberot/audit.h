/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The offline audit of one launch: a bundle (dergd/bundle.h describes it) against the provider's
 * certificate. Nothing is asked of anybody.
 */
#ifndef EROT_LIBEROT_AUDIT_H
#define EROT_LIBEROT_AUDIT_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "common/error.h"
#include "liberot/ek.h"

#define EROT_BUNDLE_MAX		(32U << 20)	/* bytes */
#define EROT_BUNDLE_ENTRIES_MAX	256
#define EROT_BUNDLE_CHAIN_MAX	131072		/* links: 24 of the 32 MiB */

/**
 * struct erot_audit_input - what is held against what
 * @bundle:     JSON
 * @bundle_len: bytes
 * @cert:       of the provider's receipt key: the one thing that is trusted
 * @receipt:    SHA-256 of the content of the receipt that is asked about: whoever makes a bundle
 *              may take a better launch. NULL: the check "launch" is left out
 * @customer:   certificate that the order must be signed with; NULL: the one in the bundle, and the
 *              check "customer" is left out
 * @envelope:   of the container at hand; NULL: the check "container" is left out
 * @envelope_len: bytes
 * @roots:      of those who make TPMs; NULL: the check "endorsement" is left out
 * @since:      signed checkpoint of the log that was seen before; NULL: the check "history" is left
 *              out
 * @since_len:  bytes
 */
struct erot_audit_input {
	const void *bundle;
	size_t bundle_len;
	X509 *cert;
	const uint8_t *receipt;
	X509 *customer;
	const void *envelope;
	size_t envelope_len;
	const struct erot_ek_roots *roots;
	const void *since;
	size_t since_len;
};

/**
 * typedef erot_audit_fn - told of each check, in order
 * @name: of the check
 * @what: that it establishes, for people
 * @ret:  0 holds; -ENODATA: nothing to check, @err says what is missing; -ECANCELED: it builds on a
 *        check that failed; else it does not hold, and @err says why
 */
typedef void (*erot_audit_fn)(void *ctx, const char *name, const char *what, int ret,
			      const struct erot_error *err);

/**
 * erot_audit() - make every check
 * @tell: may be NULL
 * @err:  of the first check that does not hold: "bundle-..." (malformed); "cms-...",
 *        "statement-...", "receipt-...", "order-..."; "audit-..." (documents that contradict
 *        each other); "log-...", "note-...", "checkpoint-..."; "quote-...", "policy-...",
 *        "pcr-..." and so on as at the release; "evidence-...", "destruction-..."
 *
 * A launch that has not ended yet lacks "evidence", which is -ENODATA. Such a bundle does not pass.
 *
 * Return: 0 when every check holds that there is something to check for, and none of those that a
 * complete chain needs is missing; else the first failure.
 */
int erot_audit(const struct erot_audit_input *in, erot_audit_fn tell, void *ctx,
	       struct erot_error *err);

#endif /* EROT_LIBEROT_AUDIT_H */
