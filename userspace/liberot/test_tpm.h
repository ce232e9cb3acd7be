/* SPDX-License-Identifier: GPL-2.0-only */
/* Real TPMs for tests: swtpm on sockets in a directory that goes away, used with tpm2-tools. */
#ifndef EROT_LIBEROT_TEST_TPM_H
#define EROT_LIBEROT_TEST_TPM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/tap.h"

extern char **environ;

static char test_dir[] = "/tmp/erot-tpm-XXXXXX";

static inline void test_die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static inline int test_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void test_cleanup(void)
{
	nftw(test_dir, test_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Every command runs in this directory. */
static inline void test_begin(void)
{
	/* the parsers are given what is malformed: the library need not tell each time */
	setenv("TSS2_LOG", "all+none", 1);
	if (!mkdtemp(test_dir) || atexit(test_cleanup))
		test_die("no directory");
}

/*
 * Runs a command, words separated by blanks, in the directory. Returns its wait status; what it
 * says goes to the file "log".
 */
__attribute__((format(printf, 1, 2)))
static inline int test_run(const char *fmt, ...)
{
	char line[1024], *argv[64], *save = NULL, log[64];
	posix_spawn_file_actions_t actions;
	int argc = 0, status = -1;
	va_list ap;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (argv[0] = strtok_r(line, " ", &save); argc < 62 && argv[argc];)
		argv[++argc] = strtok_r(NULL, " ", &save);
	snprintf(log, sizeof(log), "%s/log", test_dir);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, test_dir);
	posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		test_die(argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

/* A command that must succeed. */
#define test_must(...) do {							\
	if (test_run(__VA_ARGS__)) {						\
		test_show_log();						\
		test_die(#__VA_ARGS__);						\
	}									\
} while (0)

/* Reads a file of the directory; the caller frees it. */
static inline uint8_t *test_read(const char *name, size_t *len)
{
	struct erot_error err = { 0 };
	char path[128];
	uint8_t *data;

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	if (erot_read_file(path, 2 << 20, &data, len, &err))
		test_die(err.text);
	return data;
}

static inline void test_write(const char *name, const void *data, size_t len)
{
	struct erot_error err = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	if (erot_write_file(path, data, len, 0600, &err))
		test_die(err.text);
}

static inline void test_show_log(void)
{
	size_t len;
	uint8_t *log = test_read("log", &len);

	for (char *line = strtok((char *)log, "\n"); line; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
	free(log);
}

/*
 * An authority for endorsement keys, made by the first swtpm_setup that uses it; its root is
 * NAME/swtpm-localca-rootca-cert.pem.
 */
static inline void test_authority(const char *name)
{
	char text[1024], file[64];
	int n;

	n = snprintf(text, sizeof(text),
		     "statedir = %s/%s\nsigningkey = %s/%s/signkey.pem\n"
		     "issuercert = %s/%s/issuercert.pem\ncertserial = %s/%s/certserial\n",
		     test_dir, name, test_dir, name, test_dir, name, test_dir, name);
	snprintf(file, sizeof(file), "%s.localca", name);
	test_write(file, text, (size_t)n);
	n = snprintf(text, sizeof(text),
		     "create_certs_tool=swtpm_localca\ncreate_certs_tool_config=%s/%s\n"
		     "create_certs_tool_options=/etc/swtpm-localca.options\n", test_dir, file);
	snprintf(file, sizeof(file), "%s.setup", name);
	test_write(file, text, (size_t)n);
	test_must("mkdir %s", name);
}

/* Listening from the start: who connects waits until swtpm accepts. */
static inline int test_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 8))
		test_die("listen");
	return fd;
}

/* The following commands talk to this TPM. */
static inline void test_use_tpm(const char *name)
{
	char tcti[128];

	snprintf(tcti, sizeof(tcti), "swtpm:path=%s/%s/sock", test_dir, name);
	setenv("TPM2TOOLS_TCTI", tcti, 1);
}

/* Starts the TPM whose state is in NAME; it dies with this process. Returns its pid. */
static inline pid_t test_start_tpm(const char *name)
{
	char server[64], ctrl[64], state[128], path[100], log[100];
	int data_fd, ctrl_fd;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s/sock", test_dir, name);
	unlink(path);
	data_fd = test_listen(path);
	snprintf(path, sizeof(path), "%s/%s/sock.ctrl", test_dir, name);
	unlink(path);
	ctrl_fd = test_listen(path);
	snprintf(server, sizeof(server), "type=unixio,fd=%d", data_fd);
	snprintf(ctrl, sizeof(ctrl), "type=unixio,fd=%d", ctrl_fd);
	snprintf(state, sizeof(state), "dir=%s/%s", test_dir, name);
	snprintf(log, sizeof(log), "%s/%s/log", test_dir, name);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen(log, "w", stderr))
			_exit(127);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server",
		       server, "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
		_exit(127);
	}
	close(data_fd);
	close(ctrl_fd);
	if (pid < 0)
		test_die("fork");
	test_use_tpm(name);
	return pid;
}

/* A new TPM with endorsement keys certified by @authority: NAME/ek-rsa2048.crt, -secp384r1.crt. */
static inline pid_t test_make_tpm(const char *name, const char *authority)
{
	test_must("mkdir %s", name);
	test_must("swtpm_setup --tpm2 --config %s/%s.setup --tpmstate %s --pcr-banks sha256 "
		  "--create-ek-cert --create-platform-cert --overwrite --write-ek-cert-files %s",
		  test_dir, authority, name, name);
	return test_start_tpm(name);
}

/* Handles of its endorsement keys */
#define TEST_EK_RSA	"0x81010001"
#define TEST_EK_P384	"0x81010016"

static inline void test_flush(void)
{
	test_must("tpm2_flushcontext -t");
}

#endif /* EROT_LIBEROT_TEST_TPM_H */
