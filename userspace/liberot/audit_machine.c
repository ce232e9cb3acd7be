// SPDX-License-Identifier: GPL-2.0-only
/* What the machine proved: the release's checks again, from what was recorded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "liberot/audit_priv.h"
#include "liberot/credential.h"
#include "liberot/softkey.h"

static const char *text(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name)) ?: "";
}

static int bytes(const json_t *json, const char *name, size_t max, struct audit_bytes *out,
		 struct erot_error *err)
{
	if (erot_base64_decode(text(json, name), max, &out->data, &out->len, NULL))
		return erot_fail(err, EBADMSG, "audit-record", "a record's \"%s\" is not base64",
				 name);
	return 0;
}

static json_t *parse(const struct audit_bytes *b)
{
	return b->data ? json_loadb((char *)b->data, b->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static int other_key(struct erot_error *err)
{
	return erot_fail(err, EKEYREJECTED, "audit-hardware-key",
			 "the enrolment is of another hardware key than the receipt");
}

/* An attestation key with the right attributes, and the same key as in the receipt. */
static int check_ak(const struct audit *a, const json_t *record, struct erot_error *err)
{
	struct audit_bytes public = { NULL, 0 };
	struct erot_ak ak;
	int ret;

	ret = bytes(record, "akPublic", EROT_TPM_PUBLIC_MAX, &public, err);
	if (!ret)
		ret = erot_ak_check(public.data, public.len, &ak, err);
	if (!ret && (ak.spki_len != a->r.grant.hwkey_len ||
		     memcmp(ak.spki, a->r.grant.hwkey, ak.spki_len)))
		ret = other_key(err);
	free(public.data);
	return ret;
}

static int check_software_key(const struct audit *a, const json_t *record, struct erot_error *err)
{
	struct audit_bytes key = { NULL, 0 };
	int ret;

	ret = bytes(record, "hardwareKey", EROT_HWKEY_MAX, &key, err);
	if (!ret && (key.len != a->r.grant.hwkey_len ||
		     memcmp(key.data, a->r.grant.hwkey, key.len)))
		ret = other_key(err);
	free(key.data);
	return ret;
}

int audit_machine(struct audit *a, struct erot_error *err)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	json_t *record;
	int ret = 0;

	if (!a->enrolment.data)
		return erot_fail(err, ENODATA, "audit-enrolment",
				 "the bundle has no enrolment record");
	if (erot_sha256(a->enrolment.data, a->enrolment.len, digest))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	if (memcmp(digest, a->r.grant.enrolment, sizeof(digest)))
		return erot_fail_digests(err, EKEYREJECTED, "audit-enrolment", a->r.grant.enrolment,
					 digest, "the receipt names another enrolment record");
	record = parse(&a->enrolment);
	if (!record)
		return erot_fail(err, EBADMSG, "audit-enrolment",
				 "the enrolment record is not JSON");
	a->software = !strcmp(text(record, "kind"), "software");
	if (strcmp(text(record, "tenant"), a->tenant))
		ret = erot_fail(err, EKEYREJECTED, "audit-tenant", "enrolled for another tenant");
	else
		ret = a->software ? check_software_key(a, record, err) : check_ak(a, record, err);
	json_decref(record);
	return ret;
}

int audit_endorsement(struct audit *a, struct erot_error *err)
{
	struct audit_bytes cert = { NULL, 0 };
	EVP_PKEY *ek = NULL;
	json_t *record;
	int ret;

	if (!a->in->roots)
		return erot_fail(err, ENODATA, "audit-ek-roots",
				 "no certificates of TPM makers were given");
	if (a->software)
		return erot_fail(err, ENODATA, "software-key", "the machine has a software key");
	record = parse(&a->enrolment);
	ret = bytes(record, "ekCertificate", 8192, &cert, err);
	/* as it was then: it may have expired since */
	if (!ret)
		ret = erot_ek_verify(cert.data, cert.len, a->in->roots,
				     json_integer_value(json_object_get(record, "time")), &ek, err);
	EVP_PKEY_free(ek);
	free(cert.data);
	json_decref(record);
	return ret;
}

int audit_policy(struct audit *a, struct erot_error *err)
{
	int ret;

	if (!a->policy_text.data)
		return erot_fail(err, ENODATA, "policy-none", "launched without a policy");
	ret = erot_policy_parse(a->policy_text.data, a->policy_text.len, &a->policy, err);
	if (ret)
		return ret;
	a->has_policy = true;
	if (memcmp(a->policy.digest, a->r.grant.policy, EROT_DIGEST_SIZE))
		return erot_fail_digests(err, EKEYREJECTED, "audit-policy", a->r.grant.policy,
					 a->policy.digest, "the receipt names another policy");
	return 0;
}

