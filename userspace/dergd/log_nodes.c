// SPDX-License-Identifier: GPL-2.0-only
/* See log_nodes.h. */
#include <endian.h>
#include <errno.h>
#include <linux/erot_format.h>

#include "dergd/log_nodes.h"

#define KEYS	16	/* rows in one statement; six are what ten million entries need */

/* Nodes that are complete once @leaves of a subtree are there. */
static unsigned int complete(unsigned int leaves)
{
	if (leaves == LOG_SUBTREE_WIDTH)
		return LOG_SUBTREE_NODES;
	return 2 * leaves - (unsigned int)__builtin_popcount(leaves);
}

static unsigned int level_of(uint64_t node)
{
	return (unsigned int)(node >> 56);
}

static uint64_t index_of(uint64_t node)
{
	return node & ((1ULL << 56) - 1);
}

/* The row that a node is in. */
static uint64_t row_of(uint64_t node)
{
	unsigned int above = level_of(node) % LOG_SUBTREE_HEIGHT;

	return EROT_TLOG_NODE(level_of(node) - above,
			      index_of(node) >> (LOG_SUBTREE_HEIGHT - above));
}

/* And where: it is complete with the last leaf below it, behind those below it of that leaf. */
static unsigned int place_of(uint64_t node)
{
	unsigned int above = level_of(node) % LOG_SUBTREE_HEIGHT;
	unsigned int i = (unsigned int)index_of(node) & ((LOG_SUBTREE_WIDTH >> above) - 1);

	return complete(((i + 1) << above) - 1) + above;
}

/* levels above 55 do not exist, so the sign is free */
static struct db_value key_value(uint64_t key)
{
	return db_int((int64_t)key);
}

static int missing(struct erot_error *err)
{
	return erot_fail(err, EUCLEAN, "db-corrupt", "hashes of the log are missing");
}

/* ---- growing */

/* Takes the row in @column, of which @leaves are there; none: it need not exist. */
static bool take(struct db_rows *rows, int column, unsigned int leaves, struct log_subtree *s)
{
	const void *hashes = NULL;
	size_t len = 0;

	s->count = s->stored = complete(leaves);
	s->read = true;
	if (!leaves)
		return true;
	if (!db_is_null(rows, column))
		hashes = db_get_blob(rows, column, &len);
	if (!hashes || len != s->count * sizeof(s->hash[0]))
		return false;
	memcpy(s->hash, hashes, len);
	return true;
}

/* When the last entry was made: the row is there, or the log is damaged. */
static bool take_time(struct db_rows *rows, int column, struct log_head *h)
{
	struct erot_log_entry entry;

	if (!h->size)
		return true;
	if (db_is_null(rows, column))
		return false;
	db_get_copy(rows, column, &entry, sizeof(entry));
	h->time = le64toh(entry.time);
	return true;
}

int log_nodes_head(struct db *db, struct log_head *h, struct erot_error *err)
{
	struct db_rows *rows;
	const void *peaks = NULL;
	size_t len = 0;
	bool found;
	int ret;

	memset(h, 0, sizeof(*h));
	db_query(db, err, &rows, "SELECT h.size, h.peaks, s.hashes, e.entry FROM log_head h "
		 "LEFT JOIN log_subtree s ON s.node = h.size / 16 "
		 "LEFT JOIN log_entry e ON e.idx = h.size - 1 WHERE h.one = 1", DB_NO_ARGS);
	found = db_next(rows);
	if (found) {
		h->size = (uint64_t)db_get_int(rows, 0);
		h->count = (unsigned int)__builtin_popcountll(h->size);
		peaks = db_get_blob(rows, 1, &len);
		if (peaks && len == h->count * sizeof(h->peaks[0]))
			memcpy(h->peaks, peaks, len);
		else
			found = false;
		h->edge[0].key = row_of(EROT_TLOG_NODE(0, h->size));
		found = found && take(rows, 2, h->size % LOG_SUBTREE_WIDTH, &h->edge[0]) &&
			take_time(rows, 3, h);
	}
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, EUCLEAN, "db-corrupt", "head of the log");
	if (!ret && h->size >= EROT_TLOG_SIZE_MAX)
		ret = erot_fail(err, ENOSPC, "log-full", "the log is full");
	return ret;
}

/* The row where @node will be the next leaf. */
static int read_row(struct db *db, uint64_t node, struct log_subtree *s, struct erot_error *err)
{
	unsigned int leaves = (unsigned int)index_of(node) % LOG_SUBTREE_WIDTH;
	struct db_rows *rows;
	bool good;
	int ret;

	s->key = row_of(node);
	if (!leaves)
		return take(NULL, 0, 0, s) ? 0 : missing(err);
	db_query(db, err, &rows, "SELECT hashes FROM log_subtree WHERE node = $1",
		 DB_ARGS(key_value(s->key)));
	good = db_next(rows) && take(rows, 0, leaves, s);
	ret = db_end(rows, err);
	return ret ?: good ? 0 : missing(err);
}

