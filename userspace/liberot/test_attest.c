// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attestation from end to end: a real TPM is brought into the state that a captured event log
 * describes, with a boot key on top, and quotes it; a policy is learned from it with dergctl and
 * held against it, and against machines that differ.
 */
#include "test_tpm.h"

#include <jansson.h>

#include "liberot/credential.h"
#include "liberot/eventlog.h"
#include "liberot/policy.h"
#include "liberot/quote.h"

static char dergctl[4096];

static void find_dergctl(void)
{
	ssize_t n = readlink("/proc/self/exe", dergctl, sizeof(dergctl) - 16);
	char *slash;

	dergctl[n > 0 ? n : 0] = '\0';
	slash = strrchr(dergctl, '/');
	if (!slash)
		test_die("/proc/self/exe");
	memcpy(slash + 1, "dergctl", sizeof("dergctl"));
}

static void captured(struct erot_machine_state *s)
{
	struct erot_error err = { 0 };
	uint8_t *json;
	size_t len;

	if (erot_read_file(tap_source("userspace/liberot/testdata/ovmf.json"), EROT_STATE_MAX,
			   &json, &len, &err) ||
	    erot_machine_state_parse(json, len, s, &err))
		test_die(err.text);
	free(json);
	memset(s->boot_key, 9, sizeof(s->boot_key));
	s->has_boot_key = true;
	s->host = EROT_HOST_ALL;
}

/* As the firmware did, event by event; then as the module does. */
static void extend_all(const struct erot_machine_state *s, size_t leave_out)
{
	uint8_t digest[EROT_DIGEST_SIZE], event[128];
	struct erot_eventlog log;
	char hex[65];
	size_t i, n;

	if (erot_eventlog_parse(s->event_log, s->event_log_len, &log, NULL))
		test_die("captured log");
	for (i = 0; i < log.count; i++) {
		if (log.events[i].type == EROT_EV_NO_ACTION || i == leave_out)
			continue;
		erot_hex(log.events[i].digest, 32, hex);
		test_must("tpm2_pcrextend %u:sha256=%s", log.events[i].pcr, hex);
	}
	erot_eventlog_free(&log);
	n = (size_t)snprintf((char *)event, sizeof(event), "%s", EROT_LABEL_BOOT);
	memcpy(event + n, s->boot_key, EROT_KEY_SIZE);
	n += EROT_KEY_SIZE;
	n += (size_t)snprintf((char *)event + n, sizeof(event) - n, "%s", s->module_version);
	erot_sha256(event, n, digest);
	test_must("tpm2_pcrextend 13:sha256=%s", erot_hex(digest, 32, hex));
}

static void read_pcrs(struct erot_pcrs *pcrs)
{
	size_t len;
	uint8_t *data;

	test_must("tpm2_pcrread -Q -o pcrs sha256:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15");
	data = test_read("pcrs", &len);
	if (len != 16 * EROT_DIGEST_SIZE)
		test_die("tpm2_pcrread");
	memset(pcrs, 0, sizeof(*pcrs));
	memcpy(pcrs->value, data, len);
	pcrs->mask = 0xffff;
	free(data);
}

static void write_state(const char *name, const struct erot_machine_state *s)
{
	char *text = erot_machine_state_build(s);

	if (!text)
		test_die("state");
	test_write(name, text, strlen(text));
	free(text);
}

