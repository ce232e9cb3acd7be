/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PKCS#11, as far as the DERG needs it. Only erot-hsm (and its tests) may use
 * this: nothing else in the project talks to a token.
 */
#ifndef DERGD_P11_H
#define DERGD_P11_H

#include <p11-kit/pkcs11.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define P11_URI_MAX	1024
#define P11_LABEL_MAX	192
#define P11_PIN_MAX	128
#define P11_RSA_BITS	3072
#define P11_RSA_BYTES	(P11_RSA_BITS / 8)

/**
 * struct p11_uri - what an RFC 7512 URI selects
 * @module: absolute path of the module
 * @pin_source: absolute path of the PIN's file, "" where there is none
 * @token: only the fields that the URI names are set
 * @has_label: @token.label is to be compared, and so on
 */
struct p11_uri {
	char module[P11_URI_MAX];
	char pin_source[P11_URI_MAX];
	CK_TOKEN_INFO token;
	int has_label, has_manufacturer, has_model, has_serial;
};

/**
 * struct p11 - one module, one token, one logged-in session
 * @dl: dlopen() handle, never closed (modules leave threads and handlers behind)
 * @fn: the module's functions
 * @session: read-write, logged in
 */
struct p11 {
	void *dl;
	CK_FUNCTION_LIST *fn;
	CK_SESSION_HANDLE session;
};

/* uri.c */
int p11_uri_parse(const char *text, struct p11_uri *uri, struct erot_error *err);
int p11_uri_matches(const struct p11_uri *uri, const CK_TOKEN_INFO *token);
int p11_pin_read(const char *path, char pin[P11_PIN_MAX], size_t *len, struct erot_error *err);

/* p11.c */
int p11_open(struct p11 *t, const char *uri, struct erot_error *err);
int p11_init_token(struct p11 *t, const char *uri, const uint8_t *so_pin, size_t so_pin_len,
		   struct erot_error *err);
void p11_close(struct p11 *t);
int p11_fail(struct erot_error *err, CK_RV rv, const char *what);

/* p11_key.c */
int p11_find(struct p11 *t, CK_OBJECT_CLASS class, const char *label,
	     CK_OBJECT_HANDLE *key, struct erot_error *err);
int p11_hmac(struct p11 *t, const char *label, const uint8_t *msg, size_t len,
	     uint8_t mac[32], struct erot_error *err);
int p11_rsa_sign(struct p11 *t, const char *label, const uint8_t *info, size_t len,
		 uint8_t *sig, size_t *sig_len, struct erot_error *err);
int p11_rsa_modulus(struct p11 *t, const char *label, uint8_t *n, size_t *n_len,
		    struct erot_error *err);
int p11_generate_root(struct p11 *t, const char *label, struct erot_error *err);
int p11_generate_rsa(struct p11 *t, const char *label, struct erot_error *err);
int p11_destroy(struct p11 *t, const char *label, struct erot_error *err);
int p11_list(struct p11 *t, int (*each)(void *ctx, const char *label), void *ctx,
	     struct erot_error *err);

/* p11_note.c */
int p11_generate_ed25519(struct p11 *t, const char *label, struct erot_error *err);
int p11_ed25519_public(struct p11 *t, const char *label, uint8_t pk[32], struct erot_error *err);
int p11_ed25519_sign(struct p11 *t, const char *label, const uint8_t *msg, size_t len,
		     uint8_t sig[64], struct erot_error *err);

#endif
