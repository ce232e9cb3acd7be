/* SPDX-License-Identifier: GPL-2.0-only */
/* Client of a DERG service: JSON over HTTPS (libcurl). One request at a time. */
#ifndef EROT_LIBEROT_SERVICE_H
#define EROT_LIBEROT_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define EROT_SERVICE_ANSWER_MAX	(32U << 20)	/* bytes; the longest is a bundle */

/**
 * struct erot_service_config - where it is, and how both sides know each other
 * @url:     "https://host:port", no path
 * @ca:      PEM of whom the service's certificate must come from; NULL: the system's
 * @cert:    PEM of a client certificate, or NULL
 * @key:     PEM of its key
 * @timeout: seconds for a whole request; 0: 60
 */
struct erot_service_config {
	const char *url;
	const char *ca;
	const char *cert;
	const char *key;
	unsigned int timeout;
};

struct erot_service;

/* -EINVAL: "service-url". To be closed. */
int erot_service_open(const struct erot_service_config *config, struct erot_service **service,
		      struct erot_error *err);
void erot_service_close(struct erot_service *service);

/**
 * erot_service_call() - one request
 * @method: "GET", "POST", "PUT", "DELETE"
 * @path:   begins with "/v1/", escaped where it must be
 * @body:   borrowed; NULL: none
 * @answer: new reference; may be NULL
 * @err:    "service-unreachable" (nothing was sent), "service-tls" (its certificate),
 *          "service-lost" (it may have been done), "service-answer" (malformed); else the code of
 *          the service's refusal, with expected and actual where it gave them
 *
 * Return: 0; -EHOSTUNREACH, -ECONNRESET, -EPROTO, -EKEYREJECTED (TLS); for a refusal -ENOENT (404),
 * -EEXIST (409), -EINVAL (other 4xx but 401 and 403), -EACCES (401, 403), -EAGAIN (429, 503) or
 * -EIO.
 */
int erot_service_call(struct erot_service *service, const char *method, const char *path,
		      const json_t *body, json_t **answer, struct erot_error *err);

/* A member of an answer: base64, to be freed; or exactly @len bytes. "service-answer". */
int erot_service_base64(const json_t *answer, const char *name, size_t max, uint8_t **data,
			size_t *len, struct erot_error *err);
int erot_service_bytes(const json_t *answer, const char *name, void *out, size_t len,
		       struct erot_error *err);

#endif /* EROT_LIBEROT_SERVICE_H */
