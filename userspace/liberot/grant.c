// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "liberot/grant.h"
#include "liberot/manifest.h"

_Static_assert(sizeof(struct erot_grant) == 16 + 16 + 32 + 8 + 5 * 32 + 8, "layout of a grant");
_Static_assert(sizeof(struct erot_receipt) == sizeof(struct erot_grant) + 3 * 32 + 24 + 16,
	       "layout of a receipt");
_Static_assert(sizeof(struct erot_order) == 16 + 3 * 32, "layout of an order");

/* Every refusal of a content: the code is "<kind>-<field>". */
static int bad(struct erot_error *err, const char *kind, const char *field, const char *text)
{
	char code[sizeof(err->code)];

	snprintf(code, sizeof(code), "%s-%s", kind, field);
	return erot_fail(err, EBADMSG, code, "%s: %s", kind, text);
}

int erot_head_check(const struct erot_head *head, size_t len, enum erot_purpose purpose,
		    const char *kind, struct erot_error *err)
{
	if (memcmp(head->magic, EROT_MAGIC, EROT_MAGIC_SIZE))
		return bad(err, kind, "magic", "does not begin as one of ours");
	if (le16toh(head->version) != EROT_VERSION)
		return bad(err, kind, "version", "made by a version that is not known here");
	if (le16toh(head->purpose) != purpose)
		return bad(err, kind, "purpose", "is something else");
	if (le32toh(head->length) != len)
		return bad(err, kind, "length", "is not as long as it says");
	return 0;
}

void erot_head_fill(struct erot_head *head, enum erot_purpose purpose, size_t len)
{
	memcpy(head->magic, EROT_MAGIC, EROT_MAGIC_SIZE);
	head->version = htole16(EROT_VERSION);
	head->purpose = htole16(purpose);
	head->length = htole32((uint32_t)len);
}

static int grant_build(const struct erot_grant_info *in, enum erot_purpose purpose, size_t total,
		       const char *kind, struct erot_grant *g, struct erot_error *err)
{
	memset(g, 0, sizeof(*g));
	if (!in->hwkey_len || in->hwkey_len > EROT_HWKEY_MAX)
		return bad(err, kind, "hwkey", "hardware key of an impossible length");
	if (!in->manifest_len || in->manifest_len > EROT_MANIFEST_MAX)
		return bad(err, kind, "manifest", "manifest of an impossible length");
	erot_head_fill(&g->head, purpose, total + in->hwkey_len + in->manifest_len);
	memcpy(g->id, in->id, sizeof(g->id));
	memcpy(g->tenant, in->tenant, sizeof(g->tenant));
	g->epoch = htole32(in->epoch);
	memcpy(g->nonce, in->nonce, sizeof(g->nonce));
	memcpy(g->erot_pk, in->erot_pk, sizeof(g->erot_pk));
	memcpy(g->policy, in->policy, sizeof(g->policy));
	memcpy(g->enrolment, in->enrolment, sizeof(g->enrolment));
	memcpy(g->code_hash, in->code_hash, sizeof(g->code_hash));
	g->hwkey_len = htole32((uint32_t)in->hwkey_len);
	g->manifest_len = htole32((uint32_t)in->manifest_len);
	return 0;
}

/* @fixed: bytes of the structure that begins with the grant; the variable parts follow it */
static int grant_parse(const uint8_t *content, size_t len, size_t fixed, enum erot_purpose purpose,
		       const char *kind, struct erot_grant_info *out, struct erot_error *err)
{
	struct erot_manifest m;
	struct erot_error why;
	struct erot_grant g;
	int ret;

	if (len < sizeof(struct erot_head))
		return bad(err, kind, "length", "too short");
	memcpy(&g.head, content, sizeof(g.head));
	ret = erot_head_check(&g.head, len, purpose, kind, err);
	if (ret)
		return ret;
	if (len < fixed)
		return bad(err, kind, "length", "too short");
	memcpy(&g, content, sizeof(g));
	if (g.reserved)
		return bad(err, kind, "reserved", "a reserved field is not zero");
	out->hwkey_len = le32toh(g.hwkey_len);
	out->manifest_len = le32toh(g.manifest_len);
	if (!out->hwkey_len || out->hwkey_len > EROT_HWKEY_MAX)
		return bad(err, kind, "hwkey", "hardware key of an impossible length");
	if (!out->manifest_len || out->manifest_len > EROT_MANIFEST_MAX)
		return bad(err, kind, "manifest", "manifest of an impossible length");
	if (len - fixed != out->hwkey_len + out->manifest_len)
		return bad(err, kind, "length", "lengths of its parts do not add up");
	memcpy(out->id, g.id, sizeof(g.id));
	memcpy(out->tenant, g.tenant, sizeof(g.tenant));
	out->epoch = le32toh(g.epoch);
	memcpy(out->nonce, g.nonce, sizeof(g.nonce));
	memcpy(out->erot_pk, g.erot_pk, sizeof(g.erot_pk));
	memcpy(out->policy, g.policy, sizeof(g.policy));
	memcpy(out->enrolment, g.enrolment, sizeof(g.enrolment));
	memcpy(out->code_hash, g.code_hash, sizeof(g.code_hash));
	out->hwkey = content + fixed;
	out->manifest = out->hwkey + out->hwkey_len;

	ret = erot_manifest_parse(out->manifest, out->manifest_len, &m, &why);
	if (ret == -ENOMEM)
		return erot_fail(err, ENOMEM, "no-memory", "%s: out of memory", kind);
	if (ret)
		return bad(err, kind, "manifest", why.text);
	ret = memcmp(m.code_hash, g.code_hash, EROT_DIGEST_SIZE);
	erot_manifest_free(&m);
	if (ret)
		return bad(err, kind, "code-hash", "code hash is not that of the manifest");
	return 0;
}

