/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the HTTPS server and the DERG: handlers turn JSON into calls of the decisions and back,
 * and decide nothing. Each runs in a worker that has its own hold on the database.
 */
#ifndef DERGD_SERVICE_H
#define DERGD_SERVICE_H

#include "dergd/authority.h"
#include "dergd/http.h"
#include "dergd/issue.h"

/**
 * struct service - api_call.app
 * @authority: open
 * @metrics: of the server
 */
struct service {
	struct authority authority;
	struct metrics *metrics;
};

/* The table of routes, as in openapi.yaml. */
extern const struct api_route service_routes[];
extern const size_t service_n_routes;

/* Fills everything but @hooks->app. */
void service_hooks(struct http_hooks *hooks);

/* ---- what the handlers share */

/* The worker's hold on the DERG, and what all share. */
struct derg *service_derg(const struct api_call *call);
struct authority *service_authority(const struct api_call *call);

/* Of the path. */
const char *service_tenant(const struct api_call *call);

/**
 * service_proof() - add where an entry stands in the log to an answer
 * @answer: gets "proof": the text of a C2SP tlog-proof of the newest entry of @kind about @subject
 * @err: of log_prove()
 *
 * An answer leaves with the proof that what it says is in the log.
 *
 * Return: 0 or a negative errno.
 */
int service_proof(struct api_call *call, const uint8_t subject[EROT_DIGEST_SIZE], uint32_t kind,
		  json_t *answer, struct erot_error *err);

/* 201, Location: the request's path and @id in hexadecimal. Takes @answer. */
int service_created(struct api_call *call, const char *collection,
		    const uint8_t id[EROT_DIGEST_SIZE], json_t *answer, struct erot_error *err);

/* ---- handlers */

typedef int service_handler(struct api_call *call, struct erot_error *err);

/* api_service.c */
service_handler api_healthz, api_metrics, api_certificates;
/* api_log.c */
service_handler api_log_checkpoint, api_log_tile, api_log_entries;
/* api_machine.c */
service_handler api_machine_enrol, api_machine_activate, api_machine_list, api_machine_get;
service_handler api_machine_revoke, api_machine_challenge;
/* api_statement.c */
service_handler api_statement_make, api_statement_get, api_key_get;
/* api_receipt.c */
service_handler api_receipt_make, api_receipt_get, api_receipt_revoke, api_receipt_bundle;
/* api_release.c */
service_handler api_release_make;
/* api_ending.c */
service_handler api_termination_make, api_destruction_get;
/* api_epoch.c */
service_handler api_epoch_list, api_epoch_make, api_epoch_drain, api_epoch_destroy;
/* api_policy.c */
service_handler api_policy_get, api_policy_put;
/* api_client.c */
service_handler api_client_list, api_client_add, api_client_remove;

#endif
