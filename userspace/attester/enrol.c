// SPDX-License-Identifier: GPL-2.0-only
/* Enrolment: the DERG seals a secret to (EK, AK), the TPM opens it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attester/attester.h"
#include "common/secret.h"
#include "liberot/softkey.h"

static int request(struct attester *a, json_t *body, struct erot_error *err)
{
	uint8_t cert[TPM_CERT_MAX], public[EROT_TPM_PUBLIC_MAX];
	size_t len;
	int ret;

	if (!a->tpm)
		return attester_set_base64(body, "softwareKey", a->spki, a->spki_len, err);
	ret = tpm_ek_certificate(a->tpm, cert, &len, err);
	if (!ret)
		ret = attester_set_base64(body, "ekCertificate", cert, len, err);
	if (!ret)
		ret = tpm_ak_public(a->tpm, public, &len, err);
	return ret ?: attester_set_base64(body, "akPublic", public, len, err);
}

static int prove_tpm(struct attester *a, const json_t *asked, json_t *body, struct erot_error *err)
{
	struct erot_credential c;
	uint8_t *blob, *sealed = NULL, secret[32];
	size_t blob_len, sealed_len;
	int ret;

	ret = erot_service_base64(asked, "credentialBlob", sizeof(c.blob), &blob, &blob_len, err);
	if (!ret)
		ret = erot_service_base64(asked, "secret", sizeof(c.secret), &sealed, &sealed_len,
					  err);
	if (!ret) {
		memcpy(c.blob, blob, blob_len);
		c.blob_len = blob_len;
		memcpy(c.secret, sealed, sealed_len);
		c.secret_len = sealed_len;
		ret = tpm_activate(a->tpm, &c, secret, err);
	}
	if (!ret)
		ret = attester_set_base64(body, "secret", secret, sizeof(secret), err);
	explicit_bzero(secret, sizeof(secret));
	free(blob);
	free(sealed);
	return ret;
}

static int prove_software(struct attester *a, const json_t *asked, json_t *body,
			  struct erot_error *err)
{
	uint8_t secret[32], digest[EROT_DIGEST_SIZE], sig[EROT_SOFTKEY_SIGNATURE_MAX];
	size_t len;
	int ret;

	ret = erot_service_bytes(asked, "secret", secret, sizeof(secret), err);
	if (!ret && erot_softkey_enrol_data(secret, digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		ret = erot_softkey_sign(a->key, digest, sig, &len, err);
	return ret ?: attester_set_base64(body, "secret", sig, len, err);
}

int attester_enrol(struct attester *a, json_t *nothing, json_t **answer, struct erot_error *err)
{
	json_t *body = json_object(), *proof = json_object(), *asked = NULL;
	char path[128];
	int ret;

	(void)nothing;
	ret = body && proof ? request(a, body, err) :
	      erot_fail(err, ENOMEM, "no-memory", "request");
	if (!ret)
		ret = attester_post(a, "machines", body, &asked, err);
	if (!ret)
		ret = (a->tpm ? prove_tpm : prove_software)(a, asked, proof, err);
	snprintf(path, sizeof(path), "machines/%s/activation", a->id);
	if (!ret)
		ret = attester_post(a, path, proof, answer, err);
	/* before this run, or by it, and the answer was lost */
	if (ret == -EEXIST && !strcmp(err->code, "machine-enrolled")) {
		*answer = json_pack("{s:s,s:b}", "machine", a->id, "enrolledBefore", 1);
		ret = 0;
	}
	json_decref(asked);
	json_decref(proof);
	json_decref(body);
	return ret;
}
