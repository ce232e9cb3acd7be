// SPDX-License-Identifier: GPL-2.0-only
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "dergd/client.h"
#include "dergd/service.h"

#define KIB 1024
#define BASE64(n) (((n) + 2) / 3 * 4)

/* Room for the names of members and for what is small. */
#define MARGIN		(4 * KIB)
#define BODY_CMS	BASE64(EROT_CMS_MAX)
#define BODY_STATEMENT	(BASE64(EROT_MANIFEST_MAX) + MARGIN)
#define BODY_RECEIPT	(2 * BODY_CMS + BASE64(EROT_ENVELOPE_MAX) + MARGIN)
#define BODY_RELEASE	((2 << 20) + BODY_CMS + MARGIN)
#define BODY_END	(BODY_CMS + 16 * KIB)
#define BODY_POLICY	(BASE64(1 << 20) + MARGIN)

#define T "/v1/tenants/{tenant}"

/* Of patterns that match the same path the first counts. */
const struct api_route service_routes[] = {
	{ "GET", "/healthz", API_NONE, api_healthz, .help = "Does the service work?" },
	{ "GET", "/metrics", API_NONE, api_metrics, .produces = "text/plain",
	  .help = "Counters in the text format of Prometheus" },
	{ "GET", "/v1/certificates", API_NONE, api_certificates,
	  .help = "What receipts and the log are checked with" },

	{ "GET", "/v1/log/checkpoint", API_NONE, api_log_checkpoint, .produces = "text/plain",
	  .help = "Signed checkpoint (C2SP tlog-checkpoint)" },
	{ "GET", "/v1/log/tile/entries/{tile*}", API_NONE, api_log_entries,
	  .produces = "application/octet-stream", .help = "Entry bundle (C2SP tlog-tiles)" },
	{ "GET", "/v1/log/tile/{tile*}", API_NONE, api_log_tile,
	  .produces = "application/octet-stream", .help = "Tile of hashes (C2SP tlog-tiles)" },

	{ "POST", T "/machines", API_MACHINE, api_machine_enrol, 16 * KIB,
	  .help = "Begin an enrolment" },
	{ "GET", T "/machines", API_CUSTOMER, api_machine_list, .help = "All machines" },
	{ "GET", T "/machines/{machine}", API_CUSTOMER, api_machine_get, .help = "One machine" },
	{ "POST", T "/machines/{machine}/activation", API_MACHINE, api_machine_activate, 2 * KIB,
	  .help = "Prove the enrolment" },
	{ "POST", T "/machines/{machine}/revocation", API_ADMIN, api_machine_revoke, 2 * KIB,
	  .help = "Revoke a machine for good" },
	{ "POST", T "/machines/{machine}/challenges", API_MACHINE, api_machine_challenge, 1 * KIB,
	  .help = "A fresh challenge for a quote" },

	{ "POST", T "/statements", API_CUSTOMER, api_statement_make, BODY_STATEMENT,
	  .help = "Derive a fresh ERoT and state its public key" },
	{ "GET", T "/statements/{statement}", API_CUSTOMER, api_statement_get,
	  .help = "A key statement" },
	{ "GET", T "/keys/{statement}", API_CUSTOMER, api_key_get,
	  .help = "The public key of a statement" },

	{ "POST", T "/receipts", API_CUSTOMER, api_receipt_make, BODY_RECEIPT,
	  .help = "Authorise one launch" },
	{ "GET", T "/receipts/{receipt}", API_CUSTOMER, api_receipt_get,
	  .help = "What has become of a receipt" },
	{ "POST", T "/receipts/{receipt}/revocation", API_CUSTOMER, api_receipt_revoke, 2 * KIB,
	  .help = "Revoke a receipt" },
	{ "GET", T "/receipts/{receipt}/bundle", API_CUSTOMER, api_receipt_bundle,
	  .query = "since", .help = "All that an audit needs" },

	{ "POST", T "/releases", API_MACHINE, api_release_make, BODY_RELEASE, .query = "dryRun",
	  .help = "Release an ERoT to one session" },
	{ "POST", T "/terminations", API_MACHINE, api_termination_make, BODY_END,
	  .help = "Report the end of a launch" },
	{ "GET", T "/destructions/{receipt}", API_CUSTOMER, api_destruction_get,
	  .help = "The destruction record of a launch" },

	{ "GET", T "/epochs", API_ADMIN, api_epoch_list, .help = "All epochs" },
	{ "POST", T "/epochs", API_ADMIN, api_epoch_make, 1 * KIB, .help = "A new epoch" },
	{ "POST", T "/epochs/{epoch}/drain", API_ADMIN, api_epoch_drain, 1 * KIB,
	  .help = "No new launches in an epoch" },
	{ "POST", T "/epochs/{epoch}/destroy", API_ADMIN, api_epoch_destroy, 1 * KIB,
	  .help = "Destroy the root of an epoch" },
	{ "GET", T "/policy", API_ADMIN, api_policy_get, .help = "The PCR policy in force" },
	{ "PUT", T "/policy", API_ADMIN, api_policy_put, BODY_POLICY,
	  .help = "Put a PCR policy in force" },
	{ "GET", T "/clients", API_ADMIN, api_client_list, .help = "Known client certificates" },
	{ "POST", T "/clients", API_ADMIN, api_client_add, 32 * KIB,
	  .help = "Make a client certificate known" },
	{ "DELETE", T "/clients/{client}", API_ADMIN, api_client_remove,
	  .help = "Forget a client certificate" },
};

