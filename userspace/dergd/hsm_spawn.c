// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts the HSM helper. It inherits one socket and standard error: the DERG's
 * other descriptors and its memory stay out of the process that has the keys,
 * and so does its environment where the module needs nothing of it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dergd/hsm.h"
#include "dergd/hsm_wire.h"

#ifndef EROT_HSM_PATH
#define EROT_HSM_PATH "/usr/local/libexec/erot/erot-hsm"
#endif

/* Beside this program (build tree, guest), in ../libexec/erot of it, or where it was installed. */
static int find_helper(char path[PATH_MAX], struct erot_error *err)
{
	static const char *const places[] = { "%s/erot-hsm", "%s/../libexec/erot/erot-hsm" };
	char self[PATH_MAX - 64], *slash;
	ssize_t len;
	size_t i;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			*slash = '\0';
			for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
				snprintf(path, PATH_MAX, i ? places[1] : places[0], self);
				if (!access(path, X_OK))
					return 0;
			}
		}
	}
	snprintf(path, PATH_MAX, "%s", EROT_HSM_PATH);
	if (!access(path, X_OK))
		return 0;
	return erot_fail(err, ENOENT, "hsm-helper", "%s: %s", path, strerror(errno));
}

/* After fork(): only what is async-signal-safe. */
static void __attribute__((noreturn)) become_helper(const char *path, int sock, char **env)
{
	char *argv[] = { "erot-hsm", NULL };
	int null;

	null = open("/dev/null", O_RDWR);
	if (null >= 0 && sock != HSM_FD) {
		if (dup2(sock, HSM_FD) < 0)
			_exit(126);
	} else if (null >= 0 && fcntl(sock, F_SETFD, 0)) {
		_exit(126);
	}
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || close_range(HSM_FD + 1, ~0U, 0))
		_exit(126);
	execve(path, argv, env);
	_exit(127);
}

/**
 * hsm_start() - starts the helper
 * @h: filled
 * @softhsm_conf: path for SOFTHSM2_CONF, and then the helper's environment has
 *                nothing else in it; NULL: it inherits the environment, for
 *                modules of other makers that look there
 * @err: "hsm-helper"
 *
 * Return: 0 or a negative errno. A helper that cannot be executed shows as
 * "msg-peer-gone" in the first request.
 */
int hsm_start(struct hsm *h, const char *softhsm_conf, struct erot_error *err)
{
	char path[PATH_MAX], conf[PATH_MAX + 16];
	char *env[] = { conf, NULL };
	int sv[2], ret;

	hsm_none(h);
	ret = find_helper(path, err);
	if (ret)
		return ret;
	if (softhsm_conf)
		snprintf(conf, sizeof(conf), "SOFTHSM2_CONF=%s", softhsm_conf);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return erot_fail(err, errno, "hsm-helper", "socketpair: %s", strerror(errno));
	h->pid = fork();
	if (h->pid < 0) {
		ret = erot_fail(err, errno, "hsm-helper", "fork: %s", strerror(errno));
		close(sv[0]);
		close(sv[1]);
		return ret;
	}
	if (!h->pid)
		become_helper(path, sv[1], softhsm_conf ? env : environ);
	close(sv[1]);
	h->sock = sv[0];
	return 0;
}

/**
 * hsm_stop() - ends the helper and waits for its end
 * @h: started or not; nobody asks it any more
 */
void hsm_stop(struct hsm *h)
{
	if (h->sock >= 0)
		close(h->sock);
	if (h->pid > 0)
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	h->sock = -1;
	h->pid = -1;
}
