// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attester/attester.h"
#include "common/base64.h"
#include "common/io.h"
#include "common/secret.h"
#include "liberot/eventlog.h"
#include "liberot/softkey.h"

#define KEY_FILE_MAX	8192
#define RETRIES		15	/* of a request, a second apart */

static int open_tpm(struct attester *a, struct erot_error *err)
{
	uint8_t public[EROT_TPM_PUBLIC_MAX];
	struct erot_ak ak;
	size_t len;
	int ret;

	ret = tpm_open(a->config.tpm, &a->tpm, err);
	if (!ret)
		ret = tpm_ak_public(a->tpm, public, &len, err);
	if (!ret)
		ret = erot_ak_check(public, len, &ak, err);
	if (ret)
		return ret;
	memcpy(a->spki, ak.spki, ak.spki_len);
	a->spki_len = ak.spki_len;
	return 0;
}

static int open_key(struct attester *a, struct erot_error *err)
{
	unsigned char *spki = NULL;
	uint8_t *pem;
	size_t len;
	int ret, n;
	BIO *bio;

	ret = erot_read_file(a->config.software_key, KEY_FILE_MAX, &pem, &len, err);
	if (ret)
		return ret;
	bio = BIO_new_mem_buf(pem, len);
	a->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
	BIO_free(bio);
	erot_wipe_free(pem, len);
	n = a->key ? i2d_PUBKEY(a->key, &spki) : 0;
	if (n <= 0 || (size_t)n > sizeof(a->spki)) {
		OPENSSL_free(spki);
		return erot_fail(err, EINVAL, "softkey", "%s: not a private key in PEM",
				 a->config.software_key);
	}
	memcpy(a->spki, spki, n);
	a->spki_len = n;
	OPENSSL_free(spki);
	return 0;
}

int attester_open(struct attester *a, const char *config, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret;

	memset(a, 0, sizeof(*a));
	ret = attester_config_read(config, &a->config, err);
	if (!ret)
		ret = a->config.software_key[0] ? open_key(a, err) : open_tpm(a, err);
	if (!ret && erot_sha256(a->spki, a->spki_len, digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		erot_hex(digest, sizeof(digest), a->id);
	return ret;
}

void attester_close(struct attester *a)
{
	erot_service_close(a->service);
	tpm_close(a->tpm);
	EVP_PKEY_free(a->key);
	a->service = NULL;
	a->tpm = NULL;
	a->key = NULL;
}

/* What a DERG that is being started again gives; a refusal is none of these. */
static bool worth_retrying(int ret)
{
	return ret == -ECONNRESET || ret == -EHOSTUNREACH || ret == -EAGAIN;
}

/* One for all requests: a launch has two, and each connection costs a handshake. */
static int open_service(struct attester *a, struct erot_error *err)
{
	const struct erot_service_config config = {
		.url = a->config.derg,
		.ca = a->config.ca[0] ? a->config.ca : NULL,
		.timeout = a->config.timeout,
	};

	return a->service ? 0 : erot_service_open(&config, &a->service, err);
}

/*
 * A lost answer is asked for again: the DERG gives the same one. Its restart takes moments, and a
 * launch whose answer is never fetched is lost for good.
 */
int attester_post(struct attester *a, const char *path, const json_t *body, json_t **answer,
		  struct erot_error *err)
{
	char full[512 + EROT_TENANT_MAX];
	unsigned int i;
	int ret;

	snprintf(full, sizeof(full), "/v1/tenants/%s/%s", a->config.tenant, path);
	ret = open_service(a, err);
	if (ret)
		return ret;
	ret = erot_service_call(a->service, "POST", full, body, answer, err);
	for (i = 0; i < RETRIES && worth_retrying(ret); i++) {
		nanosleep(&(struct timespec) { .tv_sec = 1 }, NULL);
		ret = erot_service_call(a->service, "POST", full, body, answer, err);
	}
	return ret;
}

int attester_host(struct attester *a, struct erot_error *err)
{
	struct erot_nl *nl;
	int ret;

	if (a->has_host)
		return 0;
	ret = erot_nl_open(&nl, err);
	if (ret)
		return ret;
	ret = erot_nl_host(nl, NULL, &a->host, err);
	erot_nl_close(nl);
	a->has_host = !ret;
	return ret;
}

static int read_event_log(struct attester *a, struct erot_machine_state *state,
			  struct erot_error *err)
{
	int ret;

	ret = erot_read_file(a->config.event_log, EROT_EVENTLOG_MAX, &state->event_log,
			     &state->event_log_len, err);
	if (ret == -ENOENT)	/* a firmware that keeps none: the policy knows */
		return 0;
	if (!ret && !state->event_log_len) {
		free(state->event_log);
		state->event_log = NULL;
	}
	return ret;
}

int attester_state(struct attester *a, uint32_t mask, struct erot_machine_state *state,
		   struct erot_error *err)
{
	int ret;

	memset(state, 0, sizeof(*state));
	state->software = !a->tpm;
	ret = attester_host(a, err);
	if (ret)
		return ret;
	snprintf(state->module_version, sizeof(state->module_version), "%s", a->host.version);
	if (!a->tpm)
		return 0;
	ret = read_event_log(a, state, err);
	if (!ret && mask)
		ret = tpm_pcrs(a->tpm, mask, &state->pcrs, err);
	if (ret)
		erot_machine_state_free(state);
	return ret;
}

int attester_set_base64(json_t *json, const char *name, const void *data, size_t len,
			struct erot_error *err)
{
	char *text = erot_base64_encode(data, len);
	int ret;

	ret = text ? json_object_set_new(json, name, json_string(text)) : -1;
	free(text);
	return ret ? erot_fail(err, ENOMEM, "no-memory", "request") : 0;
}

static int sign_software(struct attester *a, const uint8_t qualifying[EROT_DIGEST_SIZE],
			 json_t *body, struct erot_error *err)
{
	uint8_t sig[EROT_SOFTKEY_SIGNATURE_MAX];
	size_t len;
	int ret;

	ret = erot_softkey_sign(a->key, qualifying, sig, &len, err);
	return ret ?: attester_set_base64(body, "signature", sig, len, err);
}

int attester_sign(struct attester *a, uint32_t mask, const uint8_t qualifying[EROT_DIGEST_SIZE],
		  json_t *body, struct erot_pcrs *pcrs, struct erot_error *err)
{
	struct tpm_quote quote;
	int ret;

	if (!a->tpm)
		return sign_software(a, qualifying, body, err);
	ret = tpm_quote(a->tpm, mask, qualifying, &quote, err);
	if (!ret)
		ret = attester_set_base64(body, "quote", quote.attest, quote.attest_len, err);
	if (!ret)
		ret = attester_set_base64(body, "signature", quote.signature, quote.signature_len,
					  err);
	if (!ret && pcrs)
		*pcrs = quote.pcrs;
	return ret;
}
