// SPDX-License-Identifier: GPL-2.0-only
/* What the DERG signs before a launch: key statements and receipts. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dergd/authority.h"
#include "liberot/cms.h"
#include "liberot/derive.h"
#include "liberot/envelope.h"
#include "liberot/manifest.h"

static int check_hwkey(const void *spki, size_t len, struct erot_error *err)
{
	const unsigned char *p = spki;
	X509_PUBKEY *key;
	int ok;

	if (!len || len > EROT_HWKEY_MAX)
		return erot_fail(err, EINVAL, "hwkey", "hardware key has %zu bytes, at most %d",
				 len, EROT_HWKEY_MAX);
	key = d2i_X509_PUBKEY(NULL, &p, len);
	ok = key && p == (const unsigned char *)spki + len && X509_PUBKEY_get0(key);
	X509_PUBKEY_free(key);
	if (!ok)
		return erot_fail(err, EINVAL, "hwkey",
				 "hardware key is not a SubjectPublicKeyInfo in DER");
	return 0;
}

static int active_epoch(struct derg *d, const char *tenant, uint32_t number, struct epoch *e,
			uint8_t digest[EROT_DIGEST_SIZE], struct erot_error *err)
{
	int ret;

	ret = erot_tenant_digest(tenant, digest, err);
	if (!ret && !number)
		ret = epoch_newest(&d->ledger, tenant, 1, &number, err);
	if (!ret && !number)
		ret = erot_fail(err, ENOENT, "epoch-unknown",
				"tenant %s has no active epoch; dergctl epoch new makes one",
				tenant);
	if (!ret)
		ret = epoch_load(&d->ledger, digest, number, e, err);
	if (!ret && e->state != EPOCH_ACTIVE)
		ret = erot_fail(err, EPERM, "epoch-not-active", "epoch %" PRIu32 " of %s is %s",
				number, tenant, epoch_state_name(e->state));
	return ret;
}

static int sign_statement(struct derg *d, const struct epoch *e,
			  struct erot_statement_info *s, uint8_t **cms, size_t *cms_len,
			  struct erot_error *err)
{
	uint8_t seed[EROT_DIGEST_SIZE], digest[EROT_DIGEST_SIZE], *content = NULL;
	char label[EPOCH_ROOT_MAX], name[LEDGER_NAME_MAX];
	size_t len;
	int ret;

	epoch_root(e, label);
	ret = derg_seed(e, &s->grant, seed, err);
	if (!ret)
		ret = hsm_derive(&d->hsm, label, seed, s->grant.erot_pk, err);
	if (!ret)
		ret = erot_statement_build(s, &content, &len, err);
	if (ret)
		return ret;
	ret = erot_sha256(content, len, digest);
	if (ret)
		ret = erot_fail(err, -ret, "crypto", "SHA-256");
	if (!ret)
		ret = derg_sign(d, content, len, cms, cms_len, err);
	if (!ret) {
		ledger_name(name, digest);
		ret = ledger_put(&d->ledger, LEDGER_STATEMENT, name, *cms, *cms_len, err);
		if (ret) {
			free(*cms);
			*cms = NULL;
		}
	}
	free(content);
	return ret;
}

/**
 * derg_statement() - derives a fresh ERoT and states its public key
 * @d: open
 * @tenant: name
 * @epoch: number, or 0 for the tenant's newest active one
 * @hwkey: machine's key, SubjectPublicKeyInfo in DER
 * @hwkey_len: bytes
 * @manifest: complete, with the code hash
 * @manifest_len: bytes
 * @cms: key statement, to be freed
 * @cms_len: bytes
 * @err: "tenant", "hwkey", "manifest-...", "epoch-unknown", "epoch-not-active", in that order
 *
 * Return: 0 or a negative errno.
 */
