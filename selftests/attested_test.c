// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: attested
 *
 * Attested mode: what the module says of the host, what a receipt may ask of
 * it, and what ends the mode's promises.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/swap.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(attested) {
	struct fx_session s;
};

FIXTURE_SETUP(attested)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(attested)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(attested, host)
{
	struct erot_nl_host h;

	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	ASSERT_TRUE(h.attested);
	ASSERT_EQ(EROT_HOST_ALL, h.host_state);
	ASSERT_TRUE(h.has_pcr);
	ASSERT_EQ(13, h.pcr);
}

/* A receipt that asks for everything is served, and evidence repeats what was observed. */
TEST_F(attested, launch)
{
	const char *argv[] = { FX_AGENT, "exit", "6", NULL };
	struct fx_session *s = &self->s;
	struct fx_knobs k = { .host = EROT_HOST_ALL };
	struct fx_box box = { .argv = argv };
	struct erot_evidence ev;
	int status;

	WORKS(fx_launch(s, &k, &box));
	ASSERT_EQ(EROT_HOST_ALL, s->n.host_state);
	WORKS(fx_wait(s, 20, &status));
	ASSERT_EQ(6 << 8, status);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_HOST_ALL, le32toh(ev.host));
	ASSERT_EQ(EROT_EV_RAN | EROT_EV_RELEASED, le32toh(ev.flags));
}

/* A crash kernel would see all memory, and be loaded when it pleases root. */
TEST_F(attested, kexec_is_off)
{
	int fd = open("/proc/sys/kernel/kexec_load_disabled", O_RDWR | O_CLOEXEC);
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, read(fd, &c, 1));
	ASSERT_EQ('1', c);
	ASSERT_ERRNO(EINVAL, pwrite(fd, "0", 1, 0));
	close(fd);
}

/* ---- swap that comes later */

#define SWAP_FILE	FX_DIR "/swap"
#define SWAP_PAGES	1024

static void make_swap(struct __test_metadata *_metadata)
{
	/* version, last page, no bad ones */
	static const uint32_t head[3] = { 1, SWAP_PAGES - 1, 0 };
	uint8_t page[4096] = { 0 };
	int fd = open(SWAP_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), i;

	ASSERT_LE(0, fd);
	memcpy(page + 1024, head, sizeof(head));
	memcpy(page + 4086, "SWAPSPACE2", 10);
	ASSERT_EQ(sizeof(page), write(fd, page, sizeof(page)));
	memset(page, 0, sizeof(page));
	for (i = 1; i < SWAP_PAGES; i++)
		ASSERT_EQ(sizeof(page), write(fd, page, sizeof(page)));
	ASSERT_EQ(0, fsync(fd));
	close(fd);
}

/* No key is let in, though the receipt asks for nothing. */
TEST_F(attested, swap_comes_before_provision)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	int ret;

	make_swap(_metadata);
	WORKS(fx_new(s));
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	ASSERT_EQ(0, swapon(SWAP_FILE, 0)) { TH_LOG("swapon: %s", strerror(errno)); }
	ret = fx_provision(s);
	ASSERT_EQ(0, swapoff(SWAP_FILE));
	unlink(SWAP_FILE);
	ASSERT_EQ(-EACCES, ret);
	ASSERT_NE(NULL, strstr(fx_err.text, "swap is in use"));
	WORKS(fx_provision(s));
}

/* No new session, and none is bound any more. */
TEST_F(attested, swap_comes_before_bind)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_nl_new n;
	int made, bound;

	make_swap(_metadata);
	WORKS(fx_until_bind(s, &k));
	ASSERT_EQ(0, swapon(SWAP_FILE, 0)) { TH_LOG("swapon: %s", strerror(errno)); }
	made = erot_nl_new(fx.nl, &n, &fx_err);
	bound = fx_box_bind(s, &box);
	ASSERT_EQ(0, swapoff(SWAP_FILE));
	ASSERT_EQ(-EACCES, bound);
	ASSERT_NE(NULL, strstr(fx_err.text, "swap is in use"));
	ASSERT_EQ(-EACCES, made);
	unlink(SWAP_FILE);
	WORKS(erot_nl_new(fx.nl, &n, &fx_err));
	close(n.fd);
}

/* No exec passes, though the receipt asks for nothing. */
TEST_F(attested, swap_comes_before_exec)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_evidence ev;
	int status, ret;

	make_swap(_metadata);
	WORKS(fx_until_bind(s, &k));
	WORKS(fx_box_bind(s, &box));
	WORKS(fx_mount(s));
	ASSERT_EQ(0, swapon(SWAP_FILE, 0)) { TH_LOG("swapon: %s", strerror(errno)); }
	ret = fx_box_exec(s) ?: fx_wait(s, 20, &status);
	ASSERT_EQ(0, swapoff(SWAP_FILE));
	unlink(SWAP_FILE);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(SIGKILL, status);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_EXEC_GATE, le32toh(ev.reason));
}

