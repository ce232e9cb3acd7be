// SPDX-License-Identifier: GPL-2.0-only
/*
 * Releases: all checks, then the HSM seals, then all checks again, record and log entry in one
 * serialisable transaction. Writers wait for each other, so nobody asks the HSM for anything while
 * he is one. What was sealed and then refused is forgotten: it never left, and nobody but the
 * session that asked could open it. A crash loses at most a launch; the unique receipt of the table
 * keeps it from being released twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/buf.h"
#include "common/io.h"
#include "dergd/problem.h"
#include "dergd/release_checks.h"
#include "dergd/unaccounted.h"
#include "liberot/names.h"

static int seal(struct release_case *c, struct erot_release *out, struct erot_error *err)
{
	const struct derg_config *config = &c->d->a->config;
	uint64_t left = c->r.not_after - c->now;
	uint8_t seed[EROT_DIGEST_SIZE];
	char label[EPOCH_ROOT_MAX];
	struct hsm_release req;
	int ret;

	ret = epoch_seed(&c->epoch, &c->r.grant, seed, err);
	if (ret)
		return ret;
	memcpy(req.pk, c->r.grant.erot_pk, sizeof(req.pk));
	memcpy(req.receipt, c->r.digest, sizeof(req.receipt));
	memcpy(req.session_pk, c->in->session_pk, sizeof(req.session_pk));
	memcpy(req.boot_pk, c->in->state.boot_key, sizeof(req.boot_pk));
	req.derg_time = c->now;
	req.valid_seconds = left < config->valid_seconds ? left : config->valid_seconds;
	if (!req.valid_seconds)
		req.valid_seconds = 1;	/* the last second of the receipt */
	req.max_runtime = c->r.max_runtime;
	epoch_root(&c->epoch, label);
	return hsm_release(&c->d->a->hsm, label, seed, &req, out, err);
}

static void set_base64(json_t *json, const char *name, const void *data, size_t len)
{
	char *text = erot_base64_encode(data, len);

	if (text)
		json_object_set_new(json, name, json_string(text));
	free(text);
}

static void set_hex(json_t *json, const char *name, const uint8_t digest[EROT_DIGEST_SIZE])
{
	char hex[2 * EROT_DIGEST_SIZE + 1];

	json_object_set_new(json, name, json_string(erot_hex(digest, EROT_DIGEST_SIZE, hex)));
}

/* What an auditor needs to make every check of the machine again. */
static json_t *make_record(const struct release_case *c, const struct erot_release *out)
{
	const struct derg_release_request *in = c->in;
	uint8_t digest[EROT_DIGEST_SIZE];
	char *state = erot_machine_state_build(&in->state);
	json_t *json = json_object();

	if (!json || !state || erot_sha256(out, sizeof(*out), digest)) {
		free(state);
		json_decref(json);
		return NULL;
	}
	set_hex(json, "receipt", c->r.digest);
	set_hex(json, "machine", c->machine.id);
	set_base64(json, "sessionKey", in->session_pk, sizeof(in->session_pk));
	if (in->challenge)
		set_base64(json, "challenge", in->challenge, DERG_CHALLENGE_SIZE);
	if (in->quote.attest_len) {
		set_base64(json, "quote", in->quote.attest, in->quote.attest_len);
		set_base64(json, "signature", in->quote.signature, in->quote.signature_len);
	} else if (in->signature_len) {
		set_base64(json, "signature", in->signature, in->signature_len);
	}
	json_object_set_new(json, "state", json_loads(state, JSON_REJECT_DUPLICATES, NULL));
	set_hex(json, "release", digest);
	json_object_set_new(json, "time", json_integer(c->now));
	free(state);
	return json;
}

static int use_challenge(struct db *db, const struct release_case *c,
			 uint8_t challenge[DERG_CHALLENGE_SIZE], struct erot_error *err)
{
	if (c->in->challenge) {
		memcpy(challenge, c->in->challenge, DERG_CHALLENGE_SIZE);
		return db_run(db, err, NULL, "UPDATE challenge SET used = $2 WHERE challenge = $1",
			      DB_ARGS(db_blob(challenge, DERG_CHALLENGE_SIZE), db_int(c->now)));
	}
	/* without attestation: one of our own, so that the tables need no exception */
	if (erot_random(challenge, DERG_CHALLENGE_SIZE))
		return erot_fail(err, EIO, "crypto", "no random numbers");
	return db_run(db, err, NULL, "INSERT INTO challenge "
		      "(challenge, tenant, machine, expires, used) "
		      "VALUES ($1, $2, $3, $4, $4)",
		      DB_ARGS(db_blob(challenge, DERG_CHALLENGE_SIZE), db_text(c->tenant),
			      db_blob(c->machine.id, EROT_DIGEST_SIZE), db_int(c->now)));
}

