// SPDX-License-Identifier: GPL-2.0-only
/* What the transparency log says about a launch. */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/io.h"
#include "liberot/audit_priv.h"
#include "liberot/crypto.h"

static int certified_key(struct audit *a, uint8_t pk[EROT_KEY_SIZE], char *name, size_t size,
			 struct erot_error *err)
{
	const unsigned char *p = a->log_der.data;
	size_t len = EROT_KEY_SIZE;
	X509 *cert;
	int ret = 0;

	cert = d2i_X509(NULL, &p, a->log_der.len);
	if (!cert || p != a->log_der.data + a->log_der.len)
		ret = erot_fail(err, EBADMSG, "log-certificate",
				"the log's certificate is malformed");
	else if (X509_verify(cert, X509_get0_pubkey(a->in->cert)) != 1)
		ret = erot_fail(err, EKEYREJECTED, "log-certificate",
				"the log's certificate is not by the provider's key");
	else if (EVP_PKEY_get_raw_public_key(X509_get0_pubkey(cert), pk, &len) != 1 ||
		 len != EROT_KEY_SIZE ||
		 X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name,
					   (int)size) <= 0)
		ret = erot_fail(err, EBADMSG, "log-certificate",
				"the log's certificate has no Ed25519 key or no name");
	X509_free(cert);
	return ret;
}

/* The checkpoint is signed by the log that the provider certified. */
int audit_log_key(struct audit *a, struct erot_error *err)
{
	char name[EROT_NOTE_NAME_MAX + 1] = "";
	uint8_t pk[EROT_KEY_SIZE];
	int ret;

	ret = certified_key(a, pk, name, sizeof(name), err);
	if (!ret)
		ret = erot_note_key(name, pk, &a->log_key, err);
	return ret ?: erot_checkpoint_open(a->checkpoint, strlen(a->checkpoint), &a->log_key,
					   &a->cp, err);
}

/* What the log said before, it still says: a provider that shows two histories is found out. */
int audit_log_history(struct audit *a, struct erot_error *err)
{
	struct erot_tlog_proof none = { .count = 0 };
	struct erot_checkpoint before;
	int ret;

	if (!a->in->since)
		return erot_fail(err, ENODATA, "audit-history", "no earlier checkpoint was given");
	ret = erot_checkpoint_open(a->in->since, a->in->since_len, &a->log_key, &before, err);
	if (ret) {
		erot_error_prefix(err, "earlier checkpoint");
		return ret;
	}
	/* the same tree, or one that was larger already, needs no proof to be judged */
	if (before.size >= a->cp.size)
		return erot_tlog_check_consistency(before.size, a->cp.size, &none, before.root,
						   a->cp.root, err);
	if (a->history_size != before.size)
		return erot_fail(err, EKEYREJECTED, "audit-history",
				 "the bundle has no proof from the earlier checkpoint, of %" PRIu64
				 " entries, on", before.size);
	return erot_tlog_check_consistency(before.size, a->cp.size, &a->history, before.root,
					   a->cp.root, err);
}

/* Every entry is in the tree of the checkpoint, and commits to the content beside it. */
int audit_log_inclusion(struct audit *a, struct erot_error *err)
{
	const struct audit_entry *e;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < a->n_entries; i++) {
		e = &a->entries[i];
		ret = erot_tlog_check_inclusion(e->index, a->cp.size, e->leaf, &e->proof,
						a->cp.root, err);
		if (!ret)
			ret = erot_log_entry_opens(&e->info, e->salt.data, e->content.data,
						   e->content.len, err);
		if (ret)
			erot_error_prefix(err, "entry %" PRIu64 " (%s)", e->index,
					  erot_log_kind_name(e->info.kind));
	}
	return ret;
}

static int has(const struct audit *a, uint32_t kind, const uint8_t content[EROT_DIGEST_SIZE],
	       struct erot_error *err)
{
	return audit_find(a, kind, content) ? 0 :
	       erot_fail(err, EKEYREJECTED, "audit-not-in-log", "no entry of the log has this %s",
			 erot_log_kind_name(kind));
}

/* The documents are what the entries commit to. */
int audit_log_documents(struct audit *a, struct erot_error *err)
{
	uint8_t zero[EROT_DIGEST_SIZE] = { 0 };
	int ret;

	ret = has(a, EROT_LOG_STATEMENT, a->s.digest, err) ?:
	      has(a, EROT_LOG_ORDER, a->o.digest, err) ?:
	      has(a, EROT_LOG_RECEIPT, a->r.digest, err) ?:
	      has(a, EROT_LOG_RELEASE, NULL, err);
	if (!ret && memcmp(a->r.grant.enrolment, zero, sizeof(zero)))
		ret = has(a, EROT_LOG_ENROLMENT, a->r.grant.enrolment, err);
	if (!ret && a->destruction)
		ret = has(a, EROT_LOG_DESTRUCTION, a->d.digest, err) ?:
		      has(a, EROT_LOG_TERMINATION, NULL, err);
	return ret;
}

