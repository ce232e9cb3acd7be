/* SPDX-License-Identifier: GPL-2.0-only */
/* Making a DERG: a directory with derg.conf, its token, its certificate and its database. */
#ifndef DERGD_DERG_INIT_H
#define DERGD_DERG_INIT_H

#include <stdbool.h>

#include "common/error.h"

/**
 * struct derg_init - how a new DERG is made
 * @dir: absolute path, made; or there and empty
 * @uri: token to use; NULL: a SoftHSM2 token inside @dir
 * @module: absolute path of SoftHSM2's module
 * @database: URL; NULL: SQLite inside @dir
 * @ek_roots: PEM file of certificates; NULL: none
 * @attested: releases need quotes under a policy
 * @open_mode: do not demand attested mode of hosts
 * @name: common name in the receipt key's certificate
 * @log_name: origin of the log; NULL: a random one
 */
struct derg_init {
	const char *dir;
	const char *uri;
	const char *module;
	const char *database;
	const char *ek_roots;
	bool attested;
	bool open_mode;
	const char *name;
	const char *log_name;
};

/**
 * derg_init() - make a DERG: token, receipt key and certificate, log key, database, tenant
 * "default" with its first epoch
 * @in: how
 * @err: "exists" where the directory is not empty
 *
 * After a failure the directory stays as it is, to be looked at and removed.
 *
 * Return: 0 or a negative errno.
 */
int derg_init(const struct derg_init *in, struct erot_error *err);

#endif
