// SPDX-License-Identifier: GPL-2.0-only
/* The socket of erotd: what a client says wrong costs that client its connection, nothing else. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/wire.h"
#include "selftests/harness.h"

FIXTURE(daemon) {
	char dir[64];
	pid_t pid;
	int client;
};

static int dial(const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", dir);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Reads the log up to "ready": no clock. */
static bool becomes_ready(int log)
{
	char text[4096];
	size_t have = 0;
	ssize_t n;

	while ((n = read(log, text + have, sizeof(text) - 1 - have)) > 0) {
		have += (size_t)n;
		text[have] = '\0';
		if (strstr(text, "erotd: ready"))
			return true;
	}
	return false;
}

FIXTURE_SETUP(daemon)
{
	char conf[80];
	int log[2];
	FILE *f;

	strncpy(self->dir, "/tmp/socket_test.XXXXXX", sizeof(self->dir) - 1);
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(conf, sizeof(conf), "%s/conf", self->dir);
	f = fopen(conf, "w");
	ASSERT_NE(NULL, f);
	fprintf(f, "provider = /bin/false\nsocket = %s/sock\nstate_dir = %s/state\n"
		"socket_group = nogroup\n", self->dir, self->dir);
	ASSERT_EQ(0, chmod(self->dir, 0711));
	ASSERT_EQ(0, fclose(f));
	ASSERT_EQ(0, pipe2(log, O_CLOEXEC));
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(log[1], 2);
		execlp("erotd", "erotd", "-c", conf, NULL);
		_exit(127);
	}
	close(log[1]);
	ASSERT_TRUE(becomes_ready(log[0]));
	self->client = dial(self->dir);
	ASSERT_LE(0, self->client);
}

FIXTURE_TEARDOWN(daemon)
{
	char path[80];
	int status;

	close(self->client);
	kill(self->pid, SIGTERM);
	EXPECT_EQ(self->pid, waitpid(self->pid, &status, 0));
	EXPECT_EQ(0, status);
	snprintf(path, sizeof(path), "%s/conf", self->dir);
	unlink(path);
}

/* The code that the daemon answers with, "" for none. */
static const char *code_of(int sock)
{
	static char code[40];
	int fds[EROTD_WIRE_FDS];
	json_t *msg = NULL;
	size_t n = 0;

	code[0] = '\0';
	if (!erotd_wire_recv(sock, &msg, fds, &n, 0)) {
		const char *text = json_string_value(json_object_get(json_object_get(msg, "error"),
								     "code"));

		snprintf(code, sizeof(code), "%s", text ? text : "");
		erotd_wire_close(fds, n);
	}
	json_decref(msg);
	return code;
}

static bool is_alive(const char *dir)
{
	json_t *ping = json_pack("{s:s}", "op", "ping"), *answer = NULL;
	int fds[EROTD_WIRE_FDS], sock = dial(dir);
	size_t n;
	bool ok = sock >= 0 && !erotd_wire_send(sock, ping, NULL, 0, 0) &&
		  !erotd_wire_recv(sock, &answer, fds, &n, 0) &&
		  json_is_true(json_object_get(answer, "ok"));

	json_decref(ping);
	json_decref(answer);
	close(sock);
	return ok;
}

TEST_F(daemon, text_that_is_no_request)
{
	static const char *const wrong[] = {
		"x", "[]", "{}", "{\"op\":1}", "{\"op\":\"no\"}",
		"{\"op\":\"ping\",\"op\":\"ping\"}",
		"{\"op\":\"ping\",\"more\":1}", "{\"op\":\"kill\",\"id\":\"00\",\"signal\":9}",
		"{\"op\":\"signal\",\"signal\":65}", "{\"op\":\"run\",\"rows\":65536}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int sock = dial(self->dir);

		ASSERT_LE(0, sock);
		ASSERT_EQ(strlen(wrong[i]), send(sock, wrong[i], strlen(wrong[i]), 0));
		EXPECT_STREQ("request-syntax", code_of(sock)) {
			fprintf(stderr, "# %s\n", wrong[i]);
		}
		/* and hangs up */
		EXPECT_STREQ("", code_of(sock));
		close(sock);
	}
	EXPECT_TRUE(is_alive(self->dir));
}

TEST_F(daemon, packet_that_is_too_long)
{
	char text[EROTD_WIRE_MAX + 1];

	memset(text, ' ', sizeof(text));
	ASSERT_EQ(sizeof(text), send(self->client, text, sizeof(text), 0));
	EXPECT_STREQ("request-syntax", code_of(self->client));
	EXPECT_TRUE(is_alive(self->dir));
}

