// SPDX-License-Identifier: GPL-2.0-only
/* PCR policies and machine state: refusals of the parsers, codes of the checks, explanations. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* memmem() */
#endif
#include <errno.h>

#include "common/io.h"
#include "common/tap.h"
#include "liberot/crypto.h"
#include "liberot/explain.h"
#include "liberot/policy.h"
#include "liberot/quote.h"

#define Z	"0000000000000000000000000000000000000000000000000000000000000000"
#define ONE	"0000000000000000000000000000000000000000000000000000000000000001"
#define HEAD	"\"version\":1,\"bank\":\"sha256\""
#define PCRS	"\"pcrs\":{\"0\":[\"" Z "\"]}"
#define MODULE	"\"moduleVersions\":[\"1\"]"
#define GOOD	HEAD "," PCRS "," MODULE
#define EVENT	"\"pcr\":0,\"type\":\"EV\",\"digest\":\"" Z "\",\"text\":\"x\""

struct refusal {
	const char *text;
	const char *code;
	const char *says;	/* stands in the text: the path, mostly */
};

static const struct refusal bad_policies[] = {
	{ "", "policy-size", "0 bytes" },
	{ "{", "policy-syntax", "line" },
	{ "[]", "policy-type", "object" },
	{ "{" GOOD "," MODULE "}", "policy-syntax", "duplicate" },
	{ "{" GOOD ",\"x\":1}", "policy-unknown", "x" },
	{ "{\"bank\":\"sha256\"," PCRS "," MODULE "}", "policy-missing", "version" },
	{ "{\"version\":2,\"bank\":\"sha256\"," PCRS "," MODULE "}", "policy-value", "version" },
	{ "{\"version\":1," PCRS "," MODULE "}", "policy-missing", "bank" },
	{ "{\"version\":1,\"bank\":\"sha1\"," PCRS "," MODULE "}", "policy-value", "bank" },
	{ "{" HEAD "," MODULE "}", "policy-missing", "pcrs" },
	{ "{" HEAD ",\"pcrs\":[]," MODULE "}", "policy-type", "pcrs" },
	{ "{" HEAD ",\"pcrs\":{}," MODULE "}", "policy-value", "pcrs" },
	{ "{" HEAD ",\"pcrs\":{\"16\":[\"" Z "\"]}," MODULE "}", "policy-value", "pcrs.16" },
	{ "{" HEAD ",\"pcrs\":{\"00\":[\"" Z "\"]}," MODULE "}", "policy-value", "pcrs.00" },
	{ "{" HEAD ",\"pcrs\":{\"x\":[\"" Z "\"]}," MODULE "}", "policy-value", "pcrs.x" },
	{ "{" HEAD ",\"pcrs\":{\"0\":[]}," MODULE "}", "policy-value", "pcrs.0" },
	{ "{" HEAD ",\"pcrs\":{\"0\":\"" Z "\"}," MODULE "}", "policy-type", "pcrs.0" },
	{ "{" HEAD ",\"pcrs\":{\"0\":[1]}," MODULE "}", "policy-type", "pcrs.0[0]" },
	{ "{" HEAD ",\"pcrs\":{\"0\":[\"00\"]}," MODULE "}", "policy-value", "pcrs.0[0]" },
	{ "{" HEAD ",\"pcrs\":{\"0\":[\"" Z "\",\"" Z "\"]}," MODULE "}", "policy-value",
	  "pcrs.0[1]" },
	{ "{" HEAD ",\"pcrs\":{\"13\":[\"" Z "\"]}," MODULE "}", "policy-value", "bootPcr" },
	{ "{" GOOD ",\"bootPcr\":7}", "policy-value", "bootPcr" },
	{ "{" GOOD ",\"bootPcr\":16}", "policy-value", "bootPcr" },
	{ "{" HEAD "," PCRS "}", "policy-missing", "moduleVersions" },
	{ "{" HEAD "," PCRS ",\"moduleVersions\":[]}", "policy-missing", "moduleVersions" },
	{ "{" HEAD "," PCRS ",\"moduleVersions\":[\"\"]}", "policy-value", "moduleVersions" },
	{ "{" GOOD ",\"hostState\":[\"x\"]}", "policy-value", "hostState[0]" },
	{ "{" GOOD ",\"hostState\":[\"no-swap\",\"no-swap\"]}", "policy-value", "hostState[1]" },
	{ "{" GOOD ",\"hardwareKeys\":[]}", "policy-value", "hardwareKeys" },
	{ "{" GOOD ",\"hardwareKeys\":[\"hsm\"]}", "policy-value", "hardwareKeys[0]" },
	{ "{" GOOD ",\"eventLog\":\"maybe\"}", "policy-value", "eventLog" },
	{ "{" GOOD ",\"eventLog\":true}", "policy-type", "eventLog" },
	{ "{" GOOD ",\"maxUnaccounted\":-1}", "policy-value", "maxUnaccounted" },
	{ "{" GOOD ",\"events\":{}}", "policy-type", "events" },
	{ "{" GOOD ",\"events\":[{}]}", "policy-type", "events" },
	{ "{" GOOD ",\"events\":[[1]]}", "policy-type", "events" },
	{ "{" GOOD ",\"events\":[[{" EVENT ",\"x\":1}]]}", "policy-unknown", "x" },
	{ "{" GOOD ",\"events\":[[{\"pcr\":0}]]}", "policy-missing", "events" },
	{ "{" GOOD ",\"events\":[[{\"type\":\"\",\"digest\":\"" Z "\",\"text\":\"\"}]]}",
	  "policy-missing", "pcr" },
	{ "{" GOOD ",\"events\":[[{\"pcr\":24,\"type\":\"\",\"digest\":\"" Z "\",\"text\":\"\"}]]}",
	  "policy-value", "pcr" },
	{ "{" GOOD ",\"events\":[[{\"pcr\":1,\"type\":\"\",\"digest\":\"00\",\"text\":\"\"}]]}",
	  "policy-value", "digest" },
};

