/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines for tests: a real TPM each (swtpm), measured boot, the module's boot key. */
#ifndef DERGD_TEST_MACHINE_H
#define DERGD_TEST_MACHINE_H

#include "liberot/test_tpm.h"

#include <openssl/evp.h>

#include "attester/tpm.h"
#include "common/buf.h"
#include "dergd/machine.h"
#include "liberot/eventlog.h"
#include "liberot/hpke.h"
#include "liberot/state.h"

#define BOOT_PCR	13
#define POLICY_PCRS	0x11			/* 0 and 4 */
#define ALL_PCRS	(POLICY_PCRS | 1 << BOOT_PCR)
#define MODULE_VERSION	"0.1"

/**
 * struct box - a machine
 * @name: of its TPM; its state is in the directory of that name
 * @pid: of swtpm
 * @tcti: for tpm_open()
 * @id: of its attestation key
 * @boot_sk: what the kernel module holds
 * @log: event log, owned
 * @state: as it is now; the PCRs are those of the last quote
 */
struct box {
	const char *name;
	pid_t pid;
	char tcti[128];
	uint8_t id[EROT_DIGEST_SIZE];
	uint8_t boot_sk[EROT_KEY_SIZE];
	struct erot_buf log;
	struct erot_machine_state state;
};

static inline void box_extend(struct box *b, unsigned int pcr, const void *data, size_t len)
{
	char hex[2 * EROT_DIGEST_SIZE + 1];
	uint8_t digest[EROT_DIGEST_SIZE];

	erot_sha256(data, len, digest);
	test_use_tpm(b->name);
	test_must("tpm2_pcrextend %u:sha256=%s", pcr, erot_hex(digest, sizeof(digest), hex));
}

static inline void box_log_header(struct erot_buf *log)
{
	erot_buf_u32(log, 0);
	erot_buf_u32(log, EROT_EV_NO_ACTION);
	erot_buf_zero(log, 20);
	erot_buf_u32(log, 16 + 8 + 4 + 4 + 1);
	erot_buf_add(log, "Spec ID Event03", 16);
	erot_buf_u32(log, 0);
	erot_buf_u32(log, 0x02000002);
	erot_buf_u32(log, 1);
	erot_buf_u16(log, 0x000b);	/* sha256 */
	erot_buf_u16(log, EROT_DIGEST_SIZE);
	erot_buf_u8(log, 0);
}

static inline void box_log_event(struct erot_buf *log, unsigned int pcr, const char *what)
{
	uint8_t digest[EROT_DIGEST_SIZE];

	erot_sha256(what, strlen(what), digest);
	erot_buf_u32(log, pcr);
	erot_buf_u32(log, 5);		/* EV_ACTION */
	erot_buf_u32(log, 1);
	erot_buf_u16(log, 0x000b);
	erot_buf_add(log, digest, sizeof(digest));
	erot_buf_lp(log, what, strlen(what));
}

static inline void box_measure(struct box *b, unsigned int pcr, const char *what)
{
	box_log_event(&b->log, pcr, what);
	box_extend(b, pcr, what, strlen(what));
}

/* What the module extends at load: SHA-256 is box_extend()'s. */
static inline void box_extend_boot_key(struct box *b, const uint8_t pk[EROT_KEY_SIZE])
{
	struct erot_buf event = { 0 };

	erot_buf_add(&event, EROT_LABEL_BOOT, strlen(EROT_LABEL_BOOT));
	erot_buf_add(&event, pk, EROT_KEY_SIZE);
	erot_buf_add(&event, MODULE_VERSION, strlen(MODULE_VERSION));
	box_extend(b, BOOT_PCR, event.data, event.len);
	erot_buf_free(&event);
}

/* Power on: firmware, loader, module. */
static inline void box_boot(struct box *b)
{
	erot_buf_free(&b->log);
	memset(&b->log, 0, sizeof(b->log));
	memset(&b->state, 0, sizeof(b->state));
	box_log_header(&b->log);
	box_measure(b, 0, "firmware");
	box_measure(b, 4, "kernel, command line, initrd");
	if (erot_hpke_keypair(b->boot_sk, b->state.boot_key))
		test_die("boot key");
	box_extend_boot_key(b, b->state.boot_key);
	b->state.has_boot_key = true;
	snprintf(b->state.module_version, sizeof(b->state.module_version), MODULE_VERSION);
	b->state.host = EROT_HOST_ALL;
	b->state.event_log = b->log.data;
	b->state.event_log_len = b->log.len;
}

static inline struct tpm *box_tpm(const struct box *b)
{
	struct erot_error e = { 0 };
	struct tpm *t;

	if (tpm_open(b->tcti, &t, &e))
		test_die(e.text);
	return t;
}

static inline void box_read(struct box *b)
{
	struct erot_error e = { 0 };
	struct tpm *t = box_tpm(b);

	if (tpm_pcrs(t, ALL_PCRS, &b->state.pcrs, &e))
		test_die(e.text);
	tpm_close(t);
}

static inline void box_make(struct box *b, const char *name, const char *maker)
{
	memset(b, 0, sizeof(*b));
	b->name = name;
	b->pid = test_make_tpm(name, maker);
	snprintf(b->tcti, sizeof(b->tcti), "swtpm:path=%s/%s/sock", test_dir, name);
	box_boot(b);
	box_read(b);
}

/* Power off and on again: the reset count goes up. */
static inline void box_reset(struct box *b)
{
	int status;

	test_use_tpm(b->name);
	test_must("tpm2_shutdown -c");
	kill(b->pid, SIGTERM);
	waitpid(b->pid, &status, 0);
	b->pid = test_start_tpm(b->name);
	box_boot(b);
	box_read(b);
}

static inline void box_quote(const struct box *b, uint32_t mask,
			     const uint8_t qualifying[EROT_DIGEST_SIZE], struct tpm_quote *q)
{
	struct erot_error e = { 0 };
	struct tpm *t = box_tpm(b);

	if (tpm_quote(t, mask, qualifying, q, &e))
		test_die(e.text);
	tpm_close(t);
}

/* What the machine sends to be enrolled. */
struct box_keys {
	uint8_t ek[TPM_CERT_MAX], ak[EROT_TPM_PUBLIC_MAX];
	struct enrol_request request;
};

static inline void box_keys(const struct box *b, struct box_keys *k)
{
	struct erot_error e = { 0 };
	struct tpm *t = box_tpm(b);

	memset(k, 0, sizeof(*k));
	k->request.ek_cert = k->ek;
	k->request.ak_public = k->ak;
	if (tpm_ek_certificate(t, k->ek, &k->request.ek_cert_len, &e) ||
	    tpm_ak_public(t, k->ak, &k->request.ak_public_len, &e))
		test_die(e.text);
	tpm_close(t);
}

/* 0, or as of tpm_activate(). */
static inline int box_activate(const struct box *b, const struct enrol_answer *a,
			       uint8_t secret[32], struct erot_error *err)
{
	struct erot_credential c = { .blob_len = a->blob_len, .secret_len = a->secret_len };
	struct tpm *t = box_tpm(b);
	int ret;

	memcpy(c.blob, a->blob, a->blob_len);
	memcpy(c.secret, a->secret, a->secret_len);
	ret = tpm_activate(t, &c, secret, err);
	tpm_close(t);
	return ret;
}

#endif
