// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "liberot/explain.h"

/**
 * struct side - events of one PCR in one log
 * @at:     their places in it
 * @count:  of them
 */
struct side {
	size_t at[EROT_EVENTS_MAX];
	size_t count;
};

/**
 * struct comparison - two lists of events of one PCR
 * @ref:   what was learned from
 * @log:   the machine's
 * @old:   its side in @ref
 * @new:   its side in @log
 * @best:  row by row, the longest common part of what is behind each pair of places
 * @bad:   out of memory
 */
struct comparison {
	const struct erot_policy_log *ref;
	const struct erot_eventlog *log;
	struct side old;
	struct side new;
	uint16_t *best;
	int bad;
};

/* Takes over @value; NULL is a failure that shows in @bad. */
static void set(json_t *o, const char *name, json_t *value, int *bad)
{
	if (json_object_set_new(o, name, value))
		*bad = 1;
}

static void append(json_t *a, json_t *value, int *bad)
{
	if (json_array_append_new(a, value))
		*bad = 1;
}

static json_t *hex(const uint8_t digest[EROT_DIGEST_SIZE])
{
	char text[2 * EROT_DIGEST_SIZE + 1];

	return json_string(erot_hex(digest, EROT_DIGEST_SIZE, text));
}

struct verdicts {
	json_t *list;
	int bad;
};

static void tell(void *ctx, const char *check, int ret, const struct erot_error *err)
{
	struct verdicts *v = ctx;
	json_t *o = json_object();

	set(o, "check", json_string(check), &v->bad);
	set(o, "ok", json_boolean(!ret), &v->bad);
	if (ret) {
		set(o, "code", json_string(err->code), &v->bad);
		set(o, "detail", json_string(err->text), &v->bad);
	}
	if (*err->expected || *err->actual) {
		set(o, "expected", json_string(err->expected), &v->bad);
		set(o, "actual", json_string(err->actual), &v->bad);
	}
	append(v->list, o, &v->bad);
}

static void collect(struct comparison *c, uint32_t pcr)
{
	size_t i;

	c->old.count = 0;
	c->new.count = 0;
	for (i = 0; c->ref && i < c->ref->count; i++)
		if (c->ref->events[i].pcr == pcr)
			c->old.at[c->old.count++] = i;
	for (i = 0; i < c->log->count; i++)
		if (c->log->events[i].pcr == pcr && c->log->events[i].type != EROT_EV_NO_ACTION)
			c->new.at[c->new.count++] = i;
}

static int is_same(const struct comparison *c, size_t i, size_t j)
{
	return !memcmp(c->ref->events[c->old.at[i]].digest, c->log->events[c->new.at[j]].digest,
		       EROT_DIGEST_SIZE);
}

static uint16_t *best_at(const struct comparison *c, size_t i, size_t j)
{
	return &c->best[i * (c->new.count + 1) + j];
}

/* Longest common subsequence. Returns its length, or -1 without memory. */
static int compare(struct comparison *c, uint32_t pcr)
{
	size_t i, j;

	collect(c, pcr);
	free(c->best);
	c->best = calloc((c->old.count + 1) * (c->new.count + 1), sizeof(*c->best));
	if (!c->best) {
		c->bad = 1;
		return -1;
	}
	for (i = c->old.count; i-- > 0;) {
		for (j = c->new.count; j-- > 0;) {
			uint16_t skip_old = *best_at(c, i + 1, j), skip_new = *best_at(c, i, j + 1);

			if (is_same(c, i, j))
				*best_at(c, i, j) = (uint16_t)(*best_at(c, i + 1, j + 1) + 1);
			else
				*best_at(c, i, j) = skip_old > skip_new ? skip_old : skip_new;
		}
	}
	return *best_at(c, 0, 0);
}

static void add_new(struct comparison *c, json_t *list, size_t j, const char *is)
{
	const struct erot_tcg_event *e = &c->log->events[c->new.at[j]];
	char type[16], text[EROT_EVENT_TEXT_MAX];
	json_t *o = json_object();

	set(o, "is", json_string(is), &c->bad);
	set(o, "type", json_string(erot_tcg_event_type(e->type, type)), &c->bad);
	set(o, "digest", hex(e->digest), &c->bad);
	set(o, "text", json_string(erot_tcg_event_text(e, text)), &c->bad);
	append(list, o, &c->bad);
}

