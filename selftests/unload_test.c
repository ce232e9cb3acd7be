// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest: open attested race
 *
 * The module stays while anything needs it, in attested mode for ever; and
 * when it goes it takes all with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>

#include "selftests/fixture.h"
#include "selftests/harness.h"

FIXTURE(unload) {
	struct fx_session s;
	struct agent_answer a;
	bool attested;
};

FIXTURE_SETUP(unload)
{
	struct erot_nl_host h;

	self->s.n.fd = -1;
	WORKS(fx_begin());
	WORKS(erot_nl_host(fx.nl, NULL, &h, &fx_err));
	self->attested = h.attested;
}

FIXTURE_TEARDOWN(unload)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

static void stays(struct __test_metadata *_metadata, const char *state)
{
	ASSERT_EQ(-EAGAIN, fx_unload_module()) { TH_LOG("in state %s", state); }
}

TEST_F(unload, refused_in_each_state)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };

	WORKS(fx_new(s));
	stays(_metadata, "new");
	WORKS(fx_grant(s, &k));
	WORKS(fx_release(s));
	WORKS(fx_provision(s));
	stays(_metadata, "provisioned");
	WORKS(fx_attach(s));
	stays(_metadata, "attached");
	WORKS(fx_box_bind(s, &box));
	stays(_metadata, "bound");
	WORKS(fx_mount(s));
	stays(_metadata, "mounted");
	WORKS(fx_box_exec(s));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 64, &self->a));
	stays(_metadata, "running");
	WORKS(erot_nl_destroy(fx.nl, s->n.id, &fx_err));
	stays(_metadata, "dead, descriptor open");
}

/* Every descriptor of the session is closed, but its plaintext is still somewhere. */
TEST_F(unload, refused_until_released)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct fx_box box = { 0 };
	struct erot_nl_session got;
	struct erot_evidence ev;
	int fd, status;
	char path[64];

	WORKS(fx_launch(s, &k, &box));
	WORKS(fx_read(s, AGENT_READ, "/data/small", 0, 64, &self->a));
	snprintf(path, sizeof(path), "/proc/%d/root" FX_BIG, (int)s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	close(s->image_fd);
	close(s->n.fd);
	s->image_fd = s->n.fd = -1;
	WORKS(fx_wait(s, 20, &status));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_DEAD, got.state);
	stays(_metadata, "dead");
	close(fd);
	WORKS(fx_evidence(s, 20, &ev));
	ASSERT_EQ(EROT_END_CLOSED, le32toh(ev.reason));
}

/* Evidence that nobody acknowledged goes with the module; in attested mode neither does. */
TEST_F_TIMEOUT(unload, released, 60)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	struct erot_nl_session got;
	struct erot_evidence ev;

	WORKS(fx_until_bind(s, &k));
	close(s->image_fd);
	close(s->n.fd);
	s->image_fd = s->n.fd = -1;
	WORKS(fx_evidence(s, 20, &ev));
	if (self->attested) {
		stays(_metadata, "released");
		WORKS(fx_evidence(s, 1, &ev));
		return;
	}
	WORKS(fx_unload_module());
	ASSERT_EQ(-ENOENT, fx_unload_module());
	ASSERT_EQ(0, fx_keyring(".erot"));
	WORKS(fx_load_module());
	ASSERT_EQ(-ENOENT, erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
}

/* The last descriptor is closed and the module goes at once: what was queued must still run. */
TEST_F_TIMEOUT(unload, right_after_the_last_close, 120)
{
	struct fx_session *s = &self->s;
	struct fx_knobs k = { 0 };
	int i;

	for (i = 0; i < 20; i++) {
		if (i % 2)
			WORKS(fx_until_bind(s, &k));
		else
			WORKS(fx_new(s));
		close(s->image_fd);
		close(s->n.fd);
		s->image_fd = s->n.fd = -1;
		if (self->attested) {
			stays(_metadata, "closed");
		} else {
			WORKS(fx_unload_module());
			WORKS(fx_load_module());
		}
		fx_end(s);
	}
}

FX_MAIN
