// SPDX-License-Identifier: GPL-2.0-only
/* What can be read from the log: entries, hashes, proofs, tiles. */
#include <errno.h>
#include <stdlib.h>

#include "dergd/log.h"
#include "dergd/log_priv.h"

int log_size(struct db *db, uint64_t *size, struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	*size = 0;
	db_query(db, err, &rows, "SELECT size FROM log_head", DB_NO_ARGS);
	if (db_next(rows))
		*size = (uint64_t)db_get_int(rows, 0);
	ret = db_end(rows, err);
	if (!ret && *size > EROT_TLOG_SIZE_MAX)
		ret = erot_fail(err, EUCLEAN, "db-corrupt", "size of the log");
	return ret;
}

static int at_most(struct db *db, uint64_t size, struct erot_error *err)
{
	uint64_t now;
	int ret = log_size(db, &now, err);

	if (!ret && size > now)
		ret = erot_fail(err, EINVAL, "log-index", "the log has %llu entries, not %llu",
				(unsigned long long)now, (unsigned long long)size);
	return ret;
}

int log_root(struct db *db, uint64_t size, uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err)
{
	int ret = at_most(db, size, err);

	return ret ?: erot_tlog_root(size, log_nodes_fetch, db, root, err);
}

int log_inclusion(struct db *db, uint64_t index, uint64_t size, struct erot_tlog_proof *proof,
		  struct erot_error *err)
{
	int ret = at_most(db, size, err);

	return ret ?: erot_tlog_prove_inclusion(index, size, log_nodes_fetch, db, proof, err);
}

int log_consistency(struct db *db, uint64_t old_size, uint64_t size,
		    struct erot_tlog_proof *proof, struct erot_error *err)
{
	int ret = at_most(db, size, err);

	return ret ?: erot_tlog_prove_consistency(old_size, size, log_nodes_fetch, db, proof, err);
}

/* ---- entries */

static int take_record(struct db_rows *rows, struct log_record *r, struct erot_error *err)
{
	const void *content;

	memset(r, 0, sizeof(*r));
	r->index = (uint64_t)db_get_int(rows, 0);
	if (!db_is_null(rows, 1))
		db_get_copy(rows, 1, r->subject, sizeof(r->subject));
	db_get_copy(rows, 2, &r->entry, sizeof(r->entry));
	db_get_copy(rows, 3, r->salt, sizeof(r->salt));
	content = db_get_blob(rows, 4, &r->len);
	r->content = malloc(r->len + 1);
	if (!r->content)
		return erot_fail(err, ENOMEM, "no-memory", "entry of the log");
	if (content)
		memcpy(r->content, content, r->len);
	r->content[r->len] = 0;
	return 0;
}

int log_read(struct db *db, uint64_t index, struct log_record *record, struct erot_error *err)
{
	struct db_rows *rows;
	bool found;
	int ret, end;

	memset(record, 0, sizeof(*record));
	ret = db_query(db, err, &rows, "SELECT idx, subject, entry, salt, content FROM log_entry "
		       "WHERE idx = $1", DB_ARGS(db_int((int64_t)index)));
	found = db_next(rows);
	if (found)
		ret = take_record(rows, record, err);
	end = db_end(rows, err);
	ret = ret ?: end;
	if (!ret && !found)
		ret = erot_fail(err, ENOENT, "log-index", "the log has no entry %llu",
				(unsigned long long)index);
	if (ret) {
		free(record->content);
		record->content = NULL;
	}
	return ret;
}

int log_find(struct db *db, const char *tenant, const uint8_t subject[EROT_DIGEST_SIZE],
	     int (*each)(void *ctx, const struct log_record *record), void *ctx,
	     struct erot_error *err)
{
	struct log_record record;
	struct db_rows *rows;
	int ret, end;

