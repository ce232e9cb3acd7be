// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signing the log, and what answers carry. Only what is committed is signed: a transaction that
 * fails must not leave a signature over a tree that never was.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "dergd/log.h"
#include "dergd/log_priv.h"

#define STORE_SECONDS	1	/* the newest checkpoint is stored so often, not with each answer */

/**
 * struct log - one for all threads
 * @key:    name and public key
 * @sign:   with the private key
 * @ctx:    for @sign
 * @lock:   over what follows
 * @last:   newest checkpoint that was signed, here or by whoever stored it; origin "": none
 * @note:   its signed note; empty where it was only read
 * @stored: size of the newest stored one
 * @when:   monotonic seconds at which it was stored
 */
struct log {
	struct erot_note_key key;
	log_sign sign;
	void *ctx;
	pthread_mutex_t lock;
	struct erot_checkpoint last;
	struct erot_buf note;
	uint64_t stored;
	time_t when;
};

static int rewritten(struct erot_error *err, uint64_t size)
{
	return erot_fail(err, EUCLEAN, "log-rewritten", "the log contradicts the checkpoint of "
			 "%llu entries that was signed",
			 (unsigned long long)size);
}

#define NO_ENTRY	UINT64_MAX

/**
 * struct view - a tree that is to be signed, and a proof in it, from one snapshot
 * @last:  what it must continue
 * @index: of the entry that is to be proved, or NO_ENTRY
 * @now:   filled
 * @proof: filled
 */
struct view {
	struct erot_checkpoint last;
	uint64_t index;
	struct erot_checkpoint now;
	struct erot_tlog_proof proof;
};

static int read_view(struct db *db, void *ctx, struct erot_error *err)
{
	uint8_t root[EROT_DIGEST_SIZE];
	struct view *v = ctx;
	int ret;

	ret = log_size(db, &v->now.size, err);
	if (!ret)
		ret = erot_tlog_root(v->now.size, log_nodes_fetch, db, v->now.root, err);
	if (!ret && v->index != NO_ENTRY)
		ret = erot_tlog_prove_inclusion(v->index, v->now.size, log_nodes_fetch, db,
						&v->proof, err);
	if (ret || !v->last.origin[0])
		return ret;
	if (v->last.size > v->now.size)
		return rewritten(err, v->last.size);
	ret = erot_tlog_root(v->last.size, log_nodes_fetch, db, root, err);
	if (!ret && memcmp(root, v->last.root, sizeof(root)))
		ret = rewritten(err, v->last.size);
	return ret;
}

static int sign_now(struct log *log, struct erot_checkpoint *cp, struct erot_error *err)
{
	struct erot_buf text = { 0 }, note = { 0 };
	uint8_t sig[EROT_ED25519_SIZE];
	struct erot_checkpoint check;
	int ret;

	memcpy(cp->origin, log->key.name, sizeof(cp->origin));
	ret = erot_checkpoint_format(cp, &text, err);
	if (!ret)
		ret = log->sign(log->ctx, text.data, text.len, sig, err);
	if (!ret)
		ret = erot_note_format(text.data, text.len, &log->key, sig, &note, err);
	/* a helper that signs with another key must not be found out by the customer */
	if (!ret)
		ret = erot_checkpoint_open(note.data, note.len, &log->key, &check, err);
	erot_buf_free(&text);
	if (ret) {
		erot_buf_free(&note);
		return ret;
	}
	log->last = *cp;
	erot_buf_free(&log->note);
	log->note = note;
	return 0;
}

static int store(struct db *db, void *ctx, struct erot_error *err)
{
	struct log *log = ctx;
	char note[1024];
	int ret;

	if (log->note.len >= sizeof(note))
		return erot_fail(err, EINVAL, "note-format", "a checkpoint that long");
	memcpy(note, log->note.data, log->note.len);
	note[log->note.len] = '\0';
	/* only the newest is kept: it commits to all before it */
	ret = db_run(db, err, NULL, "DELETE FROM log_checkpoint WHERE size < $1",
		     DB_ARGS(db_int((int64_t)log->last.size)));
	if (ret)
		return ret;
	return db_run(db, err, NULL, "INSERT INTO log_checkpoint (size, root, note) "
		      "SELECT $1, $2, $3 WHERE NOT EXISTS "
		      "(SELECT 1 FROM log_checkpoint WHERE size >= $1)",
		      DB_ARGS(db_int((int64_t)log->last.size),
			      db_blob(log->last.root, sizeof(log->last.root)), db_text(note)));
}

/*
 * It is remembered so that a later process notices a log that was rewritten. Failing to do so takes
 * nothing from the answer that waits; it is tried again with the next one.
 */
static void store_sometimes(struct log *log, struct db *db, bool now)
{
	struct timespec t = { 0 };
	struct erot_error err;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (!log->note.len || log->stored == log->last.size ||
	    (!now && log->when && t.tv_sec < log->when + STORE_SECONDS))
		return;
	log->when = t.tv_sec;
	if (!db_transaction(db, DB_RESUME, store, log, &err))
		log->stored = log->last.size;
}

