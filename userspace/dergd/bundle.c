// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "dergd/bundle.h"
#include "dergd/policies.h"
#include "liberot/audit.h"
#include "liberot/cms.h"
#include "liberot/grant.h"

/**
 * struct bundling - a bundle being made
 * @json: result
 * @entries: in it
 * @size: of the checkpoint's tree
 * @since: of the tree that history begins with; 0: none is wanted
 * @subjects: machine, statement, order, receipt
 * @indices: of the entries, for the proofs
 * @last: index of the last entry about the launch itself, where the chain ends. No refusal is that:
 *        anybody who has the receipt can ask for a release, at any time
 */
struct bundling {
	struct derg *d;
	const char *tenant;
	const uint8_t *receipt;
	json_t *json;
	json_t *entries;
	uint64_t size, since;
	uint8_t subjects[4][EROT_DIGEST_SIZE];
	uint64_t indices[EROT_BUNDLE_ENTRIES_MAX];
	unsigned int count;
	uint64_t last;
};

enum { MACHINE, STATEMENT, ORDER, RECEIPT };

static int no_memory(struct erot_error *err)
{
	return erot_fail(err, ENOMEM, "no-memory", "bundle");
}

static int set(json_t *json, const char *name, const void *data, size_t len,
	       struct erot_error *err)
{
	char *text = data ? erot_base64_encode(data, len) : NULL;
	int ret;

	ret = text ? json_object_set_new(json, name, json_string(text)) : -1;
	free(text);
	return ret ? no_memory(err) : 0;
}

static int set_column(struct bundling *b, struct db_rows *rows, int column, const char *name,
		      struct erot_error *err)
{
	const void *data;
	size_t len;

	if (db_is_null(rows, column))
		return 0;
	data = db_get_blob(rows, column, &len);
	return set(b->json, name, data, len, err);
}

static int documents(struct db *db, struct bundling *b, struct erot_error *err)
{
	struct db_rows *rows;
	const char *text;
	bool found;
	int ret, end;

	ret = db_query(db, err, &rows, "SELECT s.cms, r.order_cms, r.order_cert, r.cms, e.cms, "
		       "m.enrolment, r.machine, r.statement FROM receipt r "
		       "JOIN statement s ON s.digest = r.statement "
		       "JOIN machine m ON m.tenant = r.tenant AND m.id = r.machine "
		       "LEFT JOIN ending e ON e.receipt = r.digest "
		       "WHERE r.digest = $1 AND r.tenant = $2",
		       DB_ARGS(db_blob(b->receipt, EROT_DIGEST_SIZE), db_text(b->tenant)));
	found = !ret && db_next(rows);
	if (found) {
		ret = set_column(b, rows, 0, "statement", err) ?:
		      set_column(b, rows, 1, "order", err) ?:
		      set_column(b, rows, 2, "orderCertificate", err) ?:
		      set_column(b, rows, 3, "receipt", err) ?:
		      set_column(b, rows, 4, "destruction", err);
		text = db_is_null(rows, 5) ? NULL : db_get_text(rows, 5);
		if (!ret && text)
			ret = set(b->json, "enrolment", text, strlen(text), err);
		db_get_copy(rows, 6, b->subjects[MACHINE], EROT_DIGEST_SIZE);
		db_get_copy(rows, 7, b->subjects[STATEMENT], EROT_DIGEST_SIZE);
		memcpy(b->subjects[RECEIPT], b->receipt, EROT_DIGEST_SIZE);
	}
	end = db_end(rows, ret ? NULL : err);
	if (!ret && !end && !found)
		ret = erot_fail(err, ENOENT, "receipt-unknown", "tenant %s has no such receipt",
				b->tenant);
	return ret ?: end;
}

/* What the receipt refers to: its order, and the policy that it was made under. */
static int references(struct db *db, struct bundling *b, struct erot_error *err)
{
	uint8_t zero[EROT_DIGEST_SIZE] = { 0 }, *cms = NULL, *content = NULL, *text = NULL;
	struct erot_receipt_info r;
	size_t len, text_len;
	int ret;

	ret = erot_base64_decode(json_string_value(json_object_get(b->json, "receipt")),
				 EROT_CMS_MAX, &cms, &len, err);
	if (!ret)
		ret = erot_cms_content(cms, len, &content, &len, err);
	if (!ret)
		ret = erot_receipt_parse(content, len, &r, err);
	if (ret)
		goto out;
	memcpy(b->subjects[ORDER], r.order, EROT_DIGEST_SIZE);
	if (!memcmp(r.grant.policy, zero, sizeof(zero)))
		goto out;
	ret = policies_find(db, b->tenant, r.grant.policy, &text, &text_len, err);
	if (!ret)
		ret = set(b->json, "policy", text, text_len, err);
out:
	free(text);
	free(content);
	free(cms);
	return ret;
}

