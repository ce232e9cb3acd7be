// SPDX-License-Identifier: GPL-2.0-only
/* Bundles: what is in them, and that nobody can make a launch one that cannot be audited. */
#include "dergd/test_audit.h"

#define MANY	300	/* more than a bundle has entries */
#define LONG	5000	/* links */

/**
 * struct adding - entries of the tenant, alike
 * @subject: that they are about, or NULL
 */
struct adding {
	uint32_t kind;
	const uint8_t *subject;
	unsigned int n;
};

static int add_work(struct db *db, void *ctx, struct erot_error *e)
{
	const struct adding *a = ctx;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < a->n; i++)
		ret = derg_record(db, "audit", a->kind, a->subject, now, "{}", 2, NULL, e);
	return ret;
}

static void add(uint32_t kind, const uint8_t *subject, unsigned int n)
{
	struct adding a = { kind, subject, n };

	must(db_transaction(derg.db, 0, add_work, &a, &err));
}

/* As anybody makes them who has the receipt. */
static void refuse(const struct launch *l, unsigned int n)
{
	add(EROT_LOG_REFUSAL, l->r.digest, n);
}

static size_t size_of(const json_t *bundle, const char *list)
{
	return json_array_size(json_object_get(bundle, list));
}

static size_t refusals(const json_t *bundle)
{
	json_t *list = json_object_get(bundle, "entries");
	size_t i, n = 0;

	for (i = 0; i < json_array_size(list); i++)
		n += kind_of(json_array_get(list, i)) == EROT_LOG_REFUSAL;
	return n;
}

static void holds(const struct launch *l, const json_t *bundle, const char *name)
{
	struct erot_audit_input in = input;
	struct seen s;
	unsigned int i;

	in.receipt = l->r.digest;
	in.envelope = l->env;
	in.envelope_len = l->env_len;
	in.since = NULL;
	if (tap_ok(!audit(bundle, &in, &s), "%s", name))
		return;
	for (i = 0; i < CHECKS; i++)
		if (s.ret[i])
			printf("# %s: %s: %s\n", names[i], s.err[i].code, s.err[i].text);
}

/* ---- refusals */

static void test_refused_before(void)
{
	struct launch l;
	json_t *b;

	launch_make(&l, "audit", &one);
	refuse(&l, 2);
	launch_run(&l, now);
	b = bundle_of(&l);
	holds(&l, b, "refused twice, then released");
	tap_ok(refusals(b) == 2, "both refusals are in the bundle");
	json_decref(b);
	launch_free(&l);

	launch_make(&l, "audit", &one);
	refuse(&l, MANY);
	launch_run(&l, now);
	b = bundle_of(&l);
	holds(&l, b, "refused more often than a bundle has entries, before the end");
	tap_ok(size_of(b, "entries") == EROT_BUNDLE_ENTRIES_MAX && refusals(b) &&
	       json_array_size(json_object_get(b, "chain")) > MANY,
	       "as many as there is room for are in it, and all of them in its chain");
	json_decref(b);
	launch_free(&l);
}

static void test_refused_after(void)
{
	struct launch l;
	json_t *then, *b;

	launch_make(&l, "audit", &one);
	launch_run(&l, now);
	then = bundle_of(&l);
	add(EROT_LOG_CLIENT, NULL, LONG);
	refuse(&l, 1);
	b = bundle_of(&l);
	holds(&l, b, "refused once, long after the end");
	tap_ok(json_equal(json_object_get(b, "chain"), json_object_get(then, "chain")),
	       "which makes the chain no longer");
	json_decref(b);
	refuse(&l, MANY);
	b = bundle_of(&l);
	holds(&l, b, "refused more often than a bundle has entries, after the end");
	tap_ok(size_of(b, "entries") == size_of(then, "entries") && !refusals(b),
	       "none of which is in it");
	json_decref(b);
	json_decref(then);
	launch_free(&l);
}

/* ---- sizes */

static void test_long(void)
{
	struct launch l;
	json_t *b;

	launch_make(&l, "audit", &one);
	add(EROT_LOG_CLIENT, NULL, LONG);
	launch_run(&l, now);
	b = bundle_of(&l);
	holds(&l, b, "a launch during which much else has happened");
	tap_ok(size_of(b, "chain") > LONG, "with all of that in its chain");
	json_decref(b);
	launch_free(&l);
}

static json_t *with_many(const char *name, size_t n)
{
	json_t *list = json_array(), *one_of = json_string("");

	while (n--)
		json_array_append(list, one_of);
	json_decref(one_of);
	return with_json(name, list);
}

static void test_limits(void)
{
	bad(with_many("chain", EROT_BUNDLE_CHAIN_MAX), "chain", "short", "the most links");
	bad(with_many("chain", EROT_BUNDLE_CHAIN_MAX + 1), "bundle", "bundle-value",
	    "a link more");
	bad(with_many("entries", EROT_BUNDLE_ENTRIES_MAX + 1), "bundle", "bundle-value",
	    "an entry more");
}

/* The content of a record that has an event log of @len bytes; it is not that of the entry. */
static json_t *with_event_log(size_t len)
{
	size_t size = (len + 2) / 3 * 4 + 65536;
	uint8_t *record = calloc(1, size);
	char *text = record ? erot_base64_encode(record, size) : NULL;
	json_t *b = copy();

	must(!text);
	json_object_set_new(entry_of(b, EROT_LOG_RELEASE), "content", json_string(text));
	free(text);
	free(record);
	return b;
}

static void test_event_log(void)
{
	bad(with_event_log(EROT_EVENTLOG_MAX), "inclusion", "log-commitment",
	    "the record of the longest event log");
	bad(with_event_log(2 * EROT_EVENTLOG_MAX), "bundle", "bundle-value", "of one twice that");
}

int main(void)
{
	audit_begin();
	test_refused_before();
	test_refused_after();
	test_long();
	test_limits();
	test_event_log();
	audit_end();
	return tap_done();
}
