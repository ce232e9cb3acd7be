/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of the transparency log: commitments, chained per stream. */
#ifndef EROT_LIBEROT_LOGENTRY_H
#define EROT_LIBEROT_LOGENTRY_H

#include <linux/erot_format.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/**
 * struct erot_log_entry_info - struct erot_log_entry in the machine's own order
 * @kind:       enum erot_log_kind
 * @time:       seconds since 1970
 * @stream:     the tenant's pseudonym; zeros: the provider's own
 * @number:     in the stream, from 0
 * @previous:   leaf hash of the stream's entry before; zeros for the first
 * @commitment: see erot_log_commitment()
 */
struct erot_log_entry_info {
	uint32_t kind;
	uint64_t time;
	uint8_t stream[EROT_DIGEST_SIZE];
	uint64_t number;
	uint8_t previous[EROT_DIGEST_SIZE];
	uint8_t commitment[EROT_DIGEST_SIZE];
};

/* "enrolment", "statement", ...; "unknown" for anything else. */
const char *erot_log_kind_name(uint32_t kind);

void erot_log_entry_build(const struct erot_log_entry_info *info, struct erot_log_entry *entry);

/* Exactly one entry. -EBADMSG: "short", "trailing-bytes", "log-entry", "log-entry-magic" etc. */
int erot_log_entry_parse(const void *data, size_t len, struct erot_log_entry_info *info,
			 struct erot_error *err);

/* SHA-256(lp(EROT_LABEL_LOG) lp(salt) lp(content)); 0, -ENOMEM or -EIO. */
int erot_log_commitment(const uint8_t salt[EROT_LOG_SALT_SIZE], const void *content, size_t len,
			uint8_t commitment[EROT_DIGEST_SIZE]);

/* Is @content what the entry commits to? -EKEYREJECTED, "log-commitment". */
int erot_log_entry_opens(const struct erot_log_entry_info *info,
			 const uint8_t salt[EROT_LOG_SALT_SIZE], const void *content, size_t len,
			 struct erot_error *err);

/**
 * erot_log_entry_follows() - are two entries neighbours in one stream?
 * @before: earlier one; NULL: @after must be the stream's first
 * @leaf:   leaf hash of @before
 * @after:  later one
 * @err:    "log-gap"
 *
 * Return: 0 or -EKEYREJECTED.
 */
int erot_log_entry_follows(const struct erot_log_entry_info *before,
			   const uint8_t leaf[EROT_DIGEST_SIZE],
			   const struct erot_log_entry_info *after, struct erot_error *err);

#endif /* EROT_LIBEROT_LOGENTRY_H */
