// SPDX-License-Identifier: GPL-2.0-only
/* The ledger: once is once, whole or not at all, also after a crash. */
#include "dergd/test_fixture.h"

#include "dergd/ledger.h"

#define NAME "00ff-1"

FIXTURE(ledger) {
	char base[64], dir[96];
	struct ledger l;
	struct erot_error err;
};

FIXTURE_SETUP(ledger)
{
	memset(&self->err, 0, sizeof(self->err));
	snprintf(self->base, sizeof(self->base), "%s", "/tmp/erot-ledger-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->base));
	snprintf(self->dir, sizeof(self->dir), "%s/ledger", self->base);
	ASSERT_EQ(0, ledger_create(self->dir, &self->err));
	ASSERT_EQ(0, ledger_open(&self->l, self->dir, &self->err));
}

FIXTURE_TEARDOWN(ledger)
{
	ledger_close(&self->l);
	test_remove(self->base);
}

TEST_F(ledger, put_and_get)
{
	size_t len;
	void *data;

	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	ASSERT_EQ(0, ledger_put(&self->l, LEDGER_RELEASE, NAME, "abc", 3, &self->err));
	ASSERT_EQ(0, ledger_get(&self->l, LEDGER_RELEASE, NAME, &data, &len, &self->err));
	ASSERT_EQ(3, len);
	EXPECT_EQ(0, memcmp(data, "abc", 3));
	free(data);
	EXPECT_EQ(-ENOENT, ledger_get(&self->l, LEDGER_END, NAME, &data, &len, &self->err));
}

TEST_F(ledger, second_put_is_refused)
{
	size_t len;
	void *data;

	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	ASSERT_EQ(0, ledger_put(&self->l, LEDGER_RELEASE, NAME, "abc", 3, &self->err));
	EXPECT_EQ(-EEXIST, ledger_put(&self->l, LEDGER_RELEASE, NAME, "xyz", 3, &self->err));
	ASSERT_EQ(0, ledger_get(&self->l, LEDGER_RELEASE, NAME, &data, &len, &self->err));
	EXPECT_EQ(0, memcmp(data, "abc", 3));
	free(data);
}

TEST_F(ledger, replace_replaces)
{
	size_t len;
	void *data;

	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	ASSERT_EQ(0, ledger_replace(&self->l, LEDGER_EPOCH, NAME, "one", 3, &self->err));
	ASSERT_EQ(0, ledger_replace(&self->l, LEDGER_EPOCH, NAME, "second", 6, &self->err));
	ASSERT_EQ(0, ledger_get(&self->l, LEDGER_EPOCH, NAME, &data, &len, &self->err));
	ASSERT_EQ(6, len);
	EXPECT_EQ(0, memcmp(data, "second", 6));
	free(data);
}

TEST_F(ledger, writing_needs_the_lock)
{
	EXPECT_EQ(-EINVAL, ledger_put(&self->l, LEDGER_RELEASE, NAME, "abc", 3, &self->err));
	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	ledger_unlock(&self->l);
	EXPECT_EQ(-EINVAL, ledger_put(&self->l, LEDGER_RELEASE, NAME, "abc", 3, &self->err));
}

TEST_F(ledger, names_do_not_climb)
{
	static const char *const bad[] = { "", ".", "..", "../lock", "a/b", ".new", "0 0", "g" };
	size_t i, len;
	void *data;

	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, ledger_put(&self->l, LEDGER_RELEASE, bad[i], "", 0, &self->err));
		EXPECT_EQ(-EINVAL, ledger_get(&self->l, LEDGER_RELEASE, bad[i], &data, &len,
					      &self->err));
	}
}

/* A crash while writing leaves half a temporary file: it neither counts nor disturbs. */
TEST_F(ledger, crash_while_writing)
{
	size_t len;
	void *data;
	int fd;

	fd = openat(self->l.dir, "releases/.new", O_WRONLY | O_CREAT, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(4, write(fd, "half", 4));
	close(fd);
	EXPECT_EQ(-ENOENT, ledger_get(&self->l, LEDGER_RELEASE, NAME, &data, &len, &self->err));
	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	ASSERT_EQ(0, ledger_put(&self->l, LEDGER_RELEASE, NAME, "abc", 3, &self->err));
	ASSERT_EQ(0, ledger_get(&self->l, LEDGER_RELEASE, NAME, &data, &len, &self->err));
	EXPECT_EQ(3, len);
	free(data);
}

/* A crash between link() and unlink() leaves a second name of a record that counts. */
TEST_F(ledger, crash_after_link)
{
	size_t len;
	void *data;

	ASSERT_EQ(0, ledger_lock(&self->l, &self->err));
	ASSERT_EQ(0, ledger_put(&self->l, LEDGER_RELEASE, NAME, "first", 5, &self->err));
	ASSERT_EQ(0, linkat(self->l.dir, "releases/" NAME, self->l.dir, "releases/.new", 0));
	ASSERT_EQ(0, ledger_put(&self->l, LEDGER_RELEASE, "00ff-2", "2", 1, &self->err));
	ASSERT_EQ(0, ledger_get(&self->l, LEDGER_RELEASE, NAME, &data, &len, &self->err));
	ASSERT_EQ(5, len);
	EXPECT_EQ(0, memcmp(data, "first", 5));
	free(data);
}

/* Of many processes that write one name, one wins. */
TEST_F(ledger, one_winner)
{
	int i, status, won = 0;
	struct ledger mine;

	for (i = 0; i < 8; i++) {
		if (fork())
			continue;
		if (ledger_open(&mine, self->dir, &self->err) || ledger_lock(&mine, &self->err))
			_exit(9);
		_exit(-ledger_put(&mine, LEDGER_RELEASE, NAME, &i, sizeof(i), &self->err));
	}
	for (i = 0; i < 8; i++) {
		ASSERT_LT(0, wait(&status));
		ASSERT_TRUE(WIFEXITED(status));
		if (!WEXITSTATUS(status))
			won++;
		else
			EXPECT_EQ(EEXIST, WEXITSTATUS(status));
	}
	EXPECT_EQ(1, won);
}

TEST_HARNESS_MAIN
