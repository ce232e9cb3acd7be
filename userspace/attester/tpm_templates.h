/* SPDX-License-Identifier: GPL-2.0-only */
/* Templates of the primary keys that are used. */
#ifndef ATTESTER_TPM_TEMPLATES_H
#define ATTESTER_TPM_TEMPLATES_H

#include <tss2/tss2_tpm2_types.h>

/* Restricted signing key, ECDSA P-256 with SHA-256. */
extern const TPM2B_PUBLIC tpm_ak_template;

/**
 * struct tpm_ek - an endorsement key that TPMs come with
 * @certificate: NV index of its certificate
 * @template: TCG EK Credential Profile 2.x, B.3.3 and B.3.4
 */
struct tpm_ek {
	TPM2_HANDLE certificate;
	const TPM2B_PUBLIC *template;
};

/* In the order in which they are looked for; ends with a NULL template. */
extern const struct tpm_ek tpm_eks[];

#endif