static int write_row(struct db *db, struct log_subtree *s, struct erot_error *err)
{
	struct db_value key = key_value(s->key);
	struct db_value hashes = db_blob(s->hash, s->count * sizeof(s->hash[0]));
	struct db_value stored = db_int(s->stored * (int64_t)sizeof(s->hash[0]));
	int64_t changed = 1;
	int ret;

	/* a row that is there already, or another one than was read, is no place for a leaf */
	if (!s->stored)
		ret = db_run(db, err, NULL, "INSERT INTO log_subtree (node, hashes) "
			     "VALUES ($1, $2)", DB_ARGS(key, hashes));
	else
		ret = db_run(db, err, &changed, "UPDATE log_subtree SET hashes = $2 "
			     "WHERE node = $1 AND length(hashes) = $3",
			     DB_ARGS(key, hashes, stored));
	s->stored = s->count;
	return ret ?: changed == 1 ? 0 : missing(err);
}

static void put(struct log_subtree *s, const uint8_t hash[EROT_DIGEST_SIZE])
{
	memcpy(s->hash[s->count++], hash, EROT_DIGEST_SIZE);
}

static int merge(struct log_head *h, struct erot_error *err)
{
	uint8_t (*left)[EROT_DIGEST_SIZE] = &h->peaks[--h->count - 1];

	return erot_tlog_node(left[0], left[1], left[0]) ?
	       erot_fail(err, EIO, "crypto", "SHA-256") : 0;
}

/*
 * The last peak, new at @level, goes into its row, and so do the nodes that it completes. 1: up to
 * the row's own root, which is now the last peak.
 */
static int fill_row(struct log_head *h, struct log_subtree *s, unsigned int *level,
		    struct erot_error *err)
{
	int ret;

	put(s, h->peaks[h->count - 1]);
	while (h->size >> *level & 1) {
		ret = merge(h, err);
		if (ret)
			return ret;
		if (++*level % LOG_SUBTREE_HEIGHT == 0)
			return 1;
		put(s, h->peaks[h->count - 1]);
	}
	return 0;
}

static int add_leaf(struct db *db, struct log_head *h, const uint8_t leaf[EROT_DIGEST_SIZE],
		    struct erot_error *err)
{
	struct log_subtree *s = h->edge;
	unsigned int level = 0;
	int ret, more;

	memcpy(h->peaks[h->count++], leaf, EROT_DIGEST_SIZE);
	do {
		ret = s->read ? 0 : read_row(db, EROT_TLOG_NODE(level, h->size >> level), s, err);
		more = ret ?: fill_row(h, s, &level, err);
		if (more <= 0)
			break;
		ret = write_row(db, s, err);
		s->key++;
		s->count = s->stored = 0;
		s++;
	} while (!ret);
	h->size++;
	return more < 0 ? more : ret;
}

int log_nodes_grow(struct db *db, struct log_head *h, const uint8_t (*leaves)[EROT_DIGEST_SIZE],
		   size_t n, struct erot_error *err)
{
	struct log_subtree *s;
	int ret = 0;

	while (n-- && !ret)
		ret = add_leaf(db, h, *leaves++, err);
	for (s = h->edge; s < h->edge + LOG_SUBTREE_LEVELS && !ret; s++)
		if (s->count != s->stored)
			ret = write_row(db, s, err);
	return ret ?: db_run(db, err, NULL, "UPDATE log_head SET size = $1, peaks = $2",
			     DB_ARGS(db_int((int64_t)h->size),
				     db_blob(h->peaks, h->count * sizeof(h->peaks[0]))));
}

/* ---- reading */

/* Of how many nodes the rows are read at once, and which rows those are. */
static size_t choose(const uint64_t *nodes, size_t n, uint64_t keys[KEYS], size_t *count)
{
	size_t i, k;

	*count = 0;
	for (i = 0; i < n; i++) {
		for (k = 0; k < *count; k++)
			if (keys[k] == row_of(nodes[i]))
				break;
		if (k == KEYS)
			break;
		if (k == *count)
			keys[(*count)++] = row_of(nodes[i]);
	}
	return i;
}

