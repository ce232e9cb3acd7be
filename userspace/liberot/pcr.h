/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of the TPM's sha256 bank of platform configuration registers (PCRs). */
#ifndef EROT_LIBEROT_PCR_H
#define EROT_LIBEROT_PCR_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/erot_format.h>

#include "common/error.h"

#define EROT_PCR_COUNT	24

/**
 * struct erot_pcrs - some PCRs
 * @mask:  bit n: PCR n is among them
 * @value: of those; the others are zeros
 */
struct erot_pcrs {
	uint32_t mask;
	uint8_t value[EROT_PCR_COUNT][EROT_DIGEST_SIZE];
};

/* What a TPM has in a PCR after a reset: ones in 17 to 22, zeros in the others. */
void erot_pcr_initial(unsigned int pcr, uint8_t value[EROT_DIGEST_SIZE]);

/* value = SHA-256(value || digest). -EIO when OpenSSL fails. */
int erot_pcr_extend(uint8_t value[EROT_DIGEST_SIZE], const uint8_t digest[EROT_DIGEST_SIZE]);

/* SHA-256 over the values in ascending order, as in TPMS_QUOTE_INFO.pcrDigest. */
int erot_pcrs_digest(const struct erot_pcrs *pcrs, uint8_t digest[EROT_DIGEST_SIZE]);

/* "0,1,7" into @out; "none" for 0. Returns @out. */
char *erot_pcrs_format(uint32_t mask, char *out, size_t size);

/**
 * erot_pcr_number() - name of a member of an object of PCRs
 * @name: decimal, no leading zeros
 *
 * Return: 0 to 23, or -EINVAL.
 */
int erot_pcr_number(const char *name);

/**
 * erot_pcrs_from_json() - {"0": "64 hex digits", ...}
 * @json: borrowed; at least one member
 * @pcrs: filled
 * @err:  "pcrs-type", "pcrs-value"
 *
 * Return: 0 or -EINVAL.
 */
int erot_pcrs_from_json(const json_t *json, struct erot_pcrs *pcrs, struct erot_error *err);

/* The reverse; a new reference, or NULL without memory. */
json_t *erot_pcrs_to_json(const struct erot_pcrs *pcrs);

#endif /* EROT_LIBEROT_PCR_H */