/**
 * struct adding - entries about one subject
 * @machine: it is the machine; what became of that after the launch is not about the launch
 * @refusals: those alone, which are as many as anybody likes; else all but those
 */
struct adding {
	struct bundling *b;
	bool machine, refusals;
	struct erot_error *err;
};

static bool wanted(const struct adding *a, const struct log_record *record)
{
	bool refusal = le32toh(record->entry.kind) == EROT_LOG_REFUSAL;
	const struct bundling *b = a->b;
	unsigned int i;

	if (refusal != a->refusals || record->index >= b->size)
		return false;
	if ((a->machine || refusal) && record->index > b->last)
		return false;
	for (i = 0; i < b->count; i++)
		if (b->indices[i] == record->index)
			return false;
	return b->count < EROT_BUNDLE_ENTRIES_MAX;
}

static int add_entry(void *ctx, const struct log_record *record)
{
	struct adding *a = ctx;
	struct bundling *b = a->b;
	json_t *json;
	int ret;

	if (!wanted(a, record))
		return 0;
	json = json_object();
	ret = json_object_set_new(json, "index", json_integer(record->index)) ? no_memory(a->err) :
	      0;
	ret = ret ?: set(json, "entry", &record->entry, sizeof(record->entry), a->err) ?:
	      set(json, "salt", record->salt, sizeof(record->salt), a->err) ?:
	      set(json, "content", record->content, record->len, a->err);
	if (ret || json_array_append_new(b->entries, json))
		return ret ?: no_memory(a->err);
	b->indices[b->count++] = record->index;
	if (record->index > b->last)
		b->last = record->index;
	return 0;
}

static int set_proof(json_t *json, const struct erot_tlog_proof *proof, struct erot_error *err)
{
	json_t *list = json_array();
	unsigned int i;
	int ret = 0;
	char *text;

	for (i = 0; !ret && i < proof->count; i++) {
		text = erot_base64_encode(proof->hash[i], EROT_DIGEST_SIZE);
		if (!text || json_array_append_new(list, json_string(text)))
			ret = no_memory(err);
		free(text);
	}
	if (ret) {
		json_decref(list);
		return ret;
	}
	return json_object_set_new(json, "proof", list) ? no_memory(err) : 0;
}

static int add_proof(struct db *db, json_t *entry, uint64_t index, uint64_t size,
		     struct erot_error *err)
{
	struct erot_tlog_proof proof;
	int ret;

	ret = log_inclusion(db, index, size, &proof, err);
	return ret ?: set_proof(entry, &proof, err);
}

/* That nothing was changed or taken away since the auditor has last seen a checkpoint. */
static int add_history(struct db *db, struct bundling *b, struct erot_error *err)
{
	struct erot_tlog_proof proof;
	json_t *history;
	int ret;

	if (!b->since)
		return 0;
	ret = log_consistency(db, b->since, b->size, &proof, err);
	if (ret)
		return ret;
	history = json_pack("{s:I}", "size", (json_int_t)b->since);
	if (json_object_set_new(b->json, "history", history))
		return no_memory(err);
	return set_proof(history, &proof, err);
}

static int by_index(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "index"));
	json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "index"));

	return x < y ? -1 : x > y;
}

/* In the log's order, whatever order the subjects were asked for in. */
static int sort_entries(struct bundling *b, struct erot_error *err)
{
	json_t *list[EROT_BUNDLE_ENTRIES_MAX] = { NULL }, *sorted = json_array();
	unsigned int i;
	int ret = 0;

	for (i = 0; i < b->count; i++)
		list[i] = json_array_get(b->entries, i);
	qsort(list, b->count, sizeof(*list), by_index);
	for (i = 0; !ret && i < b->count; i++)
		ret = json_array_append(sorted, list[i]);
	if (ret || json_object_set(b->json, "entries", sorted))
		ret = no_memory(err);
	json_decref(sorted);
	return ret;
}

