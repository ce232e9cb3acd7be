// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "dergd/client.h"
#include "dergd/tenant.h"
#include "liberot/cms.h"

#define COLUMNS "fingerprint, tenant, role, label, order_cert, created"

void client_free(struct client *c)
{
	free(c->order_cert);
	c->order_cert = NULL;
}

static int read_row(struct db_rows *rows, struct client *c)
{
	const char *tenant, *role, *label;
	const void *cert;

	memset(c, 0, sizeof(*c));
	db_get_copy(rows, 0, c->fingerprint, sizeof(c->fingerprint));
	tenant = db_is_null(rows, 1) ? "" : db_get_text(rows, 1);
	role = db_get_text(rows, 2);
	label = db_get_text(rows, 3);
	if (!tenant || !role || !label)
		return 0;	/* db_end() says so */
	snprintf(c->tenant, sizeof(c->tenant), "%s", tenant);
	c->admin = !strcmp(role, "administrator");
	snprintf(c->label, sizeof(c->label), "%s", label);
	if (!db_is_null(rows, 4)) {
		cert = db_get_blob(rows, 4, &c->order_cert_len);
		c->order_cert = malloc(c->order_cert_len ?: 1);
		if (!c->order_cert)
			return -ENOMEM;
		if (cert)
			memcpy(c->order_cert, cert, c->order_cert_len);
	}
	c->created = db_get_int(rows, 5);
	return 0;
}

struct work {
	const uint8_t *fingerprint;
	const struct client *in;
	struct client *out;
	const char *tenant;
	uint64_t now;
	int (*each)(void *ctx, const struct client *c);
	void *ctx;
};

static int unknown(struct erot_error *err)
{
	return erot_fail(err, ENOENT, "client-unknown", "no such client certificate is known");
}

static int find_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	struct db_rows *rows;
	int ret, end;
	bool found;

	client_free(w->out);
	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM client WHERE fingerprint = $1",
		       DB_ARGS(db_blob(w->fingerprint, EROT_DIGEST_SIZE)));
	found = !ret && db_next(rows);
	if (found)
		ret = read_row(rows, w->out);
	end = db_end(rows, err);
	return ret ?: end ?: found ? 0 : unknown(err);
}

int client_find(struct derg *d, const uint8_t fingerprint[EROT_DIGEST_SIZE], struct client *c,
		struct erot_error *err)
{
	struct work w = { .fingerprint = fingerprint, .out = c };

	memset(c, 0, sizeof(*c));
	return db_transaction(d->db, DB_READ, find_work, &w, err);
}

/* Into logs and JSON: printable ASCII, no quotes. */
static int check_label(const char *label, struct erot_error *err)
{
	const char *p;

	for (p = label; *p && isprint((unsigned char)*p) && *p != '"' && *p != '\\'; p++)
		;
	if (!*label || *p || p - label > CLIENT_LABEL_MAX)
		return erot_fail(err, EINVAL, "client-label",
				 "a client's label is 1 to %d printable characters",
				 CLIENT_LABEL_MAX);
	return 0;
}

static json_t *entry(const struct client *c, const char *what)
{
	char hex[2 * EROT_DIGEST_SIZE + 1];

	erot_hex(c->fingerprint, sizeof(c->fingerprint), hex);
	return json_pack("{s:s,s:s,s:s,s:s}", "client", hex, "label", c->label, "role",
			 c->admin ? "administrator" : "customer", "change", what);
}

/* Orders are found by the key as it lies in the certificate, which BER may write in many ways. */
static int check_order_cert(const struct client *c, struct erot_error *err)
{
	uint8_t found[EROT_DIGEST_SIZE], digest[EROT_DIGEST_SIZE];
	X509 *cert;
	int ret;

	ret = erot_cert_parse(c->order_cert, c->order_cert_len, &cert, err);
	if (ret)
		return ret;
	ret = erot_cert_spki_digest(cert, digest, err);
	if (!ret && (erot_cert_spki_digest_in(c->order_cert, c->order_cert_len, found) ||
		     memcmp(found, digest, sizeof(found))))
		ret = erot_fail(err, EBADMSG, "certificate", "certificate: not in DER");
	if (!ret && erot_cms_signer(cert, NULL))
		ret = erot_fail(err, EBADMSG, "certificate", "certificate: for orders it needs an "
				"RSA key of 3072 bits and a subject key identifier");
	X509_free(cert);
	return ret;
}

