/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EWC_H
#define EWC_H

#include <limits.h>
#include <openssl/x509.h>

#include "common/cli.h"
#include "liberot/envelope.h"
#include "liberot/grant.h"

/**
 * struct ewc_key - what only the customer has; in memory of erot_secret_alloc()
 * @content_key: of the payload
 * @salt: of the payload
 * @image_len: bytes
 */
struct ewc_key {
	uint8_t content_key[EROT_KEY_SIZE];
	uint8_t salt[EROT_SALT_SIZE];
	uint64_t image_len;
};

/**
 * struct ewc_prepare - a payload to be made
 * @source: directory or tar file
 * @manifest: template
 * @payload: file to make
 * @key: file to make
 * @finished: manifest with the code hash, to make
 */
struct ewc_prepare {
	const char *source;
	const char *manifest;
	const char *payload;
	const char *key;
	const char *finished;
};

/**
 * struct ewc_seal - an envelope to be made
 * @statement: key statement, CMS
 * @cert: of the DERG's receipt key, or NULL: the signature is not checked
 * @payload: file; or an EWC in one file
 * @key: file
 * @manifest: finished
 * @out: file to make
 * @one_file: payload behind the envelope
 * @machine: id that the statement must name, in hexadecimal, or NULL: any
 */
struct ewc_seal {
	const char *statement;
	const char *cert;
	const char *payload;
	const char *key;
	const char *manifest;
	const char *out;
	int one_file;
	const char *machine;
};

/**
 * struct ewc_order - an order to be made
 * @statement: key statement, CMS
 * @ewc: file with the envelope
 * @key: PEM
 * @cert: of it
 * @derg: certificate of the receipt key, or NULL
 * @out: file to make
 */
struct ewc_order {
	const char *statement, *ewc, *key, *cert, *derg, *out;
};

/* keyfile.c */
int ewc_key_write(const char *path, const struct ewc_key *key, struct erot_error *err);
int ewc_key_read(const char *path, struct ewc_key *key, struct erot_error *err);

/* guard.c */
int ewc_guard(int (*work)(void *ctx, const char *tmp), void *ctx, const char *unfinished);

/* image.c, tar.c */
int ewc_image_make(const char *source, const char *tmp, int *fd, struct erot_error *err);
int ewc_tar_extract(const char *tar, const char *dir, struct erot_error *err);

/* run.c */
int ewc_run(char *const argv[], int keep_fd, int err_fd, struct erot_error *err);

/* progress.c */
void ewc_progress(void *ctx, uint64_t done, uint64_t total);
void ewc_progress_end(void);

/* files.c */
int ewc_open_envelope(const char *path, int *fd, uint8_t **env, struct erot_envelope_info *info,
		      struct erot_error *err);
int ewc_open_payload(const char *path, int *fd, uint64_t *off, struct erot_error *err);
int ewc_read_signed(const char *path, X509 *cert, uint8_t **content, size_t *len,
		    struct erot_error *err);
int ewc_read_receipt(const char *path, uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err);
int ewc_read_checkpoint(const char *path, char **note, size_t *len, struct erot_error *err);

int ewc_prepare(const struct ewc_prepare *p);
int ewc_seal(const struct ewc_seal *s);
int ewc_order(const struct ewc_order *a, struct erot_error *err);

int cmd_prepare(int argc, char **argv);
int cmd_seal(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_order(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_fetch(int argc, char **argv);
int cmd_audit(int argc, char **argv);

#endif
