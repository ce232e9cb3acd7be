/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of the audit: audit.c, audit_read.c, audit_log.c, audit_machine.c. */
#ifndef EROT_LIBEROT_AUDIT_PRIV_H
#define EROT_LIBEROT_AUDIT_PRIV_H

#include <jansson.h>

#include "liberot/audit.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"
#include "liberot/logentry.h"
#include "liberot/note.h"
#include "liberot/policy.h"
#include "liberot/quote.h"
#include "liberot/tlog.h"

/**
 * struct audit_bytes - decoded base64; owned
 */
struct audit_bytes {
	uint8_t *data;
	size_t len;
};

/**
 * struct audit_entry - an entry of the log
 * @index: place in the log
 * @leaf: hash
 * @info: parsed
 * @content: that it commits to
 */
struct audit_entry {
	uint64_t index;
	struct audit_bytes entry, salt, content;
	uint8_t leaf[EROT_DIGEST_SIZE];
	struct erot_log_entry_info info;
	struct erot_tlog_proof proof;
};

/**
 * struct audit - a bundle, and what was found out about it
 * @present: members of the bundle that are there
 * @history_size: entries of the tree that @history begins with; 0: the bundle has none
 * @customer: certificate of the order
 * @log_key: that the provider certified
 * @record: content of the release's entry, parsed
 * @state: of the machine at the release
 * @release_quote: as it was checked
 */
struct audit {
	const struct erot_audit_input *in;
	char tenant[EROT_TENANT_MAX + 1];
	char *checkpoint;
	struct audit_bytes statement_cms, order_cms, receipt_cms, destruction_cms;
	struct audit_bytes customer_der, log_der, policy_text, enrolment;
	struct audit_entry *entries;
	size_t n_entries;
	struct audit_bytes *chain;
	size_t n_chain;
	uint64_t history_size;
	struct erot_tlog_proof history;

	X509 *customer;
	uint8_t *statement, *receipt, *order, *destruction;
	size_t statement_len, receipt_len, order_len, destruction_len;
	struct erot_statement_info s;
	struct erot_receipt_info r;
	struct erot_order_info o;
	struct erot_destruction_info d;
	struct erot_note_key log_key;
	struct erot_checkpoint cp;
	struct erot_policy policy;
	bool has_policy;
	bool software;
	json_t *record;
	struct erot_machine_state state;
	struct erot_quote_info release_quote;
};

/* audit_read.c: "bundle-..." */
int audit_read(struct audit *a, struct erot_error *err);
void audit_free(struct audit *a);

/* The first entry of a kind (with that digest as its content's, unless NULL), or NULL. */
const struct audit_entry *audit_find(const struct audit *a, uint32_t kind,
				     const uint8_t content[EROT_DIGEST_SIZE]);

/* audit_log.c */
int audit_log_key(struct audit *a, struct erot_error *err);
int audit_log_history(struct audit *a, struct erot_error *err);
int audit_log_inclusion(struct audit *a, struct erot_error *err);
int audit_log_documents(struct audit *a, struct erot_error *err);
int audit_log_chain(struct audit *a, struct erot_error *err);
int audit_log_order(struct audit *a, struct erot_error *err);

/* audit_machine.c */
int audit_machine(struct audit *a, struct erot_error *err);
int audit_endorsement(struct audit *a, struct erot_error *err);
int audit_policy(struct audit *a, struct erot_error *err);
int audit_release(struct audit *a, struct erot_error *err);
int audit_state(struct audit *a, struct erot_error *err);
int audit_end_quote(struct audit *a, struct erot_error *err);

#endif /* EROT_LIBEROT_AUDIT_PRIV_H */
