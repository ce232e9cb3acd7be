// SPDX-License-Identifier: GPL-2.0-only
/* Reading a bundle: strict, bounded, and nothing of it believed yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "liberot/audit_priv.h"
#include "liberot/eventlog.h"
#include "liberot/object.h"

/* The record of a release has the machine's event log, in base64, and little else. */
#define DOCUMENT_MAX	(EROT_EVENTLOG_MAX / 3 * 4 + (1U << 18))

/* A link in base64, its quotes and a comma. The documents have the rest. */
#define LINK_SIZE	((sizeof(struct erot_log_entry) + 2) / 3 * 4 + 3)

_Static_assert(EROT_BUNDLE_CHAIN_MAX * LINK_SIZE <= EROT_BUNDLE_MAX / 4 * 3,
	       "the longest chain leaves no room in a bundle");

static void read_base64(struct erot_object *o, const char *name, size_t max,
			struct audit_bytes *out)
{
	const char *text = erot_object_string(o, name);

	if (text && !*o->ret && erot_base64_decode(text, max, &out->data, &out->len, NULL))
		erot_object_fail(o, "value", name, "not base64, or too long");
}

static void demand_base64(struct erot_object *o, const char *name, size_t max,
			  struct audit_bytes *out)
{
	read_base64(o, name, max, out);
	if (!*o->ret && !out->data)
		erot_object_fail(o, "missing", name, "missing");
}

static void read_proof(struct erot_object *o, struct erot_tlog_proof *proof)
{
	json_t *list = erot_object_array(o, "proof", EROT_TLOG_PROOF_MAX);
	const char *text;
	size_t i;

	for (i = 0; !*o->ret && i < json_array_size(list); i++) {
		text = erot_object_string_of(o, "proof", json_array_get(list, i));
		if (text && erot_base64_exact(text, proof->hash[i], EROT_DIGEST_SIZE, NULL))
			erot_object_fail(o, "value", "proof", "not 32 bytes in base64");
	}
	proof->count = json_array_size(list);
}

static void read_entry(struct erot_object *o, struct audit_entry *e)
{
	static const char *const known[] = { "index", "entry", "salt", "content", "proof", NULL };

	if (!erot_object_uint(o, "index", 0, EROT_JSON_INT_MAX, &e->index) && !*o->ret)
		erot_object_fail(o, "missing", "index", "missing");
	demand_base64(o, "entry", sizeof(struct erot_log_entry), &e->entry);
	demand_base64(o, "salt", EROT_LOG_SALT_SIZE, &e->salt);
	demand_base64(o, "content", DOCUMENT_MAX, &e->content);
	read_proof(o, &e->proof);
	erot_object_close(o, known);
	if (*o->ret)
		return;
	if (e->salt.len != EROT_LOG_SALT_SIZE)
		erot_object_fail(o, "value", "salt", "not 32 bytes");
	else if (erot_log_entry_parse(e->entry.data, e->entry.len, &e->info, NULL))
		erot_object_fail(o, "value", "entry", "not an entry of a log");
	else if (erot_tlog_leaf(e->entry.data, e->entry.len, e->leaf))
		erot_object_no_memory(o);
}

static void read_entries(struct erot_object *top, struct audit *a)
{
	json_t *list = erot_object_array(top, "entries", EROT_BUNDLE_ENTRIES_MAX);
	struct erot_object o;
	size_t i, n = json_array_size(list);

	if (*top->ret)
		return;
	a->entries = calloc(n ?: 1, sizeof(*a->entries));
	if (!a->entries) {
		erot_object_no_memory(top);
		return;
	}
	a->n_entries = n;
	for (i = 0; !*top->ret && i < n; i++) {
		erot_object_item(top, "entries", list, i, &o);
		read_entry(&o, &a->entries[i]);
	}
}

static void read_chain(struct erot_object *top, struct audit *a)
{
	json_t *list = erot_object_array(top, "chain", EROT_BUNDLE_CHAIN_MAX);
	size_t i, n = json_array_size(list);
	const char *text;

	if (*top->ret || !n)
		return;
	a->chain = calloc(n, sizeof(*a->chain));
	if (!a->chain) {
		erot_object_no_memory(top);
		return;
	}
	a->n_chain = n;
	for (i = 0; !*top->ret && i < n; i++) {
		text = erot_object_string_of(top, "chain", json_array_get(list, i));
		if (text && erot_base64_decode(text, sizeof(struct erot_log_entry),
					       &a->chain[i].data, &a->chain[i].len, NULL))
			erot_object_fail(top, "value", "chain", "not an entry in base64");
	}
}

