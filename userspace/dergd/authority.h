/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The DERG's keys and memory, as its decisions use them: the same at the command line and behind
 * HTTPS. Decisions are one noun a file: tenant, epoch, client, policies, machine, enrol, statement,
 * receipt, challenge, release, ending, unaccounted, bundle.
 *
 * A decision reads and writes in one transaction; what the HSM does for it is done before, outside
 * of any transaction that writes; the entry in the transparency log is part of the transaction. An
 * answer leaves when the transaction has been committed, never before.
 */
#ifndef DERGD_AUTHORITY_H
#define DERGD_AUTHORITY_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "dergd/certs.h"
#include "dergd/config.h"
#include "dergd/db.h"
#include "dergd/hsm.h"
#include "dergd/log.h"
#include "liberot/ek.h"
#include "liberot/grant.h"

#define DERG_RECEIPT_KEY	"erot-receipt"
#define DERG_CONFIG_FILE	"derg.conf"
#define DERG_CERT_FILE		"receipt-cert.der"
#define DERG_LOG_CERT_FILE	"log-cert.der"

/**
 * struct authority - what all threads share
 * @config: from derg.conf
 * @hsm: open, logged in; serialises by itself
 * @cert: of the receipt key
 * @log_cert: of the log's key, by the receipt key
 * @log_key: name and public key of the log
 * @db: for opening and closing only
 * @log: open
 * @group: of the threads' connections
 * @certs: of customers
 * @ek_roots: NULL: no TPM can be enrolled
 */
struct authority {
	struct derg_config config;
	struct hsm hsm;
	X509 *cert;
	X509 *log_cert;
	struct erot_note_key log_key;
	struct db *db;
	struct log *log;
	struct db_group *group;
	struct certs *certs;
	struct erot_ek_roots *ek_roots;
};

/**
 * struct derg - one thread's hold on it
 * @a: shared
 * @db: this thread's
 */
struct derg {
	struct authority *a;
	struct db *db;
};

/**
 * authority_open() - open a DERG
 * @a:   filled; authority_close() it also after a failure
 * @dir: made by derg_init()
 * @err: "not-found", "config-...", "db-...", "hsm-...", "log-...", "ek-roots", "certificate"
 *
 * Return: 0 or a negative errno.
 */
int authority_open(struct authority *a, const char *dir, struct erot_error *err);
void authority_close(struct authority *a);

/* A thread's connection. Close it also after a failure. */
int derg_open(struct derg *d, struct authority *a, struct erot_error *err);
void derg_close(struct derg *d);

/* CMS by the receipt key; @cms is to be freed. */
int derg_sign(struct derg *d, const void *content, size_t len, uint8_t **cms, size_t *cms_len,
	      struct erot_error *err);

/* Is it ours? Content of a CMS by the receipt key, to be freed: "cms-...". */
int derg_verify(struct derg *d, const void *cms, size_t cms_len, uint8_t **content, size_t *len,
		struct erot_error *err);

/* An entry of the tenant's stream; inside a transaction. @subject may be NULL. */
int derg_record(struct db *db, const char *tenant, uint32_t kind, const uint8_t *subject,
		uint64_t now, const void *content, size_t len, uint64_t *index,
		struct erot_error *err);

/* The same of JSON, whose reference is taken; compact, members in the order given. */
int derg_record_json(struct db *db, const char *tenant, uint32_t kind, const uint8_t *subject,
		     uint64_t now, json_t *content, uint64_t *index, struct erot_error *err);

#endif
