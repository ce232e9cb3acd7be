/* SPDX-License-Identifier: GPL-2.0-only */
/* A log with a key of the test's own. */
#ifndef DERGD_TEST_LOG_H
#define DERGD_TEST_LOG_H

#include "liberot/test_oracle.h"

#include <openssl/evp.h>

#include "dergd/log.h"
#include "dergd/test_database.h"
#include "liberot/crypto.h"

#define LOG_NAME	"derg.example/log"

static EVP_PKEY *log_sk;
static struct erot_note_key log_key;
static unsigned int log_signatures;

static inline void log_make_key(void)
{
	uint8_t pk[32];
	size_t len = 32;

	log_sk = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!log_sk || EVP_PKEY_get_raw_public_key(log_sk, pk, &len) != 1 ||
	    erot_note_key(LOG_NAME, pk, &log_key, &err))
		test_bail("no key");
}

static inline int log_test_sign(void *ctx, const void *text, size_t len, uint8_t sig[64],
				struct erot_error *e)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t n = 64;
	int good;

	(void)ctx;
	log_signatures++;
	good = EVP_DigestSignInit(md, NULL, NULL, NULL, log_sk) == 1 &&
	       EVP_DigestSign(md, sig, &n, text, len) == 1;
	EVP_MD_CTX_free(md);
	return good ? 0 : erot_fail(e, EIO, "crypto", "test key");
}

static inline struct log *log_must_open(struct db *db)
{
	struct log *log;

	if (log_open(db, &log_key, log_test_sign, NULL, &log, &err)) {
		printf("# %s: %s\n", err.code, err.text);
		test_bail("cannot open the log");
	}
	return log;
}

static inline int log_new_tenant(struct db *db, void *ctx, struct erot_error *e)
{
	uint8_t stream[32];
	const char *name = ctx;

	return log_stream(db, stream, e) ?:
	       db_run(db, e, NULL, "INSERT INTO tenant (name, digest, stream, created) "
		      "VALUES ($1, $2, $2, 1)", DB_ARGS(db_text(name), db_blob(stream, 32)));
}

/**
 * struct append - entries of one transaction
 * @tenant: NULL: the provider's
 * @count:  of them
 * @number: stands in their contents and subjects
 * @index:  filled: of the last one
 * @fail:   the callback refuses in the end
 */
struct append {
	const char *tenant;
	unsigned int count;
	uint64_t number;
	uint64_t index;
	int fail;
};

static inline int log_appends(struct db *db, void *ctx, struct erot_error *e)
{
	uint8_t subject[32] = { 0 };
	struct append *a = ctx;
	struct log_new new = { .kind = EROT_LOG_RELEASE, .time = 1700000000, .subject = subject,
			       .tenant = a->tenant };
	unsigned int i;
	char text[64];
	int ret = 0;

	for (i = 0; i < a->count && !ret; i++) {
		uint64_t n = a->number + i;

		memcpy(subject, &n, sizeof(n));
		new.len = (size_t)snprintf(text, sizeof(text), "{\"number\":%llu}",
					   (unsigned long long)n);
		new.content = text;
		ret = log_append(db, &new, &a->index, e);
	}
	if (!ret && a->fail)
		ret = erot_fail(e, EACCES, "test-refused", "no");
	return ret;
}

static inline uint64_t log_add(struct db *db, const char *tenant, unsigned int count,
			       uint64_t number)
{
	struct append a = { .tenant = tenant, .count = count, .number = number };

	if (db_transaction(db, 0, log_appends, &a, &err)) {
		printf("# %s: %s\n", err.code, err.text);
		test_bail("cannot append");
	}
	return a.index;
}

struct leaf_of {
	uint64_t index;
	uint8_t leaf[32];
};

static inline int log_read_leaf(struct db *db, void *ctx, struct erot_error *e)
{
	struct leaf_of *l = ctx;
	struct log_record r;
	int ret = log_read(db, l->index, &r, e);

	if (ret)
		return ret;
	free(r.content);
	return erot_tlog_leaf(&r.entry, sizeof(r.entry), l->leaf);
}

static inline int log_leaf(struct db *db, uint64_t index, uint8_t leaf[32])
{
	struct leaf_of l = { .index = index };
	int ret = db_transaction(db, DB_READ, log_read_leaf, &l, &err);

	memcpy(leaf, l.leaf, 32);
	return ret;
}

/* ---- the log as files, for the oracle */

static inline void make_parents(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

static inline int export_tile(struct db *db, const char *dir, const struct erot_tlog_tile *t)
{
	char path[512], name[EROT_TLOG_PATH_MAX];
	struct erot_buf out = { 0 };
	int ret;

	erot_tlog_tile_path(t, name);
	snprintf(path, sizeof(path), "%s/tile/%s", dir, name);
	make_parents(path);
	ret = log_tile(db, name, &out, &err) ||
	      erot_write_file(path, out.data, out.len, 0600, &err);
	erot_buf_free(&out);
	return ret;
}

/* Everything that a client would fetch for the checkpoint. */
static inline int log_export(struct log *log, struct db *db, const char *dir, uint64_t *size)
{
	struct erot_tlog_tile t = { .entries = 1 };
	struct erot_buf note = { 0 };
	struct erot_checkpoint cp;
	char path[512];
	uint64_t width;
	int ret;

	snprintf(path, sizeof(path), "%s/checkpoint", dir);
	make_parents(path);
	ret = log_checkpoint(log, db, &note, &err) ||
	      erot_checkpoint_open(note.data, note.len, &log_key, &cp, &err) ||
	      erot_write_file(path, note.data, note.len, 0600, &err);
	erot_buf_free(&note);
	if (ret)
		return ret;
	for (*size = width = cp.size; width && !ret;) {
		for (t.index = 0; t.index * 256 < width && !ret; t.index++) {
			t.width = width - t.index * 256 < 256 ?
				  (unsigned int)(width - t.index * 256) : 256;
			ret = export_tile(db, dir, &t);
		}
		if (t.entries) {
			t.entries = 0;
		} else {
			t.level++;
			width /= 256;
		}
	}
	return ret;
}

/* Exports, has the oracle check all of it; its answer, to be freed, or NULL. */
static inline char *log_audit(struct log *log, struct db *db, const char *dir, uint64_t *size)
{
	char vkey[EROT_VKEY_MAX], *out = NULL;

	if (log_export(log, db, dir, size) || erot_vkey_format(&log_key, vkey, &err)) {
		printf("# %s: %s\n", err.code, err.text);
		return NULL;
	}
	if (oracle(ORACLE("log", vkey, (char *)dir), "", 0, &out)) {
		free(out);
		return NULL;
	}
	return out;
}

/* The oracle reads @want entries, and all that they must be. */
__attribute__((unused)) static bool log_is_whole(struct log *log, struct db *db,
						 const struct test_base *b, uint64_t want)
{
	char dir[128], *out;
	uint64_t size = 0;
	bool good;

	snprintf(dir, sizeof(dir), "%s/%s-%llu", b->dir, backend, (unsigned long long)want);
	out = log_audit(log, db, dir, &size);
	good = out && size == want && strtoull(out, NULL, 10) == want;
	free(out);
	return good;
}

#endif