static int insert(struct db *db, const struct release_case *c, const struct erot_buf *quote,
		  uint64_t index, struct erot_error *err)
{
	const struct derg_config *config = &c->d->a->config;
	uint64_t deadline = c->now + config->valid_seconds + c->r.max_runtime +
			    config->evidence_seconds;
	bool tpm = c->in->quote.attest_len;
	uint8_t challenge[DERG_CHALLENGE_SIZE];
	struct db_value none = db_text(NULL);
	int ret;

	ret = use_challenge(db, c, challenge, err);
	if (ret)
		return ret;
	ret = db_run(db, err, NULL, "INSERT INTO release (receipt, tenant, machine, challenge, "
		     "session_pk, boot_pk, host_state, attestation, reset_count, restart_count, "
		     "answer, log_idx, created, deadline) "
		     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		     DB_ARGS(db_blob(c->r.digest, EROT_DIGEST_SIZE), db_text(c->tenant),
			     db_blob(c->machine.id, EROT_DIGEST_SIZE),
			     db_blob(challenge, sizeof(challenge)),
			     db_blob(c->in->session_pk, EROT_KEY_SIZE),
			     db_blob(c->in->state.boot_key, EROT_KEY_SIZE),
			     db_int(c->in->state.host),
			     db_blob(quote->data ?: (const uint8_t *)"", quote->len),
			     tpm ? db_int(c->quote.reset_count) : none,
			     tpm ? db_int(c->quote.restart_count) : none,
			     db_blob(&c->answer, sizeof(c->answer)), db_int(index),
			     db_int(c->now), db_int(deadline)));
	return ret ?: unaccounted_begin(db, c->tenant, c->machine.id, c->r.digest, deadline, err);
}

/*
 * The entry may have a later time than ours, that of the entry before it, and it is this time that
 * an audit holds against the receipt.
 */
static int record(struct db *db, const struct release_case *c, uint64_t *index,
		  struct erot_error *err)
{
	json_t *json = make_record(c, &c->answer);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct log_new entry = {
		.kind = EROT_LOG_RELEASE,
		.time = c->now,
		.tenant = c->tenant,
		.subject = c->r.digest,
		.content = text,
	};
	int ret;

	json_decref(json);
	if (!text)
		return erot_fail(err, ENOMEM, "no-memory", "log entry");
	entry.len = strlen(text);
	ret = log_append(db, &entry, index, err);
	free(text);
	return ret ?: erot_receipt_valid_at(&c->r, entry.time, err);
}

static int spend(struct db *db, struct release_case *c, struct erot_error *err)
{
	struct erot_buf quote = { 0 };
	uint64_t index;
	int ret;

	c->answer = c->sealed;
	if (c->in->quote.attest_len)
		erot_quote_pack(&c->in->quote, &quote);
	ret = erot_buf_done(&quote, err);
	if (!ret)
		ret = record(db, c, &index, err);
	if (!ret)
		ret = insert(db, c, &quote, index, err);
	if (!ret && c->in->quote.attest_len)
		ret = unaccounted_close(db, c->tenant, c->machine.id, c->quote.reset_count,
					quote.data, quote.len, c->now, err);
	erot_buf_free(&quote);
	return ret;
}

static int check_work(struct db *db, void *ctx, struct erot_error *err)
{
	return release_check(db, ctx, NULL, NULL, err);
}

static int release_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct release_case *c = ctx;
	int ret;

	ret = release_check(db, c, NULL, NULL, err);
	if (ret || c->again)
		return ret;
	return spend(db, c, err);
}

/**
 * struct refusal - for the log
 */
struct refusal {
	const struct release_case *c;
	const struct erot_error *why;
};

