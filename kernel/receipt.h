/* SPDX-License-Identifier: GPL-2.0-only */
/* Receipts: the signed permission for one launch. */
#ifndef EROT_RECEIPT_H
#define EROT_RECEIPT_H

#include <linux/types.h>
#include <linux/erot_format.h>

struct key;

/**
 * struct erot_receipt_facts - what the module needs of a receipt, in host order
 * @digest:       SHA-256 of the content; identifies the receipt
 * @statement:    digest of the key statement
 * @ewc:          digest of the envelope
 * @erot_pk:      X25519 public key of the ERoT
 * @code_hash:    fs-verity digest of the image
 * @hwkey:        SHA-256 of the machine's SubjectPublicKeyInfo, DER
 * @manifest:     SHA-256 of the manifest
 * @manifest_len: bytes
 * @not_before:   seconds since 1970
 * @not_after:    seconds since 1970
 * @memory_max:   bytes
 * @max_runtime:  seconds, not 0
 * @pids_max:     tasks
 * @isolation:    EROT_ISO_*
 * @host:         EROT_HOST_*
 */
struct erot_receipt_facts {
	u8 digest[EROT_DIGEST_SIZE];
	u8 statement[EROT_DIGEST_SIZE];
	u8 ewc[EROT_DIGEST_SIZE];
	u8 erot_pk[EROT_KEY_SIZE];
	u8 code_hash[EROT_DIGEST_SIZE];
	u8 hwkey[EROT_DIGEST_SIZE];
	u8 manifest[EROT_DIGEST_SIZE];
	u32 manifest_len;
	u64 not_before;
	u64 not_after;
	u64 memory_max;
	u32 max_runtime;
	u32 pids_max;
	u32 isolation;
	u32 host;
};

int erot_receipt_parse(const void *content, size_t len, struct erot_receipt_facts *out,
		       const char **why);
int erot_receipt_verify(const void *cms, size_t len, struct key *ring,
			struct erot_receipt_facts *out, const char **why);

#endif /* EROT_RECEIPT_H */
