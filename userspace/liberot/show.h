/* SPDX-License-Identifier: GPL-2.0-only */
/* Anything this project signs, seals or stores, for people to read. */
#ifndef EROT_LIBEROT_SHOW_H
#define EROT_LIBEROT_SHOW_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stddef.h>

#include "common/error.h"

int erot_describe(const void *data, size_t len, X509 *signer, json_t **out,
		  struct erot_error *err);
/* "show [--json] [--cert CERT] FILE" of a command-line tool: returns an exit code. */
int erot_show_command(int argc, char **argv);
int erot_show_object(const json_t *o, int json, struct erot_error *err);
int erot_show(const void *data, size_t len, X509 *signer, int json, struct erot_error *err);

#endif