const size_t service_n_routes = sizeof(service_routes) / sizeof(service_routes[0]);

static int worker_open(void *app, void **worker, struct erot_error *err)
{
	struct service *s = app;
	struct derg *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return erot_fail(err, ENOMEM, "no-memory", "worker");
	ret = derg_open(d, &s->authority, err);
	if (ret) {
		derg_close(d);
		free(d);
		return ret;
	}
	*worker = d;
	return 0;
}

static void worker_close(void *app, void *worker)
{
	(void)app;
	derg_close(worker);
	free(worker);
}

static int find_client(void *app, void *worker, const uint8_t fingerprint[EROT_DIGEST_SIZE],
		       struct api_client *out, struct erot_error *err)
{
	struct client c = { .admin = false };
	int ret;

	(void)app;
	ret = client_find(worker, fingerprint, &c, err);
	if (!ret) {
		out->role = c.admin ? API_ADMIN : API_CUSTOMER;
		memcpy(out->tenant, c.tenant, sizeof(out->tenant));
		memcpy(out->label, c.label, sizeof(out->label));
	}
	client_free(&c);
	return ret;
}

void service_hooks(struct http_hooks *hooks)
{
	hooks->routes = service_routes;
	hooks->n_routes = service_n_routes;
	hooks->worker_open = worker_open;
	hooks->worker_close = worker_close;
	hooks->client_find = find_client;
}

struct derg *service_derg(const struct api_call *call)
{
	return call->worker;
}

struct authority *service_authority(const struct api_call *call)
{
	return &((struct service *)call->app)->authority;
}

const char *service_tenant(const struct api_call *call)
{
	return api_param(call, "tenant");
}

struct newest {
	const char *tenant;
	const uint8_t *subject;
	uint32_t kind;
	uint64_t index;
	bool found;
};

static int look(void *ctx, const struct log_record *record)
{
	struct newest *n = ctx;

	if (le32toh(record->entry.kind) == n->kind) {
		n->index = record->index;
		n->found = true;
	}
	return 0;
}

static int find_newest(struct db *db, void *ctx, struct erot_error *err)
{
	struct newest *n = ctx;

	return log_find(db, n->tenant, n->subject, look, n, err);
}

int service_proof(struct api_call *call, const uint8_t subject[EROT_DIGEST_SIZE], uint32_t kind,
		  json_t *answer, struct erot_error *err)
{
	struct newest n = { .tenant = service_tenant(call), .subject = subject, .kind = kind };
	struct db *db = service_derg(call)->db;
	struct erot_buf proof = { 0 };
	int ret;

	ret = db_transaction(db, DB_READ, find_newest, &n, err);
	if (!ret && !n.found)
		ret = erot_fail(err, EIO, "log-index", "the entry is not in the log");
	if (!ret)
		ret = log_prove(service_authority(call)->log, db, n.index, &proof, err);
	if (!ret)
		ret = erot_buf_done(&proof, err);
	if (!ret && json_object_set_new(answer, "proof",
					json_stringn((char *)proof.data, proof.len)))
		ret = erot_fail(err, ENOMEM, "no-memory", "answer");
	erot_buf_free(&proof);
	return ret;
}

/* A tenant's name in a path: everything but unreserved characters escaped (RFC 3986). */
static int escape(const char *text, char *out, size_t size)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	size_t len = 0;

	for (; *text && len + 4 < size; text++) {
		if (strchr(plain, *text))
			out[len++] = *text;
		else
			len += (size_t)snprintf(out + len, 4, "%%%02X", (unsigned char)*text);
	}
	out[len] = '\0';
	return *text ? -1 : 0;
}

int service_created(struct api_call *call, const char *collection,
		    const uint8_t id[EROT_DIGEST_SIZE], json_t *answer, struct erot_error *err)
{
	char tenant[3 * EROT_TENANT_MAX + 8], hex[2 * EROT_DIGEST_SIZE + 1];

	if (escape(service_tenant(call), tenant, sizeof(tenant)) ||
	    asprintf(&call->location, "/v1/tenants/%s/%s/%s", tenant, collection,
		     erot_hex(id, EROT_DIGEST_SIZE, hex)) < 0) {
		call->location = NULL;
		json_decref(answer);
		return erot_fail(err, ENOMEM, "no-memory", "answer");
	}
	return api_reply(call, 201, answer, err);
}
