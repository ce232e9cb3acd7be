// SPDX-License-Identifier: GPL-2.0-only
/*
 * Enrolment by credential activation (TPM 2.0 Part 1, 24): only a TPM that has both the endorsement
 * key of the certificate and this attestation key can give the secret back. The record of it is
 * what key statements refer to.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/io.h"
#include "dergd/machine.h"
#include "dergd/policies.h"
#include "dergd/tenant.h"
#include "liberot/credential.h"
#include "liberot/crypto.h"
#include "liberot/softkey.h"

#define SECRET_SIZE	32
#define SECRET_SECONDS	600
#define KEEP_SECONDS	600	/* behind that, for a refusal that names the reason */
#define PENDING_MAX	1000	/* enrolments of a tenant at one time */

/**
 * struct enrolling - a request on its way into the database
 * @secret: SHA-256 of what activation must give; of a software key the secret itself
 */
struct enrolling {
	const char *tenant;
	const struct enrol_request *in;
	const uint8_t *id;
	const void *spki;
	size_t spki_len;
	uint8_t secret[EROT_DIGEST_SIZE];
	uint64_t now;
};

static int check_software(struct db *db, const struct enrolling *e, struct erot_error *err)
{
	struct erot_policy policy;
	bool allowed;
	int ret;

	ret = policies_load(db, e->tenant, &policy, err);
	if (ret)
		return ret;
	allowed = policy.allow_software;
	erot_policy_free(&policy);
	return allowed ? 0 : erot_fail(err, EPERM, "software-key",
				       "the policy of tenant %s accepts no software keys",
				       e->tenant);
}

/* Whoever begins enrolments without end fills nothing: what came of none of them goes. */
static int remove_expired(struct db *db, const struct enrolling *e, struct erot_error *err)
{
	return db_run(db, err, NULL, "DELETE FROM machine "
		      "WHERE tenant = $1 AND state = 'pending' AND secret_expires < $2 "
		      "AND NOT EXISTS (SELECT 1 FROM statement x WHERE x.tenant = $1 "
		      "AND x.machine = machine.id) "
		      "AND NOT EXISTS (SELECT 1 FROM receipt x WHERE x.tenant = $1 "
		      "AND x.machine = machine.id) "
		      "AND NOT EXISTS (SELECT 1 FROM challenge x WHERE x.tenant = $1 "
		      "AND x.machine = machine.id) "
		      "AND NOT EXISTS (SELECT 1 FROM release x WHERE x.tenant = $1 "
		      "AND x.machine = machine.id)",
		      DB_ARGS(db_text(e->tenant), db_int((int64_t)e->now - KEEP_SECONDS)));
}

static int check_room(struct db *db, const struct enrolling *e, struct erot_error *err)
{
	struct db_rows *rows;
	int64_t pending = 0;
	int ret;

	db_query(db, err, &rows, "SELECT count(*) FROM machine "
		 "WHERE tenant = $1 AND state = 'pending' AND secret_expires >= $2",
		 DB_ARGS(db_text(e->tenant), db_int((int64_t)e->now - KEEP_SECONDS)));
	if (db_next(rows))
		pending = db_get_int(rows, 0);
	ret = db_end(rows, err);
	if (!ret && pending >= PENDING_MAX)
		ret = erot_fail(err, EAGAIN, "enrolment-busy",
				"tenant %s has %d enrolments that are not finished", e->tenant,
				PENDING_MAX);
	return ret;
}

static int enrol_work(struct db *db, void *ctx, struct erot_error *err)
{
	const struct enrolling *e = ctx;
	const struct enrol_request *in = e->in;
	struct machine m;
	int ret;

	ret = tenant_check(db, e->tenant, err);
	if (!ret && in->spki)
		ret = check_software(db, e, err);
	if (!ret)
		ret = remove_expired(db, e, err);
	if (ret)
		return ret;
	ret = machine_load(db, e->tenant, e->id, &m, err);
	if (!ret && m.state == MACHINE_REVOKED)
		return erot_fail(err, EPERM, "machine-revoked", "this machine was revoked");
	if (!ret && m.state == MACHINE_ENROLLED)
		return erot_fail(err, EEXIST, "machine-enrolled", "this machine is enrolled");
	if (ret == -ENOENT)
		ret = check_room(db, e, err);
	if (ret)
		return ret;
	return db_run(db, err, NULL, "INSERT INTO machine (tenant, id, state, software, spki, "
		      "ak_public, ek_cert, secret, secret_expires, created) "
		      "VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $8, $9) "
		      "ON CONFLICT (tenant, id) DO UPDATE SET software = $3, ak_public = $5, "
		      "ek_cert = $6, secret = $7, secret_expires = $8",
		      DB_ARGS(db_text(e->tenant), db_blob(e->id, EROT_DIGEST_SIZE),
			      db_int(!!in->spki), db_blob(e->spki, e->spki_len),
			      db_blob(in->ak_public, in->ak_public_len),
			      db_blob(in->ek_cert, in->ek_cert_len),
			      db_blob(e->secret, sizeof(e->secret)),
			      db_int(e->now + SECRET_SECONDS), db_int(e->now)));
}

