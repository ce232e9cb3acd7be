// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks before a release, in this order, each with its codes. Documentation/provider.rst
 * repeats the table and a test compares the two.
 *
 *	receipt		"cms-...", "receipt-..." (form), "tenant-unknown", "tenant-mismatch"
 *	machine		"machine-unknown", "machine-mismatch", "machine-revoked", "machine-pending"
 *	policy		"policy-none", "policy-changed"
 *	quote		"quote-..."; of a software key "softkey-signature"
 *	challenge	"challenge-unknown", "challenge-machine", "challenge-used",
 *			"challenge-expired"
 *	state		"software-key", "tpm-key", "event-log-...", "pcr-...", "boot-key-pcr",
 *			"module-version", "host-state": as of erot_policy_check()
 *	validity	"receipt-not-yet-valid", "receipt-expired"
 *	host		"host-state": what the receipt itself demands
 *	order		"receipt-unknown", "cms-..." of the order, "order-...", "receipt-order"
 *	epoch		"epoch-unknown", "epoch-destroyed"
 *	revocation	"receipt-revoked"
 *	spent		"receipt-spent"
 *	unaccounted	"machine-unaccounted"
 *
 * The policy's digest comes before the quote, because the policy says which PCRs the quote must
 * select. Without attestation (derg.conf) policy, quote, challenge, state and unaccounted are left
 * out: there is nothing to hold them against.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "dergd/client.h"
#include "dergd/policies.h"
#include "dergd/release_checks.h"
#include "dergd/tenant.h"
#include "dergd/unaccounted.h"
#include "liberot/cms.h"
#include "liberot/names.h"
#include "liberot/softkey.h"

int release_open(struct release_case *c, struct erot_error *err)
{
	int ret;

	ret = derg_verify(c->d, c->in->receipt, c->in->receipt_len, &c->content, &c->content_len,
			  err);
	return ret ?: erot_receipt_parse(c->content, c->content_len, &c->r, err);
}

void release_case_free(struct release_case *c)
{
	free(c->content);
	if (c->has_policy)
		erot_policy_free(&c->policy);
}

static bool attested(const struct release_case *c)
{
	return c->d->a->config.attested;
}

static int check_receipt(struct db *db, struct release_case *c, struct erot_error *err)
{
	int ret;

	ret = tenant_name(db, c->r.grant.tenant, c->tenant, err);
	if (!ret && c->in->tenant && strcmp(c->in->tenant, c->tenant))
		ret = erot_fail(err, EPERM, "tenant-mismatch", "this receipt is another tenant's");
	return ret;
}

static int check_machine(struct db *db, struct release_case *c, struct erot_error *err)
{
	uint8_t id[EROT_DIGEST_SIZE];
	int ret;

	if (erot_sha256(c->r.grant.hwkey, c->r.grant.hwkey_len, id))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	ret = machine_load(db, c->tenant, c->in->machine ?: id, &c->machine, err);
	if (!ret && memcmp(c->machine.id, id, sizeof(id)))
		ret = erot_fail_digests(err, EPERM, "machine-mismatch", id, c->machine.id,
					"this receipt is for another machine");
	return ret ?: machine_usable(&c->machine, attested(c), err);
}

static int check_policy(struct db *db, struct release_case *c, struct erot_error *err)
{
	int ret;

	ret = policies_load(db, c->tenant, &c->policy, err);
	if (ret)
		return ret;
	c->has_policy = true;
	if (!memcmp(c->policy.digest, c->r.grant.policy, sizeof(c->policy.digest)))
		return 0;
	return erot_fail_digests(err, EPERM, "policy-changed", c->policy.digest, c->r.grant.policy,
				 "the policy has changed since the receipt was made");
}

static int qualifying_data(const struct release_case *c, uint8_t out[EROT_DIGEST_SIZE],
			   struct erot_error *err)
{
	struct erot_quote_release q = { .host = c->in->state.host };

	if (!c->in->challenge)
		return erot_fail(err, EINVAL, "challenge-unknown", "a challenge is needed");
	memcpy(q.challenge, c->in->challenge, sizeof(q.challenge));
	memcpy(q.session_pk, c->in->session_pk, sizeof(q.session_pk));
	memcpy(q.boot_pk, c->in->state.boot_key, sizeof(q.boot_pk));
	memcpy(q.receipt, c->r.digest, sizeof(q.receipt));
	return erot_quote_data_release(&q, out) ? erot_fail(err, EIO, "crypto", "SHA-256") : 0;
}

