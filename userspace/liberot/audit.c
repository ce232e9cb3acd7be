// SPDX-License-Identifier: GPL-2.0-only
/* The table of checks, and those about signatures and documents. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "liberot/audit_priv.h"
#include "liberot/cms.h"
#include "liberot/derive.h"

static int check_statement(struct audit *a, struct erot_error *err)
{
	int ret;

	ret = erot_cms_verify(a->statement_cms.data, a->statement_cms.len, a->in->cert,
			      &a->statement, &a->statement_len, err);
	return ret ?: erot_statement_parse(a->statement, a->statement_len, &a->s, err);
}

static int check_receipt(struct audit *a, struct erot_error *err)
{
	int ret;

	ret = erot_cms_verify(a->receipt_cms.data, a->receipt_cms.len, a->in->cert, &a->receipt,
			      &a->receipt_len, err);
	return ret ?: erot_receipt_parse(a->receipt, a->receipt_len, &a->r, err);
}

static int check_launch(struct audit *a, struct erot_error *err)
{
	if (!a->in->receipt)
		return erot_fail(err, ENODATA, "audit-launch", "no receipt was given");
	return memcmp(a->in->receipt, a->r.digest, EROT_DIGEST_SIZE) ?
	       erot_fail_digests(err, EKEYREJECTED, "audit-launch", a->in->receipt, a->r.digest,
				 "the bundle is about another launch than the receipt given") : 0;
}

static int check_order(struct audit *a, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	int ret;

	ret = erot_cert_parse(a->customer_der.data, a->customer_der.len, &a->customer, err);
	if (!ret)
		ret = erot_cms_verify(a->order_cms.data, a->order_cms.len, a->customer, &a->order,
				      &a->order_len, err);
	if (!ret)
		ret = erot_order_parse(a->order, a->order_len, &a->o, err);
	if (!ret)
		ret = erot_cert_spki_digest(a->customer, digest, err);
	if (!ret && memcmp(digest, a->o.customer, sizeof(digest)))
		ret = erot_fail_digests(err, EKEYREJECTED, "order-customer", digest, a->o.customer,
					"the order names another customer than its certificate");
	return ret;
}

static int check_customer(struct audit *a, struct erot_error *err)
{
	if (!a->in->customer)
		return erot_fail(err, ENODATA, "audit-customer",
				 "no certificate of the customer was given");
	return X509_cmp(a->in->customer, a->customer) ?
	       erot_fail(err, EKEYREJECTED, "audit-customer",
			 "the order is signed with another certificate") : 0;
}

/* The receipt follows from the statement and the order, the tenant is the one it says. */
static int check_documents(struct audit *a, struct erot_error *err)
{
	uint8_t tenant[EROT_DIGEST_SIZE];
	int ret;

	ret = erot_receipt_match(&a->r, &a->s, &a->o, err);
	if (!ret)
		ret = erot_tenant_digest(a->tenant, tenant, err);
	if (!ret && memcmp(tenant, a->r.grant.tenant, sizeof(tenant)))
		ret = erot_fail_digests(err, EKEYREJECTED, "audit-tenant", a->r.grant.tenant,
					tenant, "the receipt is another tenant's");
	return ret;
}

static int check_container(struct audit *a, struct erot_error *err)
{
	struct erot_envelope_info e;
	int ret;

	if (!a->in->envelope)
		return erot_fail(err, ENODATA, "audit-container", "no container was given");
	ret = erot_envelope_parse(a->in->envelope, a->in->envelope_len, &e, err);
	if (!ret && memcmp(e.digest, a->r.ewc, sizeof(e.digest)))
		ret = erot_fail_digests(err, EKEYREJECTED, "receipt-ewc", a->r.ewc, e.digest,
					"the receipt is for another container");
	return ret;
}

static int check_destruction(struct audit *a, struct erot_error *err)
{
	int ret;

	if (!a->destruction_cms.data)
		return erot_fail(err, ENODATA, "audit-destruction",
				 "there is no destruction record");
	ret = erot_cms_verify(a->destruction_cms.data, a->destruction_cms.len, a->in->cert,
			      &a->destruction, &a->destruction_len, err);
	if (!ret)
		ret = erot_destruction_parse(a->destruction, a->destruction_len, &a->d, err);
	if (!ret && memcmp(a->d.evidence.receipt, a->r.digest, EROT_DIGEST_SIZE))
		ret = erot_fail_digests(err, EKEYREJECTED, "destruction-receipt", a->r.digest,
					a->d.evidence.receipt,
					"the record is about another launch");
	return ret;
}