static int digest_of(const void *content, size_t len, uint8_t out[EROT_DIGEST_SIZE],
		     struct erot_error *err)
{
	if (erot_sha256(content, len, out))
		return erot_fail(err, EIO, "crypto", "SHA-256 failed");
	return 0;
}

static int take(struct erot_buf *b, uint8_t **content, size_t *len, struct erot_error *err)
{
	int ret = erot_buf_done(b, err);

	if (!ret)
		*content = erot_buf_take(b, len);
	else
		erot_buf_free(b);
	return ret;
}

int erot_statement_build(const struct erot_statement_info *in, uint8_t **content, size_t *len,
			 struct erot_error *err)
{
	const struct erot_grant_info *g = &in->grant;
	struct erot_statement_info check;
	struct erot_statement s;
	struct erot_buf b = { 0 };
	int ret;

	*content = NULL;
	*len = 0;
	ret = grant_build(g, EROT_PURPOSE_STATEMENT, sizeof(s), "statement", &s.grant, err);
	if (ret)
		return ret;
	erot_buf_add(&b, &s, sizeof(s));
	erot_buf_add(&b, g->hwkey, g->hwkey_len);
	erot_buf_add(&b, g->manifest, g->manifest_len);
	ret = erot_buf_done(&b, err);
	if (!ret)
		ret = erot_statement_parse(b.data, b.len, &check, err);
	if (!ret)
		return take(&b, content, len, err);
	erot_buf_free(&b);
	return ret;
}

int erot_statement_parse(const void *content, size_t len, struct erot_statement_info *out,
			 struct erot_error *err)
{
	int ret;

	memset(out, 0, sizeof(*out));
	ret = grant_parse(content, len, sizeof(struct erot_statement), EROT_PURPOSE_STATEMENT,
			  "statement", &out->grant, err);
	return ret ? ret : digest_of(content, len, out->digest, err);
}

int erot_receipt_build(const struct erot_receipt_info *in, uint8_t **content, size_t *len,
		       struct erot_error *err)
{
	const struct erot_grant_info *g = &in->grant;
	struct erot_receipt_info check;
	struct erot_receipt r = { 0 };
	struct erot_buf b = { 0 };
	int ret;

	*content = NULL;
	*len = 0;
	ret = grant_build(g, EROT_PURPOSE_RECEIPT, sizeof(r), "receipt", &r.grant, err);
	if (ret)
		return ret;
	memcpy(r.statement, in->statement, sizeof(r.statement));
	memcpy(r.ewc, in->ewc, sizeof(r.ewc));
	memcpy(r.order, in->order, sizeof(r.order));
	r.not_before = htole64(in->not_before);
	r.not_after = htole64(in->not_after);
	r.memory_max = htole64(in->memory_max);
	r.max_runtime = htole32(in->max_runtime);
	r.pids_max = htole32(in->pids_max);
	r.isolation = htole32(in->isolation);
	r.host = htole32(in->host);
	erot_buf_add(&b, &r, sizeof(r));
	erot_buf_add(&b, g->hwkey, g->hwkey_len);
	erot_buf_add(&b, g->manifest, g->manifest_len);
	ret = erot_buf_done(&b, err);
	if (!ret)
		ret = erot_receipt_parse(b.data, b.len, &check, err);
	if (!ret)
		return take(&b, content, len, err);
	erot_buf_free(&b);
	return ret;
}

