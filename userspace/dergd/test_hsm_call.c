// SPDX-License-Identifier: GPL-2.0-only
/* Requests of many threads to the HSM helper, and what becomes of them when it fails. */
#include "dergd/test_hsm.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>

#include "common/msg.h"
#include "dergd/hsm_wire.h"

/* ---- a helper that the test is, and threads that ask it */

#define ASKERS	4

struct asker {
	struct hsm *h;
	pthread_t thread;
	uint8_t seed[32], pk[32];
	int ret;
	struct erot_error err;
};

/* As the test reads and writes them. */
struct derive_request {
	uint8_t number[4], op[4], label_len[4], label[4], seed[32];
};

struct derive_answer {
	uint8_t len[4], number[4], num[4], pk[32];
};

static void *ask_once(void *ctx)
{
	struct asker *a = ctx;

	a->ret = hsm_derive(a->h, "root", a->seed, a->pk, &a->err);
	return NULL;
}

static int pretend(struct hsm *h)
{
	int sv[2];

	hsm_none(h);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -1;
	h->sock = sv[0];
	return sv[1];
}

static int begin_asker(struct hsm *h, struct asker *a, int i)
{
	memset(a, 0, sizeof(*a));
	a->h = h;
	memset(a->seed, i + 1, sizeof(a->seed));
	return pthread_create(&a->thread, NULL, ask_once, a);
}

static int begin_askers(struct hsm *h, struct asker *a)
{
	int i, ret = 0;

	for (i = 0; i < ASKERS && !ret; i++)
		ret = begin_asker(h, &a[i], i);
	return ret;
}

/* The answer to the next request, whose public key is the seed: if it comes before any answer. */
static int take_request(int sock, struct derive_answer *answer)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct derive_request *req;
	uint8_t *data;
	size_t len;

	if (poll(&p, 1, 3000 * test_patience()) != 1 ||
	    erot_msg_recv(sock, HSM_MSG_MAX, &data, &len, NULL, NULL))
		return -1;
	*answer = (struct derive_answer) { .len = { sizeof(*answer) - 4 } };
	if (len == sizeof(*req)) {
		req = (void *)data;
		memcpy(answer->number, req->number, 4);
		memcpy(answer->pk, req->seed, 32);
	}
	free(data);
	return len == sizeof(*req) ? 0 : -1;
}

static int give(int sock, const void *data, size_t len)
{
	return send(sock, data, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static bool got_answer(struct asker *a)
{
	pthread_join(a->thread, NULL);
	return !a->ret && !memcmp(a->pk, a->seed, 32);
}

static bool got_none(struct asker *a)
{
	pthread_join(a->thread, NULL);
	return a->ret && !strcmp(a->err.code, "msg-peer-gone");
}

TEST(requests_do_not_wait_for_answers)
{
	struct derive_answer answers[ASKERS] = { 0 };
	struct asker a[ASKERS];
	struct hsm h;
	int i, sock, taken = 0;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, begin_askers(&h, a));
	while (taken < ASKERS && !take_request(sock, &answers[taken]))
		taken++;
	EXPECT_EQ(ASKERS, taken);
	EXPECT_EQ(0, give(sock, answers, taken * sizeof(answers[0])));
	close(sock);
	for (i = 0; i < ASKERS; i++)
		EXPECT_TRUE(got_answer(&a[i]));
	hsm_stop(&h);
}

/* The first of several, all of which were answered. */
static void spoil_first(struct __test_metadata *_metadata, const struct derive_answer *spoilt,
			size_t len, const char *code)
{
	struct derive_answer answers[ASKERS] = { 0 };
	int i, sock, first = 0, gone = 0;
	struct asker a[ASKERS];
	struct hsm h;
	char c;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, begin_askers(&h, a));
	for (i = 0; i < ASKERS; i++)
		EXPECT_EQ(0, take_request(sock, &answers[i]));
	memcpy((uint8_t *)&answers[1] - len, spoilt, len);
	EXPECT_EQ(0, give(sock, (uint8_t *)&answers[1] - len,
			  len + (ASKERS - 1) * sizeof(answers[0])));
	for (i = 0; i < ASKERS; i++) {
		gone += got_none(&a[i]);
		first += !strcmp(a[i].err.code, code);
	}
	EXPECT_EQ(1, first);
	EXPECT_EQ(ASKERS - 1, gone);
	ASSERT_EQ(0, begin_asker(&h, &a[0], 0));	/* nor who comes later */
	EXPECT_TRUE(got_none(&a[0]));
	EXPECT_EQ(0, recv(sock, &c, 1, 0));		/* and the helper sees the end */
	hsm_stop(&h);
	close(sock);
}

/* What is no message: who is behind it gets no answer, though there are some. */
TEST(answers_behind_a_broken_one)
{
	const struct derive_answer large = { .len = { 0xff, 0xff, 0xff } };

	spoil_first(_metadata, &large, 4, "msg-size");
}

TEST(answers_behind_another_ones)
{
	const struct derive_answer other = { .len = { sizeof(other) - 4 }, .number = { 77 } };

	spoil_first(_metadata, &other, sizeof(other), "hsm-helper");
}

