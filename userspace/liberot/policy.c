// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io.h"
#include "liberot/crypto.h"
#include "liberot/names.h"
#include "liberot/object.h"
#include "liberot/policy.h"

#define KIND	"policy"

/* One PCR's accepted values; a value that stands twice is a mistake. */
static void get_values(struct erot_object *o, const char *name, struct erot_policy *p)
{
	json_t *a = erot_object_array(o, name, EROT_POLICY_VALUES_MAX);
	size_t n = a ? json_array_size(a) : 0, i, j;
	int pcr = erot_pcr_number(name);
	char at[48];

	if (!a)
		return;
	if (pcr < 0 || pcr >= EROT_POLICY_PCRS) {
		snprintf(at, sizeof(at), "%.20s", name);
		erot_object_fail(o, "value", at, "not a PCR from 0 to 15");
		return;
	}
	if (!n) {
		erot_object_fail(o, "value", name, "has no values");
		return;
	}
	p->values[pcr] = calloc(n, EROT_DIGEST_SIZE);
	if (!p->values[pcr]) {
		erot_object_no_memory(o);
		return;
	}
	for (i = 0; i < n && !*o->ret; i++) {
		const char *s;

		snprintf(at, sizeof(at), "%d[%zu]", pcr, i);
		s = erot_object_string_of(o, at, json_array_get(a, i));
		if (s && erot_unhex(s, p->values[pcr][i], EROT_DIGEST_SIZE))
			erot_object_fail(o, "value", at, "must be 64 hex digits");
		for (j = 0; j < i; j++)
			if (!memcmp(p->values[pcr][i], p->values[pcr][j], EROT_DIGEST_SIZE))
				erot_object_fail(o, "value", at, "stands twice");
	}
	p->n_values[pcr] = n;
	p->mask |= 1U << pcr;
}

static void get_pcrs(struct erot_object *top, struct erot_policy *p)
{
	uint64_t boot = EROT_BOOT_PCR;
	struct erot_object o;
	const char *name;
	json_t *v;

	erot_object_open(top, "pcrs", &o);
	if (!o.json)
		erot_object_fail(top, "missing", "pcrs", "required");
	json_object_foreach(o.json, name, v)
		get_values(&o, name, p);
	erot_object_uint(top, "bootPcr", 8, EROT_POLICY_PCRS - 1, &boot);
	p->boot_pcr = (uint32_t)boot;
	if (p->mask & 1U << p->boot_pcr)
		erot_object_fail(top, "value", "bootPcr", "has values in pcrs, too");
}

static void get_versions(struct erot_object *top, struct erot_policy *p)
{
	size_t i;

	erot_object_strings(top, "moduleVersions", EROT_POLICY_VALUES_MAX, &p->versions,
			    &p->n_versions);
	if (!p->n_versions)
		erot_object_fail(top, "missing", "moduleVersions", "required, and not empty");
	for (i = 0; i < p->n_versions && !*top->ret; i++)
		if (!p->versions[i][0] || strlen(p->versions[i]) > EROT_MODULE_VERSION_MAX)
			erot_object_fail(top, "value", "moduleVersions", "of 1 to 64 bytes each");
}

static int hardware_key_bit(const char *name)
{
	return !strcmp(name, "tpm") ? 0 : !strcmp(name, "software") ? 1 : -1;
}

static void get_hardware_keys(struct erot_object *top, struct erot_policy *p)
{
	uint64_t kinds = 1;

	erot_object_bits(top, "hardwareKeys", hardware_key_bit, &kinds);
	if (!kinds)
		erot_object_fail(top, "value", "hardwareKeys", "accepts no key at all");
	if (kinds & 1 && !p->mask)
		erot_object_fail(top, "value", "pcrs", "is empty: it would accept any machine");
	p->allow_tpm = kinds & 1;
	p->allow_software = kinds & 2;
}

static void get_need_log(struct erot_object *top, struct erot_policy *p)
{
	const char *s = erot_object_string(top, "eventLog");

	p->need_log = true;
	if (!s)
		return;
	p->need_log = strcmp(s, "optional");
	if (p->need_log && strcmp(s, "required"))
		erot_object_fail(top, "value", "eventLog", "must be \"required\" or \"optional\"");
}

