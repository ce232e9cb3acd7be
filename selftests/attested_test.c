// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: attested
 *
 * Attested mode: what the module says of the host, what a receipt may ask of
 * it, and what ends the mode's promises.
 */
#define _GNU_SOURCE
#include <fcntl.h>
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

/* Swap that comes later: no new session, and none is bound any more. */
TEST_F(attested, swap_comes_later)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_nl_new n;
	uint8_t page[4096] = { 0 };
	uint32_t head[3] = { 1, 4095, 0 };	/* version, last page, no bad ones */
	int fd = open(FX_DIR "/swap", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), i;

	ASSERT_LE(0, fd);
	memcpy(page + 1024, head, sizeof(head));
	memcpy(page + 4086, "SWAPSPACE2", 10);
	ASSERT_EQ(sizeof(page), write(fd, page, sizeof(page)));
	memset(page, 0, sizeof(page));
	for (i = 1; i < 4096; i++)
		ASSERT_EQ(sizeof(page), write(fd, page, sizeof(page)));
	ASSERT_EQ(0, fsync(fd));
	close(fd);

	WORKS(fx_until_bind(s, &k));
	ASSERT_EQ(0, swapon(FX_DIR "/swap", 0)) { TH_LOG("swapon: %s", strerror(errno)); }
	fd = erot_nl_new(fx.nl, &n, &fx_err);
	i = fx_box_bind(s, &box);
	ASSERT_EQ(0, swapoff(FX_DIR "/swap"));
	ASSERT_EQ(-EACCES, i);
	ASSERT_NE(NULL, strstr(fx_err.text, "swap is in use"));
	ASSERT_EQ(-EACCES, fd);
	unlink(FX_DIR "/swap");
	WORKS(erot_nl_new(fx.nl, &n, &fx_err));
	close(n.fd);
}

FX_MAIN
