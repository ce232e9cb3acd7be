/* SPDX-License-Identifier: GPL-2.0-only */
/* Launches that are audited, bundles that are altered. One of each a program. */
#ifndef DERGD_TEST_AUDIT_H
#define DERGD_TEST_AUDIT_H

#include "dergd/test_attested.h"

#include <jansson.h>

#include "common/base64.h"
#include "dergd/bundle.h"
#include "liberot/audit.h"
#include "liberot/note.h"

static const char *const names[] = {
	"bundle", "statement", "receipt", "launch", "order", "customer", "derivation", "container",
	"machine", "endorsement", "policy", "destruction", "checkpoint", "history", "inclusion",
	"logged", "chain", "sequence", "release", "state", "evidence",
};

#define CHECKS	(sizeof(names) / sizeof(*names))

/**
 * struct seen - verdicts of one audit
 */
struct seen {
	unsigned int n;
	bool in_order;
	int ret[CHECKS];
	struct erot_error err[CHECKS];
};

static struct box one, two;
static struct launch golden, other, foreign;
static json_t *good;			/* bundle of @golden */
static json_t *before;			/* that of a time when the log was shorter */
static struct erot_audit_input input;
static bool seen_bad[CHECKS];

/* ---- audits */

static inline void tell(void *ctx, const char *name, const char *what, int ret,
		 const struct erot_error *e)
{
	struct seen *s = ctx;

	(void)what;
	if (s->n == CHECKS)
		test_die("more checks than names");
	s->in_order &= !strcmp(names[s->n], name);
	s->ret[s->n] = ret;
	s->err[s->n++] = *e;
}

static inline int audit(const json_t *bundle, const struct erot_audit_input *in, struct seen *s)
{
	struct erot_audit_input this = *in;
	char *text = json_dumps(bundle, JSON_COMPACT);
	int ret;

	memset(s, 0, sizeof(*s));
	s->in_order = true;
	this.bundle = text;
	this.bundle_len = strlen(text);
	ret = erot_audit(&this, tell, s, &err);
	free(text);
	return ret;
}

static inline unsigned int check_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < CHECKS && strcmp(names[i], name); i++)
		;
	if (i == CHECKS)
		test_die(name);
	return i;
}

/* The audit fails, and so does this very check, with this code. */
static inline void bad_with(const struct erot_audit_input *in, json_t *bundle, const char *check,
		     const char *code, const char *name)
{
	unsigned int i = check_of(check);
	struct seen s;
	int ret;

	ret = audit(bundle, in, &s);
	if (tap_ok(ret && s.in_order && s.ret[i] && s.ret[i] != -ECANCELED &&
		   !strcmp(s.err[i].code, code), "%s: %s: %s", check, name, code))
		seen_bad[i] = true;
	else
		printf("# returned %d (%s), check %d: %s: %s\n", ret, err.code, s.ret[i],
		       s.err[i].code, s.err[i].text);
	json_decref(bundle);
}

static inline void bad(json_t *bundle, const char *check, const char *code, const char *name)
{
	bad_with(&input, bundle, check, code, name);
}

static inline json_t *bundle_since(const struct launch *l, uint64_t size)
{
	json_t *json;

	must(derg_bundle(&derg, l->tenant, l->r.digest, size, &json, &err));
	return json;
}

static inline json_t *bundle_of(const struct launch *l)
{
	return bundle_since(l, 0);
}

/* ---- alterations: each gives a new bundle */

static inline json_t *copy(void)
{
	return json_deep_copy(good);
}

static inline void put(json_t *o, const char *name, const void *data, size_t len)
{
	char *text = erot_base64_encode(data, len);

	json_object_set_new(o, name, json_string(text));
	free(text);
}

static inline json_t *with(const char *name, const void *data, size_t len)
{
	json_t *b = copy();

	put(b, name, data, len);
	return b;
}

static inline json_t *with_json(const char *name, json_t *value)
{
	json_t *b = copy();

	json_object_set_new(b, name, value);
	return b;
}

static inline json_t *without(const char *name)
{
	json_t *b = copy();

	json_object_del(b, name);
	return b;
}

/* @at: byte; negative: from the end */
static inline void flip(json_t *o, const char *name, long at)
{
	uint8_t *data;
	size_t len;

	must(erot_base64_decode(json_string_value(json_object_get(o, name)), 1 << 20, &data, &len,
				&err));
	data[at < 0 ? (long)len + at : at] ^= 1;
	put(o, name, data, len);
	free(data);
}

static inline json_t *flipped(const char *name, long at)
{
	json_t *b = copy();

	flip(b, name, at);
	return b;
}