static void get_event(struct erot_object *o, struct erot_policy_event *e)
{
	static const char *const known[] = { "pcr", "type", "digest", "text", NULL };
	const char *type, *digest, *text;
	uint64_t pcr = 0;

	if (!erot_object_uint(o, "pcr", 0, EROT_PCR_COUNT - 1, &pcr))
		erot_object_fail(o, "missing", "pcr", "required");
	e->pcr = (uint32_t)pcr;
	type = erot_object_string(o, "type");
	digest = erot_object_string(o, "digest");
	text = erot_object_string(o, "text");
	if (!type || !digest || !text) {
		erot_object_fail(o, "missing", "", "type, digest and text are required");
		return;
	}
	if (erot_unhex(digest, e->digest, EROT_DIGEST_SIZE))
		erot_object_fail(o, "value", "digest", "must be 64 hex digits");
	e->type = erot_object_copy(o, type);
	e->text = erot_object_copy(o, text);
	erot_object_close(o, known);
}

static void get_log(struct erot_object *top, json_t *list, struct erot_policy_log *log)
{
	struct erot_object o;
	size_t n, i;

	if (!json_is_array(list)) {
		erot_object_fail(top, "type", "events", "must be an array of arrays");
		return;
	}
	n = json_array_size(list);
	if (n > EROT_EVENTS_MAX) {
		erot_object_fail(top, "value", "events", "has too many members");
		return;
	}
	log->events = calloc(n + 1, sizeof(*log->events));
	if (!log->events) {
		erot_object_no_memory(top);
		return;
	}
	log->count = n;
	for (i = 0; i < n && !*top->ret; i++) {
		erot_object_item(top, "events[]", list, i, &o);
		get_event(&o, &log->events[i]);
	}
}

static void get_events(struct erot_object *top, struct erot_policy *p)
{
	json_t *a = erot_object_array(top, "events", EROT_POLICY_VALUES_MAX);
	size_t i;

	if (!a)
		return;
	p->logs = calloc(json_array_size(a) + 1, sizeof(*p->logs));
	if (!p->logs) {
		erot_object_no_memory(top);
		return;
	}
	p->n_logs = json_array_size(a);
	for (i = 0; i < p->n_logs && !*top->ret; i++)
		get_log(top, json_array_get(a, i), &p->logs[i]);
}

int erot_policy_parse(const void *text, size_t len, struct erot_policy *policy,
		      struct erot_error *err)
{
	static const char *const known[] = { "version", "bank", "pcrs", "bootPcr",
					     "moduleVersions", "hostState", "hardwareKeys",
					     "eventLog", "maxUnaccounted", "events", NULL };
	uint64_t version, host = EROT_HOST_ALL, unaccounted = EROT_UNACCOUNTED_ANY;
	struct erot_object top;
	const char *bank;
	json_t *json;
	int ret;

	memset(policy, 0, sizeof(*policy));
	ret = erot_object_load(KIND, text, len, EROT_POLICY_MAX, &json, err);
	if (ret)
		return ret;
	erot_object_top(&top, KIND, json, &ret, err);
	if (!erot_object_uint(&top, "version", 1, 1, &version))
		erot_object_fail(&top, "missing", "version", "required");
	bank = erot_object_string(&top, "bank");
	if (!bank || strcmp(bank, "sha256"))
		erot_object_fail(&top, bank ? "value" : "missing", "bank", "must be \"sha256\"");
	get_pcrs(&top, policy);
	get_versions(&top, policy);
	erot_object_bits(&top, "hostState", erot_host_number, &host);
	policy->host = (uint32_t)host;
	get_hardware_keys(&top, policy);
	get_need_log(&top, policy);
	erot_object_uint(&top, "maxUnaccounted", 0, EROT_UNACCOUNTED_ANY - 1, &unaccounted);
	policy->max_unaccounted = (uint32_t)unaccounted;
	get_events(&top, policy);
	erot_object_close(&top, known);
	json_decref(json);
	if (!ret && erot_sha256(text, len, policy->digest))
		ret = erot_fail(err, EIO, "crypto", "policy: hashing failed");
	if (ret)
		erot_policy_free(policy);
	return ret;
}

static void free_log(struct erot_policy_log *log)
{
	size_t i;

	for (i = 0; i < log->count; i++) {
		free(log->events[i].type);
		free(log->events[i].text);
	}
	free(log->events);
}

void erot_policy_free(struct erot_policy *policy)
{
	size_t i;

	for (i = 0; i < EROT_POLICY_PCRS; i++)
		free(policy->values[i]);
	for (i = 0; policy->versions && policy->versions[i]; i++)
		free(policy->versions[i]);
	free(policy->versions);
	for (i = 0; i < policy->n_logs; i++)
		free_log(&policy->logs[i]);
	free(policy->logs);
	memset(policy, 0, sizeof(*policy));
}

uint32_t erot_policy_selection(const struct erot_policy *policy)
{
	return policy->mask | 1U << policy->boot_pcr;
}
