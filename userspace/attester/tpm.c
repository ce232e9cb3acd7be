// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "attester/tpm.h"
#include "attester/tpm_templates.h"

#define NONE	ESYS_TR_NONE
#define TRIES	5	/* of a quote whose PCRs were extended meanwhile */

/**
 * struct tpm - a connection
 * @ak: loaded
 * @ak_public: of it
 */
struct tpm {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR ak;
	TPM2B_PUBLIC *ak_public;
};

static int failed(TSS2_RC rc, const char *what, struct erot_error *err)
{
	return erot_fail(err, EIO, "tpm-failed", "%s: %s", what, Tss2_RC_Decode(rc));
}

static int make_primary(struct tpm *t, const TPM2B_PUBLIC *template, ESYS_TR *handle,
			TPM2B_PUBLIC **public, struct erot_error *err)
{
	const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
	const TPML_PCR_SELECTION pcrs = { .count = 0 };
	const TPM2B_DATA data = { .size = 0 };
	TSS2_RC rc;

	rc = Esys_CreatePrimary(t->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, NONE, NONE,
				&sensitive, template, &data, &pcrs, handle, public, NULL, NULL,
				NULL);
	return rc ? failed(rc, "cannot make a primary key", err) : 0;
}

int tpm_open(const char *tcti, struct tpm **tpm, struct erot_error *err)
{
	struct tpm *t = calloc(1, sizeof(*t));
	TSS2_RC rc;
	int ret;

	*tpm = NULL;
	if (!t)
		return erot_fail(err, ENOMEM, "no-memory", "TPM");
	t->ak = NONE;
	rc = Tss2_TctiLdr_Initialize(tcti, &t->tcti);
	if (rc) {
		free(t);
		return erot_fail(err, ENODEV, "tpm-missing", "no TPM at %s (%s)", tcti,
				 Tss2_RC_Decode(rc));
	}
	rc = Esys_Initialize(&t->esys, t->tcti, NULL);
	ret = rc ? failed(rc, tcti, err) : 0;
	if (!ret)
		ret = make_primary(t, &tpm_ak_template, &t->ak, &t->ak_public, err);
	if (ret)
		tpm_close(t);
	else
		*tpm = t;
	return ret;
}

void tpm_close(struct tpm *t)
{
	if (!t)
		return;
	if (t->ak != NONE)
		Esys_FlushContext(t->esys, t->ak);
	Esys_Free(t->ak_public);
	if (t->esys)
		Esys_Finalize(&t->esys);
	Tss2_TctiLdr_Finalize(&t->tcti);
	free(t);
}

int tpm_ak_public(struct tpm *t, uint8_t out[EROT_TPM_PUBLIC_MAX], size_t *len,
		  struct erot_error *err)
{
	TSS2_RC rc;

	*len = 0;
	rc = Tss2_MU_TPM2B_PUBLIC_Marshal(t->ak_public, out, EROT_TPM_PUBLIC_MAX, len);
	return rc ? failed(rc, "public area of the attestation key", err) : 0;
}

/* Reads one NV index whole; 1: it is not there. */
static int read_nv(struct tpm *t, TPM2_HANDLE index, uint8_t *out, size_t max, size_t *len)
{
	TPM2B_MAX_NV_BUFFER *part = NULL;
	TPM2B_NV_PUBLIC *public = NULL;
	ESYS_TR nv = NONE;
	UINT16 size = 0, off = 0, n;
	TSS2_RC rc;

	rc = Esys_TR_FromTPMPublic(t->esys, index, NONE, NONE, NONE, &nv);
	if (!rc)
		rc = Esys_NV_ReadPublic(t->esys, nv, NONE, NONE, NONE, &public, NULL);
	if (!rc)
		size = public->nvPublic.dataSize;
	Esys_Free(public);
	if (!rc && size > max)
		rc = TSS2_BASE_RC_INSUFFICIENT_BUFFER;
	while (!rc && off < size) {
		n = size - off < 512 ? size - off : 512;	/* every TPM can do that many */
		rc = Esys_NV_Read(t->esys, nv, nv, ESYS_TR_PASSWORD, NONE, NONE, n, off, &part);
		if (rc || !part->size)
			break;
		memcpy(out + off, part->buffer, part->size);
		off += part->size;
		Esys_Free(part);
	}
	if (nv != NONE)
		Esys_TR_Close(t->esys, &nv);
	*len = off;
	return rc || !size || off < size;
}