static void read_history(struct erot_object *top, struct audit *a)
{
	static const char *const known[] = { "size", "proof", NULL };
	struct erot_object o;

	erot_object_open(top, "history", &o);
	if (!o.json)
		return;
	if (!erot_object_uint(&o, "size", 1, EROT_TLOG_SIZE_MAX, &a->history_size) && !*o.ret)
		erot_object_fail(&o, "missing", "size", "missing");
	read_proof(&o, &a->history);
	erot_object_close(&o, known);
}

static void read_members(struct erot_object *o, struct audit *a)
{
	static const char *const known[] = {
		"version", "tenant", "logCertificate", "checkpoint", "statement", "order",
		"orderCertificate", "receipt", "policy", "enrolment", "destruction", "entries",
		"chain", "history", NULL
	};
	const char *tenant, *note;
	uint64_t version = 0;

	erot_object_uint(o, "version", 1, 1, &version);
	tenant = erot_object_string(o, "tenant");
	note = erot_object_string(o, "checkpoint");
	if (!*o->ret && (!version || !tenant || !note))
		erot_object_fail(o, "missing", "", "version, tenant or checkpoint is missing");
	if (!*o->ret && strlen(tenant) > EROT_TENANT_MAX)
		erot_object_fail(o, "value", "tenant", "too long");
	if (!*o->ret) {
		memcpy(a->tenant, tenant, strlen(tenant) + 1);
		a->checkpoint = erot_object_copy(o, note);
	}
	demand_base64(o, "logCertificate", 16384, &a->log_der);
	demand_base64(o, "statement", EROT_CMS_MAX, &a->statement_cms);
	demand_base64(o, "order", EROT_CMS_MAX, &a->order_cms);
	demand_base64(o, "orderCertificate", 16384, &a->customer_der);
	demand_base64(o, "receipt", EROT_CMS_MAX, &a->receipt_cms);
	read_base64(o, "policy", EROT_POLICY_MAX, &a->policy_text);
	read_base64(o, "enrolment", DOCUMENT_MAX, &a->enrolment);
	read_base64(o, "destruction", EROT_CMS_MAX, &a->destruction_cms);
	read_entries(o, a);
	read_chain(o, a);
	read_history(o, a);
	erot_object_close(o, known);
}

int audit_read(struct audit *a, struct erot_error *err)
{
	struct erot_object o;
	json_t *json;
	int ret;

	ret = erot_object_load("bundle", a->in->bundle, a->in->bundle_len, EROT_BUNDLE_MAX, &json,
			       err);
	if (ret)
		return ret;
	erot_object_top(&o, "bundle", json, &ret, err);
	read_members(&o, a);
	json_decref(json);
	return ret;
}

void audit_free(struct audit *a)
{
	size_t i;

	for (i = 0; i < a->n_entries; i++) {
		free(a->entries[i].entry.data);
		free(a->entries[i].salt.data);
		free(a->entries[i].content.data);
	}
	for (i = 0; i < a->n_chain; i++)
		free(a->chain[i].data);
	free(a->entries);
	free(a->chain);
	free(a->checkpoint);
	free(a->statement_cms.data);
	free(a->order_cms.data);
	free(a->receipt_cms.data);
	free(a->destruction_cms.data);
	free(a->customer_der.data);
	free(a->log_der.data);
	free(a->policy_text.data);
	free(a->enrolment.data);
	free(a->statement);
	free(a->receipt);
	free(a->order);
	free(a->destruction);
	X509_free(a->customer);
	json_decref(a->record);
	erot_machine_state_free(&a->state);
	if (a->has_policy)
		erot_policy_free(&a->policy);
}

const struct audit_entry *audit_find(const struct audit *a, uint32_t kind,
				     const uint8_t content[EROT_DIGEST_SIZE])
{
	uint8_t digest[EROT_DIGEST_SIZE];
	const struct audit_entry *e;
	size_t i;

	for (i = 0; i < a->n_entries; i++) {
		e = &a->entries[i];
		if (e->info.kind != kind)
			continue;
		if (!content)
			return e;
		if (!erot_sha256(e->content.data, e->content.len, digest) &&
		    !memcmp(digest, content, sizeof(digest)))
			return e;
	}
	return NULL;
}
