// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "dergd/log.h"
#include "dergd/tenant.h"
#include "liberot/derive.h"

#define TENANT_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

int tenant_check(struct db *db, const char *name, struct erot_error *err)
{
	struct db_rows *rows;
	bool found;
	int ret;

	ret = db_query(db, err, &rows, "SELECT 1 FROM tenant WHERE name = $1",
		       DB_ARGS(db_text(name)));
	found = !ret && db_next(rows);
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, ENOENT, "tenant-unknown", "there is no tenant %s", name);
	return ret;
}

/* It is part of addresses; ewc takes no others. */
static int check_name(const char *name, struct erot_error *err)
{
	if (*name == '.' || name[strspn(name, TENANT_CHARS)])
		return erot_fail(err, EINVAL, "tenant", "a tenant's name has letters, digits, "
				 "'-', '_' and '.', and does not begin with a dot");
	return 0;
}

int tenant_make(struct db *db, const char *name, uint64_t now, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE], stream[EROT_DIGEST_SIZE];
	int ret;

	ret = erot_tenant_digest(name, digest, err);
	if (!ret)
		ret = tenant_check(db, name, err);
	if (ret != -ENOENT)
		return ret;
	ret = check_name(name, err);
	if (!ret)
		ret = log_stream(db, stream, err);
	if (ret)
		return ret;
	return db_run(db, err, NULL, "INSERT INTO tenant (name, digest, stream, created) "
		      "VALUES ($1, $2, $3, $4)",
		      DB_ARGS(db_text(name), db_blob(digest, sizeof(digest)),
			      db_blob(stream, sizeof(stream)), db_int(now)));
}

int tenant_name(struct db *db, const uint8_t digest[EROT_DIGEST_SIZE],
		char name[EROT_TENANT_MAX + 1], struct erot_error *err)
{
	struct db_rows *rows;
	const char *text;
	bool found;
	int ret;

	ret = db_query(db, err, &rows, "SELECT name FROM tenant WHERE digest = $1",
		       DB_ARGS(db_blob(digest, EROT_DIGEST_SIZE)));
	found = !ret && db_next(rows);
	if (found) {
		text = db_get_text(rows, 0);
		found = text && strlen(text) <= EROT_TENANT_MAX;
		if (found)
			memcpy(name, text, strlen(text) + 1);
	}
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, ENOENT, "tenant-unknown", "there is no such tenant");
	return ret;
}