/* What is about the machine may be older than the statement, where the chain has to begin. */
static size_t count_older(const struct audit *a, const struct erot_log_entry_info *last)
{
	const struct audit_entry *e, *statement = audit_find(a, EROT_LOG_STATEMENT, NULL);
	uint64_t begin = last->number + 1 - a->n_chain;
	size_t i, n = 0;

	if (statement && statement->info.number < begin)
		begin = statement->info.number;
	for (i = 0; i < a->n_entries; i++) {
		e = &a->entries[i];
		n += e->info.number < begin &&
		     !memcmp(e->info.stream, last->stream, EROT_DIGEST_SIZE);
	}
	return n;
}

/* A link is the entry before, by its hash: whoever left one out would have to forge the next. */
int audit_log_chain(struct audit *a, struct erot_error *err)
{
	struct erot_log_entry_info before, after;
	uint8_t leaf[EROT_DIGEST_SIZE];
	size_t i, e, found = 0;
	int ret = 0;

	if (!a->n_chain)
		return erot_fail(err, ENODATA, "audit-chain", "the bundle has no chain");
	for (i = 0; !ret && i < a->n_chain; i++) {
		ret = erot_log_entry_parse(a->chain[i].data, a->chain[i].len, &after, err);
		if (!ret && i)
			ret = erot_log_entry_follows(&before, leaf, &after, err);
		if (!ret && erot_tlog_leaf(a->chain[i].data, a->chain[i].len, leaf))
			ret = erot_fail(err, EIO, "crypto", "SHA-256");
		for (e = 0; !ret && e < a->n_entries; e++)
			found += !memcmp(a->entries[e].leaf, leaf, sizeof(leaf));
		before = after;
	}
	if (!ret)
		found += count_older(a, &after);
	if (!ret && found != a->n_entries)
		ret = erot_fail(err, EKEYREJECTED, "audit-chain",
				"%zu of %zu entries are not in the tenant's chain",
				a->n_entries - found, a->n_entries);
	return ret;
}

static int before(const struct audit *a, uint32_t first, uint32_t second, struct erot_error *err)
{
	const struct audit_entry *x = audit_find(a, first, NULL), *y = audit_find(a, second, NULL);

	if (!x || !y || (x->index < y->index && x->info.time <= y->info.time))
		return 0;
	return erot_fail(err, EKEYREJECTED, "audit-order", "the log has the %s before the %s",
			 erot_log_kind_name(second), erot_log_kind_name(first));
}

static size_t count(const struct audit *a, uint32_t kind)
{
	size_t i, n = 0;

	for (i = 0; i < a->n_entries; i++)
		n += a->entries[i].info.kind == kind;
	return n;
}

/* No entry of that kind in front of the release is about @id. */
static int not_revoked(const struct audit *a, uint32_t kind, const char *member,
		       const uint8_t id[EROT_DIGEST_SIZE], struct erot_error *err)
{
	const struct audit_entry *e, *release = audit_find(a, EROT_LOG_RELEASE, NULL);
	char hex[2 * EROT_DIGEST_SIZE + 1];
	const char *about;
	json_t *record;
	int ret = 0;
	size_t i;

	erot_hex(id, EROT_DIGEST_SIZE, hex);
	for (i = 0; !ret && release && i < a->n_entries; i++) {
		e = &a->entries[i];
		if (e->info.kind != kind || e->index >= release->index)
			continue;
		record = json_loadb((char *)e->content.data, e->content.len, 0, NULL);
		about = json_string_value(json_object_get(record, member));
		/* one that does not say what was revoked may be about anything */
		if (!about || !strcmp(about, hex))
			ret = erot_fail(err, EKEYREJECTED, "audit-revoked",
					"the log has %s %s before the release", about ? "the" :
					"an unreadable", erot_log_kind_name(kind));
		json_decref(record);
	}
	return ret;
}

/* A machine that was revoked is never enrolled again: a new key makes it another machine. */
static int check_revocations(const struct audit *a, struct erot_error *err)
{
	uint8_t machine[EROT_DIGEST_SIZE];

	if (erot_sha256(a->r.grant.hwkey, a->r.grant.hwkey_len, machine))
		return erot_fail(err, EIO, "crypto", "SHA-256");
	return not_revoked(a, EROT_LOG_RECEIPT_REVOKED, "receipt", a->r.digest, err) ?:
	       not_revoked(a, EROT_LOG_MACHINE_REVOKED, "machine", machine, err);
}

/* Everything happened once, in its order, and while it was allowed. */
int audit_log_order(struct audit *a, struct erot_error *err)
{
	int ret;

	ret = before(a, EROT_LOG_STATEMENT, EROT_LOG_ORDER, err) ?:
	      before(a, EROT_LOG_ORDER, EROT_LOG_RECEIPT, err) ?:
	      before(a, EROT_LOG_RECEIPT, EROT_LOG_RELEASE, err) ?:
	      before(a, EROT_LOG_RELEASE, EROT_LOG_TERMINATION, err) ?:
	      before(a, EROT_LOG_TERMINATION, EROT_LOG_DESTRUCTION, err);
	if (!ret && count(a, EROT_LOG_RELEASE) > 1)
		ret = erot_fail(err, EKEYREJECTED, "audit-released-twice",
				"the log has %zu releases of this receipt",
				count(a, EROT_LOG_RELEASE));
	return ret ?: check_revocations(a, err);
}
