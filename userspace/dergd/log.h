/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transparency log in the database: C2SP tlog-tiles over RFC 6962's tree.
 *
 * An entry is integrated when its transaction commits: entry, hashes of the tree and running
 * numbers are written with the decision that they record. Only what is committed is ever signed, so
 * that no signed checkpoint can be taken back: the signature is made when an answer asks for a
 * proof, and covers everything committed until then. Any number of processes may share one
 * database: the same tree and key give the same checkpoint.
 *
 *	db_transaction(db, DB_RESUME, decide, ...)	calls log_append()
 *	log_prove(log, db, index, ...)			checkpoint and inclusion proof
 *	answer
 */
#ifndef DERGD_LOG_H
#define DERGD_LOG_H

#include <linux/erot_format.h>

#include "common/buf.h"
#include "dergd/db.h"
#include "liberot/logentry.h"
#include "liberot/note.h"
#include "liberot/tlog.h"

#define LOG_KEY		"erot-log"	/* label of the note key on the token */

/**
 * typedef log_sign - Ed25519 over @text; called with the log's lock held, one at a time
 *
 * Return: 0 or a negative errno.
 */
typedef int (*log_sign)(void *ctx, const void *text, size_t len, uint8_t sig[64],
			struct erot_error *err);

/* Seconds that the clock may have been ahead; what was further is not waited for. */
#define LOG_AHEAD_MAX	86400

struct log;

/**
 * log_open() - for all threads of a process
 * @db:  schema made
 * @key: name (the log's origin) and public key
 * @sign: with the private key
 * @ctx: for @sign
 * @log: to be closed with log_close()
 * @err: "log-origin": the database holds the log of another name; "log-rewritten"
 *
 * The first one to open a database fixes the log's name.
 *
 * Return: 0 or a negative errno.
 */
int log_open(struct db *db, const struct erot_note_key *key, log_sign sign, void *ctx,
	     struct log **log, struct erot_error *err);
/* @db: the newest checkpoint is stored there; NULL: it is not. @log may be NULL. */
void log_close(struct log *log, struct db *db);

/**
 * log_stream() - begin the stream of a tenant
 * @db: inside a transaction
 * @stream: filled with 32 random bytes, for the column tenant.stream
 */
int log_stream(struct db *db, uint8_t stream[EROT_DIGEST_SIZE], struct erot_error *err);

/**
 * struct log_new - an entry to be
 * @kind:    enum erot_log_kind
 * @time:    seconds since 1970; log_append() makes it that of the entry
 * @tenant:  name, or NULL: the provider's own
 * @subject: digest that it can be found by (receipt, statement, machine), or NULL
 * @content: what the commitment covers
 * @len:     bytes
 */
struct log_new {
	uint32_t kind;
	uint64_t time;
	const char *tenant;
	const uint8_t *subject;
	const void *content;
	size_t len;
};

/**
 * log_append() - integrate an entry
 * @db:    inside a transaction that writes
 * @new:   see above
 * @index: filled: its place in the log; valid once the transaction has committed
 * @err:   "log-tenant": no such tenant
 *
 * Time in the log does not go back, as an audit demands: where the clock was set back, or another
 * process with one that is ahead has written last, the entry has the time of the one before it.
 *
 * A clock that was ahead for more than LOG_AHEAD_MAX is not followed: one that once was in another
 * century would make every receipt expired for good. Launches of the time when it is set right then
 * fail their audit, and no later ones.
 *
 * Return: 0 or a negative errno.
 */
int log_append(struct db *db, struct log_new *new, uint64_t *index,
	       struct erot_error *err);

/**
 * struct log_record - an entry with what opens its commitment
 * @index:   place in the log
 * @subject: zeros where there is none
 * @entry:   the leaf
 * @salt:    of the commitment
 * @content: owned
 * @len:     bytes
 */
struct log_record {
	uint64_t index;
	uint8_t subject[EROT_DIGEST_SIZE];
	struct erot_log_entry entry;
	uint8_t salt[EROT_LOG_SALT_SIZE];
	uint8_t *content;
	size_t len;
};

/* Reads one entry; inside a transaction. -ENOENT, "log-index". Free @record->content. */
int log_read(struct db *db, uint64_t index, struct log_record *record, struct erot_error *err);

/* Calls @each with every entry of a tenant and subject, oldest first; inside a transaction. */
int log_find(struct db *db, const char *tenant, const uint8_t subject[EROT_DIGEST_SIZE],
	     int (*each)(void *ctx, const struct log_record *record), void *ctx,
	     struct erot_error *err);

/**
 * log_checkpoint() - signed checkpoint of everything committed
 * @log: open
 * @db:  no transaction running
 * @note: appended to: text of the signed note
 * @err: "log-rewritten": the database contradicts a checkpoint that was signed before, and nothing
 *	 will be signed
 *
 * Return: 0 or a negative errno.
 */
int log_checkpoint(struct log *log, struct db *db, struct erot_buf *note, struct erot_error *err);

/**
 * log_prove() - what an answer carries
 * @log:   open
 * @db:    no transaction running
 * @index: of a committed entry
 * @proof: appended to: C2SP tlog-proof (text: index, inclusion proof, checkpoint)
 * @err:   as log_checkpoint(), "log-index"
 *
 * Return: 0 or a negative errno.
 */
int log_prove(struct log *log, struct db *db, uint64_t index, struct erot_buf *proof,
	      struct erot_error *err);

/* Inclusion proof in the tree of @size entries, and consistency proof; inside a transaction. */
int log_inclusion(struct db *db, uint64_t index, uint64_t size, struct erot_tlog_proof *proof,
		  struct erot_error *err);
int log_consistency(struct db *db, uint64_t old_size, uint64_t size,
		    struct erot_tlog_proof *proof, struct erot_error *err);
/* Entries integrated, and the root of the first @size of them; inside a transaction. */
int log_size(struct db *db, uint64_t *size, struct erot_error *err);
int log_root(struct db *db, uint64_t size, uint8_t root[EROT_DIGEST_SIZE],
	     struct erot_error *err);

/**
 * log_tile() - answer to a GET below /v1/log/
 * @db:   no transaction running
 * @path: behind "tile/": "<L>/<N>[.p/<W>]" or "entries/<N>[.p/<W>]", as C2SP tlog-tiles has it
 * @out:  appended to: the bytes, application/octet-stream, immutable
 * @err:  "log-path": malformed (answer 400); "log-tile": not there (404)
 *
 * Return: 0, -EINVAL, -ENOENT or another negative errno.
 */
int log_tile(struct db *db, const char *path, struct erot_buf *out, struct erot_error *err);

#endif
