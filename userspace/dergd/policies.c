// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "dergd/policies.h"
#include "dergd/tenant.h"

static int take_one(struct db_rows *rows, int ret, const char *tenant, uint8_t **text, size_t *len,
		    struct erot_error *err)
{
	const void *data;
	bool found;
	int end;

	*text = NULL;
	*len = 0;
	found = !ret && db_next(rows);
	if (found) {
		data = db_get_blob(rows, 0, len);
		*text = malloc(*len ?: 1);
		if (*text && data)
			memcpy(*text, data, *len);
		else
			ret = -ENOMEM;
	}
	end = db_end(rows, err);
	if (!ret)
		ret = end;
	if (!ret && !found)
		return erot_fail(err, ENOENT, "policy-none",
				 "tenant %s has no such policy; dergctl policy put sets one",
				 tenant);
	if (ret) {
		free(*text);
		*text = NULL;
	}
	return ret == -ENOMEM ? erot_fail(err, ENOMEM, "no-memory", "policy") : ret;
}

int policies_text(struct db *db, const char *tenant, uint8_t **text, size_t *len,
		  struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	ret = db_query(db, err, &rows, "SELECT content FROM policy WHERE tenant = $1 "
		       "ORDER BY number DESC LIMIT 1", DB_ARGS(db_text(tenant)));
	return take_one(rows, ret, tenant, text, len, err);
}

int policies_find(struct db *db, const char *tenant, const uint8_t digest[EROT_DIGEST_SIZE],
		  uint8_t **text, size_t *len, struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	ret = db_query(db, err, &rows, "SELECT content FROM policy "
		       "WHERE tenant = $1 AND digest = $2 ORDER BY number LIMIT 1",
		       DB_ARGS(db_text(tenant), db_blob(digest, EROT_DIGEST_SIZE)));
	return take_one(rows, ret, tenant, text, len, err);
}

int policies_load(struct db *db, const char *tenant, struct erot_policy *policy,
		  struct erot_error *err)
{
	uint8_t *text;
	size_t len;
	int ret;

	ret = policies_text(db, tenant, &text, &len, err);
	if (ret)
		return ret;
	ret = erot_policy_parse(text, len, policy, err);
	free(text);
	return ret;
}

struct put {
	const char *tenant;
	const void *text;
	size_t len;
	uint64_t now;
	const uint8_t *digest;
};

static int newest(struct db *db, const char *tenant, int64_t *number,
		  uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct db_rows *rows;
	int ret;

	*number = 0;
	ret = db_query(db, err, &rows, "SELECT number, digest FROM policy WHERE tenant = $1 "
		       "ORDER BY number DESC LIMIT 1", DB_ARGS(db_text(tenant)));
	if (!ret && db_next(rows)) {
		*number = db_get_int(rows, 0);
		db_get_copy(rows, 1, digest, EROT_DIGEST_SIZE);
	}
	return db_end(rows, err);
}

static int put_work(struct db *db, void *ctx, struct erot_error *err)
{
	char hex[2 * EROT_DIGEST_SIZE + 1];
	uint8_t before[EROT_DIGEST_SIZE];
	struct put *p = ctx;
	int64_t number;
	int ret;

	ret = tenant_check(db, p->tenant, err);
	if (!ret)
		ret = newest(db, p->tenant, &number, before, err);
	if (ret)
		return ret;
	if (number && !memcmp(before, p->digest, sizeof(before)))
		return 0;
	ret = db_run(db, err, NULL, "INSERT INTO policy (tenant, number, digest, content, created) "
		     "VALUES ($1, $2, $3, $4, $5)",
		     DB_ARGS(db_text(p->tenant), db_int(number + 1),
			     db_blob(p->digest, EROT_DIGEST_SIZE), db_blob(p->text, p->len),
			     db_int(p->now)));
	erot_hex(p->digest, EROT_DIGEST_SIZE, hex);
	return ret ?: derg_record_json(db, p->tenant, EROT_LOG_POLICY, p->digest, p->now,
				       json_pack("{s:s,s:I}", "policy", hex, "number",
						 (json_int_t)(number + 1)), NULL, err);
}

int policies_put(struct derg *d, const char *tenant, const void *text, size_t len, uint64_t now,
		 uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct put p = { tenant, text, len, now, digest };
	struct erot_policy policy;
	int ret;

	ret = erot_policy_parse(text, len, &policy, err);
	if (ret)
		return ret;
	memcpy(digest, policy.digest, sizeof(policy.digest));
	erot_policy_free(&policy);
	return db_transaction(d->db, DB_RESUME, put_work, &p, err);
}
