// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs that one process destroys while another one makes them: what is recorded as destroyed has
 * no root on the token. Between each of the two and its HSM helper stands a thread that passes on
 * what they say, and waits where the test wants it to.
 */
#include "dergd/test_derg.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/msg.h"
#include "common/secret.h"
#include "dergd/hsm_wire.h"
#include "dergd/log.h"

/**
 * struct between - a DERG of its own, and who stands between it and its helper
 * @own: its helper's socket
 * @pair: that which the DERG has in its place, and the other end
 * @asked: written to when the first request has come
 * @go: read from before it goes on
 * @answered: the first request goes on at once, its answer waits
 * @who: asks for something, in a thread of its own
 */
struct between {
	struct authority a;
	struct derg d;
	int own, pair[2], asked[2], go[2];
	bool answered;
	struct epoch e;
	int ret;
	struct erot_error err;
	pthread_t relay, who;
};

static void pass(int from, int to)
{
	uint8_t *data;
	size_t len;

	if (erot_msg_recv(from, HSM_MSG_MAX, &data, &len, NULL, NULL)) {
		shutdown(to, SHUT_RDWR);
		return;
	}
	erot_msg_send(to, data, len, -1, NULL);
	erot_wipe_free(data, len);
}

static void stop_here(struct between *b)
{
	char c = 0;

	if (write(b->asked[1], &c, 1) != 1 || read(b->go[0], &c, 1) < 0)
		abort();
}

static void *relay(void *ctx)
{
	struct between *b = ctx;
	struct pollfd p = { .fd = b->pair[1], .events = POLLIN };
	bool first = true;

	for (;;) {
		if (poll(&p, 1, -1) != 1 || recv(b->pair[1], &(char) { 0 }, 1, MSG_PEEK) != 1)
			return NULL;
		if (first && !b->answered)
			stop_here(b);
		pass(b->pair[1], b->own);
		p.fd = b->own;
		poll(&p, 1, -1);
		p.fd = b->pair[1];
		if (first && b->answered)
			stop_here(b);
		first = false;
		pass(b->own, b->pair[1]);
	}
}

static int between_begin(struct between *b, const char *dir, bool answered)
{
	b->answered = answered;
	if (open_again(&b->a, &b->d, dir, &b->err) || pipe(b->asked) || pipe(b->go) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->pair))
		return -1;
	b->own = b->a.hsm.sock;
	b->a.hsm.sock = b->pair[0];
	return -pthread_create(&b->relay, NULL, relay, b);
}

static void wait_until_asked(struct between *b)
{
	char c;

	if (read(b->asked[0], &c, 1) != 1)
		abort();
}

static void go_on(struct between *b)
{
	if (write(b->go[1], "", 1) != 1)
		abort();
}

static void between_end(struct between *b)
{
	shutdown(b->pair[0], SHUT_RDWR);
	pthread_join(b->relay, NULL);
	close(b->pair[0]);
	close(b->pair[1]);
	close(b->asked[0]);
	close(b->asked[1]);
	close(b->go[0]);
	close(b->go[1]);
	b->a.hsm.sock = b->own;
	derg_close(&b->d);
	authority_close(&b->a);
}

static void *make_it(void *ctx)
{
	struct between *b = ctx;

	b->ret = epoch_new(&b->d, "default", 2, NOW, &b->e, &b->err);
	return NULL;
}

static void *destroy_it(void *ctx)
{
	struct between *b = ctx;

	b->ret = epoch_destroy(&b->d, "default", 2, true, NOW, &b->e, &b->err);
	return NULL;
}

static bool has_root(struct derg *d)
{
	struct epoch e = { .tenant = "default", .number = 2 };
	uint8_t seed[EROT_DIGEST_SIZE] = { 1 }, pk[EROT_KEY_SIZE];
	char label[EPOCH_ROOT_MAX];
	struct erot_error err;

	epoch_root(&e, label);
	return !hsm_derive(&d->a->hsm, label, seed, pk, &err);
}

static int load_work(struct db *db, void *ctx, struct erot_error *err)
{
	return epoch_load(db, "default", 2, ctx, err);
}

