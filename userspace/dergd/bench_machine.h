/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of a benchmark: firmware's measurements of a real start (OVMF's), and quotes as a TPM
 * makes them by an attestation key that is in this process, so that no TPM's speed is measured. The
 * database has it as one that was enrolled with a TPM, with an empty record of that.
 */
#ifndef DERGD_BENCH_MACHINE_H
#define DERGD_BENCH_MACHINE_H

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <tss2/tss2_mu.h>

#include "dergd/bench_derg.h"
#include "dergd/client.h"
#include "dergd/machine.h"
#include "dergd/policies.h"

#define P256_SIZE	32

/**
 * struct bench_machine - there is one, all sides enrol it
 * @ak: attestation key, P-256
 * @spki: of it
 * @id: of the machine
 * @boot_sk: what the kernel module holds
 * @state: with the PCRs that the policy wants to see
 * @policy: accepts it
 */
static struct bench_machine {
	EVP_PKEY *ak;
	uint8_t spki[EROT_HWKEY_MAX];
	size_t spki_len;
	uint8_t id[EROT_DIGEST_SIZE];
	uint8_t boot_sk[EROT_KEY_SIZE];
	struct erot_machine_state state;
	char *policy;
} machine;

/* The module is loaded: its boot key is in a PCR. */
static inline void machine_load_module(struct erot_machine_state *state)
{
	if (erot_hpke_keypair(machine.boot_sk, state->boot_key) ||
	    erot_boot_pcr(state->boot_key, state->module_version,
			  state->pcrs.value[EROT_BOOT_PCR]))
		test_bail("boot key");
	state->has_boot_key = true;
	state->pcrs.mask |= 1U << EROT_BOOT_PCR;
	state->host = EROT_HOST_ALL;
}

static inline void machine_learn(struct erot_machine_state *state)
{
	static const struct erot_learn how = { .boot_pcr = EROT_BOOT_PCR, .host = EROT_HOST_ALL,
					       .max_unaccounted = EROT_UNACCOUNTED_ANY };
	struct erot_policy policy;

	check(erot_policy_learn(&how, state, 1, &machine.policy, &err), "policy", &err);
	check(erot_policy_parse(machine.policy, strlen(machine.policy), &policy, &err), "policy",
	      &err);
	state->pcrs.mask = erot_policy_selection(&policy);
	erot_policy_free(&policy);
}

static inline void machine_begin(void)
{
	const char *path = tap_source("userspace/liberot/testdata/ovmf.json");
	unsigned char *p = machine.spki;
	uint8_t *text;
	size_t len;
	int n;

	check(erot_read_file(path, EROT_STATE_MAX, &text, &len, &err), path, &err);
	check(erot_machine_state_parse(text, len, &machine.state, &err), path, &err);
	free(text);
	machine_load_module(&machine.state);
	machine_learn(&machine.state);
	machine.ak = EVP_EC_gen("P-256");
	n = machine.ak ? i2d_PUBKEY(machine.ak, NULL) : 0;
	if (n <= 0 || (size_t)n > sizeof(machine.spki) || i2d_PUBKEY(machine.ak, &p) != n ||
	    erot_sha256(machine.spki, n, machine.id))
		test_bail("attestation key");
	machine.spki_len = n;
}

static inline void machine_end(void)
{
	erot_machine_state_free(&machine.state);
	EVP_PKEY_free(machine.ak);
	free(machine.policy);
}

static inline int machine_enrol_work(struct db *db, void *ctx, struct erot_error *e)
{
	struct machine m;
	int ret;

	(void)ctx;
	ret = machine_name(db, "default", machine.spki, machine.spki_len, time(NULL), &m, e);
	return ret ?: db_run(db, e, NULL, "UPDATE machine SET state = 'enrolled', "
			     "enrolment = '{}', enrolment_digest = $2 "
			     "WHERE tenant = 'default' AND id = $1",
			     DB_ARGS(db_blob(machine.id, sizeof(machine.id)),
				     db_blob(machine.id, sizeof(machine.id))));
}