/*
 * Checks run before the HSM is asked and again with what it sealed. A signature over the same bytes
 * by the same key is as good as it was: @seen is the digest of all that it depends on besides the
 * request. *@same: it was good.
 */
static int seen_before(bool verified, uint8_t seen[EROT_DIGEST_SIZE], const void *a, size_t a_len,
		       const void *b, size_t b_len, bool *same, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	struct erot_buf buf = { 0 };
	int ret;

	erot_buf_lp(&buf, a, a_len);
	erot_buf_lp(&buf, b, b_len);
	ret = erot_buf_done(&buf, err);
	if (!ret && erot_sha256(buf.data, buf.len, digest))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	erot_buf_free(&buf);
	if (ret)
		return ret;
	*same = verified && !memcmp(seen, digest, sizeof(digest));
	memcpy(seen, digest, sizeof(digest));
	return 0;
}

static int verify_quote(struct release_case *c, struct erot_error *err)
{
	struct erot_quote_want want = { .mask = erot_policy_selection(&c->policy),
					.pcrs = &c->in->state.pcrs };
	int ret;

	ret = qualifying_data(c, want.qualifying, err);
	if (ret)
		return ret;
	if (c->machine.software)
		return erot_softkey_verify(c->machine.spki, c->machine.spki_len, want.qualifying,
					   c->in->signature, c->in->signature_len, err);
	return erot_quote_verify(&c->in->quote, c->machine.spki, c->machine.spki_len, &want,
				 &c->quote, err);
}

static int check_quote(struct db *db, struct release_case *c, struct erot_error *err)
{
	uint32_t rest[2] = { erot_policy_selection(&c->policy), c->machine.software };
	bool same;
	int ret;

	(void)db;
	ret = seen_before(c->quote_verified, c->quote_seen, c->machine.spki, c->machine.spki_len,
			  rest, sizeof(rest), &same, err);
	if (ret || same)
		return ret;
	ret = verify_quote(c, err);
	c->quote_verified = !ret;
	return ret;
}

/**
 * struct found_challenge - a row
 * @used: by a release
 * @mine: of this very receipt: a retry
 */
struct found_challenge {
	bool found, used, mine, machine;
	uint64_t expires;
};

static int find_challenge(struct db *db, struct release_case *c, struct found_challenge *f,
			  struct erot_error *err)
{
	uint8_t machine[EROT_DIGEST_SIZE], receipt[EROT_DIGEST_SIZE];
	struct db_rows *rows;
	const char *tenant;
	int ret;

	ret = db_query(db, err, &rows, "SELECT c.tenant, c.machine, c.expires, c.used, l.receipt "
		       "FROM challenge c LEFT JOIN release l ON l.challenge = c.challenge "
		       "WHERE c.challenge = $1",
		       DB_ARGS(db_blob(c->in->challenge, DERG_CHALLENGE_SIZE)));
	f->found = !ret && db_next(rows);
	if (f->found) {
		tenant = db_get_text(rows, 0);
		db_get_copy(rows, 1, machine, sizeof(machine));
		f->machine = tenant && !strcmp(tenant, c->tenant) &&
			     !memcmp(machine, c->machine.id, sizeof(machine));
		f->expires = db_get_int(rows, 2);
		f->used = !db_is_null(rows, 3);
		if (!db_is_null(rows, 4)) {
			db_get_copy(rows, 4, receipt, sizeof(receipt));
			f->mine = !memcmp(receipt, c->r.digest, sizeof(receipt));
		}
	}
	return db_end(rows, err);
}

static int check_challenge(struct db *db, struct release_case *c, struct erot_error *err)
{
	struct found_challenge f = { .found = false };
	int ret;

	if (!c->in->challenge)
		return erot_fail(err, EINVAL, "challenge-unknown", "a challenge is needed");
	ret = find_challenge(db, c, &f, err);
	if (ret)
		return ret;
	if (!f.found)
		return erot_fail(err, EPERM, "challenge-unknown", "this challenge was never given");
	if (!f.machine)
		return erot_fail(err, EPERM, "challenge-machine",
				 "this challenge was given to another machine");
	if (f.mine)	/* its answer was perhaps lost */
		return 0;
	if (f.used)
		return erot_fail(err, EPERM, "challenge-used", "this challenge was used before");
	if (c->now > f.expires)
		return erot_fail(err, ETIME, "challenge-expired",
				 "this challenge has expired; ask for another one");
	return 0;
}

