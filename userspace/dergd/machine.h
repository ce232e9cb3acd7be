/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Machines of a tenant. Its id is SHA-256 of its hardware key's SubjectPublicKeyInfo.
 *
 *	pending -> enrolled -> revoked
 *
 * pending: its key was named, nothing is proven. Without attestation (derg.conf) machines stay so.
 */
#ifndef DERGD_MACHINE_H
#define DERGD_MACHINE_H

#include "dergd/authority.h"

enum machine_state { MACHINE_PENDING, MACHINE_ENROLLED, MACHINE_REVOKED };

#define MACHINE_EK_MAX	8192	/* bytes of an EK certificate */

/**
 * struct machine - as the database has it
 * @tenant: name
 * @id: see above
 * @state: see above
 * @software: its key is not in a TPM
 * @spki: hardware key, DER
 * @spki_len: bytes
 * @enrolment: SHA-256 of the enrolment record; zeros before there is one
 * @created: seconds since 1970
 */
struct machine {
	char tenant[EROT_TENANT_MAX + 1];
	uint8_t id[EROT_DIGEST_SIZE];
	enum machine_state state;
	bool software;
	uint8_t spki[EROT_HWKEY_MAX];
	size_t spki_len;
	uint8_t enrolment[EROT_DIGEST_SIZE];
	uint64_t created;
};

const char *machine_state_name(enum machine_state state);

/* Is it a SubjectPublicKeyInfo? "hwkey". */
int machine_check_key(const void *spki, size_t len, struct erot_error *err);

/* ---- inside a transaction */

/* -ENOENT, "machine-unknown": not of this tenant. */
int machine_load(struct db *db, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		 struct machine *m, struct erot_error *err);

/* Launches may be authorised for it: "machine-revoked", "machine-pending" (where @attested). */
int machine_usable(const struct machine *m, bool attested, struct erot_error *err);

/* Without attestation: the operator names a key. It is pending, and stays so. */
int machine_name(struct db *db, const char *tenant, const void *spki, size_t len, uint64_t now,
		 struct machine *m, struct erot_error *err);

/* ---- outside of one */

int machine_get(struct derg *d, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		struct machine *m, struct erot_error *err);
int machine_each(struct derg *d, const char *tenant,
		 int (*each)(void *ctx, const struct machine *m), void *ctx,
		 struct erot_error *err);

/* For good: no release and no enrolment any more. Again: nothing happens. */
int machine_revoke(struct derg *d, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		   const char *reason, uint64_t now, struct erot_error *err);

/* ---- enrol.c */

/**
 * struct enrol_request - a TPM, or (where the policy allows) a software key
 * @ek_cert: DER; with @ak_public
 * @ak_public: TPM2B_PUBLIC
 * @spki: of a software key; instead of the two
 */
struct enrol_request {
	const void *ek_cert;
	size_t ek_cert_len;
	const void *ak_public;
	size_t ak_public_len;
	const void *spki;
	size_t spki_len;
};

/**
 * struct enrol_answer - the proof that is asked for
 * @id: of the machine
 * @software: sign @secret instead of opening it
 * @blob: TPM2B_ID_OBJECT
 * @secret: TPM2B_ENCRYPTED_SECRET; of a software key 32 random bytes
 */
struct enrol_answer {
	uint8_t id[EROT_DIGEST_SIZE];
	bool software;
	uint8_t blob[768];
	size_t blob_len;
	uint8_t secret[768];
	size_t secret_len;
};

/**
 * machine_enrol() - begin an enrolment
 * @err: in this order: "tenant-unknown", TPM: "ek-..." "ak-..."; software: "hwkey", "policy-none",
 *	 "software-key"; then "machine-revoked", "machine-enrolled", "enrolment-busy"
 *
 * Return: 0 or a negative errno.
 */
int machine_enrol(struct derg *d, const char *tenant, const struct enrol_request *in, uint64_t now,
		  struct enrol_answer *out, struct erot_error *err);

/**
 * machine_activate() - end an enrolment
 * @proof: what TPM2_ActivateCredential gave, 32 bytes; of a software key its signature over
 *	   SHA-256(lp("erot/enrol/v1") lp(secret)), DER
 * @enrolment: digest of the enrolment record
 * @err: "machine-unknown", "machine-revoked", "machine-enrolled", "activation-expired",
 *	 "activation-secret"
 *
 * Return: 0 or a negative errno. One attempt: a wrong proof ends the enrolment.
 */
int machine_activate(struct derg *d, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		     const void *proof, size_t len, uint64_t now,
		     uint8_t enrolment[EROT_DIGEST_SIZE], struct erot_error *err);

#endif
