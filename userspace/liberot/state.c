// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "liberot/eventlog.h"
#include "liberot/names.h"
#include "liberot/object.h"
#include "liberot/state.h"

#define KIND	"state"

static void get_pcrs(struct erot_object *o, struct erot_machine_state *s)
{
	json_t *v = erot_object_member(o, "pcrs");
	struct erot_error why;

	if (!v)
		erot_object_fail(o, "missing", "pcrs", "required");
	else if (json_is_object(v) && !json_object_size(v))
		s->pcrs.mask = 0;	/* no TPM; no policy takes that for another */
	else if (erot_pcrs_from_json(v, &s->pcrs, &why))
		erot_object_fail(o, strcmp(why.code, "pcrs-type") ? "value" : "type", "pcrs",
				 why.text);
}

static void get_log(struct erot_object *o, struct erot_machine_state *s)
{
	const char *text = erot_object_string(o, "eventLog");
	struct erot_error why;

	if (text && erot_base64_decode(text, EROT_EVENTLOG_MAX, &s->event_log, &s->event_log_len,
				       &why))
		erot_object_fail(o, "value", "eventLog", why.text);
}

static void get_boot_key(struct erot_object *o, struct erot_machine_state *s)
{
	const char *text = erot_object_string(o, "bootKey");
	struct erot_error why;

	if (!text)
		return;
	if (erot_base64_exact(text, s->boot_key, sizeof(s->boot_key), &why))
		erot_object_fail(o, "value", "bootKey", why.text);
	s->has_boot_key = true;
}

static void get_version(struct erot_object *o, struct erot_machine_state *s)
{
	const char *text = erot_object_string(o, "moduleVersion");

	if (!text)
		return;
	if (!*text || strlen(text) > EROT_MODULE_VERSION_MAX)
		erot_object_fail(o, "value", "moduleVersion", "1 to 64 bytes");
	else
		memcpy(s->module_version, text, strlen(text) + 1);
}

int erot_machine_state_parse(const void *text, size_t len, struct erot_machine_state *state,
			     struct erot_error *err)
{
	static const char *const known[] = { "version", "bank", "pcrs", "eventLog", "bootKey",
					     "moduleVersion", "hostState", NULL };
	uint64_t version = 0, host = 0;
	struct erot_object top;
	const char *bank;
	json_t *json;
	int ret;

	memset(state, 0, sizeof(*state));
	ret = erot_object_load(KIND, text, len, EROT_STATE_MAX, &json, err);
	if (ret)
		return ret;
	erot_object_top(&top, KIND, json, &ret, err);
	if (!erot_object_uint(&top, "version", 1, 1, &version))
		erot_object_fail(&top, "missing", "version", "required");
	bank = erot_object_string(&top, "bank");
	if (!bank || strcmp(bank, "sha256"))
		erot_object_fail(&top, bank ? "value" : "missing", "bank", "must be \"sha256\"");
	get_pcrs(&top, state);
	get_log(&top, state);
	get_boot_key(&top, state);
	get_version(&top, state);
	erot_object_bits(&top, "hostState", erot_host_number, &host);
	state->host = (uint32_t)host;
	erot_object_close(&top, known);
	json_decref(json);
	if (ret)
		erot_machine_state_free(state);
	return ret;
}

/* Takes over @value; NULL is a failure that shows in @bad. */
static void set(json_t *o, const char *name, json_t *value, int *bad)
{
	if (json_object_set_new(o, name, value))
		*bad = 1;
}

static json_t *base64(const void *data, size_t len)
{
	char *text = erot_base64_encode(data, len);
	json_t *v = text ? json_string(text) : NULL;

	free(text);
	return v;
}

json_t *erot_host_names(uint32_t host)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; list && erot_host_name(i); i++)
		if (host & 1U << i && json_array_append_new(list, json_string(erot_host_name(i)))) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

char *erot_machine_state_build(const struct erot_machine_state *state)
{
	json_t *o = json_object();
	char *text = NULL;
	int bad = 0;

	set(o, "version", json_integer(1), &bad);
	set(o, "bank", json_string("sha256"), &bad);
	set(o, "pcrs", erot_pcrs_to_json(&state->pcrs), &bad);
	if (state->event_log)
		set(o, "eventLog", base64(state->event_log, state->event_log_len), &bad);
	if (state->has_boot_key)
		set(o, "bootKey", base64(state->boot_key, sizeof(state->boot_key)), &bad);
	if (*state->module_version)
		set(o, "moduleVersion", json_string(state->module_version), &bad);
	set(o, "hostState", erot_host_names(state->host), &bad);
	if (!bad)
		text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	return text;
}

void erot_machine_state_free(struct erot_machine_state *state)
{
	free(state->event_log);
	memset(state, 0, sizeof(*state));
}
