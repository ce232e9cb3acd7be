// SPDX-License-Identifier: GPL-2.0-only
/* A machine held against a policy. The order of the checks is the order of the table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/io.h"
#include "liberot/names.h"
#include "liberot/policy.h"
#include "liberot/quote.h"

typedef int check_fn(const struct erot_policy *p, const struct erot_machine_state *s,
		     struct erot_error *err);

static int check_hardware_key(const struct erot_policy *p, const struct erot_machine_state *s,
			      struct erot_error *err)
{
	if (s->software && !p->allow_software)
		return erot_fail_compared(err, EKEYREJECTED, "software-key", "tpm", "software",
					  "the policy does not accept a software key");
	if (!s->software && !p->allow_tpm)
		return erot_fail_compared(err, EKEYREJECTED, "tpm-key", "software", "tpm",
					  "the policy accepts software keys only");
	return 0;
}

static int check_event_log(const struct erot_policy *p, const struct erot_machine_state *s,
			   struct erot_error *err)
{
	struct erot_eventlog log;
	int ret;

	if (s->software)
		return 0;
	if (!s->event_log_len)
		return p->need_log ? erot_fail(err, EKEYREJECTED, "event-log-missing",
					       "the policy demands an event log") : 0;
	ret = erot_eventlog_parse(s->event_log, s->event_log_len, &log, err);
	if (ret)
		return ret;
	/* what was not quoted is the next check's business */
	ret = erot_eventlog_compare(&log, &s->pcrs, p->mask & s->pcrs.mask, err);
	erot_eventlog_free(&log);
	return ret;
}

static int check_one_pcr(const struct erot_policy *p, const struct erot_machine_state *s,
			 unsigned int pcr, struct erot_error *err)
{
	size_t i;

	if (!(s->pcrs.mask & 1U << pcr))
		return erot_fail(err, EKEYREJECTED, "pcr-missing", "PCR %u was not quoted", pcr);
	for (i = 0; i < p->n_values[pcr]; i++)
		if (!memcmp(p->values[pcr][i], s->pcrs.value[pcr], EROT_DIGEST_SIZE))
			return 0;
	return erot_fail_digests(err, EKEYREJECTED, "pcr-mismatch", p->values[pcr][0],
				 s->pcrs.value[pcr],
				 "PCR %u has a value that the policy does not accept", pcr);
}

static int check_pcrs(const struct erot_policy *p, const struct erot_machine_state *s,
		      struct erot_error *err)
{
	unsigned int pcr;
	int ret = 0;

	for (pcr = 0; !s->software && !ret && pcr < EROT_POLICY_PCRS; pcr++)
		if (p->mask & 1U << pcr)
			ret = check_one_pcr(p, s, pcr, err);
	return ret;
}

static int check_boot_key(const struct erot_policy *p, const struct erot_machine_state *s,
			  struct erot_error *err)
{
	uint8_t want[EROT_DIGEST_SIZE];

	if (s->software)
		return 0;
	if (!(s->pcrs.mask & 1U << p->boot_pcr))
		return erot_fail(err, EKEYREJECTED, "pcr-missing", "PCR %u was not quoted",
				 p->boot_pcr);
	if (!s->has_boot_key || !*s->module_version)
		return erot_fail(err, EKEYREJECTED, "boot-key-pcr",
				 "there is no boot key, or no version of its module");
	if (erot_boot_pcr(s->boot_key, s->module_version, want))
		return erot_fail(err, EIO, "crypto", "hashing failed");
	if (memcmp(want, s->pcrs.value[p->boot_pcr], EROT_DIGEST_SIZE))
		return erot_fail_digests(err, EKEYREJECTED, "boot-key-pcr", want,
					 s->pcrs.value[p->boot_pcr],
					 "the boot key is not the first and only event of PCR %u",
					 p->boot_pcr);
	return 0;
}

static int check_module_version(const struct erot_policy *p, const struct erot_machine_state *s,
				struct erot_error *err)
{
	size_t i;

	for (i = 0; i < p->n_versions; i++)
		if (!strcmp(p->versions[i], s->module_version))
			return 0;
	return erot_fail_compared(err, EKEYREJECTED, "module-version", p->versions[0],
				  s->module_version,
				  "the policy does not accept this version of the module");
}

static int check_host_state(const struct erot_policy *p, const struct erot_machine_state *s,
			    struct erot_error *err)
{
	char want[96], got[96], missing[96];

	if (!(p->host & ~s->host))
		return 0;
	return erot_fail_compared(err, EKEYREJECTED, "host-state",
				  erot_host_format(p->host, want, sizeof(want)),
				  erot_host_format(s->host, got, sizeof(got)),
				  "the host lacks: %s",
				  erot_host_format(p->host & ~s->host, missing, sizeof(missing)));
}

static const struct {
	const char *name;
	check_fn *run;
} checks[] = {
	{ "hardware-key", check_hardware_key },
	{ "event-log", check_event_log },
	{ "pcrs", check_pcrs },
	{ "boot-key", check_boot_key },
	{ "module-version", check_module_version },
	{ "host-state", check_host_state },
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

int erot_policy_check(const struct erot_policy *policy, const struct erot_machine_state *state,
		      struct erot_error *err)
{
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < COUNT(checks); i++)
		ret = checks[i].run(policy, state, err);
	return ret;
}

int erot_policy_verdicts(const struct erot_policy *policy, const struct erot_machine_state *state,
			 erot_policy_verdict_fn tell, void *ctx, struct erot_error *err)
{
	struct erot_error why;
	int ret, first = 0;
	size_t i;

	for (i = 0; i < COUNT(checks); i++) {
		memset(&why, 0, sizeof(why));
		ret = checks[i].run(policy, state, &why);
		tell(ctx, checks[i].name, ret, &why);
		if (!ret || first)
			continue;
		first = ret;
		if (err)
			*err = why;
	}
	return first;
}