int derg_statement(struct derg *d, const char *tenant, uint32_t epoch, const void *hwkey,
		   size_t hwkey_len, const void *manifest, size_t manifest_len, uint8_t **cms,
		   size_t *cms_len, struct erot_error *err)
{
	struct erot_statement_info s = { 0 };
	struct erot_manifest m;
	struct epoch e;
	int ret;

	*cms = NULL;
	ret = erot_tenant_digest(tenant, s.grant.tenant, err);
	if (!ret)
		ret = check_hwkey(hwkey, hwkey_len, err);
	if (!ret)
		ret = erot_manifest_parse(manifest, manifest_len, &m, err);
	if (ret)
		return ret;
	memcpy(s.grant.code_hash, m.code_hash, sizeof(m.code_hash));
	erot_manifest_free(&m);
	ret = ledger_lock(&d->ledger, err);
	if (ret)
		return ret;
	ret = active_epoch(d, tenant, epoch, &e, s.grant.tenant, err);
	if (ret)
		goto out;
	s.grant.epoch = e.number;
	s.grant.hwkey = hwkey;
	s.grant.hwkey_len = hwkey_len;
	s.grant.manifest = manifest;
	s.grant.manifest_len = manifest_len;
	if (erot_random(s.grant.id, sizeof(s.grant.id)) ||
	    erot_random(s.grant.nonce, sizeof(s.grant.nonce)))
		ret = erot_fail(err, EIO, "crypto", "no random numbers");
	if (!ret)
		ret = sign_statement(d, &e, &s, cms, cms_len, err);
out:
	ledger_unlock(&d->ledger);
	return ret;
}

/* The customer's consent: signature, and that it is about this statement and container. */
static int check_order(const struct derg_receipt_request *in, const struct erot_statement_info *s,
		       const struct erot_envelope_info *e, struct erot_order_info *order,
		       struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE], *content = NULL, *spki = NULL;
	size_t len, spki_len;
	int ret;

	ret = erot_cms_verify(in->order, in->order_len, in->customer, &content, &len, err);
	if (ret) {
		erot_error_prefix(err, "order");
		return ret;
	}
	ret = erot_order_parse(content, len, order, err);
	if (!ret)
		ret = erot_cert_spki(in->customer, &spki, &spki_len, digest, err);
	if (!ret && memcmp(order->customer, digest, sizeof(digest)))
		ret = erot_fail(err, EKEYREJECTED, "order-customer",
				"order names another customer than the certificate");
	if (!ret && memcmp(order->statement, s->digest, sizeof(s->digest)))
		ret = erot_fail(err, EKEYREJECTED, "order-statement",
				"order is for another key statement");
	if (!ret && memcmp(order->ewc, e->digest, sizeof(e->digest)))
		ret = erot_fail(err, EKEYREJECTED, "order-ewc", "order is for another container");
	free(spki);
	free(content);
	return ret;
}

static int check_envelope(const struct derg_receipt_request *in,
			  const struct erot_statement_info *s, struct erot_envelope_info *e,
			  struct erot_error *err)
{
	int ret;

	ret = erot_envelope_parse(in->envelope, in->envelope_len, e, err);
	if (ret)
		return ret;
	if (e->manifest_len != s->grant.manifest_len ||
	    memcmp(e->manifest, s->grant.manifest, e->manifest_len))
		return erot_fail(err, EKEYREJECTED, "ewc-manifest",
				 "container has another manifest than the key statement");
	return 0;
}

static int fill_receipt(struct derg *d, const struct derg_receipt_request *in,
			const struct erot_statement_info *s, const struct erot_envelope_info *e,
			const struct erot_order_info *o, uint64_t now,
			struct erot_receipt_info *r, struct erot_error *err)
{
	struct erot_manifest m;
	int ret;

	ret = erot_manifest_parse(s->grant.manifest, s->grant.manifest_len, &m, err);
	if (ret)
		return ret;
	memset(r, 0, sizeof(*r));
	r->grant = s->grant;
	memcpy(r->statement, s->digest, sizeof(r->statement));
	memcpy(r->ewc, e->digest, sizeof(r->ewc));
	memcpy(r->order, o->digest, sizeof(r->order));
	r->not_before = in->not_before ?: now;
	r->not_after = in->not_after ?: r->not_before + DERG_VALIDITY_DEFAULT;
	r->memory_max = m.memory_limit;
	r->max_runtime = m.max_runtime;
	r->pids_max = m.pids_limit;
	r->isolation = m.isolation;
	r->host = m.require_host | d->config.require_host;
	erot_manifest_free(&m);
	if (r->not_after <= r->not_before)
		return erot_fail(err, EINVAL, "receipt-validity",
				 "receipt would end before it begins");
	return erot_receipt_match(r, s, o, err);
}