static int add_chain(struct db *db, struct bundling *b, struct erot_error *err)
{
	json_t *chain = json_array();
	struct db_rows *rows;
	const void *entry;
	char *text;
	int ret, end;
	size_t len;

	ret = db_query(db, err, &rows, "SELECT e.entry FROM log_entry e "
		       "JOIN tenant t ON t.stream = e.stream WHERE t.name = $1 "
		       "AND e.idx >= (SELECT min(f.idx) FROM log_entry f "
		       "WHERE f.subject = $2 AND f.stream = e.stream) "
		       "AND e.idx <= $3 ORDER BY e.idx LIMIT $4",
		       DB_ARGS(db_text(b->tenant),
			       db_blob(b->subjects[STATEMENT], EROT_DIGEST_SIZE),
			       db_int(b->last), db_int(EROT_BUNDLE_CHAIN_MAX + 1)));
	while (!ret && db_next(rows)) {
		entry = db_get_blob(rows, 0, &len);
		text = entry ? erot_base64_encode(entry, len) : NULL;
		if (!text || json_array_append_new(chain, json_string(text)))
			ret = no_memory(err);
		free(text);
	}
	end = db_end(rows, ret ? NULL : err);
	if (!ret && !end && json_array_size(chain) <= EROT_BUNDLE_CHAIN_MAX &&
	    json_object_set(b->json, "chain", chain))
		ret = no_memory(err);
	json_decref(chain);
	return ret ?: end;
}

/* The refusals last: they must not take the place of anything else. */
static int add_entries(struct db *db, struct bundling *b, struct erot_error *err)
{
	struct adding launch = { .b = b, .err = err };
	struct adding machine = { .b = b, .machine = true, .err = err };
	struct adding refusals = { .b = b, .refusals = true, .err = err };
	unsigned int i;
	int ret = 0;

	for (i = STATEMENT; !ret && i <= RECEIPT; i++)
		ret = log_find(db, b->tenant, b->subjects[i], add_entry, &launch, err);
	if (!ret)
		ret = log_find(db, b->tenant, b->subjects[MACHINE], add_entry, &machine, err);
	return ret ?: log_find(db, b->tenant, b->subjects[RECEIPT], add_entry, &refusals, err);
}

static int bundle_work(struct db *db, void *ctx, struct erot_error *err)
{
	struct bundling *b = ctx;
	unsigned int i;
	int ret;

	b->count = 0;
	b->last = 0;
	json_array_clear(b->entries);
	ret = documents(db, b, err);
	if (!ret)
		ret = references(db, b, err);
	if (!ret)
		ret = add_entries(db, b, err);
	for (i = 0; !ret && i < b->count; i++)
		ret = add_proof(db, json_array_get(b->entries, i), b->indices[i], b->size, err);
	if (!ret)
		ret = sort_entries(b, err);
	return ret ?: add_chain(db, b, err) ?: add_history(db, b, err);
}

/* The checkpoint first: what was in the log before it is provable in it. */
static int checkpoint(struct bundling *b, struct erot_error *err)
{
	struct authority *a = b->d->a;
	struct erot_buf note = { 0 };
	struct erot_checkpoint cp = { 0 };
	unsigned char *der = NULL;
	int len, ret;

	ret = log_checkpoint(a->log, b->d->db, &note, err);
	if (!ret)
		ret = erot_buf_done(&note, err);
	if (!ret)
		ret = erot_checkpoint_open(note.data, note.len, &a->log_key, &cp, err);
	if (!ret) {
		b->size = cp.size;
		len = i2d_X509(a->log_cert, &der);
		ret = set(b->json, "logCertificate", der, len > 0 ? len : 0, err);
		OPENSSL_free(der);
	}
	if (!ret && json_object_set_new(b->json, "checkpoint",
					json_stringn((char *)note.data, note.len)))
		ret = no_memory(err);
	erot_buf_free(&note);
	return ret;
}

int derg_bundle(struct derg *d, const char *tenant, const uint8_t receipt[EROT_DIGEST_SIZE],
		uint64_t since, json_t **out, struct erot_error *err)
{
	struct bundling b = { .d = d, .tenant = tenant, .receipt = receipt, .since = since };
	int ret;

	*out = NULL;
	b.entries = json_array();
	b.json = json_pack("{s:i,s:s}", "version", 1, "tenant", tenant);
	ret = b.json && b.entries ? checkpoint(&b, err) : no_memory(err);
	if (!ret)
		ret = db_transaction(d->db, DB_READ, bundle_work, &b, err);
	json_decref(b.entries);
	if (ret)
		json_decref(b.json);
	else
		*out = b.json;
	return ret;
}