/* @s knows the machine, accepts its state, and knows the customer. */
static inline void machine_join(struct side *s)
{
	struct client customer = { .label = "bench", .tenant = "default" };
	uint8_t digest[EROT_DIGEST_SIZE], *der = NULL;
	int len;

	check(db_transaction(s->d[0].db, 0, machine_enrol_work, NULL, &err), "machine", &err);
	check(policies_put(&s->d[0], "default", machine.policy, strlen(machine.policy), time(NULL),
			   digest, &err), "policy", &err);
	len = i2d_X509(customer_cert, &der);
	if (len <= 0)
		test_bail("certificate");
	customer.order_cert = der;
	customer.order_cert_len = len;
	check(client_add(&s->d[0], &customer, time(NULL), &err), "customer", &err);
	OPENSSL_free(der);
	s->machine = machine.id;
}

/* ---- quotes */

/**
 * struct bench_quote - what @q points to
 */
struct bench_quote {
	uint8_t attest[EROT_ATTEST_MAX], signature[EROT_SIGNATURE_MAX];
	struct erot_quote q;
};

static inline void quote_fill(TPMS_ATTEST *a, const uint8_t qualifying[EROT_DIGEST_SIZE])
{
	TPMS_QUOTE_INFO *info = &a->attested.quote;
	TPMS_PCR_SELECTION *s = &info->pcrSelect.pcrSelections[0];
	uint32_t mask = machine.state.pcrs.mask;

	memset(a, 0, sizeof(*a));
	a->magic = TPM2_GENERATED_VALUE;
	a->type = TPM2_ST_ATTEST_QUOTE;
	a->extraData.size = EROT_DIGEST_SIZE;
	memcpy(a->extraData.buffer, qualifying, EROT_DIGEST_SIZE);
	a->clockInfo.safe = TPM2_YES;
	info->pcrSelect.count = 1;
	s->hash = TPM2_ALG_SHA256;
	s->sizeofSelect = 3;
	s->pcrSelect[0] = mask;
	s->pcrSelect[1] = mask >> 8;
	s->pcrSelect[2] = mask >> 16;
	info->pcrDigest.size = EROT_DIGEST_SIZE;
	if (erot_pcrs_digest(&machine.state.pcrs, info->pcrDigest.buffer))
		test_bail("PCRs");
}

static inline void quote_sign(const void *data, size_t len, TPMT_SIGNATURE *out)
{
	TPMS_SIGNATURE_ECC *ecdsa = &out->signature.ecdsa;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	const uint8_t *p = der;
	size_t n = sizeof(der);
	ECDSA_SIG *sig = NULL;

	memset(out, 0, sizeof(*out));
	if (ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, machine.ak) == 1 &&
	    EVP_DigestSign(ctx, der, &n, data, len) == 1)
		sig = d2i_ECDSA_SIG(NULL, &p, n);
	EVP_MD_CTX_free(ctx);
	if (!sig)
		test_bail("signature of a quote");
	out->sigAlg = TPM2_ALG_ECDSA;
	ecdsa->hash = TPM2_ALG_SHA256;
	ecdsa->signatureR.size = ecdsa->signatureS.size = P256_SIZE;
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), ecdsa->signatureR.buffer, P256_SIZE);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), ecdsa->signatureS.buffer, P256_SIZE);
	ECDSA_SIG_free(sig);
}

/* Over what @req says; @receipt: digest. */
static inline void quote_make(struct bench_quote *out, const struct derg_release_request *req,
			      const uint8_t receipt[EROT_DIGEST_SIZE])
{
	struct erot_quote_release r = { .host = req->state.host };
	uint8_t qualifying[EROT_DIGEST_SIZE];
	TPMT_SIGNATURE signature;
	TPMS_ATTEST attest;
	struct erot_quote *q = &out->q;

	*q = (struct erot_quote) { .attest = out->attest, .signature = out->signature };
	memcpy(r.challenge, req->challenge, sizeof(r.challenge));
	memcpy(r.session_pk, req->session_pk, sizeof(r.session_pk));
	memcpy(r.boot_pk, req->state.boot_key, sizeof(r.boot_pk));
	memcpy(r.receipt, receipt, sizeof(r.receipt));
	if (erot_quote_data_release(&r, qualifying))
		test_bail("qualifying data");
	quote_fill(&attest, qualifying);
	if (Tss2_MU_TPMS_ATTEST_Marshal(&attest, out->attest, sizeof(out->attest),
					&q->attest_len))
		test_bail("quote");
	quote_sign(out->attest, q->attest_len, &signature);
	if (Tss2_MU_TPMT_SIGNATURE_Marshal(&signature, out->signature, sizeof(out->signature),
					   &q->signature_len))
		test_bail("signature of a quote");
}

#endif