static int refusal_work(struct db *db, void *ctx, struct erot_error *err)
{
	const struct refusal *r = ctx;
	const struct erot_error *why = r->why;
	char receipt[2 * EROT_DIGEST_SIZE + 1];
	json_t *json;

	erot_hex(r->c->r.digest, EROT_DIGEST_SIZE, receipt);
	json = json_pack("{s:s,s:s,s:s}", "receipt", receipt, "code", why->code, "detail",
			 why->text);
	if (json && why->expected[0])
		json_object_set_new(json, "expected", json_string(why->expected));
	if (json && why->actual[0])
		json_object_set_new(json, "actual", json_string(why->actual));
	return derg_record_json(db, r->c->tenant, EROT_LOG_REFUSAL, r->c->r.digest, r->c->now, json,
				NULL, err);
}

/* A refusal is said whether or not it could be recorded. */
static void record_refusal(struct release_case *c, const struct erot_error *why)
{
	struct refusal r = { c, why };

	if (c->tenant[0])
		db_transaction(c->d->db, DB_SHARED, refusal_work, &r, NULL);
}

/* Where the HSM fails because of what was decided meanwhile, that is what is said. */
static int check_and_seal(struct release_case *c, struct erot_error *err)
{
	struct db *db = c->d->db;
	struct erot_error why;
	int ret, refused;

	ret = db_transaction(db, DB_READ, check_work, c, err);
	if (ret || c->again)
		return ret;
	ret = seal(c, &c->sealed, err);
	if (!ret)
		return 0;
	refused = db_transaction(db, DB_READ, check_work, c, &why);
	if (refused)
		*err = why;
	return refused ?: ret;
}

int derg_release(struct derg *d, const struct derg_release_request *in, uint64_t now,
		 struct erot_release *out, struct erot_error *err)
{
	struct release_case c = { .d = d, .in = in, .now = now };
	struct erot_error why = { "", "", "", "" };
	int ret;

	ret = release_open(&c, &why);
	if (!ret) {
		ret = check_and_seal(&c, &why);
		if (!ret && !c.again)
			ret = db_transaction(d->db, DB_RESUME | DB_SHARED, release_work, &c, &why);
		/* what the DERG itself failed in says nothing about the receipt */
		if (ret && !problem_is_ours(ret, why.code))
			record_refusal(&c, &why);
	}
	if (!ret)
		*out = c.answer;
	else if (err)
		*err = why;
	release_case_free(&c);
	return ret;
}

/**
 * struct dry - a dry run
 * @ret: what a release would return, and @why
 * @verdicts: told when the transaction is over, which may have run several times
 */
struct dry {
	struct release_case c;
	int ret;
	struct erot_error why;
	unsigned int count;
	struct {
		const char *check;
		int ret;
		struct erot_error why;
	} verdicts[RELEASE_CHECKS_MAX];
};

static void keep_verdict(void *ctx, const char *check, int ret, const struct erot_error *err)
{
	struct dry *dry = ctx;

	dry->verdicts[dry->count].check = check;
	dry->verdicts[dry->count].ret = ret;
	dry->verdicts[dry->count++].why = *err;
}

/* It is no failure of the transaction that a check fails. */
static int dry_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct dry *dry = ctx;

	(void)err;
	dry->count = 0;
	memset(&dry->why, 0, sizeof(dry->why));
	dry->ret = release_check(db, &dry->c, keep_verdict, dry, &dry->why);
	return 0;
}

int derg_release_dry(struct derg *d, const struct derg_release_request *in, uint64_t now,
		     derg_verdict_fn tell, void *ctx, struct erot_error *err)
{
	struct dry dry = { .c = { .d = d, .in = in, .now = now } };
	struct erot_error failure = { "", "", "", "" };
	unsigned int i;
	int ret;

	ret = release_open(&dry.c, &dry.why);
	if (ret) {
		keep_verdict(&dry, "receipt", ret, &dry.why);
	} else {
		ret = db_transaction(d->db, DB_READ, dry_work, &dry, &failure);
		if (ret) {
			dry.count = 0;
			dry.why = failure;
		}
		ret = ret ?: dry.ret;
	}
	for (i = 0; i < dry.count; i++)
		tell(ctx, dry.verdicts[i].check, dry.verdicts[i].ret, &dry.verdicts[i].why);
	if (ret && err)
		*err = dry.why;
	release_case_free(&dry.c);
	return ret;
}
