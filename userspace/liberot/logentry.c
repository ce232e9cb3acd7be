// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "common/buf.h"
#include "liberot/crypto.h"
#include "liberot/grant.h"
#include "liberot/logentry.h"

_Static_assert(sizeof(struct erot_log_entry) == 16 + 8 + 8 + 32 + 8 + 32 + 32,
	       "layout of a log entry");

static const char *const kinds[] = {
	[EROT_LOG_ENROLMENT] = "enrolment",
	[EROT_LOG_STATEMENT] = "statement",
	[EROT_LOG_ORDER] = "order",
	[EROT_LOG_RECEIPT] = "receipt",
	[EROT_LOG_RELEASE] = "release",
	[EROT_LOG_REFUSAL] = "refusal",
	[EROT_LOG_TERMINATION] = "termination",
	[EROT_LOG_DESTRUCTION] = "destruction",
	[EROT_LOG_UNACCOUNTED] = "unaccounted",
	[EROT_LOG_ACCOUNTED] = "accounted",
	[EROT_LOG_MACHINE_REVOKED] = "machine-revoked",
	[EROT_LOG_RECEIPT_REVOKED] = "receipt-revoked",
	[EROT_LOG_EPOCH] = "epoch",
	[EROT_LOG_POLICY] = "policy",
	[EROT_LOG_CLIENT] = "client",
};

const char *erot_log_kind_name(uint32_t kind)
{
	if (!kind || kind >= sizeof(kinds) / sizeof(kinds[0]))
		return "unknown";
	return kinds[kind];
}

void erot_log_entry_build(const struct erot_log_entry_info *info, struct erot_log_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	erot_head_fill(&entry->head, EROT_PURPOSE_LOG_ENTRY, sizeof(*entry));
	entry->kind = htole32(info->kind);
	entry->time = htole64(info->time);
	entry->number = htole64(info->number);
	memcpy(entry->stream, info->stream, sizeof(entry->stream));
	memcpy(entry->previous, info->previous, sizeof(entry->previous));
	memcpy(entry->commitment, info->commitment, sizeof(entry->commitment));
}

int erot_log_entry_parse(const void *data, size_t len, struct erot_log_entry_info *info,
			 struct erot_error *err)
{
	static const uint8_t zero[EROT_DIGEST_SIZE];
	struct erot_log_entry entry;
	int ret;

	memset(info, 0, sizeof(*info));
	if (len != sizeof(entry))
		return erot_fail(err, EBADMSG, len < sizeof(entry) ? "short" : "trailing-bytes",
				 "a log entry has %zu bytes, not %zu", sizeof(entry), len);
	memcpy(&entry, data, sizeof(entry));
	ret = erot_head_check(&entry.head, len, EROT_PURPOSE_LOG_ENTRY, "log-entry", err);
	if (ret)
		return ret;
	if (entry.reserved || !le32toh(entry.kind) ||
	    le32toh(entry.kind) >= sizeof(kinds) / sizeof(kinds[0]))
		return erot_fail(err, EBADMSG, "log-entry", "log entry of unknown kind");
	if (!entry.number && memcmp(entry.previous, zero, sizeof(zero)))
		return erot_fail(err, EBADMSG, "log-entry", "the first of its stream follows one");
	info->kind = le32toh(entry.kind);
	info->time = le64toh(entry.time);
	info->number = le64toh(entry.number);
	memcpy(info->stream, entry.stream, sizeof(info->stream));
	memcpy(info->previous, entry.previous, sizeof(info->previous));
	memcpy(info->commitment, entry.commitment, sizeof(info->commitment));
	return 0;
}

int erot_log_commitment(const uint8_t salt[EROT_LOG_SALT_SIZE], const void *content, size_t len,
			uint8_t commitment[EROT_DIGEST_SIZE])
{
	struct erot_buf b = { 0 };
	int ret;

	erot_buf_lp_str(&b, EROT_LABEL_LOG);
	erot_buf_lp(&b, salt, EROT_LOG_SALT_SIZE);
	erot_buf_lp(&b, content, len);
	ret = erot_buf_done(&b, NULL);
	if (!ret)
		ret = erot_sha256(b.data, b.len, commitment);
	erot_buf_free(&b);
	return ret;
}

int erot_log_entry_opens(const struct erot_log_entry_info *info,
			 const uint8_t salt[EROT_LOG_SALT_SIZE], const void *content, size_t len,
			 struct erot_error *err)
{
	uint8_t commitment[EROT_DIGEST_SIZE];
	int ret;

	ret = erot_log_commitment(salt, content, len, commitment);
	if (ret)
		return erot_fail(err, -ret, ret == -ENOMEM ? "no-memory" : "crypto",
				 "commitment of a log entry");
	if (memcmp(commitment, info->commitment, sizeof(commitment)))
		return erot_fail(err, EKEYREJECTED, "log-commitment",
				 "the %s is not what the log entry commits to",
				 erot_log_kind_name(info->kind));
	return 0;
}

int erot_log_entry_follows(const struct erot_log_entry_info *before,
			   const uint8_t leaf[EROT_DIGEST_SIZE],
			   const struct erot_log_entry_info *after, struct erot_error *err)
{
	if (!before) {
		if (after->number)
			return erot_fail(err, EKEYREJECTED, "log-gap",
					 "the stream begins with entry %llu, not 0",
					 (unsigned long long)after->number);
		return 0;
	}
	if (memcmp(before->stream, after->stream, sizeof(before->stream)))
		return erot_fail(err, EKEYREJECTED, "log-gap", "entries of different streams");
	if (after->number != before->number + 1)
		return erot_fail(err, EKEYREJECTED, "log-gap",
				 "behind entry %llu of the stream comes %llu",
				 (unsigned long long)before->number,
				 (unsigned long long)after->number);
	if (memcmp(after->previous, leaf, EROT_DIGEST_SIZE))
		return erot_fail(err, EKEYREJECTED, "log-gap",
				 "entry %llu of the stream follows another one than it says",
				 (unsigned long long)after->number);
	return 0;
}