static int enrol_software(struct derg *d, struct enrolling *e, struct enrol_answer *out,
			  struct erot_error *err)
{
	int ret;

	ret = machine_check_key(e->in->spki, e->in->spki_len, err);
	if (ret)
		return ret;
	if (erot_sha256(e->in->spki, e->in->spki_len, out->id) ||
	    erot_random(e->secret, sizeof(e->secret)))
		return erot_fail(err, EIO, "crypto", "SHA-256 or random numbers");
	e->id = out->id;
	e->spki = e->in->spki;
	e->spki_len = e->in->spki_len;
	out->software = true;
	memcpy(out->secret, e->secret, sizeof(e->secret));
	out->secret_len = sizeof(e->secret);
	return db_transaction(d->db, 0, enrol_work, e, err);
}

static int enrol_tpm(struct derg *d, struct enrolling *e, struct enrol_answer *out,
		     struct erot_error *err)
{
	const struct enrol_request *in = e->in;
	struct erot_credential credential;
	uint8_t secret[SECRET_SIZE];
	EVP_PKEY *ek = NULL;
	struct erot_ak ak;
	int ret;

	if (!d->a->ek_roots)
		return erot_fail(err, EPERM, "ek-roots",
				 "no TPM can be enrolled: ek_roots is not set");
	ret = erot_ek_verify(in->ek_cert, in->ek_cert_len, d->a->ek_roots, e->now, &ek, err);
	if (!ret)
		ret = erot_ak_check(in->ak_public, in->ak_public_len, &ak, err);
	if (!ret && erot_random(secret, sizeof(secret)))
		ret = erot_fail(err, EIO, "crypto", "no random numbers");
	if (!ret)
		ret = erot_credential_make(ek, ak.name, secret, sizeof(secret), &credential, err);
	if (!ret && erot_sha256(secret, sizeof(secret), e->secret))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	explicit_bzero(secret, sizeof(secret));
	EVP_PKEY_free(ek);
	if (ret)
		return ret;
	memcpy(out->id, ak.digest, sizeof(out->id));
	memcpy(out->blob, credential.blob, credential.blob_len);
	out->blob_len = credential.blob_len;
	memcpy(out->secret, credential.secret, credential.secret_len);
	out->secret_len = credential.secret_len;
	e->id = out->id;
	e->spki = ak.spki;
	e->spki_len = ak.spki_len;
	return db_transaction(d->db, 0, enrol_work, e, err);
}

int machine_enrol(struct derg *d, const char *tenant, const struct enrol_request *in, uint64_t now,
		  struct enrol_answer *out, struct erot_error *err)
{
	struct enrolling e = { .tenant = tenant, .in = in, .now = now };

	memset(out, 0, sizeof(*out));
	return in->spki ? enrol_software(d, &e, out, err) : enrol_tpm(d, &e, out, err);
}

/**
 * struct activating - the proof, held against what was asked
 * @wrong: the enrolment was ended by it; the transaction is committed nevertheless
 */
struct activating {
	const char *tenant;
	const uint8_t *id;
	const void *proof;
	size_t len;
	uint64_t now;
	uint8_t *enrolment;
	bool wrong;
};

/**
 * struct pending - of the machine's row
 */
struct pending {
	uint8_t secret[EROT_DIGEST_SIZE];
	uint64_t expires;
	char *ek_cert, *ak_public;	/* base64, or NULL */
};

static char *column_base64(struct db_rows *rows, int column)
{
	const void *data;
	size_t len;

	if (db_is_null(rows, column))
		return NULL;
	data = db_get_blob(rows, column, &len);
	return data ? erot_base64_encode(data, len) : NULL;
}

static int load_pending(struct db *db, const struct activating *a, struct pending *p,
			struct erot_error *err)
{
	struct db_rows *rows;
	bool found = false;
	int ret;

