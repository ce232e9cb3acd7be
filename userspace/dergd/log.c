// SPDX-License-Identifier: GPL-2.0-only
/*
 * Appending to the log. The head of the tree is one row, which every transaction
 * that appends reads and changes: so two of them can never take the same place.
 */
#include <errno.h>

#include "dergd/log.h"
#include "dergd/log_priv.h"
#include "liberot/crypto.h"

/* Where the stream of a tenant is. */
static int read_stream(struct db *db, const char *tenant, struct erot_log_entry_info *info,
		       struct erot_error *err)
{
	static const uint8_t provider[EROT_DIGEST_SIZE];
	struct db_rows *rows;
	bool found;
	int ret;

	if (tenant)
		db_query(db, err, &rows, "SELECT s.stream, s.next, s.previous FROM log_stream s "
			 "JOIN tenant t ON t.stream = s.stream WHERE t.name = $1",
			 DB_ARGS(db_text(tenant)));
	else
		db_query(db, err, &rows, "SELECT stream, next, previous FROM log_stream "
			 "WHERE stream = $1", DB_ARGS(db_blob(provider, sizeof(provider))));
	found = db_next(rows);
	if (found) {
		db_get_copy(rows, 0, info->stream, sizeof(info->stream));
		info->number = (uint64_t)db_get_int(rows, 1);
		db_get_copy(rows, 2, info->previous, sizeof(info->previous));
	}
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, ENOENT, "log-tenant", "no tenant \"%s\"", tenant ?: "");
	return ret;
}

static int make_entry(struct db *db, const struct log_new *new, struct erot_log_entry *entry,
		      uint8_t salt[EROT_LOG_SALT_SIZE], uint8_t leaf[EROT_DIGEST_SIZE],
		      struct erot_log_entry_info *info, struct erot_error *err)
{
	int ret;

	*info = (struct erot_log_entry_info) { .kind = new->kind, .time = new->time };
	ret = read_stream(db, new->tenant, info, err);
	if (ret)
		return ret;
	ret = erot_random(salt, EROT_LOG_SALT_SIZE);
	if (!ret)
		ret = erot_log_commitment(salt, new->content, new->len, info->commitment);
	if (!ret) {
		erot_log_entry_build(info, entry);
		ret = erot_tlog_leaf(entry, sizeof(*entry), leaf);
	}
	return ret ? erot_fail(err, -ret, ret == -ENOMEM ? "no-memory" : "crypto",
			       "entry of the log") : 0;
}

/* Two entries in their order have their times in that order, whoever wrote them. */
static uint64_t time_after(uint64_t last, uint64_t now)
{
	return last > now && last - now <= LOG_AHEAD_MAX ? last : now;
}

int log_append(struct db *db, struct log_new *new, uint64_t *index, struct erot_error *err)
{
	uint8_t salt[EROT_LOG_SALT_SIZE], leaf[EROT_DIGEST_SIZE];
	struct erot_log_entry_info info;
	struct erot_log_entry entry;
	struct log_head head;
	int ret;

	ret = log_nodes_head(db, &head, err);
	if (ret)
		return ret;
	new->time = time_after(head.time, new->time);
	ret = make_entry(db, new, &entry, salt, leaf, &info, err);
	if (ret)
		return ret;
	*index = head.size;
	ret = db_run(db, err, NULL, "INSERT INTO log_entry (idx, stream, number, kind, subject, "
		     "entry, salt, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		     DB_ARGS(db_int((int64_t)head.size),
			     db_blob(info.stream, sizeof(info.stream)),
			     db_int((int64_t)info.number), db_int(info.kind),
			     db_blob(new->subject, EROT_DIGEST_SIZE),
			     db_blob(&entry, sizeof(entry)), db_blob(salt, sizeof(salt)),
			     db_blob(new->len ? new->content : "", new->len)));
	if (!ret)
		ret = log_nodes_grow(db, &head, (const void *)leaf, 1, err);
	if (!ret)
		ret = db_run(db, err, NULL,
			     "UPDATE log_stream SET next = $2, previous = $3 WHERE stream = $1",
			     DB_ARGS(db_blob(info.stream, sizeof(info.stream)),
				     db_int((int64_t)info.number + 1),
				     db_blob(leaf, sizeof(leaf))));
	return ret;
}

int log_add_stream(struct db *db, const uint8_t stream[EROT_DIGEST_SIZE],
		      struct erot_error *err)
{
	static const uint8_t zero[EROT_DIGEST_SIZE];

	return db_run(db, err, NULL,
		      "INSERT INTO log_stream (stream, next, previous) VALUES ($1, 0, $2)",
		      DB_ARGS(db_blob(stream, EROT_DIGEST_SIZE), db_blob(zero, sizeof(zero))));
}

int log_stream(struct db *db, uint8_t stream[EROT_DIGEST_SIZE], struct erot_error *err)
{
	if (erot_random(stream, EROT_DIGEST_SIZE))
		return erot_fail(err, EIO, "crypto", "no random bytes");
	return log_add_stream(db, stream, err);
}