/* NV indices are larger than what is in them: a certificate ends where its DER says. */
static size_t der_length(const uint8_t *der, size_t len)
{
	size_t n;

	if (len < 4 || der[0] != 0x30 || der[1] != 0x82)
		return len;
	n = 4 + ((size_t)der[2] << 8 | der[3]);
	return n < len ? n : len;
}

/* Which EK has a certificate? NULL: none. */
static const struct tpm_ek *find_ek(struct tpm *t, uint8_t out[TPM_CERT_MAX], size_t *len)
{
	const struct tpm_ek *ek;

	for (ek = tpm_eks; ek->template; ek++)
		if (!read_nv(t, ek->certificate, out, TPM_CERT_MAX, len))
			return ek;
	return NULL;
}

int tpm_ek_certificate(struct tpm *t, uint8_t out[TPM_CERT_MAX], size_t *len,
		       struct erot_error *err)
{
	if (!find_ek(t, out, len))
		return erot_fail(err, ENOENT, "tpm-ek-certificate",
				 "the TPM has no certificate of an endorsement key");
	*len = der_length(out, *len);
	return 0;
}

/* A session that may use the EK: PolicySecret(endorsement), TCG EK profile B.6.2. */
static TSS2_RC ek_session(struct tpm *t, ESYS_TR *session)
{
	const TPMT_SYM_DEF plain = { .algorithm = TPM2_ALG_NULL };
	TSS2_RC rc;

	rc = Esys_StartAuthSession(t->esys, NONE, NONE, NONE, NONE, NONE, NULL, TPM2_SE_POLICY,
				   &plain, TPM2_ALG_SHA256, session);
	if (rc)
		return rc;
	return Esys_PolicySecret(t->esys, ESYS_TR_RH_ENDORSEMENT, *session, ESYS_TR_PASSWORD, NONE,
				 NONE, NULL, NULL, NULL, 0, NULL, NULL);
}

static int activate(struct tpm *t, ESYS_TR ek, const TPM2B_ID_OBJECT *blob,
		    const TPM2B_ENCRYPTED_SECRET *secret, uint8_t out[32], struct erot_error *err)
{
	TPM2B_DIGEST *info = NULL;
	ESYS_TR session = NONE;
	TSS2_RC rc;
	int ret = 0;

	rc = ek_session(t, &session);
	if (!rc)
		rc = Esys_ActivateCredential(t->esys, t->ak, ek, ESYS_TR_PASSWORD, session, NONE,
					     blob, secret, &info);
	if (rc)
		ret = erot_fail(err, EKEYREJECTED, "tpm-activate", "credential: %s",
				Tss2_RC_Decode(rc));
	else if (info->size != 32)
		ret = erot_fail(err, EKEYREJECTED, "tpm-activate", "credential of %u bytes",
				info->size);
	else
		memcpy(out, info->buffer, 32);
	if (info)
		explicit_bzero(info->buffer, info->size);
	Esys_Free(info);
	if (session != NONE)
		Esys_FlushContext(t->esys, session);
	return ret;
}

int tpm_activate(struct tpm *t, const struct erot_credential *c, uint8_t secret[32],
		 struct erot_error *err)
{
	TPM2B_ENCRYPTED_SECRET enc = { .size = 0 };
	TPM2B_ID_OBJECT blob = { .size = 0 };
	uint8_t cert[TPM_CERT_MAX];
	const struct tpm_ek *kind;
	TPM2B_PUBLIC *public;
	size_t len, off = 0;
	ESYS_TR ek = NONE;
	int ret;

	if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(c->blob, c->blob_len, &off, &blob) ||
	    off != c->blob_len)
		return erot_fail(err, EBADMSG, "tpm-activate", "credential is malformed");
	off = 0;
	if (Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(c->secret, c->secret_len, &off, &enc) ||
	    off != c->secret_len)
		return erot_fail(err, EBADMSG, "tpm-activate", "encrypted secret is malformed");
	kind = find_ek(t, cert, &len);
	if (!kind)
		return erot_fail(err, ENOENT, "tpm-ek-certificate",
				 "the TPM has no certificate of an endorsement key");
	ret = make_primary(t, kind->template, &ek, &public, err);
	if (ret)
		return ret;
	Esys_Free(public);
	ret = activate(t, ek, &blob, &enc, secret, err);
	Esys_FlushContext(t->esys, ek);
	return ret;
}