static void ask_run(struct __test_metadata *_metadata, int sock, const int *fds, size_t n)
{
	json_t *msg = json_pack("{s:s, s:b}", "op", "run", "tty", 1);

	ASSERT_EQ(0, erotd_wire_send(sock, msg, fds, n, 0));
	json_decref(msg);
}

TEST_F(daemon, too_few_and_too_many_descriptors)
{
	int fds[3] = { 0, 0, 0 };

	ask_run(_metadata, self->client, fds, 1);
	EXPECT_STREQ("request-fds", code_of(self->client));
	close(self->client);
	self->client = dial(self->dir);
	ask_run(_metadata, self->client, fds, 3);
	EXPECT_STREQ("request-fds", code_of(self->client));
	EXPECT_TRUE(is_alive(self->dir));
}

/* A receipt that somebody else could change, shorten, or never hand out. */
TEST_F(daemon, receipt_that_could_make_it_wait)
{
	int fds[2] = { 0, -1 }, pair[2];

	ASSERT_EQ(0, pipe2(pair, O_CLOEXEC));
	fds[1] = pair[0];
	ask_run(_metadata, self->client, fds, 2);
	EXPECT_STREQ("receipt-file", code_of(self->client));
	close(self->client);

	fds[1] = memfd_create("receipt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ASSERT_EQ(0, ftruncate(fds[1], 100));
	ASSERT_EQ(0, fcntl(fds[1], F_ADD_SEALS, F_SEAL_WRITE));
	self->client = dial(self->dir);
	ask_run(_metadata, self->client, fds, 2);
	EXPECT_STREQ("receipt-file", code_of(self->client));
	close(self->client);

	/* sealed, it is read, and is no receipt */
	ASSERT_EQ(0, fcntl(fds[1], F_ADD_SEALS, F_SEAL_SHRINK));
	self->client = dial(self->dir);
	ask_run(_metadata, self->client, fds, 2);
	EXPECT_STREQ("cms-syntax", code_of(self->client));
	EXPECT_TRUE(is_alive(self->dir));
}

/* Whether the other end is closed within @ms; nothing is expected to be said. */
static bool hangs_up(int sock, int ms)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char c;

	return poll(&p, 1, ms) == 1 && recv(sock, &c, 1, 0) <= 0;
}

TEST_F(daemon, client_that_asks_for_nothing)
{
	/* ten seconds, and as much again for a slow machine */
	EXPECT_FALSE(hangs_up(self->client, 5000));
	EXPECT_TRUE(hangs_up(self->client, 20000));
	EXPECT_TRUE(is_alive(self->dir));
}

/* A member of the group, in a process of its own: its first connection too many is hung up on. */
static int connect_as_member(const char *dir)
{
	struct rlimit many = { 4096, 4096 };
	int n, sock = -1;

	if (setrlimit(RLIMIT_NOFILE, &many) || setgid(65534) || setuid(65534))
		return 1;
	for (n = 0; n < 512; n++) {
		sock = dial(dir);
		if (sock < 0)
			return 2;
	}
	if (hangs_up(sock, 200))
		return 3;
	sock = dial(dir);
	return sock >= 0 && hangs_up(sock, 5000) ? 0 : 4;
}

TEST_F(daemon, user_with_all_connections)
{
	int hold[2], said[2], status = -1;
	pid_t pid;

	ASSERT_EQ(0, pipe2(hold, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(said, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(hold[1]);
		status = connect_as_member(self->dir);
		if (write(said[1], &status, sizeof(status)) == sizeof(status))
			(void)!read(hold[0], &status, 1);
		_exit(0);
	}
	EXPECT_EQ(sizeof(status), read(said[0], &status, sizeof(status)));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_alive(self->dir));
	close(hold[0]);
	close(hold[1]);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
}

/* Clock ticks that a process has used. */
static unsigned long used(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[40];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			 &user, &system) != 2)
		user = ULONG_MAX / 2;
	if (f)
		fclose(f);
	return user + system;
}

TEST_F(daemon, no_descriptor_for_a_client)
{
	struct rlimit none = { 3, 4096 }, many;
	unsigned long before;
	int sock;

	ASSERT_EQ(0, prlimit(self->pid, RLIMIT_NOFILE, NULL, &many));
	ASSERT_EQ(0, prlimit(self->pid, RLIMIT_NOFILE, &none, NULL));
	sock = dial(self->dir);
	ASSERT_LE(0, sock);
	before = used(self->pid);
	EXPECT_FALSE(hangs_up(sock, 3000));
	/* it does not ask again and again */
	EXPECT_GT(before + sysconf(_SC_CLK_TCK) / 2, used(self->pid));
	ASSERT_EQ(0, prlimit(self->pid, RLIMIT_NOFILE, &many, NULL));
	EXPECT_TRUE(is_alive(self->dir));
	close(sock);
}

TEST_HARNESS_MAIN