static bool log_says(const char *what)
{
	size_t len;
	char *log = (char *)test_read("log", &len);
	bool found = strstr(log, what);

	free(log);
	return found;
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void read_policy(struct erot_policy *p)
{
	struct erot_error err = { 0 };
	uint8_t *text;
	size_t len;

	text = test_read("policy", &len);
	if (erot_policy_parse(text, len, p, &err))
		test_die(err.text);
	free(text);
}

/* What a release's checks will be: quote over the policy's selection, then the policy. */
static void test_quote_and_policy(const struct erot_machine_state *s)
{
	struct erot_quote_release bound = { .host = s->host };
	struct erot_quote_want want = { 0 };
	struct erot_quote_info info;
	struct erot_machine_state quoted = *s;
	struct erot_error err = { 0 };
	struct erot_policy p;
	struct erot_quote q;
	struct erot_ak ak;
	uint8_t *attest, *signature, *public;
	char list[80], hex[65];
	size_t len;

	read_policy(&p);
	memcpy(bound.boot_pk, s->boot_key, sizeof(bound.boot_pk));
	erot_quote_data_release(&bound, want.qualifying);
	want.mask = erot_policy_selection(&p);
	test_must("tpm2_createak -Q -C " TEST_EK_RSA " -c ak.ctx -G ecc -s ecdsa -g sha256 "
		  "-f tss -u ak.pub -n ak.name");
	test_flush();
	test_must("tpm2_quote -Q -c ak.ctx -l sha256:%s -q %s -m attest -s signature -g sha256",
		  erot_pcrs_format(want.mask, list, sizeof(list)),
		  erot_hex(want.qualifying, 32, hex));
	test_flush();
	attest = test_read("attest", &q.attest_len);
	signature = test_read("signature", &q.signature_len);
	public = test_read("ak.pub", &len);
	q.attest = attest;
	q.signature = signature;
	quoted.pcrs.mask = want.mask;
	for (size_t i = 0; i < EROT_PCR_COUNT; i++)
		if (!(want.mask & 1U << i))
			memset(quoted.pcrs.value[i], 0, EROT_DIGEST_SIZE);
	want.pcrs = &quoted.pcrs;
	tap_ok(!erot_ak_check(public, len, &ak, &err) &&
	       !erot_quote_verify(&q, ak.spki, ak.spki_len, &want, &info, &err),
	       "the quote over the policy's selection: %s", err.text);
	tap_ok(!erot_policy_check(&p, &quoted, &err), "what was quoted, against the policy: %s",
	       err.text);
	bound.host = 0;
	erot_quote_data_release(&bound, want.qualifying);
	tap_refused(erot_quote_verify(&q, ak.spki, ak.spki_len, &want, &info, &err), EKEYREJECTED,
		    &err, "quote-qualifying-data", "another host state than the one quoted");
	erot_policy_free(&p);
	free(attest);
	free(signature);
	free(public);
}

static void test_learn(const struct erot_machine_state *s)
{
	write_state("state", s);
	tap_ok(!test_run("%s policy learn -o policy state", dergctl), "policy learn");
	tap_ok(!test_run("%s policy test --policy policy state", dergctl) &&
	       log_says("accepted\n") && !log_says("refused"), "policy test accepts it");
	tap_ok(!test_run("%s policy explain --policy policy state", dergctl) &&
	       log_says("PCR 9: accepted") && !log_says("not accepted"), "nothing to explain");
	tap_ok(exit_status(test_run("%s policy learn state", dergctl)) == 2 &&
	       exit_status(test_run("%s policy test state", dergctl)) == 2 &&
	       exit_status(test_run("%s policy learn --pcrs 24 -o p state", dergctl)) == 2 &&
	       exit_status(test_run("%s policy learn --host-state x -o p state", dergctl)) == 2 &&
	       exit_status(test_run("%s policy learn --boot-pcr 7 -o p state", dergctl)) == 2,
	       "wrong arguments: usage");
	tap_ok(exit_status(test_run("%s policy test --policy policy absent", dergctl)) == 4,
	       "a file that is not there: not found");
	tap_ok(exit_status(test_run("%s policy test --policy state state", dergctl)) == 3 &&
	       log_says("(policy-type)"), "a file that is no policy: refused");
	tap_ok(exit_status(test_run("%s policy test --software-key --policy policy state",
				    dergctl)) == 3 && log_says("software-key"),
	       "a software key: refused");
}

/* Another machine: the same firmware, but its log and its PCRs lack an event. */
static void test_other_machine(const struct erot_machine_state *good)
{
	struct erot_machine_state s = *good;
	size_t len;
	uint8_t *text;
	json_t *json;

	test_make_tpm("other", "ca");
	extend_all(good, 21);	/* the initrd, last but one of PCR 9 */
	read_pcrs(&s.pcrs);
	write_state("other.state", &s);
	tap_ok(exit_status(test_run("%s policy test --policy policy other.state", dergctl)) == 3 &&
	       log_says("(event-log-replay)") && log_says("(pcr-mismatch)") &&
	       log_says("ok      boot-key") && log_says("PCR 9 ") && log_says("refused\n"),
	       "policy test tells every check");
	tap_ok(!test_run("%s policy explain --policy policy other.state", dergctl) &&
	       log_says("PCR 9: not accepted") && log_says("explain nothing") &&
	       log_says("PCR 4: accepted"), "policy explain does not trust a log that lies");
	s.event_log_len = 0;
	write_state("other.state", &s);
	tap_ok(exit_status(test_run("%s policy learn --host-state none -o p other.state",
				    dergctl)) == 3 && log_says("event-log-missing"),
	       "no log to learn from");
	tap_ok(!test_run("%s policy learn --event-log-optional --pcrs 0,9 --max-unaccounted 1 "
			 "-o policy2 state other.state", dergctl) &&
	       !test_run("%s policy test --policy policy2 other.state", dergctl) &&
	       !test_run("%s policy test --policy policy2 state", dergctl),
	       "a policy of two machines accepts both");
	test_must("%s policy explain --json --policy policy2 state", dergctl);
	text = test_read("log", &len);
	json = json_loadb((char *)text, len, JSON_REJECT_DUPLICATES, NULL);
	tap_ok(json_is_true(json_object_get(json, "accepted")) &&
	       json_array_size(json_object_get(json, "pcrs")) == 2, "explanation as JSON");
	json_decref(json);
	free(text);
}

int main(void)
{
	struct erot_machine_state s;
	uint8_t *log;

	find_dergctl();
	captured(&s);
	log = s.event_log;
	test_begin();
	test_authority("ca");
	test_make_tpm("a", "ca");
	extend_all(&s, SIZE_MAX);
	read_pcrs(&s.pcrs);
	test_learn(&s);
	test_quote_and_policy(&s);
	test_other_machine(&s);
	free(log);
	return tap_done();
}