/* ---- the boot key in its PCR */

struct bank {
	const char *name;	/* for OpenSSL and for sysfs */
	uint16_t alg;		/* TPM_ALG_ID */
	unsigned int size;
};

static const struct bank banks[] = {
	{ "sha1", 0x0004, 20 }, { "sha256", 0x000b, 32 }, { "sha384", 0x000c, 48 },
	{ "sha512", 0x000d, 64 },
};

/* false: the TPM has no such bank */
static bool pcr_read(const struct bank *b, uint8_t *value)
{
	char path[64], hex[160];
	FILE *f;
	unsigned int i;

	snprintf(path, sizeof(path), "/sys/class/tpm/tpm0/pcr-%s/13", b->name);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(hex, sizeof(hex), f))
		hex[0] = 0;
	fclose(f);
	for (i = 0; i < b->size; i++)
		if (sscanf(hex + 2 * i, "%2hhx", value + i) != 1)
			return false;
	return true;
}

/* H(value || H(message)), as a verifier replays an event. */
static void replay(struct __test_metadata *_metadata, const struct bank *b, uint8_t *value,
		   const void *message, size_t len)
{
	uint8_t both[128];
	unsigned int n;

	memcpy(both, value, b->size);
	ASSERT_EQ(1, EVP_Digest(message, len, both + b->size, &n, EVP_get_digestbyname(b->name),
				NULL));
	ASSERT_EQ(b->size, n);
	ASSERT_EQ(1, EVP_Digest(both, 2 * b->size, value, &n, EVP_get_digestbyname(b->name),
				NULL));
}

static uint32_t tpm(struct __test_metadata *_metadata, uint32_t code, const void *rest, size_t len)
{
	static const uint8_t handle_and_auth[] = {
		0, 0, 0, 13, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0,
	};
	uint8_t cmd[128] = { 0x80, 0x02 }, answer[128];
	size_t n = 10 + sizeof(handle_and_auth) + len;
	int fd = open("/dev/tpmrm0", O_RDWR | O_CLOEXEC);
	uint32_t v;

	ASSERT_LE(0, fd);
	v = htobe32((uint32_t)n);
	memcpy(cmd + 2, &v, 4);
	v = htobe32(code);
	memcpy(cmd + 6, &v, 4);
	memcpy(cmd + 10, handle_and_auth, sizeof(handle_and_auth));
	if (len)
		memcpy(cmd + 10 + sizeof(handle_and_auth), rest, len);
	ASSERT_EQ(n, write(fd, cmd, n));
	ASSERT_LE(10, read(fd, answer, sizeof(answer)));
	close(fd);
	memcpy(&v, answer + 6, 4);
	return be32toh(v);
}

/*
 * The module's event is the first and only one, in every bank; userspace can
 * neither take it back nor add to it without a trace. Comes last: what it
 * extends stays for the boot.
 */
TEST_F(attested, boot_key_in_pcr)
{
	uint8_t message[128], extend[6 + 64] = { 0, 0, 0, 1 }, want[64], seen[64];
	struct erot_nl_host h;
	size_t len = strlen("erot/boot/v1"), i;
	int found = 0;

	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	memcpy(message, "erot/boot/v1", len);
	memcpy(message + len, h.boot_key, EROT_KEY_SIZE);
	len += EROT_KEY_SIZE;
	memcpy(message + len, h.version, strlen(h.version));
	len += strlen(h.version);

	for (i = 0; i < sizeof(banks) / sizeof(banks[0]); i++) {
		const struct bank *b = &banks[i];

		if (!pcr_read(b, seen))
			continue;
		found++;
		memset(want, 0, sizeof(want));
		replay(_metadata, b, want, message, len);
		ASSERT_MEMEQ(want, seen, b->size) { TH_LOG("bank %s", b->name); }

		/* TPM_RC_LOCALITY: nobody resets it */
		ASSERT_EQ(0x907, tpm(_metadata, 0x13d, NULL, 0));
		extend[4] = 0;
		extend[5] = (uint8_t)b->alg;
		memset(extend + 6, 0xee, b->size);
		ASSERT_EQ(0, tpm(_metadata, 0x182, extend, 6 + b->size));
		ASSERT_TRUE(pcr_read(b, seen));
		ASSERT_NE(0, memcmp(want, seen, b->size)) { TH_LOG("bank %s", b->name); }
	}
	ASSERT_LE(2, found) { TH_LOG("the test wants more than one bank"); }
}

FX_MAIN
