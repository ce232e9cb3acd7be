/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Customers' certificates that were decoded already. OpenSSL takes longer to decode an RSA key
 * than to verify a signature with it, and each order is verified twice: for its receipt, and again
 * for its release. They are found by all of their bytes, so one of them is as good as one that has
 * just been decoded; whose it is, and whether it may still be used, the tables tell each time.
 */
#ifndef DERGD_CERTS_H
#define DERGD_CERTS_H

#include <openssl/x509.h>
#include <stddef.h>

#include "common/error.h"

struct certs;

/* NULL: no memory. */
struct certs *certs_new(void);
void certs_free(struct certs *c);

/**
 * certs_get() - decode a certificate, or find it
 * @c:    of all threads
 * @der:  DER or PEM, and nothing behind it
 * @len:  bytes
 * @cert: to be freed; shared with others, so it is not to be changed
 * @err:  "certificate"
 *
 * Return: 0 or a negative errno, as of erot_cert_parse(). Only what can sign an order is kept, and
 * nothing without memory.
 */
int certs_get(struct certs *c, const void *der, size_t len, X509 **cert, struct erot_error *err);

#endif