/* A helper that takes no more: who was before has an answer, in its turn. */
TEST(answers_before_a_request_that_fails)
{
	struct derive_answer answers[ASKERS] = { 0 };
	struct asker a[ASKERS], late;
	struct hsm h;
	int i, sock;

	sock = pretend(&h);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, begin_askers(&h, a));
	for (i = 0; i < ASKERS; i++)
		EXPECT_EQ(0, take_request(sock, &answers[i]));
	shutdown(sock, SHUT_RD);
	ASSERT_EQ(0, begin_asker(&h, &late, ASKERS));
	EXPECT_TRUE(got_none(&late));
	EXPECT_EQ(0, give(sock, answers, sizeof(answers)));
	for (i = 0; i < ASKERS; i++)
		EXPECT_TRUE(got_answer(&a[i]));
	hsm_stop(&h);
	close(sock);
}

/* It cannot be sent at all: nobody waits for an answer to it, and the others get theirs. */
TEST(a_request_that_is_too_large)
{
	static char label[EROT_MSG_MAX];
	uint8_t seed[32] = { 0 }, pk[32];
	struct derive_answer answer;
	struct erot_error err;
	struct asker a;
	struct hsm h;
	int sock;

	memset(label, 'x', sizeof(label) - 1);
	sock = pretend(&h);
	ASSERT_LE(0, sock);
	EXPECT_EQ(-EMSGSIZE, hsm_derive(&h, label, seed, pk, &err));
	ASSERT_EQ(0, begin_asker(&h, &a, 0));
	EXPECT_EQ(0, take_request(sock, &answer));
	EXPECT_EQ(-EMSGSIZE, hsm_derive(&h, label, seed, pk, &err));
	EXPECT_EQ(0, give(sock, &answer, sizeof(answer)));
	EXPECT_TRUE(got_answer(&a));
	hsm_stop(&h);
	close(sock);
}

/* ---- erot-hsm itself */

/**
 * struct crowd - one of several that ask the helper for all kinds of things at once
 * @log: public key of another operation
 * @wrong: answers
 * @gone: there is no helper any more
 * @begun: told when all was asked once
 */
struct crowd {
	struct hsm *h;
	pthread_t thread;
	uint8_t seed[32], pk[32], log[32];
	unsigned int wrong;
	bool gone;
	sem_t *begun;
};

static void judge(struct crowd *c, bool good, const struct erot_error *err)
{
	if (!good && !strcmp(err->code, "msg-peer-gone"))
		c->gone = true;
	else if (!good)
		c->wrong++;
}

static void ask_all(struct crowd *c)
{
	struct erot_error err = { 0 };
	uint8_t pk[32];
	int ret;

	ret = hsm_derive(c->h, "root", c->seed, pk, &err);
	judge(c, !ret && !memcmp(pk, c->pk, 32), &err);
	ret = hsm_derive(c->h, "no root", c->seed, pk, &err);
	judge(c, ret == -ENOENT && !strcmp(err.code, "hsm-key"), &err);
	ret = hsm_ed25519_public(c->h, "log", pk, &err);
	judge(c, !ret && !memcmp(pk, c->log, 32), &err);
}

static void *ask_often(void *ctx)
{
	struct crowd *c = ctx;
	int i;

	for (i = 0; i < 40; i++)
		ask_all(c);
	return NULL;
}

static void *ask_on(void *ctx)
{
	struct crowd *c = ctx;

	ask_all(c);
	sem_post(c->begun);
	while (!c->gone)
		ask_all(c);
	return NULL;
}

#define CROWD	8

static void begin_crowd(struct __test_metadata *_metadata, FIXTURE_DATA(hsm) *self,
			struct crowd *c, void *(*fn)(void *ctx), sem_t *begun)
{
	int i;

	ASSERT_EQ(0, hsm_open(&self->h, self->uri, &self->err));
	ASSERT_EQ(0, hsm_new_root(&self->h, "root", &self->err));
	ASSERT_EQ(0, hsm_new_ed25519(&self->h, "log", &self->err));
	for (i = 0; i < CROWD; i++) {
		c[i] = (struct crowd) { .h = &self->h, .begun = begun };
		memset(c[i].seed, i, sizeof(c[i].seed));
		ASSERT_EQ(0, hsm_derive(&self->h, "root", c[i].seed, c[i].pk, &self->err));
		ASSERT_EQ(0, hsm_ed25519_public(&self->h, "log", c[i].log, &self->err));
	}
	for (i = 0; i < CROWD; i++)
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, fn, &c[i]));
}

TEST_F(hsm, everybody_gets_their_own_answer)
{
	struct crowd c[CROWD];
	int i;

	begin_crowd(_metadata, self, c, ask_often, NULL);
	for (i = 0; i < CROWD; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].wrong);
		EXPECT_FALSE(c[i].gone);
	}
}

TEST_F(hsm, everybody_hears_of_the_helpers_death)
{
	struct crowd c[CROWD];
	sem_t begun;
	int i;

	ASSERT_EQ(0, sem_init(&begun, 0, 0));
	begin_crowd(_metadata, self, c, ask_on, &begun);
	for (i = 0; i < CROWD; i++)
		sem_wait(&begun);
	ASSERT_EQ(0, kill(self->h.pid, SIGKILL));
	for (i = 0; i < CROWD; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].wrong);
	}
}

TEST_F(hsm, a_dead_helper_is_an_error)
{
	uint8_t seed[32] = { 0 }, pk[32];

	ASSERT_EQ(0, kill(self->h.pid, SIGKILL));
	EXPECT_GT(0, hsm_derive(&self->h, "root", seed, pk, &self->err));
	EXPECT_STREQ("msg-peer-gone", self->err.code);
}

TEST_HARNESS_MAIN
