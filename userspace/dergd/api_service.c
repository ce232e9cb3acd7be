// SPDX-License-Identifier: GPL-2.0-only
/* Handlers: the service itself. */
#include <openssl/pem.h>
#include <stdlib.h>

#include "dergd/service.h"

struct counts {
	uint64_t entries;
	uint64_t releases;
};

static int read_counts(struct db *db, void *ctx, struct erot_error *err)
{
	struct counts *c = ctx;
	struct db_rows *rows;
	int ret;

	ret = log_size(db, &c->entries, err);
	if (ret)
		return ret;
	ret = db_query(db, err, &rows, "SELECT count(*) FROM release", DB_NO_ARGS);
	if (!ret && db_next(rows))
		c->releases = (uint64_t)db_get_int(rows, 0);
	return ret ?: db_end(rows, err);
}

/* Asks both: a database that answers and a token that signs are what every decision needs. */
int api_healthz(struct api_call *call, struct erot_error *err)
{
	struct authority *a = service_authority(call);
	struct counts c = { 0 };
	uint8_t pk[EROT_KEY_SIZE];
	int ret;

	ret = db_transaction(service_derg(call)->db, DB_READ, read_counts, &c, err);
	if (!ret)
		ret = hsm_ed25519_public(&a->hsm, LOG_KEY, pk, err);
	return ret ?: api_reply(call, 200, json_pack("{s:s,s:I}", "status", "ok", "entries",
						     (json_int_t)c.entries), err);
}

int api_metrics(struct api_call *call, struct erot_error *err)
{
	struct service *s = call->app;
	struct erot_buf out = { 0 };
	struct counts c = { 0 };
	int ret;

	ret = db_transaction(service_derg(call)->db, DB_READ, read_counts, &c, err);
	if (ret)
		return ret;
	metrics_write(s->metrics, &out);
	metrics_line(&out, "erot_log_entries", "gauge", "Entries in the transparency log.",
		     c.entries);
	metrics_line(&out, "erot_releases", "gauge", "Launches released, ever.", c.releases);
	ret = erot_buf_done(&out, err);
	if (!ret)
		ret = api_reply_raw(call, "text/plain; version=0.0.4; charset=utf-8", out.data,
				    out.len, err);
	erot_buf_free(&out);
	return ret;
}

int api_certificates(struct api_call *call, struct erot_error *err)
{
	struct authority *a = service_authority(call);
	char vkey[EROT_VKEY_MAX], *pem = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	long len = 0;
	int ret;

	ret = erot_vkey_format(&a->log_key, vkey, err);
	if (!ret && bio && PEM_write_bio_X509(bio, a->cert) == 1)
		len = BIO_get_mem_data(bio, &pem);
	if (!ret && len <= 0)
		ret = erot_fail(err, EIO, "crypto", "certificate");
	if (!ret)
		ret = api_reply(call, 200, json_pack("{s:s%,s:s}", "receipt", pem, (size_t)len,
						     "log", vkey), err);
	BIO_free(bio);
	return ret;
}
