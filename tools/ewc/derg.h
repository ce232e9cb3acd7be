/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The customer's DERG service: options that all commands with --derg share. What is not on the
 * command line may stand in ewc.conf ("key = value"): $EWC_CONFIG, else ~/.config/erot/ewc.conf:
 *
 *	derg = https://derg.example.org:8443
 *	ca = /.../derg-ca.pem
 *	tenant = default
 *	client_cert = /.../client.pem		TLS, known to the DERG
 *	client_key = /.../client-key.pem
 *	order_cert = /.../order.pem		RSA-3072, known to the DERG as this client's
 *	order_key = /.../order-key.pem
 *	receipt_cert = /.../receipt-cert.der	of the provider, got from it once and checked
 */
#ifndef EWC_DERG_H
#define EWC_DERG_H

#include <getopt.h>
#include <jansson.h>
#include <limits.h>

#include "common/error.h"
#include "liberot/service.h"

/**
 * struct ewc_derg - options; "" for what was not said
 */
struct ewc_derg {
	char derg[1024];
	char ca[PATH_MAX];
	char tenant[160];
	char client_cert[PATH_MAX];
	char client_key[PATH_MAX];
	char order_cert[PATH_MAX];
	char order_key[PATH_MAX];
	char receipt_cert[PATH_MAX];
};

/* For getopt_long(); the values are told to ewc_derg_option(). */
#define EWC_DERG_OPTIONS						\
	{ "derg", required_argument, NULL, 256 },			\
	{ "ca", required_argument, NULL, 257 },				\
	{ "tenant", required_argument, NULL, 258 },			\
	{ "client-cert", required_argument, NULL, 259 },		\
	{ "client-key", required_argument, NULL, 260 },			\
	{ "order-cert", required_argument, NULL, 261 },			\
	{ "order-key", required_argument, NULL, 262 }

/* Defaults and ewc.conf; a file that is not there is no error. */
int ewc_derg_defaults(struct ewc_derg *d, struct erot_error *err);

/* 0: it was one of ours; -EINVAL: too long; -ENOENT: not ours. */
int ewc_derg_option(struct ewc_derg *d, int option, const char *value);

/* A request to the tenant's part of the service; @path behind "/v1/tenants/T/". */
int ewc_derg_call(const struct ewc_derg *d, const char *method, const char *path,
		  const json_t *body, json_t **answer, struct erot_error *err);

/* Base64 of a file into a JSON object. */
int ewc_set_file(json_t *json, const char *name, const char *path, struct erot_error *err);
int ewc_set_bytes(json_t *json, const char *name, const void *data, size_t len,
		  struct erot_error *err);

#endif