static void select_pcrs(uint32_t mask, TPML_PCR_SELECTION *out)
{
	memset(out, 0, sizeof(*out));
	out->count = 1;
	out->pcrSelections[0].hash = TPM2_ALG_SHA256;
	out->pcrSelections[0].sizeofSelect = 3;
	out->pcrSelections[0].pcrSelect[0] = mask;
	out->pcrSelections[0].pcrSelect[1] = mask >> 8;
	out->pcrSelections[0].pcrSelect[2] = mask >> 16;
}

/* A TPM gives at most eight values a call, and says which they are. */
int tpm_pcrs(struct tpm *t, uint32_t mask, struct erot_pcrs *pcrs, struct erot_error *err)
{
	TPML_PCR_SELECTION want, *got;
	TPML_DIGEST *values;
	uint32_t left = mask, part;
	unsigned int pcr, i;
	TSS2_RC rc;

	memset(pcrs, 0, sizeof(*pcrs));
	while (left) {
		select_pcrs(left, &want);
		rc = Esys_PCR_Read(t->esys, NONE, NONE, NONE, &want, NULL, &got, &values);
		if (rc)
			return failed(rc, "PCRs", err);
		part = got->count == 1 ? got->pcrSelections[0].pcrSelect[0] |
		       (uint32_t)got->pcrSelections[0].pcrSelect[1] << 8 |
		       (uint32_t)got->pcrSelections[0].pcrSelect[2] << 16 : 0;
		for (pcr = 0, i = 0; pcr < EROT_PCR_COUNT && i < values->count; pcr++) {
			if (!(part & (1U << pcr)) || values->digests[i].size != EROT_DIGEST_SIZE)
				continue;
			memcpy(pcrs->value[pcr], values->digests[i++].buffer, EROT_DIGEST_SIZE);
			pcrs->mask |= 1U << pcr;
		}
		Esys_Free(got);
		Esys_Free(values);
		part &= left & pcrs->mask;
		if (!part)
			return erot_fail(err, EIO, "tpm-failed", "the TPM has no sha256 bank");
		left &= ~part;
	}
	return 0;
}

static int quote_once(struct tpm *t, uint32_t mask, const TPM2B_DATA *data, struct tpm_quote *out,
		      struct erot_error *err)
{
	static const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };	/* the key's own */
	TPMT_SIGNATURE *signature = NULL;
	TPML_PCR_SELECTION selection;
	TPM2B_ATTEST *attest = NULL;
	TSS2_RC rc;

	select_pcrs(mask, &selection);
	rc = Esys_Quote(t->esys, t->ak, ESYS_TR_PASSWORD, NONE, NONE, data, &scheme, &selection,
			&attest, &signature);
	out->signature_len = 0;
	if (!rc)
		rc = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, out->signature,
						    sizeof(out->signature), &out->signature_len);
	if (!rc && attest->size > sizeof(out->attest))
		rc = TSS2_BASE_RC_INSUFFICIENT_BUFFER;
	if (!rc) {
		memcpy(out->attest, attest->attestationData, attest->size);
		out->attest_len = attest->size;
	}
	Esys_Free(attest);
	Esys_Free(signature);
	return rc ? failed(rc, "quote", err) : 0;
}

int tpm_quote(struct tpm *t, uint32_t mask, const uint8_t qualifying[EROT_DIGEST_SIZE],
	      struct tpm_quote *out, struct erot_error *err)
{
	TPM2B_DATA data = { .size = EROT_DIGEST_SIZE };
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_quote_info info;
	int ret, tries;

	memcpy(data.buffer, qualifying, EROT_DIGEST_SIZE);
	for (tries = 0; tries < TRIES; tries++) {
		ret = tpm_pcrs(t, mask, &out->pcrs, err);
		if (!ret)
			ret = quote_once(t, mask, &data, out, err);
		if (!ret)
			ret = erot_quote_parse(out->attest, out->attest_len, &info, err);
		if (!ret && erot_pcrs_digest(&out->pcrs, digest))
			ret = erot_fail(err, EIO, "crypto", "SHA-256");
		if (ret || !memcmp(digest, info.digest, sizeof(digest)))
			return ret;
	}
	return erot_fail(err, EIO, "tpm-failed", "PCRs do not stand still");
}