static int add_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	const struct client *c = w->in;
	const char *tenant = c->tenant[0] ? c->tenant : NULL;
	int64_t made = 0;
	int ret = 0;

	if (tenant)
		ret = tenant_check(db, tenant, err);
	if (!ret)
		ret = db_run(db, err, &made, "INSERT INTO client (" COLUMNS ") "
			     "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			     DB_ARGS(db_blob(c->fingerprint, sizeof(c->fingerprint)),
				     db_text(tenant),
				     db_text(c->admin ? "administrator" : "customer"),
				     db_text(c->label), db_blob(c->order_cert, c->order_cert_len),
				     db_int(w->now)));
	if (!ret && !made)
		ret = erot_fail(err, EEXIST, "client-exists", "this client certificate is known");
	if (!ret)
		ret = derg_record_json(db, tenant, EROT_LOG_CLIENT, c->fingerprint, w->now,
				       entry(c, "added"), NULL, err);
	return ret;
}

int client_add(struct derg *d, const struct client *c, uint64_t now, struct erot_error *err)
{
	struct work w = { .in = c, .now = now };
	int ret;

	ret = check_label(c->label, err);
	if (!ret && !c->admin && !c->tenant[0])
		ret = erot_fail(err, EINVAL, "client-tenant", "a customer belongs to a tenant");
	if (!ret && c->order_cert)
		ret = check_order_cert(c, err);
	return ret ?: db_transaction(d->db, 0, add_work, &w, err);
}

static int remove_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct client c = { .admin = false };
	struct work *w = ctx;
	int ret;

	w->out = &c;
	ret = find_work(db, w, err);
	if (!ret && w->tenant[0] && strcmp(w->tenant, c.tenant))
		ret = unknown(err);
	if (!ret)
		ret = db_run(db, err, NULL, "DELETE FROM client WHERE fingerprint = $1",
			     DB_ARGS(db_blob(w->fingerprint, EROT_DIGEST_SIZE)));
	if (!ret)
		ret = derg_record_json(db, c.tenant[0] ? c.tenant : NULL, EROT_LOG_CLIENT,
				       w->fingerprint, w->now, entry(&c, "removed"), NULL, err);
	client_free(&c);
	return ret;
}

int client_remove(struct derg *d, const char *tenant, const uint8_t fingerprint[EROT_DIGEST_SIZE],
		  uint64_t now, struct erot_error *err)
{
	struct work w = { .fingerprint = fingerprint, .tenant = tenant, .now = now };

	return db_transaction(d->db, 0, remove_work, &w, err);
}

static int each_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct work *w = ctx;
	struct db_rows *rows;
	struct client c;
	int ret, end;

	ret = db_query(db, err, &rows, "SELECT " COLUMNS " FROM client "
		       "WHERE $1 = '' OR tenant = $1 ORDER BY created, fingerprint",
		       DB_ARGS(db_text(w->tenant)));
	while (!ret && db_next(rows)) {
		ret = read_row(rows, &c);
		ret = ret ?: w->each(w->ctx, &c);
		client_free(&c);
	}
	end = db_end(rows, err);
	return ret ?: end;
}

int client_each(struct derg *d, const char *tenant,
		int (*each)(void *ctx, const struct client *c), void *ctx, struct erot_error *err)
{
	struct work w = { .tenant = tenant, .each = each, .ctx = ctx };

	return db_transaction(d->db, DB_READ, each_work, &w, err);
}

/* 1: it is the key's; 0: another's. */
static int is_key(struct certs *certs, const void *der, size_t len,
		  const uint8_t key[EROT_DIGEST_SIZE], X509 **cert, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret;

	ret = erot_cert_spki_digest_in(der, len, digest);
	if (ret == -EBADMSG || (!ret && memcmp(digest, key, sizeof(digest))))
		return 0;
	if (ret)
		return erot_fail(err, EIO, "crypto", "SHA-256 failed");
	/* one that is damaged is nobody's: another one may be of the same key */
	if (certs_get(certs, der, len, cert, NULL))
		return 0;
	ret = erot_cert_spki_digest(*cert, digest, err);
	if (!ret && !memcmp(digest, key, sizeof(digest)))
		return 1;
	X509_free(*cert);
	*cert = NULL;
	return ret;
}

int client_order_cert(struct db *db, struct certs *certs, const char *tenant,
		      const uint8_t key[EROT_DIGEST_SIZE], X509 **cert, struct erot_error *err)
{
	struct db_rows *rows;
	const void *der;
	int ret, end;
	size_t len;

	*cert = NULL;
	ret = db_query(db, err, &rows, "SELECT order_cert FROM client "
		       "WHERE tenant = $1 AND order_cert IS NOT NULL", DB_ARGS(db_text(tenant)));
	while (!ret && db_next(rows)) {
		der = db_get_blob(rows, 0, &len);
		ret = der ? is_key(certs, der, len, key, cert, err) : 0;
	}
	end = db_end(rows, err);
	if (ret < 0 || end) {
		X509_free(*cert);
		*cert = NULL;
		return ret < 0 ? ret : end;
	}
	if (!ret)
		return erot_fail(err, ENOENT, "order-customer",
				 "the order's key belongs to no client of tenant %s", tenant);
	return 0;
}