static int fetch_some(struct db *db, const uint64_t *nodes, size_t n, const uint64_t *keys,
		      size_t count, uint8_t (*out)[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct db_value args[KEYS];
	const uint8_t *hashes;
	struct db_rows *rows;
	size_t i, len, at, found = 0;
	uint64_t key;
	int ret;

	for (i = 0; i < KEYS; i++)
		args[i] = i < count ? key_value(keys[i]) : db_int(-1);
	db_query(db, err, &rows, "SELECT node, hashes FROM log_subtree WHERE node IN "
		 "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)", args, KEYS);
	while (db_next(rows)) {
		key = (uint64_t)db_get_int(rows, 0);
		hashes = db_get_blob(rows, 1, &len);
		for (i = 0; hashes && i < n; i++) {
			at = place_of(nodes[i]) * EROT_DIGEST_SIZE;
			if (row_of(nodes[i]) != key || at + EROT_DIGEST_SIZE > len)
				continue;
			memcpy(out[i], hashes + at, EROT_DIGEST_SIZE);
			found++;
		}
	}
	ret = db_end(rows, err);
	return ret ?: found == n ? 0 : missing(err);
}

int log_nodes_fetch(void *ctx, const uint64_t *nodes, size_t n, uint8_t (*out)[EROT_DIGEST_SIZE],
		    struct erot_error *err)
{
	uint64_t keys[KEYS];
	size_t some, count;
	int ret = 0;

	for (; n && !ret; n -= some, nodes += some, out += some) {
		some = choose(nodes, n, keys, &count);
		ret = fetch_some(ctx, nodes, some, keys, count, out, err);
	}
	return ret;
}

int log_nodes_leaves(struct db *db, uint64_t first, unsigned int n,
		     void (*each)(void *ctx, const uint8_t hash[EROT_DIGEST_SIZE]), void *ctx,
		     struct erot_error *err)
{
	uint64_t node = first, end = first + n;
	const uint8_t *hashes;
	struct db_rows *rows;
	size_t len, at;
	int ret;

	db_query(db, err, &rows, "SELECT node, hashes FROM log_subtree "
		 "WHERE node >= $1 AND node <= $2 ORDER BY node",
		 DB_ARGS(key_value(row_of(first)), key_value(row_of(end - 1))));
	while (node < end && db_next(rows)) {
		if ((uint64_t)db_get_int(rows, 0) != row_of(node))
			break;
		hashes = db_get_blob(rows, 1, &len);
		do {
			at = place_of(node) * EROT_DIGEST_SIZE;
			if (!hashes || at + EROT_DIGEST_SIZE > len)
				break;
			each(ctx, hashes + at);
		} while (++node < end && node % LOG_SUBTREE_WIDTH);
	}
	ret = db_end(rows, err);
	return ret ?: node == end ? 0 : missing(err);
}

/* ---- version 1 of the schema */

/* The row of @leaves nodes from @first on, from the rows of one node each. */
static int collect(struct db *db, uint64_t first, unsigned int leaves, struct log_subtree *s,
		   struct erot_error *err)
{
	struct db_value args[2 * LOG_SUBTREE_HEIGHT];
	unsigned int i, found = 0;
	struct db_rows *rows;
	uint64_t node, from;
	int ret;

	s->key = row_of(first);
	s->count = complete(leaves);
	s->stored = 0;
	for (i = 0; i < LOG_SUBTREE_HEIGHT; i++) {
		from = EROT_TLOG_NODE(level_of(first) + i, index_of(first) >> i);
		args[2 * i] = key_value(from);
		args[2 * i + 1] = key_value(from + (leaves >> i));
	}
	db_query(db, err, &rows, "SELECT node, hash FROM log_node WHERE "
		 "(node >= $1 AND node < $2) OR (node >= $3 AND node < $4) OR "
		 "(node >= $5 AND node < $6) OR (node >= $7 AND node < $8)",
		 args, 2 * LOG_SUBTREE_HEIGHT);
	for (; db_next(rows); found++) {
		node = (uint64_t)db_get_int(rows, 0);
		db_get_copy(rows, 1, s->hash[place_of(node)], EROT_DIGEST_SIZE);
	}
	ret = db_end(rows, err);
	return ret ?: found == s->count ? 0 : missing(err);
}

static int convert_level(struct db *db, unsigned int level, uint64_t nodes, struct erot_error *err)
{
	struct log_subtree s;
	unsigned int leaves;
	uint64_t at;
	int ret = 0;

	for (at = 0; at < nodes && !ret; at += leaves) {
		leaves = nodes - at < LOG_SUBTREE_WIDTH ? (unsigned int)(nodes - at) :
			 LOG_SUBTREE_WIDTH;
		ret = collect(db, EROT_TLOG_NODE(level, at), leaves, &s, err);
		if (!ret)
			ret = write_row(db, &s, err);
	}
	return ret;
}

int log_nodes_convert(struct db *db, struct erot_error *err)
{
	struct db_rows *rows;
	unsigned int level;
	uint64_t size = 0;
	int ret;

	/* PostgreSQL: nobody of the older version writes meanwhile; see begin() there */
	ret = db_run(db, err, NULL, "UPDATE erot_schema SET version = version", DB_NO_ARGS);
	if (ret)
		return ret;
	db_query(db, err, &rows, "SELECT size FROM log_head", DB_NO_ARGS);
	if (db_next(rows))
		size = (uint64_t)db_get_int(rows, 0);
	ret = db_end(rows, err);
	for (level = 0; !ret && size >> level; level += LOG_SUBTREE_HEIGHT)
		ret = convert_level(db, level, size >> level, err);
	return ret;
}
