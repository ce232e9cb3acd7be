/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Contents of key statement, receipt and order: what is inside the signatures. Each is identified
 * by the SHA-256 of its content.
 *
 * Codes: "<kind>-length", "<kind>-magic", "<kind>-version", "<kind>-purpose", "<kind>-reserved",
 * "<kind>-hwkey", "<kind>-manifest", "<kind>-code-hash", and for receipts "receipt-validity",
 * "receipt-runtime", "receipt-memory", "receipt-pids", "receipt-isolation", "receipt-host"; <kind>
 * is statement, receipt or order. All are -EBADMSG.
 */
#ifndef EROT_LIBEROT_GRANT_H
#define EROT_LIBEROT_GRANT_H

#include "common/error.h"
#include "liberot/crypto.h"

/**
 * struct erot_grant_info - fields of struct erot_grant in host order
 * @hwkey:    SubjectPublicKeyInfo, DER; after a parse it points into the content
 * @manifest: likewise
 */
struct erot_grant_info {
	uint8_t id[EROT_ID_SIZE];
	uint8_t tenant[EROT_DIGEST_SIZE];
	uint32_t epoch;
	uint8_t nonce[32];
	uint8_t erot_pk[EROT_KEY_SIZE];
	uint8_t policy[EROT_DIGEST_SIZE];
	uint8_t enrolment[EROT_DIGEST_SIZE];
	uint8_t code_hash[EROT_DIGEST_SIZE];
	const uint8_t *hwkey;
	size_t hwkey_len;
	const uint8_t *manifest;
	size_t manifest_len;
};

/**
 * struct erot_statement_info - a key statement
 * @grant:  what it says
 * @digest: SHA-256 of the content; filled by parse, ignored by build
 */
struct erot_statement_info {
	struct erot_grant_info grant;
	uint8_t digest[EROT_DIGEST_SIZE];
};

/**
 * struct erot_receipt_info - a receipt; see struct erot_receipt for the fields
 * @digest: SHA-256 of the content; filled by parse, ignored by build
 */
struct erot_receipt_info {
	struct erot_grant_info grant;
	uint8_t digest[EROT_DIGEST_SIZE];
	uint8_t statement[EROT_DIGEST_SIZE];
	uint8_t ewc[EROT_DIGEST_SIZE];
	uint8_t order[EROT_DIGEST_SIZE];
	uint64_t not_before;
	uint64_t not_after;
	uint64_t memory_max;
	uint32_t max_runtime;
	uint32_t pids_max;
	uint32_t isolation;
	uint32_t host;
};

/**
 * struct erot_order_info - a customer's order
 * @digest: SHA-256 of the content; filled by parse, ignored by build
 */
struct erot_order_info {
	uint8_t digest[EROT_DIGEST_SIZE];
	uint8_t statement[EROT_DIGEST_SIZE];
	uint8_t ewc[EROT_DIGEST_SIZE];
	uint8_t customer[EROT_DIGEST_SIZE];
};

/*
 * Build: @content is to be freed; what would not parse is not built. Parse: @len is that of the
 * content exactly. A manifest must be valid and have the same code hash as the grant.
 */
int erot_statement_build(const struct erot_statement_info *in, uint8_t **content, size_t *len,
			 struct erot_error *err);
int erot_statement_parse(const void *content, size_t len, struct erot_statement_info *out,
			 struct erot_error *err);
int erot_receipt_build(const struct erot_receipt_info *in, uint8_t **content, size_t *len,
		       struct erot_error *err);
int erot_receipt_parse(const void *content, size_t len, struct erot_receipt_info *out,
		       struct erot_error *err);
int erot_order_build(const struct erot_order_info *in, uint8_t **content, size_t *len,
		     struct erot_error *err);
int erot_order_parse(const void *content, size_t len, struct erot_order_info *out,
		     struct erot_error *err);

/**
 * erot_receipt_match() - does a receipt follow from this statement and this order?
 * @r: parsed receipt
 * @s: parsed statement, or NULL
 * @o: parsed order, or NULL
 *
 * Return: 0 or -EKEYREJECTED: "receipt-statement", "receipt-grant", "receipt-order", "receipt-ewc".
 */
int erot_receipt_match(const struct erot_receipt_info *r, const struct erot_statement_info *s,
		       const struct erot_order_info *o, struct erot_error *err);

/**
 * erot_receipt_valid_at() - is it inside its time?
 * @now: seconds since 1970
 *
 * Return: 0 or -EKEYEXPIRED: "receipt-not-yet-valid", "receipt-expired".
 */
int erot_receipt_valid_at(const struct erot_receipt_info *r, uint64_t now, struct erot_error *err);

/* Checks magic, version, purpose and that length is @len: -EBADMSG, "<kind>-...". */
int erot_head_check(const struct erot_head *head, size_t len, enum erot_purpose purpose,
		    const char *kind, struct erot_error *err);
void erot_head_fill(struct erot_head *head, enum erot_purpose purpose, size_t len);

#endif /* EROT_LIBEROT_GRANT_H */
