// SPDX-License-Identifier: GPL-2.0-only
/*
 * Evidence is checked by the HSM helper, which alone can derive the evidence key, and carried whole
 * in a signed destruction record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/io.h"
#include "dergd/ending.h"
#include "dergd/epoch.h"
#include "dergd/machine.h"
#include "dergd/policies.h"
#include "dergd/tenant.h"
#include "dergd/unaccounted.h"
#include "liberot/cms.h"
#include "liberot/evidence.h"
#include "liberot/softkey.h"

/**
 * struct end_case - a report and what was found out about it
 * @content: of the receipt; owned
 * @r: parsed
 * @tenant: name
 * @machine: of the launch
 * @epoch: of the launch
 * @selection: PCRs that the quote selects
 * @info: of the quote
 * @record: content of the destruction record; owned
 * @made: signed by us; owned
 * @out: of the transaction: one that was made before
 */
struct end_case {
	struct derg *d;
	const struct derg_end_request *in;
	uint64_t now;
	uint8_t *content;
	struct erot_receipt_info r;
	struct erot_evidence ev;
	char tenant[EROT_TENANT_MAX + 1];
	struct machine machine;
	struct epoch epoch;
	uint32_t selection;
	struct erot_quote_info info;
	uint8_t *record;
	size_t record_len;
	struct derg_issued made;
	struct derg_issued *out;
};

static int was_released(struct db *db, const struct end_case *c, struct erot_error *err)
{
	struct db_rows *rows;
	bool found;
	int ret;

	ret = db_query(db, err, &rows, "SELECT 1 FROM release WHERE receipt = $1",
		       DB_ARGS(db_blob(c->r.digest, EROT_DIGEST_SIZE)));
	found = !ret && db_next(rows);
	ret = db_end(rows, err);
	if (!ret && !found)
		ret = erot_fail(err, EPERM, "not-released", "this receipt was never released");
	return ret;
}

/*
 * The PCR that a quote of the end selects: the boot key's, of the policy that it was released
 * under. Its value is not compared: what was extended since takes nothing from the evidence.
 */
static int find_selection(struct db *db, struct end_case *c, struct erot_error *err)
{
	struct erot_policy policy;
	uint8_t *text;
	size_t len;
	int ret;

	ret = policies_find(db, c->tenant, c->r.grant.policy, &text, &len, err);
	if (ret)
		return ret;
	ret = erot_policy_parse(text, len, &policy, err);
	free(text);
	if (ret)
		return ret;
	c->selection = 1U << policy.boot_pcr;
	erot_policy_free(&policy);
	return 0;
}

static int find_work(struct db *db, void *ctx, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];
	struct end_case *c = ctx;
	int ret;

	if (erot_sha256(c->r.grant.hwkey, c->r.grant.hwkey_len, id))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	ret = tenant_name(db, c->r.grant.tenant, c->tenant, err);
	if (!ret && c->in->tenant && strcmp(c->in->tenant, c->tenant))
		ret = erot_fail(err, EPERM, "tenant-mismatch", "this receipt is another tenant's");
	if (!ret)
		ret = machine_load(db, c->tenant, id, &c->machine, err);
	if (!ret)
		ret = epoch_load(db, c->tenant, c->r.grant.epoch, &c->epoch, err);
	if (!ret)
		ret = epoch_alive(&c->epoch, err);
	if (!ret)
		ret = was_released(db, c, err);
	if (!ret && c->d->a->config.attested)
		ret = find_selection(db, c, err);
	return ret;
}