	ret = db_query(db, err, &rows, "SELECT e.idx, e.subject, e.entry, e.salt, e.content "
		       "FROM log_entry e JOIN tenant t ON t.stream = e.stream "
		       "WHERE t.name = $1 AND e.subject = $2 ORDER BY e.idx",
		       DB_ARGS(db_text(tenant), db_blob(subject, EROT_DIGEST_SIZE)));
	while (!ret && db_next(rows)) {
		ret = take_record(rows, &record, err);
		if (!ret)
			ret = each(ctx, &record);
		free(record.content);
	}
	end = db_end(rows, err);
	return ret ?: end;
}

/* ---- tiles */

static void add_hash(void *ctx, const uint8_t hash[EROT_DIGEST_SIZE])
{
	erot_buf_add(ctx, hash, EROT_DIGEST_SIZE);
}

static int add_hashes(struct db *db, const struct erot_tlog_tile *tile, struct erot_buf *out,
		      struct erot_error *err)
{
	uint64_t first = EROT_TLOG_NODE(tile->level * EROT_TLOG_TILE_HEIGHT,
					tile->index * EROT_TLOG_TILE_WIDTH);

	return log_nodes_leaves(db, first, tile->width, add_hash, out, err);
}

static int add_entries(struct db *db, const struct erot_tlog_tile *tile, struct erot_buf *out,
		       struct erot_error *err)
{
	int64_t first = (int64_t)(tile->index * EROT_TLOG_TILE_WIDTH);
	struct db_rows *rows;
	const void *entry;
	unsigned int n;
	size_t len;
	int ret;

	db_query(db, err, &rows, "SELECT entry FROM log_entry WHERE idx >= $1 AND idx < $2 "
		 "ORDER BY idx", DB_ARGS(db_int(first), db_int(first + tile->width)));
	for (n = 0; db_next(rows); n++) {
		entry = db_get_blob(rows, 0, &len);
		if (!entry || len > UINT16_MAX)
			break;
		erot_buf_u8(out, (uint8_t)(len >> 8));	/* big-endian, as C2SP has it */
		erot_buf_u8(out, (uint8_t)len);
		erot_buf_add(out, entry, len);
	}
	ret = db_end(rows, err);
	if (!ret && n != tile->width)
		ret = erot_fail(err, EUCLEAN, "db-corrupt", "entries of the log are missing");
	return ret;
}

/**
 * struct tile_request - for read_tile()
 * @tile: which
 * @out:  appended to
 */
struct tile_request {
	struct erot_tlog_tile tile;
	struct erot_buf *out;
};

static int read_tile(struct db *db, void *ctx, struct erot_error *err)
{
	struct tile_request *r = ctx;
	const struct erot_tlog_tile *t = &r->tile;
	unsigned int shift = t->level * EROT_TLOG_TILE_HEIGHT;
	uint64_t size, width;
	int ret;

	r->out->len = 0;	/* this may be the second time */
	ret = log_size(db, &size, err);
	if (ret)
		return ret;
	width = shift < 64 ? size >> shift : 0;
	if (t->index >= EROT_TLOG_SIZE_MAX / EROT_TLOG_TILE_WIDTH ||
	    t->index * EROT_TLOG_TILE_WIDTH + t->width > width)
		return erot_fail(err, ENOENT, "log-tile", "the log has no such tile yet");
	ret = t->entries ? add_entries(db, t, r->out, err) : add_hashes(db, t, r->out, err);
	return ret ?: erot_buf_done(r->out, err);
}

int log_tile(struct db *db, const char *path, struct erot_buf *out, struct erot_error *err)
{
	struct erot_buf bytes = { 0 };
	struct tile_request r = { .out = &bytes };
	int ret;

	ret = erot_tlog_tile_parse(path, &r.tile, err);
	if (!ret)
		ret = db_transaction(db, DB_READ, read_tile, &r, err);
	if (!ret) {
		erot_buf_add(out, bytes.data, bytes.len);
		ret = erot_buf_done(out, err);
	}
	erot_buf_free(&bytes);
	return ret;
}