static int check_state(struct db *db, struct release_case *c, struct erot_error *err)
{
	struct erot_machine_state state = c->in->state;

	(void)db;
	state.software = c->machine.software;	/* the enrolment's word, not the request's */
	return erot_policy_check(&c->policy, &state, err);
}

static int check_validity(struct db *db, struct release_case *c, struct erot_error *err)
{
	(void)db;
	return erot_receipt_valid_at(&c->r, c->now, err);
}

static int check_host(struct db *db, struct release_case *c, struct erot_error *err)
{
	uint32_t missing = c->r.host & ~c->in->state.host;
	char names[128];

	(void)db;
	if (!missing)
		return 0;
	return erot_fail(err, EPERM, "host-state", "host lacks what the receipt demands: %s",
			 erot_host_format(missing, names, sizeof(names)));
}

/* The customer's consent, once more: what is in the database may have been put there. */
static int verify_order(struct release_case *c, const void *cms, size_t cms_len, X509 *cert,
			struct erot_order_info *o, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE], *content = NULL;
	size_t len;
	int ret;

	ret = erot_cms_verify(cms, cms_len, cert, &content, &len, err);
	if (!ret)
		ret = erot_order_parse(content, len, o, err);
	if (!ret)
		ret = erot_cert_spki_digest(cert, digest, err);
	if (!ret && memcmp(o->customer, digest, sizeof(digest)))
		ret = erot_fail_digests(err, EKEYREJECTED, "order-customer", digest, o->customer,
					"order names another customer than the certificate");
	if (!ret)
		ret = erot_receipt_match(&c->r, NULL, o, err);
	free(content);
	return ret;
}

/* The row of the receipt; @rows has been moved to it. */
static int check_consent(struct release_case *c, struct db_rows *rows, struct erot_error *err)
{
	size_t cms_len, cert_len;
	const void *cms = db_get_blob(rows, 0, &cms_len), *der = db_get_blob(rows, 1, &cert_len);
	X509 *cert = NULL;
	bool same;
	int ret;

	if (!cms || !der)
		return erot_fail(err, EIO, "order-customer", "record of an order is damaged");
	ret = seen_before(c->order_verified, c->order_seen, cms, cms_len, der, cert_len, &same,
			  err);
	if (ret || same)
		return ret;
	ret = certs_get(c->d->a->certs, der, cert_len, &cert, NULL) ?
	      erot_fail(err, EIO, "order-customer", "record of an order is damaged") :
	      verify_order(c, cms, cms_len, cert, &c->order, err);
	c->order_verified = !ret;
	X509_free(cert);
	return ret;
}

static int check_order(struct db *db, struct release_case *c, struct erot_error *err)
{
	struct db_rows *rows;
	X509 *cert = NULL;
	bool found;
	int ret, end;

	ret = db_query(db, err, &rows, "SELECT order_cms, order_cert FROM receipt "
		       "WHERE digest = $1 AND tenant = $2",
		       DB_ARGS(db_blob(c->r.digest, EROT_DIGEST_SIZE), db_text(c->tenant)));
	found = !ret && db_next(rows);
	if (found)
		ret = check_consent(c, rows, err);
	end = db_end(rows, ret ? NULL : err);
	if (!ret && !end && !found)
		ret = erot_fail(err, ENOENT, "receipt-unknown",
				"nothing is known of this receipt and its order");
	if (ret || end || !attested(c))
		return ret ?: end;
	/* the customer must still be one: a key that was lost is removed with its client */
	ret = client_order_cert(db, c->d->a->certs, c->tenant, c->order.customer, &cert, err);
	X509_free(cert);
	return ret;
}

static int check_epoch(struct db *db, struct release_case *c, struct erot_error *err)
{
	int ret;

	ret = epoch_load(db, c->tenant, c->r.grant.epoch, &c->epoch, err);
	return ret ?: epoch_alive(&c->epoch, err);
}

static int check_revocation(struct db *db, struct release_case *c, struct erot_error *err)
{
	struct db_rows *rows;
	bool found;
	int ret;

	ret = db_query(db, err, &rows, "SELECT 1 FROM revocation WHERE tenant = $1 "
		       "AND kind = 'receipt' AND subject = $2",
		       DB_ARGS(db_text(c->tenant), db_blob(c->r.digest, EROT_DIGEST_SIZE)));
	found = !ret && db_next(rows);
	ret = db_end(rows, err);
	if (!ret && found)
		ret = erot_fail(err, EPERM, "receipt-revoked", "this receipt was taken back");
	return ret;
}