int erot_receipt_parse(const void *content, size_t len, struct erot_receipt_info *out,
		       struct erot_error *err)
{
	struct erot_receipt r;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = grant_parse(content, len, sizeof(r), EROT_PURPOSE_RECEIPT, "receipt", &out->grant,
			  err);
	if (ret)
		return ret;
	memcpy(&r, content, sizeof(r));
	memcpy(out->statement, r.statement, sizeof(r.statement));
	memcpy(out->ewc, r.ewc, sizeof(r.ewc));
	memcpy(out->order, r.order, sizeof(r.order));
	out->not_before = le64toh(r.not_before);
	out->not_after = le64toh(r.not_after);
	out->memory_max = le64toh(r.memory_max);
	out->max_runtime = le32toh(r.max_runtime);
	out->pids_max = le32toh(r.pids_max);
	out->isolation = le32toh(r.isolation);
	out->host = le32toh(r.host);
	/* The kernel's clock is signed, and nobody means the year 292 billion. */
	if (out->not_after <= out->not_before || out->not_after > INT64_MAX)
		return bad(err, "receipt", "validity", "ends before it begins");
	if (!out->memory_max)
		return bad(err, "receipt", "memory", "allows no memory");
	if (!out->max_runtime || out->max_runtime > EROT_RUNTIME_MAX)
		return bad(err, "receipt", "runtime", "running time is not within a year");
	if (!out->pids_max)
		return bad(err, "receipt", "pids", "allows no tasks");
	if (out->isolation & ~EROT_ISO_ALL)
		return bad(err, "receipt", "isolation", "unknown isolation bits");
	if (out->host & ~EROT_HOST_ALL)
		return bad(err, "receipt", "host", "unknown host requirement bits");
	return digest_of(content, len, out->digest, err);
}

int erot_order_build(const struct erot_order_info *in, uint8_t **content, size_t *len,
		     struct erot_error *err)
{
	struct erot_buf b = { 0 };
	struct erot_order o;

	*content = NULL;
	*len = 0;
	erot_head_fill(&o.head, EROT_PURPOSE_ORDER, sizeof(o));
	memcpy(o.statement, in->statement, sizeof(o.statement));
	memcpy(o.ewc, in->ewc, sizeof(o.ewc));
	memcpy(o.customer, in->customer, sizeof(o.customer));
	erot_buf_add(&b, &o, sizeof(o));
	return take(&b, content, len, err);
}

int erot_order_parse(const void *content, size_t len, struct erot_order_info *out,
		     struct erot_error *err)
{
	struct erot_order o;
	int ret;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(o.head))
		return bad(err, "order", "length", "too short");
	memcpy(&o.head, content, sizeof(o.head));
	ret = erot_head_check(&o.head, len, EROT_PURPOSE_ORDER, "order", err);
	if (ret)
		return ret;
	if (len != sizeof(o))
		return bad(err, "order", "length", "has another length than an order");
	memcpy(&o, content, sizeof(o));
	memcpy(out->statement, o.statement, sizeof(o.statement));
	memcpy(out->ewc, o.ewc, sizeof(o.ewc));
	memcpy(out->customer, o.customer, sizeof(o.customer));
	return digest_of(content, len, out->digest, err);
}

static int same_grant(const struct erot_grant_info *a, const struct erot_grant_info *b)
{
	return !memcmp(a->id, b->id, sizeof(a->id)) &&
	       !memcmp(a->tenant, b->tenant, sizeof(a->tenant)) && a->epoch == b->epoch &&
	       !memcmp(a->nonce, b->nonce, sizeof(a->nonce)) &&
	       !memcmp(a->erot_pk, b->erot_pk, sizeof(a->erot_pk)) &&
	       !memcmp(a->policy, b->policy, sizeof(a->policy)) &&
	       !memcmp(a->enrolment, b->enrolment, sizeof(a->enrolment)) &&
	       !memcmp(a->code_hash, b->code_hash, sizeof(a->code_hash)) &&
	       a->hwkey_len == b->hwkey_len && !memcmp(a->hwkey, b->hwkey, a->hwkey_len) &&
	       a->manifest_len == b->manifest_len &&
	       !memcmp(a->manifest, b->manifest, a->manifest_len);
}

int erot_receipt_match(const struct erot_receipt_info *r, const struct erot_statement_info *s,
		       const struct erot_order_info *o, struct erot_error *err)
{
	if (s && memcmp(r->statement, s->digest, EROT_DIGEST_SIZE))
		return erot_fail(err, EKEYREJECTED, "receipt-statement",
				 "receipt: made for another key statement");
	if (s && !same_grant(&r->grant, &s->grant))
		return erot_fail(err, EKEYREJECTED, "receipt-grant",
				 "receipt: differs from its key statement");
	if (o && memcmp(r->order, o->digest, EROT_DIGEST_SIZE))
		return erot_fail(err, EKEYREJECTED, "receipt-order",
				 "receipt: made for another order");
	if (o && memcmp(r->statement, o->statement, EROT_DIGEST_SIZE))
		return erot_fail(err, EKEYREJECTED, "receipt-statement",
				 "receipt: its order is for another key statement");
	if (o && memcmp(r->ewc, o->ewc, EROT_DIGEST_SIZE))
		return erot_fail(err, EKEYREJECTED, "receipt-ewc",
				 "receipt: its order is for another container");
	return 0;
}

int erot_receipt_valid_at(const struct erot_receipt_info *r, uint64_t now, struct erot_error *err)
{
	if (now < r->not_before)
		return erot_fail(err, EKEYEXPIRED, "receipt-not-yet-valid",
				 "receipt: not valid for another %llu s",
				 (unsigned long long)(r->not_before - now));
	if (now > r->not_after)
		return erot_fail(err, EKEYEXPIRED, "receipt-expired", "receipt: expired %llu s ago",
				 (unsigned long long)(now - r->not_after));
	return 0;
}