	memset(p, 0, sizeof(*p));
	ret = db_query(db, err, &rows, "SELECT secret, secret_expires, ek_cert, ak_public "
		       "FROM machine WHERE tenant = $1 AND id = $2 AND secret IS NOT NULL",
		       DB_ARGS(db_text(a->tenant), db_blob(a->id, EROT_DIGEST_SIZE)));
	if (!ret && db_next(rows)) {
		found = true;
		db_get_copy(rows, 0, p->secret, sizeof(p->secret));
		p->expires = db_get_int(rows, 1);
		p->ek_cert = column_base64(rows, 2);
		p->ak_public = column_base64(rows, 3);
	}
	ret = db_end(rows, err);
	if (!ret && (!found || p->expires < a->now))
		ret = erot_fail(err, EPERM, "activation-expired",
				"nothing is asked of this machine (any more); enrol again");
	return ret;
}

static int check_proof(const struct machine *m, const struct activating *a,
		       const struct pending *p, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret;

	if (m->software)
		return erot_softkey_verify_enrol(m->spki, m->spki_len, p->secret, a->proof, a->len,
						 err);
	ret = erot_sha256(a->proof, a->len, digest);
	if (!ret && (a->len != SECRET_SIZE || CRYPTO_memcmp(digest, p->secret, sizeof(digest))))
		ret = -EKEYREJECTED;
	return ret;
}

/* The record: what was proven, so that an auditor can repeat all but the activation. */
static char *make_record(const struct machine *m, const struct pending *p, uint64_t now)
{
	char id[2 * EROT_DIGEST_SIZE + 1], *text, *key;
	json_t *json;

	erot_hex(m->id, sizeof(m->id), id);
	key = erot_base64_encode(m->spki, m->spki_len);
	json = json_pack("{s:i,s:s,s:s,s:s,s:s*,s:s*,s:s*,s:I}", "version", 1, "tenant", m->tenant,
			 "machine", id, "kind", m->software ? "software" : "tpm", "hardwareKey",
			 key, "ekCertificate", p->ek_cert, "akPublic", p->ak_public, "time",
			 (json_int_t)now);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	free(key);
	return text;
}

static int enrolled(struct db *db, struct machine *m, const struct activating *a,
		    const struct pending *p, struct erot_error *err)
{
	char *record = make_record(m, p, a->now);
	int ret;

	if (!record)
		return erot_fail(err, ENOMEM, "no-memory", "enrolment record");
	ret = erot_sha256(record, strlen(record), a->enrolment);
	if (ret)
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		ret = db_run(db, err, NULL, "UPDATE machine SET state = 'enrolled', secret = NULL, "
			     "enrolment = $3, enrolment_digest = $4, enrolled = $5 "
			     "WHERE tenant = $1 AND id = $2",
			     DB_ARGS(db_text(a->tenant), db_blob(a->id, EROT_DIGEST_SIZE),
				     db_text(record), db_blob(a->enrolment, EROT_DIGEST_SIZE),
				     db_int(a->now)));
	if (!ret)
		ret = derg_record(db, a->tenant, EROT_LOG_ENROLMENT, m->id, a->now, record,
				  strlen(record), NULL, err);
	free(record);
	return ret;
}

static int activate_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct activating *a = ctx;
	struct machine m;
	struct pending p;
	int ret;

	a->wrong = false;
	ret = machine_load(db, a->tenant, a->id, &m, err);
	if (!ret && m.state == MACHINE_REVOKED)
		ret = erot_fail(err, EPERM, "machine-revoked", "this machine was revoked");
	if (!ret && m.state == MACHINE_ENROLLED)
		ret = erot_fail(err, EEXIST, "machine-enrolled", "this machine is enrolled");
	if (ret)
		return ret;
	ret = load_pending(db, a, &p, err);
	if (ret)
		goto out;
	if (check_proof(&m, a, &p, NULL)) {
		a->wrong = true;
		ret = db_run(db, err, NULL, "UPDATE machine SET secret = NULL "
			     "WHERE tenant = $1 AND id = $2",
			     DB_ARGS(db_text(a->tenant), db_blob(a->id, EROT_DIGEST_SIZE)));
	} else {
		ret = enrolled(db, &m, a, &p, err);
	}
out:
	explicit_bzero(p.secret, sizeof(p.secret));
	free(p.ek_cert);
	free(p.ak_public);
	return ret;
}

int machine_activate(struct derg *d, const char *tenant, const uint8_t id[EROT_DIGEST_SIZE],
		     const void *proof, size_t len, uint64_t now,
		     uint8_t enrolment[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct activating a = { .tenant = tenant, .id = id, .proof = proof, .len = len,
				.now = now, .enrolment = enrolment };
	int ret;

	ret = db_transaction(d->db, 0, activate_work, &a, err);
	if (!ret && a.wrong)
		ret = erot_fail(err, EKEYREJECTED, "activation-secret",
				"that is not what this machine was asked for");
	return ret;
}