/* Nobody has it yet, or this very session, which gets the same answer again. */
static int check_spent(struct db *db, struct release_case *c, struct erot_error *err)
{
	uint8_t session[EROT_KEY_SIZE], boot[EROT_KEY_SIZE];
	struct db_rows *rows;
	bool found;
	int ret;

	c->again = false;
	ret = db_query(db, err, &rows, "SELECT session_pk, boot_pk, answer FROM release "
		       "WHERE receipt = $1", DB_ARGS(db_blob(c->r.digest, EROT_DIGEST_SIZE)));
	found = !ret && db_next(rows);
	if (found) {
		db_get_copy(rows, 0, session, sizeof(session));
		db_get_copy(rows, 1, boot, sizeof(boot));
		db_get_copy(rows, 2, &c->answer, sizeof(c->answer));
	}
	ret = db_end(rows, err);
	if (ret || !found)
		return ret;
	if (memcmp(session, c->in->session_pk, sizeof(session)) ||
	    memcmp(boot, c->in->state.boot_key, sizeof(boot)))
		return erot_fail(err, EPERM, "receipt-spent",
				 "this receipt was released to another session");
	c->again = true;
	return 0;
}

static int check_unaccounted(struct db *db, struct release_case *c, struct erot_error *err)
{
	uint64_t count;
	int ret;

	if (c->policy.max_unaccounted == EROT_UNACCOUNTED_ANY)
		return 0;
	ret = unaccounted_count(db, c->tenant, c->machine.id,
				c->machine.software ? 0 : c->quote.reset_count, c->now, &count,
				err);
	if (ret || count <= c->policy.max_unaccounted)
		return ret;
	return erot_fail(err, EPERM, "machine-unaccounted",
			 "%" PRIu64 " launches on this machine ended without evidence; reset it",
			 count);
}

/**
 * struct check - one check
 * @needs: bits of those before it that must hold, or it can't be made
 * @attested: only with attestation
 */
struct check {
	const char *name;
	int (*fn)(struct db *db, struct release_case *c, struct erot_error *err);
	unsigned int needs;
	bool attested;
};

enum { RECEIPT, MACHINE, POLICY, QUOTE };

static const struct check checks[] = {
	[RECEIPT] = { "receipt", check_receipt, 0, false },
	[MACHINE] = { "machine", check_machine, 1 << RECEIPT, false },
	[POLICY] = { "policy", check_policy, 1 << RECEIPT, true },
	[QUOTE] = { "quote", check_quote, 1 << MACHINE | 1 << POLICY, true },
	{ "challenge", check_challenge, 1 << MACHINE, true },
	{ "state", check_state, 1 << MACHINE | 1 << POLICY | 1 << QUOTE, true },
	{ "validity", check_validity, 0, false },
	{ "host", check_host, 0, false },
	{ "order", check_order, 1 << RECEIPT, false },
	{ "epoch", check_epoch, 1 << RECEIPT, false },
	{ "revocation", check_revocation, 1 << RECEIPT, false },
	{ "spent", check_spent, 1 << RECEIPT, false },
	{ "unaccounted", check_unaccounted, 1 << MACHINE | 1 << POLICY | 1 << QUOTE, true },
};

_Static_assert(sizeof(checks) / sizeof(*checks) == RELEASE_CHECKS_MAX, "RELEASE_CHECKS_MAX");

int release_check(struct db *db, struct release_case *c, derg_verdict_fn tell, void *ctx,
		  struct erot_error *err)
{
	unsigned int i, held = 0;
	struct erot_error this;
	int ret, first = 0;

	if (c->has_policy)
		erot_policy_free(&c->policy);
	c->has_policy = false;
	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		if (checks[i].attested && !attested(c))
			continue;
		memset(&this, 0, sizeof(this));
		ret = (checks[i].needs & ~held) ? -ECANCELED : checks[i].fn(db, c, &this);
		if (!ret)
			held |= 1U << i;
		if (tell)
			tell(ctx, checks[i].name, ret, &this);
		if (ret && !first) {
			first = ret;
			if (err)
				*err = this;
		}
		if (ret && !tell)
			break;
	}
	return first;
}