/**
 * struct check - a check
 * @needs: bits of those before it that it builds on
 * @optional: may lack something to check without failing the audit
 */
struct check {
	const char *name, *what;
	int (*fn)(struct audit *a, struct erot_error *err);
	unsigned int needs;
	bool optional;
};

#define NEED(n) (1U << (n))

enum {
	BUNDLE, STATEMENT, RECEIPT, LAUNCH, ORDER, CUSTOMER, DOCUMENTS, CONTAINER, MACHINE,
	ENDORSEMENT, POLICY, DESTRUCTION, LOG, HISTORY, INCLUSION, LOGGED, CHAIN, SEQUENCE,
	RELEASE, STATE, EVIDENCE,
};

static const struct check checks[] = {
	[BUNDLE] = { "bundle", "the bundle is well-formed", audit_read, 0, false },
	[STATEMENT] = { "statement", "the provider signed the key statement", check_statement,
			NEED(BUNDLE), false },
	[RECEIPT] = { "receipt", "the provider signed the receipt", check_receipt, NEED(BUNDLE),
		      false },
	[LAUNCH] = { "launch", "the receipt is the one given", check_launch, NEED(RECEIPT), true },
	[ORDER] = { "order", "a customer ordered the launch", check_order, NEED(BUNDLE), false },
	[CUSTOMER] = { "customer", "that customer is the one given", check_customer, NEED(ORDER),
		       true },
	[DOCUMENTS] = { "derivation", "receipt, statement and order are about one launch",
			check_documents, NEED(STATEMENT) | NEED(RECEIPT) | NEED(ORDER), false },
	[CONTAINER] = { "container", "the receipt is for this container", check_container,
			NEED(RECEIPT), true },
	[MACHINE] = { "machine", "the machine was enrolled with this hardware key", audit_machine,
		      NEED(RECEIPT), false },
	[ENDORSEMENT] = { "endorsement", "its TPM was made by one of those given",
			  audit_endorsement, NEED(MACHINE), true },
	[POLICY] = { "policy", "this policy was in force", audit_policy, NEED(RECEIPT), false },
	[DESTRUCTION] = { "destruction", "the provider signed the destruction record",
			  check_destruction, NEED(RECEIPT), false },
	[LOG] = { "checkpoint", "the provider's log signed the checkpoint", audit_log_key,
		  NEED(BUNDLE), false },
	[HISTORY] = { "history", "the log goes on from the checkpoint given", audit_log_history,
		      NEED(LOG), true },
	[INCLUSION] = { "inclusion", "every entry is in the log", audit_log_inclusion, NEED(LOG),
			false },
	[LOGGED] = { "logged", "every document is in an entry", audit_log_documents,
		     NEED(INCLUSION) | NEED(DOCUMENTS), false },
	[CHAIN] = { "chain", "the tenant's entries have no gap", audit_log_chain, NEED(INCLUSION),
		    false },
	[SEQUENCE] = { "sequence", "everything happened once and in order, nothing revoked",
		       audit_log_order, NEED(INCLUSION) | NEED(RECEIPT), false },
	[RELEASE] = { "release", "the machine's quote is about this session", audit_release,
		      NEED(INCLUSION) | NEED(DOCUMENTS) | NEED(MACHINE) | NEED(POLICY), false },
	[STATE] = { "state", "the machine was as the policy demands", audit_state, NEED(RELEASE),
		    false },
	[EVIDENCE] = { "evidence", "the machine's quote is about this end, without a reset",
		       audit_end_quote, NEED(RELEASE) | NEED(DESTRUCTION), false },
};

int erot_audit(const struct erot_audit_input *in, erot_audit_fn tell, void *ctx,
	       struct erot_error *err)
{
	unsigned int i, held = 0;
	struct erot_error this;
	struct audit *a;
	int ret, first = 0;

	a = calloc(1, sizeof(*a));
	if (!a)
		return erot_fail(err, ENOMEM, "no-memory", "audit");
	a->in = in;
	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		memset(&this, 0, sizeof(this));
		ret = (checks[i].needs & ~held) ? -ECANCELED : checks[i].fn(a, &this);
		if (!ret)
			held |= NEED(i);
		if (tell)
			tell(ctx, checks[i].name, checks[i].what, ret, &this);
		if (!ret || first || (ret == -ENODATA && checks[i].optional))
			continue;
		first = ret;
		if (err)
			*err = this;
	}
	audit_free(a);
	free(a);
	return first;
}