/* The record in the log, and that it is about this receipt and machine. */
static int open_record(struct audit *a, struct erot_error *err)
{
	const struct audit_entry *e = audit_find(a, EROT_LOG_RELEASE, NULL);
	char hex[2 * EROT_DIGEST_SIZE + 1], *state;
	int ret;

	if (!e)
		return erot_fail(err, ENODATA, "audit-release", "not released");
	a->record = parse(&e->content);
	if (strcmp(text(a->record, "receipt"), erot_hex(a->r.digest, EROT_DIGEST_SIZE, hex)))
		return erot_fail(err, EKEYREJECTED, "audit-release",
				 "the release is of another receipt");
	state = json_dumps(json_object_get(a->record, "state"), JSON_COMPACT);
	if (!state)
		return erot_fail(err, EBADMSG, "audit-record", "the release has no machine state");
	ret = erot_machine_state_parse(state, strlen(state), &a->state, err);
	free(state);
	return ret;
}

static int qualifying(const struct audit *a, uint8_t out[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct erot_quote_release q = { .host = a->state.host };
	int ret;

	ret = erot_base64_exact(text(a->record, "challenge"), q.challenge, sizeof(q.challenge),
				err) ?:
	      erot_base64_exact(text(a->record, "sessionKey"), q.session_pk, sizeof(q.session_pk),
				err);
	memcpy(q.boot_pk, a->state.boot_key, sizeof(q.boot_pk));
	memcpy(q.receipt, a->r.digest, sizeof(q.receipt));
	if (!ret && erot_quote_data_release(&q, out))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	return ret;
}

/* A quote or a software key's signature over @want->qualifying, as @json has it. */
static int check_quote(const struct audit *a, const json_t *json,
		       const struct erot_quote_want *want, struct erot_quote_info *info,
		       struct erot_error *err)
{
	const struct erot_grant_info *g = &a->r.grant;
	struct audit_bytes attest = { NULL, 0 }, sig = { NULL, 0 };
	struct erot_quote q;
	int ret;

	ret = bytes(json, "signature", EROT_SIGNATURE_MAX, &sig, err);
	if (!ret && a->software) {
		ret = erot_softkey_verify(g->hwkey, g->hwkey_len, want->qualifying, sig.data,
					  sig.len, err);
	} else if (!ret) {
		ret = bytes(json, "quote", EROT_ATTEST_MAX, &attest, err);
		q = (struct erot_quote) { attest.data, attest.len, sig.data, sig.len };
		if (!ret)
			ret = erot_quote_verify(&q, g->hwkey, g->hwkey_len, want, info, err);
	}
	free(attest.data);
	free(sig.data);
	return ret;
}

int audit_release(struct audit *a, struct erot_error *err)
{
	struct erot_quote_want want = { .pcrs = &a->state.pcrs };
	int ret;

	ret = open_record(a, err);
	if (!ret)
		ret = erot_receipt_valid_at(&a->r, audit_find(a, EROT_LOG_RELEASE, NULL)->info.time,
					    err);
	if (!ret)
		ret = qualifying(a, want.qualifying, err);
	want.mask = erot_policy_selection(&a->policy);
	return ret ?: check_quote(a, a->record, &want, &a->release_quote, err);
}

int audit_state(struct audit *a, struct erot_error *err)
{
	struct erot_machine_state state = a->state;
	uint32_t missing = a->r.host & ~state.host;
	char names[128];

	state.software = a->software;
	if (missing)
		return erot_fail(err, EKEYREJECTED, "host-state",
				 "the host lacked what the receipt demands: %s",
				 erot_host_format(missing, names, sizeof(names)));
	return erot_policy_check(&a->policy, &state, err);
}

/* The quote over the evidence: by the same machine, which was not reset in between. */
int audit_end_quote(struct audit *a, struct erot_error *err)
{
	const struct audit_entry *e = audit_find(a, EROT_LOG_TERMINATION, NULL);
	struct erot_quote_want want = { .mask = 1U << a->policy.boot_pcr };
	struct erot_quote_info info = { .mask = 0 };
	struct erot_evidence ev;
	json_t *json;
	int ret;

	if (!e)
		return erot_fail(err, ENODATA, "audit-termination", "no end was reported");
	json = parse(&e->content);
	ret = erot_base64_exact(text(json, "evidence"), &ev, sizeof(ev), err);
	if (!ret && memcmp(&ev, &a->d.evidence, sizeof(ev)))
		ret = erot_fail(err, EKEYREJECTED, "audit-termination",
				"the destruction record carries other evidence than was reported");
	if (!ret && erot_quote_data_end(&ev, want.qualifying))
		ret = erot_fail(err, EIO, "crypto", "SHA-256");
	if (!ret)
		ret = check_quote(a, json, &want, &info, err);
	if (!ret && !a->software && info.reset_count != a->release_quote.reset_count)
		ret = erot_fail(err, EKEYREJECTED, "audit-reset",
				"the machine was reset between release and evidence");
	json_decref(json);
	return ret;
}
