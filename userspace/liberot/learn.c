// SPDX-License-Identifier: GPL-2.0-only
/* A policy from known-good machines. What was made is parsed and held against each of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "liberot/names.h"
#include "liberot/policy.h"

#define IMA_PCR	10

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

static bool has_string(const json_t *a, const char *s)
{
	json_t *v;
	size_t i;

	json_array_foreach(a, i, v)
		if (!strcmp(json_string_value(v), s))
			return true;
	return false;
}

static json_t *values_of(unsigned int pcr, const struct erot_machine_state *states, size_t n,
			 int *bad)
{
	char text[2 * EROT_DIGEST_SIZE + 1];
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < n; i++) {
		erot_hex(states[i].pcrs.value[pcr], EROT_DIGEST_SIZE, text);
		if (!has_string(a, text))
			append(a, json_string(text), bad);
	}
	return a;
}

static json_t *pcrs_of(uint32_t mask, const struct erot_machine_state *states, size_t n, int *bad)
{
	json_t *o = json_object();
	unsigned int pcr;
	char name[4];

	for (pcr = 0; pcr < EROT_POLICY_PCRS; pcr++) {
		if (!(mask & 1U << pcr))
			continue;
		snprintf(name, sizeof(name), "%u", pcr);
		set(o, name, values_of(pcr, states, n, bad), bad);
	}
	return o;
}

static json_t *versions_of(const struct erot_machine_state *states, size_t n, int *bad)
{
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		if (*states[i].module_version && !has_string(a, states[i].module_version))
			append(a, json_string(states[i].module_version), bad);
	return a;
}

static json_t *event_of(const struct erot_tcg_event *e, int *bad)
{
	char type[16], text[EROT_EVENT_TEXT_MAX];
	json_t *o = json_object();

	set(o, "pcr", json_integer(e->pcr), bad);
	set(o, "type", json_string(erot_tcg_event_type(e->type, type)), bad);
	set(o, "digest", hex(e->digest), bad);
	set(o, "text", json_string(erot_tcg_event_text(e, text)), bad);
	return o;
}

/* Events that made the values; the others would only fill the file. */
static int events_of(uint32_t mask, const struct erot_machine_state *s, json_t *list, int *bad,
		     struct erot_error *err)
{
	struct erot_eventlog log;
	json_t *a;
	size_t i;
	int ret;

	if (!s->event_log_len)
		return 0;
	ret = erot_eventlog_parse(s->event_log, s->event_log_len, &log, err);
	if (ret)
		return ret;
	a = json_array();
	for (i = 0; i < log.count; i++)
		if (log.events[i].type != EROT_EV_NO_ACTION && mask & 1U << log.events[i].pcr)
			append(a, event_of(&log.events[i], bad), bad);
	append(list, a, bad);
	erot_eventlog_free(&log);
	return 0;
}

static int build(const struct erot_learn *how, uint32_t mask,
		 const struct erot_machine_state *states, size_t n, char **text,
		 struct erot_error *err)
{
	json_t *o = json_object(), *keys = json_array(), *events = json_array();
	int bad = 0, ret = 0;
	size_t i;

	append(keys, json_string("tpm"), &bad);
	if (how->allow_software)
		append(keys, json_string("software"), &bad);
	set(o, "version", json_integer(1), &bad);
	set(o, "bank", json_string("sha256"), &bad);
	set(o, "pcrs", pcrs_of(mask, states, n, &bad), &bad);
	set(o, "bootPcr", json_integer(how->boot_pcr), &bad);
	set(o, "moduleVersions", versions_of(states, n, &bad), &bad);
	set(o, "hostState", erot_host_names(how->host), &bad);
	set(o, "hardwareKeys", keys, &bad);
	set(o, "eventLog", json_string(how->optional_log ? "optional" : "required"), &bad);
	if (how->max_unaccounted != EROT_UNACCOUNTED_ANY)
		set(o, "maxUnaccounted", json_integer(how->max_unaccounted), &bad);
	for (i = 0; !ret && i < n; i++) {
		ret = events_of(mask, &states[i], events, &bad, err);
		if (ret)
			erot_error_prefix(err, "machine %zu", i);
	}
	set(o, "events", events, &bad);
	if (!ret) {
		*text = bad ? NULL : json_dumps(o, JSON_INDENT(1));
		if (!*text)
			ret = erot_fail(err, ENOMEM, "no-memory", "learn: out of memory");
	}
	json_decref(o);
	return ret;
}

static int check(const char *text, const struct erot_machine_state *states, size_t n,
		 struct erot_error *err)
{
	struct erot_policy policy;
	size_t i;
	int ret;

	if (strlen(text) > EROT_POLICY_MAX)
		return erot_fail(err, EFBIG, "learn-size",
				 "learn: the policy would have more than %u bytes",
				 EROT_POLICY_MAX);
	ret = erot_policy_parse(text, strlen(text), &policy, err);
	if (ret)
		return ret;
	for (i = 0; !ret && i < n; i++) {
		ret = erot_policy_check(&policy, &states[i], err);
		if (ret)
			erot_error_prefix(err, "machine %zu", i);
	}
	erot_policy_free(&policy);
	return ret;
}

int erot_policy_learn(const struct erot_learn *how, const struct erot_machine_state *states,
		      size_t n, char **text, struct erot_error *err)
{
	uint32_t mask = how->mask;
	int ret;

	*text = NULL;
	if (!n || n > EROT_POLICY_VALUES_MAX)
		return erot_fail(err, EINVAL, "learn-size", "learn: 1 to %d machines, not %zu",
				 EROT_POLICY_VALUES_MAX, n);
	if (!mask)
		mask = states[0].pcrs.mask & ((1U << EROT_POLICY_PCRS) - 1) &
		       ~(1U << how->boot_pcr | 1U << IMA_PCR);
	if (!mask || mask >> EROT_POLICY_PCRS || mask & 1U << how->boot_pcr)
		return erot_fail(err, EINVAL, "learn-pcrs",
				 "learn: PCRs from 0 to 15 without the boot key's, at least one");
	ret = build(how, mask, states, n, text, err);
	if (!ret)
		ret = check(*text, states, n, err);
	if (ret) {
		free(*text);
		*text = NULL;
	}
	return ret;
}
