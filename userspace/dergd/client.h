/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may use the service: TLS client certificates, known one by one. */
#ifndef DERGD_CLIENT_H
#define DERGD_CLIENT_H

#include "dergd/authority.h"

#define CLIENT_LABEL_MAX	64

/**
 * struct client - a certificate that is known
 * @fingerprint: SHA-256 of its DER
 * @tenant: "": administrator of all tenants
 * @admin: administrator, else customer
 * @label: for logs
 * @order_cert: DER of the certificate that the customer's orders are checked with, or NULL; owned
 * @order_cert_len: bytes
 * @created: seconds since 1970
 */
struct client {
	uint8_t fingerprint[EROT_DIGEST_SIZE];
	char tenant[EROT_TENANT_MAX + 1];
	bool admin;
	char label[CLIENT_LABEL_MAX + 1];
	uint8_t *order_cert;
	size_t order_cert_len;
	uint64_t created;
};

void client_free(struct client *c);

/* Free it in any case. -ENOENT, "client-unknown". */
int client_find(struct derg *d, const uint8_t fingerprint[EROT_DIGEST_SIZE], struct client *c,
		struct erot_error *err);

/*
 * "client-exists", "client-label", "client-tenant" (a customer without one), "tenant-unknown",
 * "certificate" (the one for orders is not in DER, or no order can be signed with it).
 */
int client_add(struct derg *d, const struct client *c, uint64_t now, struct erot_error *err);

/* @tenant: "" or the one that it must belong to. -ENOENT, "client-unknown". */
int client_remove(struct derg *d, const char *tenant, const uint8_t fingerprint[EROT_DIGEST_SIZE],
		  uint64_t now, struct erot_error *err);

/* Calls @each with those of one tenant, or ("") all. */
int client_each(struct derg *d, const char *tenant,
		int (*each)(void *ctx, const struct client *c), void *ctx, struct erot_error *err);

/*
 * The certificate that an order by this key must have been signed with: of a client of the tenant.
 * @key: SHA-256 of the SubjectPublicKeyInfo, as orders name it. Inside a transaction. -ENOENT,
 * "order-customer".
 */
int client_order_cert(struct db *db, struct certs *certs, const char *tenant,
		      const uint8_t key[EROT_DIGEST_SIZE], X509 **cert, struct erot_error *err);

#endif
