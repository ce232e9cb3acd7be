// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: measured
 *
 * A machine that firmware, kernel and module have measured for real: a policy learned from it
 * accepts it, and nothing that root does to the boot key's PCR afterwards is accepted.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>

#include "common/io.h"
#include "liberot/policy.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define EVENT_LOG	"/sys/kernel/security/tpm0/binary_bios_measurements"
#define PCR_FILE	"/sys/class/tpm/tpm0/pcr-sha256/%u"

/* What erot-attester would say of this machine. */
static int read_state(struct erot_machine_state *s)
{
	struct erot_nl_host h;
	char path[64];
	unsigned int i;
	uint8_t *text;
	size_t len;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = erot_read_file(EVENT_LOG, EROT_EVENTLOG_MAX, &s->event_log, &s->event_log_len,
			     &fx_err);
	for (i = 0; !ret && i < EROT_PCR_COUNT; i++) {
		snprintf(path, sizeof(path), PCR_FILE, i);
		ret = erot_read_file(path, 128, &text, &len, &fx_err);
		if (ret)
			return ret;
		text[strcspn((char *)text, "\n")] = '\0';
		ret = erot_unhex((char *)text, s->pcrs.value[i], EROT_DIGEST_SIZE);
		free(text);
		s->pcrs.mask |= 1U << i;
	}
	if (!ret)
		ret = erot_nl_host(fx.nl, NULL, &h, &fx_err);
	if (ret)
		return ret;
	memcpy(s->boot_key, h.boot_key, sizeof(s->boot_key));
	s->has_boot_key = true;
	snprintf(s->module_version, sizeof(s->module_version), "%s", h.version);
	s->host = h.host_state;
	return 0;
}

FIXTURE(measured) {
	struct erot_machine_state s;
	struct erot_policy policy;
};

FIXTURE_SETUP(measured)
{
	static const struct erot_learn how = {
		.boot_pcr = EROT_BOOT_PCR,
		.host = EROT_HOST_ALL,
		.max_unaccounted = EROT_UNACCOUNTED_ANY,
	};
	char *text;

	WORKS(fx_begin());
	WORKS(read_state(&self->s));
	WORKS(erot_policy_learn(&how, &self->s, 1, &text, &fx_err));
	WORKS(erot_policy_parse(text, strlen(text), &self->policy, &fx_err));
	free(text);
}

FIXTURE_TEARDOWN(measured)
{
	erot_policy_free(&self->policy);
	erot_machine_state_free(&self->s);
}

TEST_F(measured, is_accepted)
{
	ASSERT_EQ(EROT_HOST_ALL, self->s.host);
	ASSERT_EQ(0xffff & ~(1U << 10), erot_policy_selection(&self->policy));
	WORKS(erot_policy_check(&self->policy, &self->s, &fx_err));
}

TEST_F(measured, kernel_command_line_and_initrd)
{
	unsigned int kernel = 0, cmdline = 0, initrd = 0;
	char text[EROT_EVENT_TEXT_MAX];
	struct erot_eventlog log;
	size_t i;

	WORKS(erot_eventlog_parse(self->s.event_log, self->s.event_log_len, &log, &fx_err));
	for (i = 0; i < log.count; i++) {
		erot_tcg_event_text(&log.events[i], text);
		kernel += log.events[i].pcr == 4 && strstr(text, "kernel");
		cmdline += log.events[i].pcr == 9 && strstr(text, "LoadOptions");
		initrd += log.events[i].pcr == 9 && strstr(text, "initrd");
	}
	erot_eventlog_free(&log);
	ASSERT_EQ(1, kernel);
	ASSERT_EQ(1, cmdline);
	ASSERT_EQ(1, initrd);
}

/* A key of one's own in place of the module's, claimed to a DERG that trusts only PCRs. */
TEST_F(measured, another_boot_key)
{
	self->s.boot_key[0] ^= 1;
	ASSERT_EQ(-EKEYREJECTED, erot_policy_check(&self->policy, &self->s, &fx_err));
	ASSERT_STREQ("boot-key-pcr", fx_err.code);
}

/* TPM2_PCR_Extend by hand, big-endian: what root can do with the real TPM. */
static int pcr_extend(uint32_t pcr, const uint8_t digest[EROT_DIGEST_SIZE])
{
	static const uint8_t password[] = { 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0 };
	static const uint8_t list[] = { 0, 0, 0, 1, 0, 0x0b };
	uint8_t cmd[65] = { 0x80, 0x02, 0, 0, 0, sizeof(cmd), 0, 0, 0x01, 0x82 }, answer[64];
	uint32_t handle = htobe32(pcr), code;
	int fd, ret = -EIO;

	memcpy(cmd + 10, &handle, 4);
	memcpy(cmd + 14, password, sizeof(password));
	memcpy(cmd + 27, list, sizeof(list));
	memcpy(cmd + 33, digest, EROT_DIGEST_SIZE);
	fd = open("/dev/tpmrm0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, cmd, sizeof(cmd)) == sizeof(cmd) && read(fd, answer, sizeof(answer)) >= 10) {
		memcpy(&code, answer + 6, 4);
		ret = code ? -EPROTO : 0;
	}
	close(fd);
	return ret;
}

/* Named to run last: from here on this boot is lost for any DERG. */
TEST_F(measured, z_event_behind_the_boot_key)
{
	uint8_t digest[EROT_DIGEST_SIZE] = { 1 };
	struct erot_machine_state now;

	WORKS(pcr_extend(EROT_BOOT_PCR, digest));
	WORKS(read_state(&now));
	ASSERT_EQ(-EKEYREJECTED, erot_policy_check(&self->policy, &now, &fx_err));
	ASSERT_STREQ("boot-key-pcr", fx_err.code);
	erot_machine_state_free(&now);
	WORKS(pcr_extend(9, digest));
	WORKS(read_state(&now));
	ASSERT_EQ(-EKEYREJECTED, erot_policy_check(&self->policy, &now, &fx_err));
	ASSERT_STREQ("event-log-replay", fx_err.code);
	erot_machine_state_free(&now);
}

FX_MAIN
