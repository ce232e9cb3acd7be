// SPDX-License-Identifier: GPL-2.0-only
/* What the module says of the host, and what a receipt may ask of it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/swap.h>

#include "common/io.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

#define SWAP_FILE	FX_DIR "/swap"
#define SWAP_PAGES	1024

FIXTURE(host) {
	struct fx_session s;
};

FIXTURE_SETUP(host)
{
	self->s.n.fd = -1;
	WORKS(fx_begin());
}

FIXTURE_TEARDOWN(host)
{
	fx_end(&self->s);
	swapoff(SWAP_FILE);
	unlink(SWAP_FILE);
	WORKS(fx_nothing_left());
}

/* The swap header by hand: version, last page, no bad pages. */
static void swap_begins(struct __test_metadata *_metadata)
{
	const uint32_t head[3] = { 1, SWAP_PAGES - 1, 0 };
	uint8_t page[4096] = { 0 };
	int fd = open(SWAP_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), i;

	ASSERT_LE(0, fd);
	memcpy(page + 1024, head, sizeof(head));
	memcpy(page + 4086, "SWAPSPACE2", 10);
	ASSERT_EQ(0, erot_pwrite_full(fd, page, sizeof(page), 0));
	memset(page, 0, sizeof(page));
	for (i = 1; i < SWAP_PAGES; i++)	/* no holes */
		ASSERT_EQ(0, erot_pwrite_full(fd, page, sizeof(page), (uint64_t)i * 4096));
	ASSERT_EQ(0, fsync(fd));
	close(fd);
	ASSERT_EQ(0, swapon(SWAP_FILE, 0)) { TH_LOG("swapon: %s", strerror(errno)); }
}

static bool file_has(const char *path, const char *word)
{
	char text[4096] = "";
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	if (f)
		fclose(f);
	return strstr(text, word) != NULL;
}

/* The same, as userspace sees it. */
static uint32_t seen(void)
{
	uint32_t state = 0;

	if (file_has("/sys/module/erot/parameters/open", "N"))
		state |= EROT_HOST_ATTESTED;
	if (file_has("/sys/kernel/security/lockdown", "[confidentiality]"))
		state |= EROT_HOST_LOCKDOWN;
	if (file_has("/proc/cmdline", "init_on_free=1"))
		state |= EROT_HOST_INIT_ON_FREE;
	if (!file_has("/proc/swaps", "\n/"))
		state |= EROT_HOST_NO_SWAP;
	if (file_has("/sys/kernel/kexec_crash_loaded", "0"))
		state |= EROT_HOST_NO_CRASH_KERNEL;
	if (!access("/sys/class/tpm/tpm0", F_OK))
		state |= EROT_HOST_BOOT_KEY_IN_PCR;
	return state;
}

TEST_F(host, state)
{
	struct erot_nl_session got;
	struct erot_nl_host h;

	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	ASSERT_EQ(seen(), h.host_state) { TH_LOG("0x%x, not 0x%x", h.host_state, seen()); }
	ASSERT_EQ(!!(h.host_state & EROT_HOST_ATTESTED), h.attested);
	WORKS(fx_new(&self->s));
	ASSERT_EQ(seen(), self->s.n.host_state);
	swap_begins(_metadata);
	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	ASSERT_EQ(0, h.host_state & EROT_HOST_NO_SWAP);
	/* a session keeps what was seen at NEW */
	WORKS(erot_nl_get(fx.nl, self->s.n.id, &got, &fx_err));
	ASSERT_NE(0, got.host_state & EROT_HOST_NO_SWAP);
}

TEST_F(host, swap_comes_after_new)
{
	struct fx_knobs k = { .host = EROT_HOST_NO_SWAP };
	struct fx_session *s = &self->s;

	WORKS(fx_new(s));
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	swap_begins(_metadata);
	REFUSED(EACCES, "host: lacks what the receipt requires", fx_provision(s));
	ASSERT_EQ(0, swapoff(SWAP_FILE));
	WORKS(fx_provision(s));
}

TEST_F(host, swap_was_there_at_new)
{
	struct fx_knobs k = { .host = EROT_HOST_NO_SWAP };
	struct fx_session *s = &self->s;

	swap_begins(_metadata);
	WORKS(fx_new(s));
	ASSERT_EQ(0, s->n.host_state & EROT_HOST_NO_SWAP);
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	ASSERT_EQ(0, swapoff(SWAP_FILE));
	REFUSED(EACCES, "host: lacks what the receipt requires", fx_provision(s));
}

TEST_F(host, swap_comes_before_bind)
{
	struct fx_knobs k = { .host = EROT_HOST_NO_SWAP };
	struct fx_session *s = &self->s;
	struct fx_box box = { 0 };

	WORKS(fx_until_bind(s, &k));
	swap_begins(_metadata);
	REFUSED(EACCES, "host: lacks what the receipt requires", fx_bind_ioctl(s->n.fd, NULL));
	ASSERT_EQ(0, swapoff(SWAP_FILE));
	WORKS(fx_box_bind(s, &box));
}

/* EAGAIN while work queues and RCU hold what the tests before have left. */
static void load_anew(struct __test_metadata *_metadata)
{
	char *const modprobe[] = { "modprobe", "erot", "open=1", NULL };
	int i;

	for (i = 0; i < 100 && fx_unload_module(); i++)
		fx_let_pass(100);
	WORKS(fx_run(modprobe));
}

/* Last, since the hardware key of a boot can be set but not taken back. */
TEST_F_TIMEOUT(host, before_there_is_a_hardware_key, 60)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_host h;
	uint8_t digest[EROT_DIGEST_SIZE];

	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	memcpy(digest, h.hwkey, sizeof(digest));
	erot_nl_close(fx.nl);
	load_anew(_metadata);
	fx.key_serial = 0;
	WORKS(fx_load_certificate());	/* the keyring is a new one too */
	WORKS(erot_nl_open(&fx.nl, &fx_err));
	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	ASSERT_FALSE(h.has_hwkey);
	WORKS(fx_new(s));
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	REFUSED(ENOKEY, "machine: no hardware key is set", fx_provision(s));
	WORKS(erot_nl_host(fx.nl, digest, &h, &fx_err));
	ASSERT_TRUE(h.has_hwkey);
	WORKS(fx_provision(s));
}

FX_MAIN