/* The receipt that a statement was used for already, if it was this order's. */
static int used_before(struct derg *d, const char *name, const struct erot_order_info *o,
		       uint8_t **cms, size_t *cms_len, struct erot_error *err)
{
	struct erot_receipt_info r;
	uint8_t *content = NULL;
	size_t len, content_len;
	void *data;
	int ret;

	ret = ledger_get(&d->ledger, LEDGER_USED, name, &data, &len, err);
	if (ret)
		return ret;
	ret = erot_cms_content(data, len, &content, &content_len, err);
	if (!ret)
		ret = erot_receipt_parse(content, content_len, &r, err);
	if (!ret && memcmp(r.order, o->digest, sizeof(r.order)))
		ret = erot_fail(err, EPERM, "statement-spent",
				"another receipt was made of this key statement; derive again");
	free(content);
	if (ret) {
		free(data);
		return ret == -ENOENT ? -EIO : ret;
	}
	*cms = data;
	*cms_len = len;
	return 0;
}

static int issue(struct derg *d, const struct erot_receipt_info *r, const char *used,
		 uint8_t **cms, size_t *cms_len, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE], *content = NULL;
	char name[LEDGER_NAME_MAX];
	struct epoch e;
	uint64_t end;
	size_t len;
	int ret;

	ret = epoch_load(&d->ledger, r->grant.tenant, r->grant.epoch, &e, err);
	if (!ret && e.state != EPOCH_ACTIVE)
		ret = erot_fail(err, EPERM, "epoch-not-active", "epoch %" PRIu32 " of %s is %s",
				e.number, e.tenant, epoch_state_name(e.state));
	if (!ret)
		ret = erot_receipt_build(r, &content, &len, err);
	if (!ret && erot_sha256(content, len, digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		ret = derg_sign(d, content, len, cms, cms_len, err);
	/* the epoch must outlive the receipt: written before the receipt leaves */
	end = r->not_after + r->max_runtime;
	if (!ret && end > e.last_use) {
		e.last_use = end;
		ret = epoch_store(&d->ledger, &e, err);
	}
	if (!ret)
		ret = ledger_put(&d->ledger, LEDGER_USED, used, *cms, *cms_len, err);
	if (!ret) {
		ledger_name(name, digest);
		ret = ledger_put(&d->ledger, LEDGER_RECEIPT, name, *cms, *cms_len, err);
	}
	free(content);
	if (ret) {
		free(*cms);
		*cms = NULL;
	}
	return ret;
}

/**
 * derg_receipt() - authorises one launch
 * @d: open
 * @in: what of
 * @now: seconds since 1970
 * @cms: receipt, to be freed
 * @cms_len: bytes
 * @err: in this order: "cms-..." of the statement, "statement-...", "envelope-...",
 *       "ewc-manifest", "cms-..." of the order, "order-...", "receipt-validity",
 *       "statement-spent", "epoch-..."
 *
 * One key statement, one receipt: asking again with the same order gives the
 * receipt that was made, whatever dates are asked for.
 *
 * Return: 0 or a negative errno.
 */
int derg_receipt(struct derg *d, const struct derg_receipt_request *in, uint64_t now,
		 uint8_t **cms, size_t *cms_len, struct erot_error *err)
{
	struct erot_envelope_info envelope;
	struct erot_statement_info s;
	struct erot_order_info order;
	struct erot_receipt_info r;
	char name[LEDGER_NAME_MAX];
	uint8_t *content = NULL;
	size_t len;
	int ret;

	*cms = NULL;
	ret = erot_cms_verify(in->statement, in->statement_len, d->cert, &content, &len, err);
	if (ret) {
		erot_error_prefix(err, "key statement");
		return ret;
	}
	ret = erot_statement_parse(content, len, &s, err);
	if (!ret)
		ret = check_envelope(in, &s, &envelope, err);
	if (!ret)
		ret = check_order(in, &s, &envelope, &order, err);
	if (!ret)
		ret = fill_receipt(d, in, &s, &envelope, &order, now, &r, err);
	if (!ret)
		ret = ledger_lock(&d->ledger, err);
	if (ret)
		goto out;
	ledger_name(name, s.digest);
	ret = used_before(d, name, &order, cms, cms_len, err);
	if (ret == -ENOENT)
		ret = issue(d, &r, name, cms, cms_len, err);
	ledger_unlock(&d->ledger);
out:
	free(content);
	return ret;
}