static int check(struct end_case *c, struct erot_error *err)
{
	const struct derg_end_request *in = c->in;
	uint8_t seed[EROT_DIGEST_SIZE];
	char label[EPOCH_ROOT_MAX];
	size_t len;
	int ret;

	ret = derg_verify(c->d, in->receipt, in->receipt_len, &c->content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(c->content, len, &c->r, err);
	if (!ret)
		ret = erot_evidence_check_form(in->evidence, in->evidence_len, err);
	if (ret)
		return ret;
	memcpy(&c->ev, in->evidence, sizeof(c->ev));
	ret = db_transaction(c->d->db, DB_READ, find_work, c, err);
	if (!ret)
		ret = epoch_seed(&c->epoch, &c->r.grant, seed, err);
	if (ret)
		return ret;
	epoch_root(&c->epoch, label);
	return hsm_check(&c->d->a->hsm, label, seed, c->r.grant.erot_pk, c->r.digest, &c->ev, err);
}

/* Which kernel says so: the quote binds the evidence to the machine's TPM. */
static int check_quote(struct end_case *c, struct erot_error *err)
{
	const struct derg_end_request *in = c->in;
	struct erot_quote_want want = { .mask = c->selection };

	if (!c->d->a->config.attested)
		return 0;
	if (erot_quote_data_end(&c->ev, want.qualifying))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	if (c->machine.software)
		return erot_softkey_verify(c->machine.spki, c->machine.spki_len, want.qualifying,
					   in->signature, in->signature_len, err);
	return erot_quote_verify(&in->quote, c->machine.spki, c->machine.spki_len, &want, &c->info,
				 err);
}

static void free_case(struct end_case *c)
{
	free(c->content);
	free(c->record);
	derg_issued_free(&c->made);
}

int derg_check_evidence(struct derg *d, const struct derg_end_request *in, struct erot_error *err)
{
	struct end_case c = { .d = d, .in = in };
	int ret;

	ret = check(&c, err);
	free_case(&c);
	return ret;
}

static int sign_record(struct end_case *c, struct erot_error *err)
{
	struct erot_destruction_info info = { .time = c->now, .evidence = c->ev };
	struct erot_buf quote = { 0 };
	int ret;

	if (c->in->quote.attest_len)
		erot_quote_pack(&c->in->quote, &quote);
	ret = erot_buf_done(&quote, err);
	info.quote = quote.data;
	info.quote_len = quote.len;
	if (!ret)
		ret = erot_destruction_build(&info, &c->record, &c->record_len, err);
	erot_buf_free(&quote);
	if (!ret && erot_sha256(c->record, c->record_len, c->made.digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	return ret ?: derg_sign(c->d, c->record, c->record_len, &c->made.cms, &c->made.cms_len,
				err);
}

/* A copy of a row's record, with its digest. */
static int load_record(struct db *db, const char *tenant, const uint8_t *receipt,
		       struct derg_issued *out, struct erot_destruction_info *info,
		       struct erot_error *err)
{
	uint8_t *content = NULL;
	struct db_rows *rows;
	const void *cms;
	int ret, end;
	size_t len;

	derg_issued_free(out);
	ret = db_query(db, err, &rows, "SELECT e.cms FROM ending e "
		       "JOIN release l ON l.receipt = e.receipt "
		       "WHERE e.receipt = $1 AND l.tenant = $2",
		       DB_ARGS(db_blob(receipt, EROT_DIGEST_SIZE), db_text(tenant)));
	if (!ret && db_next(rows)) {
		cms = db_get_blob(rows, 0, &out->cms_len);
		out->cms = malloc(out->cms_len ?: 1);
		if (!out->cms || !cms)
			ret = erot_fail(err, ENOMEM, "no-memory", "destruction record");
		else
			memcpy(out->cms, cms, out->cms_len);
	}
	end = db_end(rows, ret ? NULL : err);
	if (ret || end || !out->cms)
		return ret ?: end;
	ret = erot_cms_content(out->cms, out->cms_len, &content, &len, err);
	if (!ret)
		ret = erot_destruction_parse(content, len, info, err);
	memcpy(out->digest, info->digest, sizeof(out->digest));
	free(content);
	return ret;
}

/* A retry gives the record that was made; other evidence for the same launch is refused. */
static int ended_before(struct db *db, struct end_case *c, struct erot_error *err)
{
	struct erot_destruction_info info = { .time = 0 };
	int ret;

	ret = load_record(db, c->tenant, c->r.digest, c->out, &info, err);
	if (!ret && c->out->cms && memcmp(&info.evidence, &c->ev, sizeof(c->ev)))
		ret = erot_fail(err, EPERM, "already-ended",
				"other evidence was given for this launch before");
	return ret;
}

static json_t *make_termination(const struct end_case *c)
{
	char receipt[2 * EROT_DIGEST_SIZE + 1], *evidence, *attest = NULL, *signature = NULL;
	const struct derg_end_request *in = c->in;
	json_t *json;

	evidence = erot_base64_encode(&c->ev, sizeof(c->ev));
	if (in->quote.attest_len) {
		attest = erot_base64_encode(in->quote.attest, in->quote.attest_len);
		signature = erot_base64_encode(in->quote.signature, in->quote.signature_len);
	} else if (in->signature_len) {
		signature = erot_base64_encode(in->signature, in->signature_len);
	}
	json = json_pack("{s:s,s:s,s:s*,s:s*}",
			 "receipt", erot_hex(c->r.digest, EROT_DIGEST_SIZE, receipt),
			 "evidence", evidence, "quote", attest, "signature", signature);
	free(evidence);
	free(attest);
	free(signature);
	return json;
}

static int insert(struct db *db, const struct end_case *c, uint64_t index, struct erot_error *err)
{
	struct erot_buf quote = { 0 };
	int ret;

	if (c->in->quote.attest_len)
		erot_quote_pack(&c->in->quote, &quote);
	ret = erot_buf_done(&quote, err);
	if (!ret)
		ret = db_run(db, err, NULL, "INSERT INTO ending "
			     "(receipt, evidence, attestation, cms, log_idx, created) "
			     "VALUES ($1, $2, $3, $4, $5, $6)",
			     DB_ARGS(db_blob(c->r.digest, EROT_DIGEST_SIZE),
				     db_blob(&c->ev, sizeof(c->ev)),
				     db_blob(quote.data ?: (const uint8_t *)"", quote.len),
				     db_blob(c->made.cms, c->made.cms_len), db_int(index),
				     db_int(c->now)));
	if (!ret)
		ret = unaccounted_end(db, c->r.digest, c->now, err);
	if (!ret && c->in->quote.attest_len && c->d->a->config.attested)
		ret = unaccounted_close(db, c->tenant, c->machine.id, c->info.reset_count,
					quote.data, quote.len, c->now, err);
	erot_buf_free(&quote);
	return ret;
}

static int end_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct end_case *c = ctx;
	uint64_t index;
	int ret;

	ret = ended_before(db, c, err);
	if (ret || c->out->cms)
		return ret;
	ret = derg_record_json(db, c->tenant, EROT_LOG_TERMINATION, c->r.digest, c->now,
			       make_termination(c), NULL, err);
	if (!ret)
		ret = derg_record(db, c->tenant, EROT_LOG_DESTRUCTION, c->r.digest, c->now,
				  c->record, c->record_len, &index, err);
	return ret ?: insert(db, c, index, err);
}

int derg_terminate(struct derg *d, const struct derg_end_request *in, uint64_t now,
		   struct derg_issued *out, struct erot_error *err)
{
	struct end_case c = { .d = d, .in = in, .now = now, .out = out };
	int ret;

	memset(out, 0, sizeof(*out));
	ret = check(&c, err);
	if (!ret)
		ret = check_quote(&c, err);
	if (!ret)
		ret = sign_record(&c, err);
	if (!ret)
		ret = db_transaction(d->db, DB_RESUME | DB_SHARED, end_work, &c, err);
	if (!ret && !out->cms) {
		*out = c.made;
		memset(&c.made, 0, sizeof(c.made));
	}
	if (ret)
		derg_issued_free(out);
	free_case(&c);
	return ret;
}

struct getting {
	const char *tenant;
	const uint8_t *receipt;
	struct derg_issued *out;
};

static int get_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct erot_destruction_info info;
	struct getting *g = ctx;
	int ret;

	ret = load_record(db, g->tenant, g->receipt, g->out, &info, err);
	if (!ret && !g->out->cms)
		ret = erot_fail(err, ENOENT, "destruction-unknown",
				"there is no destruction record of this launch");
	return ret;
}

int derg_destruction_get(struct derg *d, const char *tenant,
			 const uint8_t receipt[EROT_DIGEST_SIZE], struct derg_issued *out,
			 struct erot_error *err)
{
	struct getting g = { tenant, receipt, out };
	int ret;

	memset(out, 0, sizeof(*out));
	ret = db_transaction(d->db, DB_READ, get_work, &g, err);
	if (ret)
		derg_issued_free(out);
	return ret;
}
