/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TPM 2.0 quotes (TPM 2.0 Part 2, 10.12.8), checked without a TPM.
 *
 * "attest" is the marshalled TPMS_ATTEST, the bytes that are signed: what TPM2B_ATTEST holds behind
 * its size field, and what `tpm2_quote -m` writes. "signature" is the marshalled TPMT_SIGNATURE, as
 * `tpm2_quote -s` writes it.
 *
 * tss2-mu writes a line to stderr about each malformed structure: a process whose stderr is a log
 * sets TSS2_LOG=all+none in its environment first.
 */
#ifndef EROT_LIBEROT_QUOTE_H
#define EROT_LIBEROT_QUOTE_H

#include <stdbool.h>

#include "common/error.h"
#include "liberot/pcr.h"

#define EROT_ATTEST_MAX		1024	/* bytes; real ones have about 150 */
#define EROT_SIGNATURE_MAX	1024	/* of TPMT_SIGNATURE; 518 with RSA-4096 */
#define EROT_QUOTE_MAX		(EROT_ATTEST_MAX + EROT_SIGNATURE_MAX + 8)	/* packed */

/**
 * struct erot_quote - a quote as it was delivered; points into the caller's bytes
 * @attest:        TPMS_ATTEST
 * @attest_len:    bytes
 * @signature:     TPMT_SIGNATURE
 * @signature_len: bytes
 */
struct erot_quote {
	const uint8_t *attest;
	size_t attest_len;
	const uint8_t *signature;
	size_t signature_len;
};

/**
 * struct erot_quote_info - what a quote says
 * @mask:             PCRs selected, of the sha256 bank
 * @digest:           over their values
 * @extra:            qualifying data
 * @extra_len:        bytes of it
 * @clock:            milliseconds that the TPM has been powered
 * @reset_count:      TPM resets (starts of the machine); does not go back until TPM2_Clear
 * @restart_count:    resumes since the last reset
 * @safe:             no higher @clock was ever reported before
 * @firmware_version: of the TPM
 */
struct erot_quote_info {
	uint32_t mask;
	uint8_t digest[EROT_DIGEST_SIZE];
	uint8_t extra[64];
	size_t extra_len;
	uint64_t clock;
	uint32_t reset_count;
	uint32_t restart_count;
	bool safe;
	uint64_t firmware_version;
};

/**
 * struct erot_quote_want - what a quote is held against
 * @mask:       PCRs that must be selected, no more and no fewer
 * @qualifying: as erot_quote_data_release() or erot_quote_data_end() makes it
 * @pcrs:       values that the machine delivered beside the quote; must have @mask. NULL: not asked
 */
struct erot_quote_want {
	uint32_t mask;
	uint8_t qualifying[EROT_DIGEST_SIZE];
	const struct erot_pcrs *pcrs;
};

/**
 * erot_quote_parse() - read a quote without looking at its signature
 * @attest: TPMS_ATTEST
 * @len:    bytes, all of which must be used
 * @out:    filled on success
 * @err:    "quote-syntax", "quote-magic" (not made inside a TPM), "quote-type" (certifies something
 *          else), "quote-selection" (another bank, or more than one)
 *
 * Return: 0, -EBADMSG (syntax) or -EKEYREJECTED.
 */
int erot_quote_parse(const void *attest, size_t len, struct erot_quote_info *out,
		     struct erot_error *err);

/**
 * erot_quote_verify() - check a quote; nothing is left to the caller but the key itself
 * @q:        quote
 * @spki:     SubjectPublicKeyInfo of the attestation key, which erot_ak_check() has accepted once
 * @spki_len: bytes
 * @want:     what it must say
 * @out:      filled on success
 * @err:      in the order of the checks: "quote-syntax", "quote-magic", "quote-type",
 *            "quote-selection", "quote-signature" (also: key or scheme not accepted),
 *            "quote-qualifying-data", "quote-pcrs" (values delivered are not those quoted). The
 *            comparisons give expected and actual
 *
 * Signatures: ECDSA on P-256 and RSASSA of 2048 bits or more, both with SHA-256.
 *
 * Return: 0, -EBADMSG (syntax), -EKEYREJECTED or -EIO.
 */
int erot_quote_verify(const struct erot_quote *q, const void *spki, size_t spki_len,
		      const struct erot_quote_want *want, struct erot_quote_info *out,
		      struct erot_error *err);

/*
 * A quote in one piece, for a destruction record: lp(attest) lp(signature). Pack: appends to @out.
 * Unpack: @q points into @data; -EBADMSG: "quote-syntax".
 */
struct erot_buf;
void erot_quote_pack(const struct erot_quote *q, struct erot_buf *out);
int erot_quote_unpack(const void *data, size_t len, struct erot_quote *q, struct erot_error *err);

/**
 * struct erot_quote_release - what a release's quote is bound to
 * @challenge:  of the DERG
 * @session_pk: X25519
 * @boot_pk:    X25519
 * @receipt:    digest
 * @host:       EROT_HOST_* as the module reported them
 */
struct erot_quote_release {
	uint8_t challenge[32];
	uint8_t session_pk[EROT_KEY_SIZE];
	uint8_t boot_pk[EROT_KEY_SIZE];
	uint8_t receipt[EROT_DIGEST_SIZE];
	uint32_t host;
};

/*
 * Qualifying data: SHA-256(lp(EROT_LABEL_QUOTE) lp(challenge) lp(session key) lp(boot key)
 * lp(receipt digest) lp(host state, u32)), and at the end SHA-256(lp(EROT_LABEL_END) lp(evidence)).
 * Return: 0, -ENOMEM or -EIO.
 */
int erot_quote_data_release(const struct erot_quote_release *in, uint8_t out[EROT_DIGEST_SIZE]);
int erot_quote_data_end(const struct erot_evidence *evidence, uint8_t out[EROT_DIGEST_SIZE]);

/**
 * erot_boot_pcr() - value of the boot PCR when the boot key is its first and only event
 * @boot_pk: X25519 public key
 * @version: of the module
 * @value:   SHA-256(zeros || SHA-256(EROT_LABEL_BOOT || boot key || version))
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int erot_boot_pcr(const uint8_t boot_pk[EROT_KEY_SIZE], const char *version,
		  uint8_t value[EROT_DIGEST_SIZE]);

#endif /* EROT_LIBEROT_QUOTE_H */