#define SHEAD	HEAD ",\"pcrs\":{\"0\":\"" Z "\"}"

static const struct refusal bad_states[] = {
	{ "", "state-size", "0 bytes" },
	{ "nonsense", "state-syntax", "line" },
	{ "{" SHEAD ",\"version\":1}", "state-syntax", "duplicate" },
	{ "{" SHEAD ",\"x\":1}", "state-unknown", "x" },
	{ "{\"bank\":\"sha256\"}", "state-missing", "version" },
	{ "{\"version\":1}", "state-missing", "bank" },
	{ "{\"version\":1,\"bank\":\"sha1\"}", "state-value", "bank" },
	{ "{" HEAD "}", "state-missing", "pcrs" },
	{ "{" HEAD ",\"pcrs\":[]}", "state-type", "pcrs" },
	{ "{" HEAD ",\"pcrs\":{\"24\":\"" Z "\"}}", "state-value", "24" },
	{ "{" HEAD ",\"pcrs\":{\"1\":\"0\"}}", "state-value", "PCR 1" },
	{ "{" HEAD ",\"pcrs\":{\"1\":1}}", "state-type", "PCR 1" },
	{ "{" SHEAD ",\"eventLog\":\"!\"}", "state-value", "eventLog" },
	{ "{" SHEAD ",\"eventLog\":1}", "state-type", "eventLog" },
	{ "{" SHEAD ",\"bootKey\":\"AAAA\"}", "state-value", "bootKey" },
	{ "{" SHEAD ",\"moduleVersion\":\"\"}", "state-value", "moduleVersion" },
	{ "{" SHEAD ",\"hostState\":[\"x\"]}", "state-value", "hostState[0]" },
	{ "{" SHEAD ",\"hostState\":3}", "state-type", "hostState" },
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static void refused(const struct refusal *r, int ret, const struct erot_error *err)
{
	if (!tap_ok(ret < 0 && !strcmp(err->code, r->code) && strstr(err->text, r->says),
		    "%s: %s", r->code, r->says))
		printf("# returned %d, code %s, text %s: %s\n", ret, err->code, err->text, r->text);
}

static void test_parsers(void)
{
	struct erot_error err;
	struct erot_machine_state s;
	struct erot_policy p;
	uint8_t digest[EROT_DIGEST_SIZE];
	const char *good = "{" GOOD "}", *none = "{" HEAD ",\"pcrs\":{}}";
	size_t i;
	int ret;

	for (i = 0; i < COUNT(bad_policies); i++) {
		const struct refusal *r = &bad_policies[i];

		memset(&err, 0, sizeof(err));
		ret = erot_policy_parse(r->text, strlen(r->text), &p, &err);
		refused(r, ret, &err);
		if (!ret)
			erot_policy_free(&p);
	}
	ret = erot_machine_state_parse(none, strlen(none), &s, &err);
	if (tap_ok(!ret && !s.pcrs.mask, "state of a machine without a TPM"))
		erot_machine_state_free(&s);
	for (i = 0; i < COUNT(bad_states); i++) {
		const struct refusal *r = &bad_states[i];

		memset(&err, 0, sizeof(err));
		ret = erot_machine_state_parse(r->text, strlen(r->text), &s, &err);
		refused(r, ret, &err);
		if (!ret)
			erot_machine_state_free(&s);
	}
	erot_sha256(good, strlen(good), digest);
	tap_ok(!erot_policy_parse(good, strlen(good), &p, &err) && p.boot_pcr == 13 &&
	       p.mask == 1 && erot_policy_selection(&p) == 0x2001 && p.host == EROT_HOST_ALL &&
	       p.allow_tpm && !p.allow_software && p.need_log &&
	       p.max_unaccounted == EROT_UNACCOUNTED_ANY && !memcmp(p.digest, digest, 32),
	       "defaults of a policy");
	erot_policy_free(&p);
}

/* The machine of the captured log, with a boot key of this test's in its PCR. */
static void good_machine(struct erot_machine_state *s)
{
	const char *path = tap_source("userspace/liberot/testdata/ovmf.json");
	struct erot_error err = { 0 };
	uint8_t *json;
	size_t len;

	if (erot_read_file(path, EROT_STATE_MAX, &json, &len, &err) ||
	    erot_machine_state_parse(json, len, s, &err)) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	free(json);
	memset(s->boot_key, 7, sizeof(s->boot_key));
	s->has_boot_key = true;
	s->host = EROT_HOST_ALL;
	erot_boot_pcr(s->boot_key, s->module_version, s->pcrs.value[13]);
}

static const struct erot_learn usual = {
	.boot_pcr = 13,
	.host = EROT_HOST_ALL,
	.max_unaccounted = EROT_UNACCOUNTED_ANY,
};

static void learn(const struct erot_learn *how, const struct erot_machine_state *s, size_t n,
		  struct erot_policy *p)
{
	struct erot_error err = { 0 };
	char *text;

	if (erot_policy_learn(how, s, n, &text, &err) ||
	    erot_policy_parse(text, strlen(text), p, &err)) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	free(text);
}

static void test_round_trip(const struct erot_machine_state *s)
{
	struct erot_machine_state again;
	struct erot_error err = { 0 };
	char *text = erot_machine_state_build(s);

	tap_ok(text && !erot_machine_state_parse(text, strlen(text), &again, &err) &&
	       !memcmp(&again.pcrs, &s->pcrs, sizeof(s->pcrs)) &&
	       again.event_log_len == s->event_log_len &&
	       !memcmp(again.event_log, s->event_log, s->event_log_len) && again.has_boot_key &&
	       !memcmp(again.boot_key, s->boot_key, 32) && again.host == s->host &&
	       !strcmp(again.module_version, s->module_version), "state, written and read");
	erot_machine_state_free(&again);
	free(text);
}

/* One thing of a good machine made wrong, which is put right again by @s being a copy. */
struct wrong {
	const char *name;
	void (*make)(struct erot_machine_state *s);
	int num;
	const char *code;
};

static void software(struct erot_machine_state *s)
{
	s->software = true;
}

static void no_log(struct erot_machine_state *s)
{
	s->event_log_len = 0;
}

static void short_log(struct erot_machine_state *s)
{
	s->event_log_len--;
}

static void other_log(struct erot_machine_state *s)
{
	struct erot_eventlog log;
	uint8_t *digest = NULL;

	if (!erot_eventlog_parse(s->event_log, s->event_log_len, &log, NULL))
		digest = memmem(s->event_log, s->event_log_len, log.events[3].digest,
				EROT_DIGEST_SIZE);
	erot_eventlog_free(&log);
	if (digest)
		digest[0] ^= 1;
}

static void other_pcr(struct erot_machine_state *s)
{
	s->pcrs.value[9][0] ^= 1;
}

static void pcr_gone(struct erot_machine_state *s)
{
	s->pcrs.mask &= ~(1U << 9);
}

static void boot_pcr_gone(struct erot_machine_state *s)
{
	s->pcrs.mask &= ~(1U << 13);
}

static void boot_key(struct erot_machine_state *s)
{
	s->boot_key[0] ^= 1;
}

static void no_boot_key(struct erot_machine_state *s)
{
	s->has_boot_key = false;
}

static void second_event(struct erot_machine_state *s)
{
	uint8_t event[EROT_DIGEST_SIZE] = { 1 };

	erot_pcr_extend(s->pcrs.value[13], event);
}

static void late_boot_key(struct erot_machine_state *s)
{
	uint8_t event[EROT_DIGEST_SIZE] = { 1 }, key[EROT_DIGEST_SIZE];

	erot_boot_pcr(s->boot_key, s->module_version, key);
	memset(s->pcrs.value[13], 0, EROT_DIGEST_SIZE);
	erot_pcr_extend(s->pcrs.value[13], event);
	erot_pcr_extend(s->pcrs.value[13], key);
}

static void claimed_version(struct erot_machine_state *s)
{
	s->module_version[0] = '9';
}

static void other_version(struct erot_machine_state *s)
{
	s->module_version[0] = '9';
	erot_boot_pcr(s->boot_key, s->module_version, s->pcrs.value[13]);
}

static void host_lacks(struct erot_machine_state *s)
{
	s->host &= ~EROT_HOST_LOCKDOWN;
}

static const struct wrong wrongs[] = {
	{ "software key", software, EKEYREJECTED, "software-key" },
	{ "no event log", no_log, EKEYREJECTED, "event-log-missing" },
	{ "event log cut", short_log, EBADMSG, "event-log-syntax" },
	{ "event log altered", other_log, EKEYREJECTED, "event-log-replay" },
	{ "PCR altered", other_pcr, EKEYREJECTED, "event-log-replay" },
	{ "PCR not quoted", pcr_gone, EKEYREJECTED, "pcr-missing" },
	{ "boot PCR not quoted", boot_pcr_gone, EKEYREJECTED, "pcr-missing" },
	{ "another boot key", boot_key, EKEYREJECTED, "boot-key-pcr" },
	{ "no boot key", no_boot_key, EKEYREJECTED, "boot-key-pcr" },
	{ "a second event", second_event, EKEYREJECTED, "boot-key-pcr" },
	{ "an event before", late_boot_key, EKEYREJECTED, "boot-key-pcr" },
	{ "a version only claimed", claimed_version, EKEYREJECTED, "boot-key-pcr" },
	{ "another version", other_version, EKEYREJECTED, "module-version" },
	{ "no lockdown", host_lacks, EKEYREJECTED, "host-state" },
};

/* A copy that may be altered: the log is one of its own. */
static void copy_of(struct erot_machine_state *c, const struct erot_machine_state *s)
{
	*c = *s;
	c->event_log = malloc(s->event_log_len);
	memcpy(c->event_log, s->event_log, s->event_log_len);
}

static void test_checks(const struct erot_machine_state *good, const struct erot_policy *p)
{
	struct erot_error err = { 0 };
	struct erot_machine_state s;
	size_t i;

	tap_ok(!erot_policy_check(p, good, &err), "the machine learned from: %s", err.text);
	for (i = 0; i < COUNT(wrongs); i++) {
		copy_of(&s, good);
		wrongs[i].make(&s);
		tap_refused(erot_policy_check(p, &s, &err), wrongs[i].num, &err, wrongs[i].code,
			    wrongs[i].name);
		erot_machine_state_free(&s);
	}
}

/* The order is promised: with all wrong, the first is told, and so on when it is put right. */
static void test_order(const struct erot_machine_state *good, const struct erot_policy *p)
{
	static const size_t order[] = { 0, 1, 5, 7, 12, 13 };
	struct erot_error err = { 0 };
	struct erot_machine_state s;
	size_t i, j;

	for (i = 0; i < COUNT(order); i++) {
		copy_of(&s, good);
		for (j = i; j < COUNT(order); j++)
			/* it puts its PCR right: the boot key would no longer be wrong */
			if (order[j] != 12 || i > 3)
				wrongs[order[j]].make(&s);
		tap_refused(erot_policy_check(p, &s, &err), EKEYREJECTED, &err,
			    wrongs[order[i]].code, "the first that is wrong");
		erot_machine_state_free(&s);
	}
}

static void count(void *ctx, const char *check, int ret, const struct erot_error *err)
{
	size_t *n = ctx;

	n[0]++;
	if (!ret)
		return;
	n[1]++;
	n[2] += !strcmp(check, "boot-key") && !strcmp(err->code, "boot-key-pcr");
	n[2] += !strcmp(check, "host-state") && !strcmp(err->code, "host-state");
}

static void test_verdicts(const struct erot_machine_state *good, const struct erot_policy *p)
{
	struct erot_machine_state s = *good;
	struct erot_error err = { 0 };
	size_t n[3] = { 0 };

	s.host = 0;
	s.boot_key[5] ^= 1;
	tap_refused(erot_policy_verdicts(p, &s, count, n, &err), EKEYREJECTED, &err,
		    "boot-key-pcr", "verdicts return the first");
	tap_ok(n[0] == 6 && n[1] == 2 && n[2] == 2, "and tell all");
}

/* A mismatch of a value, apart from the log's: without a log only the values count. */
static void test_values(const struct erot_machine_state *good)
{
	struct erot_learn how = usual;
	struct erot_machine_state s[2];
	struct erot_error err = { 0 };
	struct erot_policy p;
	char hex[65];

	how.optional_log = true;
	how.mask = 0x3;
	s[0] = s[1] = *good;
	s[0].event_log_len = s[1].event_log_len = 0;
	s[1].pcrs.value[1][0] ^= 1;
	learn(&how, s, 2, &p);
	tap_ok(p.mask == 3 && p.n_values[0] == 1 && p.n_values[1] == 2 && !p.need_log &&
	       !erot_policy_check(&p, &s[0], &err) && !erot_policy_check(&p, &s[1], &err),
	       "two machines, one policy");
	s[1].pcrs.value[1][0] ^= 2;
	tap_ok(erot_policy_check(&p, &s[1], &err) == -EKEYREJECTED &&
	       !strcmp(err.code, "pcr-mismatch") && strstr(err.text, "PCR 1 ") &&
	       !strcmp(err.expected, erot_hex(s[0].pcrs.value[1], 32, hex)) &&
	       !strcmp(err.actual, erot_hex(s[1].pcrs.value[1], 32, hex)),
	       "pcr-mismatch names PCR, expected and actual");
	s[0].software = true;
	tap_refused(erot_policy_check(&p, &s[0], &err), EKEYREJECTED, &err, "software-key",
		    "learned policies refuse software keys");
	erot_policy_free(&p);
	how.allow_software = true;
	how.max_unaccounted = 2;
	learn(&how, good, 1, &p);
	s[0].pcrs.mask = 0;
	tap_ok(!erot_policy_check(&p, &s[0], &err) && p.max_unaccounted == 2,
	       "unless they are told not to: %s", err.text);
	p.allow_tpm = false;
	tap_refused(erot_policy_check(&p, good, &err), EKEYREJECTED, &err, "tpm-key",
		    "software keys only");
	erot_policy_free(&p);
}

static void refuse_learn(const struct erot_learn *how, const struct erot_machine_state *s, int num,
			 const char *code, const char *name)
{
	struct erot_error err = { 0 };
	char *text;

	tap_refused(erot_policy_learn(how, s, 1, &text, &err), num, &err, code, name);
	tap_ok(!text, "and there is no policy");
}

static void test_learn(const struct erot_machine_state *good)
{
	struct erot_learn how = usual;
	struct erot_machine_state s = *good;
	struct erot_error err = { 0 };
	char *text;

	how.mask = 1U << 13;
	refuse_learn(&how, good, EINVAL, "learn-pcrs", "the boot PCR has no value to learn");
	how.mask = 1U << 16;
	refuse_learn(&how, good, EINVAL, "learn-pcrs", "a PCR that can be reset");
	how.mask = 1U << 10;
	refuse_learn(&how, good, EKEYREJECTED, "event-log-replay", "a PCR that no log explains");
	how = usual;
	s.host = EROT_HOST_ALL & ~EROT_HOST_NO_SWAP;
	refuse_learn(&how, &s, EKEYREJECTED, "host-state", "a machine with swap");
	s = *good;
	s.event_log_len = 0;
	refuse_learn(&how, &s, EKEYREJECTED, "event-log-missing", "a machine without a log");
	s = *good;
	s.boot_key[0] ^= 1;
	refuse_learn(&how, &s, EKEYREJECTED, "boot-key-pcr", "a boot key that is not in its PCR");
	s = *good;
	s.event_log_len--;
	refuse_learn(&how, &s, EBADMSG, "event-log-syntax", "a log that is cut");
	tap_refused(erot_policy_learn(&how, good, 0, &text, &err), EINVAL, &err, "learn-size",
		    "no machine");
}

static size_t count_events(const json_t *explained, int pcr, const char *is)
{
	const json_t *p, *e;
	size_t i, j, n = 0;

	json_array_foreach(json_object_get(explained, "pcrs"), i, p)
		if (json_integer_value(json_object_get(p, "pcr")) == pcr)
			json_array_foreach(json_object_get(p, "events"), j, e)
				n += !strcmp(json_string_value(json_object_get(e, "is")), is);
	return n;
}

static void test_explain(const struct erot_machine_state *good, struct erot_policy *p)
{
	struct erot_error err = { 0 };
	struct erot_eventlog log;
	json_t *o;

	tap_ok(!erot_policy_explain(p, good, &o, &err) &&
	       json_is_true(json_object_get(o, "accepted")) &&
	       json_array_size(json_object_get(o, "pcrs")) == 15 - 1 &&
	       !count_events(o, 9, "same"), "nothing to explain");
	json_decref(o);
	/* the reference had another command line, and one event less in PCR 4 */
	erot_eventlog_parse(good->event_log, good->event_log_len, &log, &err);
	p->values[9][0][0] ^= 1;
	p->values[4][0][0] ^= 1;
	for (size_t i = 0, done = 0; i < p->logs[0].count; i++) {
		struct erot_policy_event *e = &p->logs[0].events[i];

		if (e->pcr == 9 && strstr(e->text, "LoadOptions"))
			e->digest[0] ^= 1;
		if (e->pcr == 4 && !done++)
			e->pcr = 15;
	}
	tap_ok(!erot_policy_explain(p, good, &o, &err) &&
	       json_is_false(json_object_get(o, "accepted")) && count_events(o, 9, "same") == 1 &&
	       count_events(o, 9, "missing") == 1 && count_events(o, 9, "new") == 1,
	       "another command line is told from the initrd");
	tap_ok(count_events(o, 4, "same") == 2 && !count_events(o, 4, "missing") &&
	       count_events(o, 4, "new") == 1 && !count_events(o, 0, "same"),
	       "an event that is new");
	json_decref(o);
	erot_eventlog_free(&log);
}

int main(void)
{
	struct erot_machine_state good;
	struct erot_policy p;

	test_parsers();
	good_machine(&good);
	test_round_trip(&good);
	learn(&usual, &good, 1, &p);
	test_checks(&good, &p);
	test_order(&good, &p);
	test_verdicts(&good, &p);
	test_values(&good);
	test_learn(&good);
	test_explain(&good, &p);
	erot_policy_free(&p);
	erot_machine_state_free(&good);
	return tap_done();
}