static void add_missing(struct comparison *c, json_t *list, size_t i)
{
	const struct erot_policy_event *e = &c->ref->events[c->old.at[i]];
	json_t *o = json_object();

	set(o, "is", json_string("missing"), &c->bad);
	set(o, "type", json_string(e->type), &c->bad);
	set(o, "digest", hex(e->digest), &c->bad);
	set(o, "text", json_string(e->text), &c->bad);
	append(list, o, &c->bad);
}

static json_t *difference(struct comparison *c)
{
	json_t *list = json_array();
	size_t i = 0, j = 0;

	while (i < c->old.count || j < c->new.count) {
		if (i < c->old.count && j < c->new.count && is_same(c, i, j)) {
			add_new(c, list, j++, "same");
			i++;
		} else if (j == c->new.count ||
			   (i < c->old.count && *best_at(c, i + 1, j) >= *best_at(c, i, j + 1))) {
			add_missing(c, list, i++);
		} else {
			add_new(c, list, j++, "new");
		}
	}
	return list;
}

/* Against the reference that has most in common, in proportion to what both have. */
static json_t *explain_events(const struct erot_policy *p, const struct erot_eventlog *log,
			      uint32_t pcr, int *bad)
{
	struct comparison *c = calloc(1, sizeof(*c));
	const struct erot_policy_log *nearest = NULL;
	size_t apart, least = SIZE_MAX, i;
	json_t *list;

	if (!c) {
		*bad = 1;
		return NULL;
	}
	c->log = log;
	for (i = 0; i < p->n_logs; i++) {
		c->ref = &p->logs[i];
		compare(c, pcr);
		if (c->bad)
			break;
		apart = c->old.count + c->new.count - 2 * *best_at(c, 0, 0);
		if (apart < least) {
			least = apart;
			nearest = c->ref;
		}
	}
	c->ref = nearest;
	compare(c, pcr);
	list = c->bad ? NULL : difference(c);
	*bad |= c->bad;
	free(c->best);
	free(c);
	return list;
}

static json_t *explain_pcr(const struct erot_policy *p, const struct erot_machine_state *s,
			   const struct erot_eventlog *log, uint32_t pcr, int *bad)
{
	json_t *o = json_object(), *accepted = json_array();
	bool quoted = s->pcrs.mask & 1U << pcr, ok = false;
	size_t i;

	for (i = 0; i < p->n_values[pcr]; i++) {
		append(accepted, hex(p->values[pcr][i]), bad);
		ok |= quoted && !memcmp(p->values[pcr][i], s->pcrs.value[pcr], EROT_DIGEST_SIZE);
	}
	set(o, "pcr", json_integer(pcr), bad);
	set(o, "accepted", accepted, bad);
	set(o, "actual", quoted ? hex(s->pcrs.value[pcr]) : json_null(), bad);
	set(o, "ok", json_boolean(ok), bad);
	if (log && quoted)
		set(o, "replays", json_boolean(!erot_eventlog_compare(log, &s->pcrs, 1U << pcr,
								      NULL)), bad);
	if (log && !ok)
		set(o, "events", explain_events(p, log, pcr, bad), bad);
	return o;
}

int erot_policy_explain(const struct erot_policy *policy, const struct erot_machine_state *state,
			json_t **out, struct erot_error *err)
{
	struct verdicts v = { .list = json_array() };
	json_t *o = json_object(), *pcrs = json_array();
	struct erot_eventlog log = { 0 };
	bool has_log, accepted;
	uint32_t pcr;

	*out = NULL;
	accepted = !erot_policy_verdicts(policy, state, tell, &v, NULL);
	has_log = state->event_log_len &&
		  !erot_eventlog_parse(state->event_log, state->event_log_len, &log, NULL);
	set(o, "accepted", json_boolean(accepted), &v.bad);
	set(o, "checks", v.list, &v.bad);
	for (pcr = 0; !state->software && pcr < EROT_POLICY_PCRS; pcr++)
		if (policy->mask & 1U << pcr)
			append(pcrs, explain_pcr(policy, state, has_log ? &log : NULL, pcr,
						 &v.bad), &v.bad);
	set(o, "pcrs", pcrs, &v.bad);
	erot_eventlog_free(&log);
	if (v.bad) {
		json_decref(o);
		return erot_fail(err, ENOMEM, "no-memory", "explain: out of memory");
	}
	*out = o;
	return 0;
}
