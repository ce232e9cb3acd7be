/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine's TPM, through tpm2-tss. The attestation key (AK) is a primary key of the endorsement
 * hierarchy: the TPM makes the same one from its seed each time, so that nothing has to be kept and
 * a reboot or a restart needs no new enrolment.
 */
#ifndef ATTESTER_TPM_H
#define ATTESTER_TPM_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "liberot/credential.h"
#include "liberot/pcr.h"
#include "liberot/quote.h"

#define TPM_CERT_MAX	4096	/* bytes of an EK certificate */

struct tpm;

/**
 * struct tpm_quote - a quote, and the PCRs that it is over
 */
struct tpm_quote {
	uint8_t attest[EROT_ATTEST_MAX];
	size_t attest_len;
	uint8_t signature[EROT_SIGNATURE_MAX];
	size_t signature_len;
	struct erot_pcrs pcrs;
};

/**
 * tpm_open() - connect, and make the AK
 * @tcti: as tpm2-tss names it: "device:/dev/tpmrm0"
 * @tpm:  to be closed
 * @err:  "tpm-missing", "tpm-failed"
 *
 * Return: 0, -ENODEV or -EIO.
 */
int tpm_open(const char *tcti, struct tpm **tpm, struct erot_error *err);
void tpm_close(struct tpm *tpm);

/* TPM2B_PUBLIC of the AK. */
int tpm_ak_public(struct tpm *tpm, uint8_t out[EROT_TPM_PUBLIC_MAX], size_t *len,
		  struct erot_error *err);

/* The EK's certificate, DER, from the TPM's NV memory: -ENOENT, "tpm-ek-certificate". */
int tpm_ek_certificate(struct tpm *tpm, uint8_t out[TPM_CERT_MAX], size_t *len,
		       struct erot_error *err);

/**
 * tpm_activate() - TPM2_ActivateCredential with the EK of tpm_ek_certificate() and the AK
 * @c:      TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET
 * @secret: what was in it
 * @err:    "tpm-activate": not made for this TPM and AK
 */
int tpm_activate(struct tpm *tpm, const struct erot_credential *c, uint8_t secret[32],
		 struct erot_error *err);

/* Quote of the sha256 bank's PCRs in @mask, with their values: "tpm-failed". */
int tpm_quote(struct tpm *tpm, uint32_t mask, const uint8_t qualifying[EROT_DIGEST_SIZE],
	      struct tpm_quote *out, struct erot_error *err);

/* The values alone. */
int tpm_pcrs(struct tpm *tpm, uint32_t mask, struct erot_pcrs *pcrs, struct erot_error *err);

#endif