static enum epoch_state state_of(struct derg *d)
{
	struct epoch e;
	struct erot_error err;

	if (db_transaction(d->db, DB_READ, load_work, &e, &err))
		abort();
	return e.state;
}

static int size_work(struct db *db, void *ctx, struct erot_error *err)
{
	return log_size(db, ctx, err);
}

static uint64_t size_of_log(struct derg *d)
{
	struct erot_error err;
	uint64_t size;

	if (db_transaction(d->db, DB_READ, size_work, &size, &err))
		abort();
	return size;
}

/* It had no root when the token was asked, and has one when that is to be recorded. */
TEST_F(derg, finished_while_it_is_destroyed)
{
	struct between maker = { 0 }, destroyer = { 0 };

	ASSERT_EQ(0, between_begin(&maker, self->dir, false));
	ASSERT_EQ(0, between_begin(&destroyer, self->dir, true));
	pthread_create(&maker.who, NULL, make_it, &maker);
	wait_until_asked(&maker);
	pthread_create(&destroyer.who, NULL, destroy_it, &destroyer);
	wait_until_asked(&destroyer);
	go_on(&maker);
	pthread_join(maker.who, NULL);
	EXPECT_EQ(0, maker.ret);
	go_on(&destroyer);
	pthread_join(destroyer.who, NULL);
	EXPECT_EQ(-EBUSY, destroyer.ret);
	EXPECT_STREQ("epoch-in-use", destroyer.err.code);
	EXPECT_EQ(EPOCH_ACTIVE, state_of(&self->d));
	EXPECT_TRUE(has_root(&self->d));
	EXPECT_EQ(0, epoch_destroy(&self->d, "default", 2, false, NOW, &maker.e, &self->err));
	EXPECT_FALSE(has_root(&self->d));
	between_end(&maker);
	between_end(&destroyer);
}

/* Whoever makes the root of an epoch that is recorded as destroyed takes it back. */
TEST_F(derg, destroyed_while_it_is_made)
{
	struct between maker = { 0 };
	struct epoch e;

	ASSERT_EQ(0, between_begin(&maker, self->dir, false));
	pthread_create(&maker.who, NULL, make_it, &maker);
	wait_until_asked(&maker);
	EXPECT_EQ(0, epoch_destroy(&self->d, "default", 2, false, NOW, &e, &self->err));
	go_on(&maker);
	pthread_join(maker.who, NULL);
	EXPECT_EQ(-EPERM, maker.ret);
	EXPECT_STREQ("epoch-destroyed", maker.err.code);
	EXPECT_EQ(EPOCH_DESTROYED, state_of(&self->d));
	EXPECT_FALSE(has_root(&self->d));
	between_end(&maker);
}

/* If it dies before that, destroying the epoch again does it, and is recorded again. */
TEST_F(derg, root_of_a_destroyed_epoch)
{
	char label[EPOCH_ROOT_MAX];
	uint64_t before;
	struct epoch e;

	ASSERT_EQ(0, epoch_new(&self->d, "default", 2, NOW, &e, &self->err));
	epoch_root(&e, label);
	ASSERT_EQ(0, epoch_destroy(&self->d, "default", 2, false, NOW, &e, &self->err));
	ASSERT_EQ(0, hsm_new_root(&self->a.hsm, label, &self->err));
	before = size_of_log(&self->d);
	EXPECT_EQ(0, epoch_destroy(&self->d, "default", 2, false, NOW, &e, &self->err));
	EXPECT_FALSE(has_root(&self->d));
	EXPECT_EQ(before + 1, size_of_log(&self->d));
	REFUSED("epoch-destroyed", EALREADY, epoch_destroy(&self->d, "default", 2, false, NOW, &e,
							   &self->err));
	hsm_stop(&self->a.hsm);		/* then nobody knows what is on the token */
	REFUSED("hsm-helper", ECONNRESET, epoch_destroy(&self->d, "default", 2, false, NOW, &e,
							&self->err));
}

TEST_HARNESS_MAIN
