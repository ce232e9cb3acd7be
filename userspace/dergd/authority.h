/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DERG's decisions, the same at the command line and behind HTTPS. A
 * directory holds it all: derg.json, receipt-cert.der, ledger/, and where the
 * token is SoftHSM's also softhsm2.conf, tokens/, pin, so-pin.
 */
#ifndef DERGD_AUTHORITY_H
#define DERGD_AUTHORITY_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "dergd/config.h"
#include "dergd/epoch.h"
#include "dergd/hsm.h"
#include "dergd/ledger.h"
#include "liberot/grant.h"

#define DERG_RECEIPT_KEY	"erot-receipt"
#define DERG_VALIDITY_DEFAULT	86400	/* seconds that a receipt lasts where nobody says else */

/**
 * struct derg - an open DERG
 * @config: from derg.json
 * @ledger: open
 * @hsm: open, logged in
 * @cert: of the receipt key
 */
struct derg {
	struct derg_config config;
	struct ledger ledger;
	struct hsm hsm;
	X509 *cert;
};

/**
 * struct derg_init - how a new DERG is made
 * @dir: absolute path, made; or there and empty
 * @uri: token to use; NULL: a SoftHSM2 token inside @dir
 * @module: absolute path of SoftHSM2's module
 * @open_mode: do not demand attested mode of hosts
 * @name: common name in the receipt key's certificate
 */
struct derg_init {
	const char *dir;
	const char *uri;
	const char *module;
	bool open_mode;
	const char *name;
};

/**
 * struct derg_receipt_request - what a receipt is made of
 * @statement: CMS
 * @order: CMS
 * @customer: certificate
 * @envelope: whole
 * @not_before: seconds since 1970; 0: now
 * @not_after: seconds since 1970; 0: DERG_VALIDITY_DEFAULT later
 */
struct derg_receipt_request {
	const void *statement;
	size_t statement_len;
	const void *order;
	size_t order_len;
	X509 *customer;
	const void *envelope;
	size_t envelope_len;
	uint64_t not_before;
	uint64_t not_after;
};

/**
 * struct derg_release_request - what erotd sends
 * @receipt: CMS
 * @session_pk: of the session
 * @boot_pk: of the machine's boot
 * @host_state: EROT_HOST_* that the module saw at NEW
 */
struct derg_release_request {
	const void *receipt;
	size_t receipt_len;
	uint8_t session_pk[EROT_KEY_SIZE];
	uint8_t boot_pk[EROT_KEY_SIZE];
	uint32_t host_state;
};

/* derg_init.c */
int derg_init(const struct derg_init *in, struct erot_error *err);

/* authority.c */
int derg_open(struct derg *d, const char *dir, struct erot_error *err);
void derg_close(struct derg *d);
int derg_sign(struct derg *d, const void *content, size_t len, uint8_t **cms, size_t *cms_len,
	      struct erot_error *err);
int derg_seed(const struct epoch *e, const struct erot_grant_info *g,
	      uint8_t seed[EROT_DIGEST_SIZE], struct erot_error *err);

/* issue.c */
int derg_statement(struct derg *d, const char *tenant, uint32_t epoch, const void *hwkey,
		   size_t hwkey_len, const void *manifest, size_t manifest_len, uint8_t **cms,
		   size_t *cms_len, struct erot_error *err);
int derg_receipt(struct derg *d, const struct derg_receipt_request *in, uint64_t now,
		 uint8_t **cms, size_t *cms_len, struct erot_error *err);

/* release.c */
int derg_release(struct derg *d, const struct derg_release_request *in, uint64_t now,
		 struct erot_release *out, struct erot_error *err);

/* end.c */
int derg_check_evidence(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
			size_t ev_len, struct erot_error *err);
int derg_terminate(struct derg *d, const void *receipt, size_t receipt_len, const void *ev,
		   size_t ev_len, uint64_t now, uint8_t **cms, size_t *cms_len,
		   struct erot_error *err);

#endif
