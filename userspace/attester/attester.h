/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine tells the DERG. erotd runs this program as its provider command, one process a
 * request: what talks to the TPM and to the network is never in erotd itself.
 */
#ifndef ATTESTER_H
#define ATTESTER_H

#include <jansson.h>
#include <openssl/evp.h>

#include "attester/config.h"
#include "attester/tpm.h"
#include "liberot/netlink.h"
#include "liberot/service.h"
#include "liberot/state.h"

/**
 * struct attester - what an operation works with
 * @config: parsed
 * @tpm: open; NULL with a software key
 * @key: software key; NULL with a TPM
 * @spki: hardware key, DER
 * @id: SHA-256 of it, hexadecimal
 * @has_host: @host is filled
 * @host: what the module says
 * @service: from the first request on, or NULL
 */
struct attester {
	struct attester_config config;
	struct tpm *tpm;
	EVP_PKEY *key;
	uint8_t spki[EROT_HWKEY_MAX];
	size_t spki_len;
	char id[2 * EROT_DIGEST_SIZE + 1];
	bool has_host;
	struct erot_nl_host host;
	struct erot_service *service;
};

/* Opens the hardware key: "tpm-...", "softkey", "not-found". Close it also after a failure. */
int attester_open(struct attester *a, const char *config, struct erot_error *err);
void attester_close(struct attester *a);

/* POST to the tenant's part of the service; @path behind "/v1/tenants/T/". */
int attester_post(struct attester *a, const char *path, const json_t *body, json_t **answer,
		  struct erot_error *err);

/* Module version, event log and PCRs of @mask; keys and host state are the caller's. */
int attester_state(struct attester *a, uint32_t mask, struct erot_machine_state *state,
		   struct erot_error *err);

/* Adds "quote" and "signature" over @qualifying to @body; @pcrs of the quote, may be NULL. */
int attester_sign(struct attester *a, uint32_t mask, const uint8_t qualifying[EROT_DIGEST_SIZE],
		  json_t *body, struct erot_pcrs *pcrs, struct erot_error *err);

int attester_set_base64(json_t *json, const char *name, const void *data, size_t len,
			struct erot_error *err);

/* Asks the module about this host, once: @a->host. As of erot_nl_open(). */
int attester_host(struct attester *a, struct erot_error *err);

/* Operations: @request from standard input (NULL for those without), @answer to standard output. */
int attester_enrol(struct attester *a, json_t *request, json_t **answer, struct erot_error *err);
int attester_release(struct attester *a, json_t *request, json_t **answer, struct erot_error *err);
int attester_terminate(struct attester *a, json_t *request, json_t **answer,
		       struct erot_error *err);
int attester_show_state(struct attester *a, json_t *request, json_t **answer,
			struct erot_error *err);

#endif