/* Makes log->note cover what @v sees of the database. Under the lock. */
static int cover(struct log *log, struct db *db, struct view *v, struct erot_error *err)
{
	int ret;

	v->last = log->last;
	ret = db_transaction(db, DB_READ, read_view, v, err);
	if (ret || (log->note.len && log->last.size == v->now.size))
		return ret;
	ret = sign_now(log, &v->now, err);
	if (!ret)
		store_sometimes(log, db, false);
	return ret;
}

int log_checkpoint(struct log *log, struct db *db, struct erot_buf *note, struct erot_error *err)
{
	struct view v = { .index = NO_ENTRY };
	int ret;

	pthread_mutex_lock(&log->lock);
	ret = cover(log, db, &v, err);
	if (!ret)
		erot_buf_add(note, log->note.data, log->note.len);
	pthread_mutex_unlock(&log->lock);
	return ret ?: erot_buf_done(note, err);
}

/* For who has waited while another one signed: its entry is covered by that. */
static int read_proof(struct db *db, void *ctx, struct erot_error *err)
{
	struct view *v = ctx;

	return erot_tlog_prove_inclusion(v->index, v->now.size, log_nodes_fetch, db, &v->proof,
					 err);
}

int log_prove(struct log *log, struct db *db, uint64_t index, struct erot_buf *proof,
	      struct erot_error *err)
{
	struct view v = { .index = index };
	struct erot_buf note = { 0 };
	bool covered;
	int ret;

	pthread_mutex_lock(&log->lock);
	covered = log->note.len && log->last.size > index;
	ret = covered ? 0 : cover(log, db, &v, err);
	if (!ret) {
		v.now = log->last;
		erot_buf_add(&note, log->note.data, log->note.len);
	}
	pthread_mutex_unlock(&log->lock);
	if (!ret)
		ret = erot_buf_done(&note, err);
	if (!ret && covered)
		ret = db_transaction(db, DB_READ, read_proof, &v, err);
	if (!ret)
		ret = erot_proof_format(index, &v.proof, note.data, note.len, proof, err);
	erot_buf_free(&note);
	return ret;
}

/* ---- beginning and end */

static int begin_log(struct db *db, const char *name, struct erot_error *err)
{
	static const uint8_t provider[EROT_DIGEST_SIZE];
	int ret;

	ret = db_run(db, err, NULL,
		     "INSERT INTO log_head (one, origin, size, peaks) VALUES (1, $1, 0, $2)",
		     DB_ARGS(db_text(name), db_blob("", 0)));
	return ret ?: log_add_stream(db, provider, err);
}

static int open_log(struct db *db, void *ctx, struct erot_error *err)
{
	struct log *log = ctx;
	struct db_rows *rows;
	char origin[EROT_NOTE_NAME_MAX + 1] = "";
	const char *text;
	bool found;
	int ret;

	memset(&log->last, 0, sizeof(log->last));
	db_query(db, err, &rows, "SELECT origin FROM log_head", DB_NO_ARGS);
	found = db_next(rows);
	text = found ? db_get_text(rows, 0) : NULL;
	if (text)
		strncpy(origin, text, sizeof(origin) - 1);
	ret = db_end(rows, err);
	if (ret)
		return ret;
	if (!found)
		return begin_log(db, log->key.name, err);
	if (strcmp(origin, log->key.name))
		return erot_fail(err, EINVAL, "log-origin", "the database holds the log \"%s\", "
				 "not \"%s\"", origin, log->key.name);
	db_query(db, err, &rows, "SELECT size, root FROM log_checkpoint ORDER BY size DESC LIMIT 1",
		 DB_NO_ARGS);
	if (db_next(rows)) {
		log->last.size = (uint64_t)db_get_int(rows, 0);
		db_get_copy(rows, 1, log->last.root, sizeof(log->last.root));
		memcpy(log->last.origin, origin, sizeof(origin));
	}
	return db_end(rows, err);
}

int log_open(struct db *db, const struct erot_note_key *key, log_sign sign, void *ctx,
	     struct log **out, struct erot_error *err)
{
	struct log *log = calloc(1, sizeof(*log));
	struct view v = { .index = NO_ENTRY };
	int ret;

	*out = NULL;
	if (!log)
		return erot_fail(err, ENOMEM, "no-memory", "log");
	log->key = *key;
	log->sign = sign;
	log->ctx = ctx;
	pthread_mutex_init(&log->lock, NULL);
	ret = db_transaction(db, DB_RESUME, open_log, log, err);
	if (!ret) {
		log->stored = log->last.size;
		v.last = log->last;
		ret = db_transaction(db, DB_READ, read_view, &v, err);
	}
	if (ret)
		log_close(log, NULL);
	else
		*out = log;
	return ret;
}

void log_close(struct log *log, struct db *db)
{
	if (!log)
		return;
	if (db)
		store_sometimes(log, db, true);
	erot_buf_free(&log->note);
	pthread_mutex_destroy(&log->lock);
	free(log);
}