/* The same JSON in other bytes. */
static inline json_t *with_blank(const char *name)
{
	json_t *b = copy();
	struct erot_buf more = { 0 };
	uint8_t *data;
	size_t len;

	must(erot_base64_decode(json_string_value(json_object_get(b, name)), 1 << 20, &data, &len,
				&err));
	erot_buf_add(&more, data, len);
	erot_buf_add(&more, " ", 1);
	put(b, name, more.data, more.len);
	erot_buf_free(&more);
	free(data);
	return b;
}

static inline uint32_t kind_of(const json_t *entry)
{
	struct erot_log_entry_info info;
	uint8_t *data;
	size_t len;

	must(erot_base64_decode(json_string_value(json_object_get(entry, "entry")), 4096, &data,
				&len, &err));
	must(erot_log_entry_parse(data, len, &info, &err));
	free(data);
	return info.kind;
}

/* Place of the first entry of a kind. */
static inline size_t entry_at(const json_t *bundle, uint32_t kind)
{
	json_t *list = json_object_get(bundle, "entries");
	size_t i;

	for (i = 0; i < json_array_size(list); i++)
		if (kind_of(json_array_get(list, i)) == kind)
			return i;
	test_die("no such entry");
	return 0;
}

static inline json_t *entry_of(json_t *bundle, uint32_t kind)
{
	return json_array_get(json_object_get(bundle, "entries"), entry_at(bundle, kind));
}
/* A receipt that names this enrolment: what a provider could sign that lies. */
static inline json_t *with_enrolment(const struct launch *l, json_t *from)
{
	const char *text = json_string_value(json_object_get(from, "enrolment"));
	struct erot_receipt_info r = l->r;
	uint8_t *record, *content, *cms;
	size_t len, content_len, cms_len;
	json_t *b;

	must(erot_base64_decode(text, 1 << 20, &record, &len, &err));
	erot_sha256(record, len, r.grant.enrolment);
	must(erot_receipt_build(&r, &content, &content_len, &err));
	must(derg_sign(&derg, content, content_len, &cms, &cms_len, &err));
	b = bundle_of(l);
	put(b, "receipt", cms, cms_len);
	put(b, "enrolment", record, len);
	free(record);
	free(content);
	free(cms);
	json_decref(from);
	return b;
}
static inline struct erot_checkpoint checkpoint_of(const json_t *bundle)
{
	const char *note = json_string_value(json_object_get(bundle, "checkpoint"));
	struct erot_checkpoint cp;

	must(erot_checkpoint_open(note, strlen(note), &authority.log_key, &cp, &err));
	return cp;
}
/* ---- a provider, three launches that have ended */

static inline void audit_begin(void)
{
	struct erot_learn how = DEFAULT_LEARN;
	uint8_t *pem;
	size_t len;

	test_begin();
	test_authority("maker");
	box_make(&one, "one", "maker");
	box_make(&two, "two", "maker");
	derg_begin("maker", NULL);
	launch_ready(&golden, "audit", &one);
	launch_run(&golden, now);
	before = bundle_of(&golden);
	enrol("audit", &two);
	launch_make(&other, "audit", &two);
	launch_run(&other, now);
	/* another tenant with the same machine and another policy */
	make_tenant("theirs");
	how.optional_log = true;
	how.host = EROT_HOST_ATTESTED;
	learn("theirs", &one, &how);
	enrol("theirs", &one);
	launch_make(&foreign, "theirs", &one);
	launch_run(&foreign, now);
	good = bundle_since(&golden, checkpoint_of(before).size);
	input.since = json_string_value(json_object_get(before, "checkpoint"));
	input.since_len = strlen(input.since);
	input.cert = authority.cert;
	input.receipt = golden.r.digest;
	input.customer = customer;
	input.envelope = golden.env;
	input.envelope_len = golden.env_len;
	pem = test_read("roots.pem", &len);
	must(erot_ek_roots_load(pem, len, (struct erot_ek_roots **)&input.roots, &err));
	free(pem);
}

/* @from, @to: names of checks, each of which has been seen to fail in this program */
static inline void audit_seen(const char *from, const char *to)
{
	unsigned int i, last = check_of(to);

	for (i = check_of(from); i <= last && seen_bad[i]; i++)
		;
	tap_ok(i > last, "each check from %s to %s was seen to fail", from, to);
	if (i <= last)
		printf("# not %s\n", names[i]);
}

static inline void audit_end(void)
{
	json_decref(good);
	json_decref(before);
	erot_ek_roots_free((struct erot_ek_roots *)input.roots);
	launch_free(&golden);
	launch_free(&other);
	launch_free(&foreign);
	derg_end();
}

#endif
