// SPDX-License-Identifier: GPL-2.0-only
/* The provider command. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "erotd/provider.h"
#include "erotd/reap.h"

#define ANSWER_MAX	(256 * 1024)	/* bytes */
#define EXIT_REFUSED	3

/**
 * struct erotd_call - one running command
 * @input:  request, sent up to @sent
 * @answer: what has come
 * @eof:    no more will come
 * @dead:   @status is there
 * @group:  of the command, to be killed with it
 * @pidfd:  of the command, while @group is there
 */
struct erotd_call {
	struct erotd_loop *loop;
	struct erotd_source in, out, exit, timer;
	char *input;
	size_t input_len, sent;
	struct erot_buf answer;
	bool eof, dead;
	int status;
	pid_t group;
	int pidfd;
	unsigned int timeout;
	const char *op;
	erotd_call_fn fn;
	void *ctx;
};

static void call_free(struct erotd_call *c)
{
	erotd_loop_del(c->loop, &c->in);
	erotd_loop_del(c->loop, &c->out);
	erotd_loop_del(c->loop, &c->exit);
	erotd_loop_del(c->loop, &c->timer);
	erot_buf_free(&c->answer);
	if (c->input)
		explicit_bzero(c->input, c->input_len);
	free(c->input);
	free(c);
}

/* What hangs in the kernel may take its time to die: it is not waited for here. */
static void call_kill(struct erotd_call *c)
{
	if (c->group <= 0)
		return;
	kill(-c->group, SIGKILL);
	kill(c->group, SIGKILL);	/* before its setpgid() */
	erotd_reap_later(c->loop, c->group, c->pidfd);
	close(c->pidfd);
	c->group = 0;
}

static void call_done(struct erotd_call *c, json_t *answer, const struct erot_error *err)
{
	erotd_call_fn fn = c->fn;
	void *ctx = c->ctx;

	call_kill(c);
	call_free(c);
	fn(ctx, answer, err);
}

static void call_failed(struct erotd_call *c, const char *code, const char *text)
{
	struct erot_error err;

	erot_fail(&err, EPROTO, code, "provider %s: %s", c->op, text);
	call_done(c, NULL, &err);
}

/* What the command refused with; its words are not trusted further than to be printed. */
static void call_refused(struct erotd_call *c, json_t *answer)
{
	const char *code = json_string_value(json_object_get(answer, "code"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));
	struct erot_error err;

	if (!code || strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(code) ||
	    !*code || strlen(code) >= sizeof(err.code)) {
		call_failed(c, "provider-answer", "refused without a code");
		return;
	}
	erot_fail(&err, EACCES, code, "refused by the provider: %s", detail ? detail : "no detail");
	call_done(c, NULL, &err);
}

static void call_finish(struct erotd_call *c)
{
	json_t *answer = NULL;
	char text[80];

	if (!c->eof || !c->dead)
		return;
	if (WIFEXITED(c->status) && (WEXITSTATUS(c->status) == 0 ||
				     WEXITSTATUS(c->status) == EXIT_REFUSED)) {
		if (c->answer.len && !erot_buf_done(&c->answer, NULL))
			answer = json_loadb((char *)c->answer.data, c->answer.len,
					    JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(answer))
			call_failed(c, "provider-answer", "the answer is not a JSON object");
		else if (WEXITSTATUS(c->status))
			call_refused(c, answer);
		else
			call_done(c, answer, NULL);
		json_decref(answer);
		return;
	}
	snprintf(text, sizeof(text), WIFSIGNALED(c->status) ? "killed by signal %d" :
		 "exit status %d", WIFSIGNALED(c->status) ? WTERMSIG(c->status) :
		 WEXITSTATUS(c->status));
	call_failed(c, "provider-failed", text);
}

static void on_in(void *ctx, uint32_t events)
{
	struct erotd_call *c = ctx;
	ssize_t n;

	(void)events;
	n = write(c->in.fd, c->input + c->sent, c->input_len - c->sent);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->sent += (size_t)n;
	/* EPIPE: it does not want to hear; its exit status will say why */
	if (n < 0 || c->sent == c->input_len)
		erotd_loop_del(c->loop, &c->in);
}

static void on_out(void *ctx, uint32_t events)
{
	struct erotd_call *c = ctx;
	uint8_t chunk[8192];
	ssize_t n;

	(void)events;
	n = read(c->out.fd, chunk, sizeof(chunk));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		call_failed(c, "provider-failed", strerror(errno));
	} else if (!n) {
		c->eof = true;
		erotd_loop_del(c->loop, &c->out);
		call_finish(c);
	} else if (c->answer.len + (size_t)n > ANSWER_MAX) {
		call_failed(c, "provider-answer", "the answer is too long");
	} else {
		erot_buf_add(&c->answer, chunk, (size_t)n);
	}
}

static void on_exit_event(void *ctx, uint32_t events)
{
	struct erotd_call *c = ctx;
	siginfo_t info = { 0 };

	(void)events;
	/* It stays a zombie until its group was killed, so that the number remains its own. */
	if (waitid(P_PID, (id_t)c->group, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return;
	c->dead = true;
	c->status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 :
						 info.si_status & 0x7f;
	erotd_loop_del(c->loop, &c->exit);
	call_finish(c);
}

static void on_timeout(void *ctx, uint32_t events)
{
	struct erotd_call *c = ctx;
	char text[48];

	(void)events;
	snprintf(text, sizeof(text), "no answer within %u seconds", c->timeout);
	call_failed(c, "provider-timeout", text);
}

static void __attribute__((noreturn)) run_command(char *const *argv, int in, int out)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	setpgid(0, 0);
	/* Nobody would read its answer. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	sigaction(SIGPIPE, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(127);
	execv(argv[0], argv);
	dprintf(2, "erotd: provider: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int spawn(struct erotd_call *c, char *const *argv, int in, int out)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&c->pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid)
		run_command(argv, in, out);
	if (pid < 0)
		return -errno;
	setpgid((pid_t)pid, (pid_t)pid);
	c->group = (pid_t)pid;
	return 0;
}

static int watch_exit(struct erotd_call *c, struct erot_error *err)
{
	int fd = fcntl(c->pidfd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return erot_fail(err, errno, "provider-start", "dup: %s", strerror(errno));
	return erotd_loop_add(c->loop, &c->exit, fd, EPOLLIN, on_exit_event, c, err);
}

struct erotd_call *erotd_call_start(struct erotd_loop *loop, const struct erotd_config *cfg,
				    const char *op, json_t *request, erotd_call_fn fn, void *ctx,
				    struct erot_error *err)
{
	char *argv[EROTD_PROVIDER_ARGS + 2];
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, ret;
	struct erotd_call *c = calloc(1, sizeof(*c));
	size_t n;

	if (!c) {
		erot_fail(err, ENOMEM, "provider-start", "provider %s: no memory", op);
		return NULL;
	}
	c->loop = loop;
	c->in.fd = c->out.fd = c->exit.fd = c->timer.fd = -1;
	c->op = op;
	c->fn = fn;
	c->ctx = ctx;
	c->timeout = cfg->provider_timeout;
	for (n = 0; cfg->provider[n]; n++)
		argv[n] = cfg->provider[n];
	argv[n++] = (char *)op;
	argv[n] = NULL;

	c->input = json_dumps(request, JSON_COMPACT);
	if (!c->input || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
		erot_fail(err, errno, "provider-start", "provider %s: %s", op, strerror(errno));
		goto fail;
	}
	c->input_len = strlen(c->input);
	ret = spawn(c, argv, in[0], out[1]);
	if (ret) {
		erot_fail(err, -ret, "provider-start", "provider %s: %s", op, strerror(-ret));
		goto fail;
	}
	close(in[0]);
	close(out[1]);
	in[0] = out[1] = -1;
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	ret = erotd_loop_add(loop, &c->in, in[1], EPOLLOUT, on_in, c, err);
	in[1] = -1;
	if (!ret) {
		ret = erotd_loop_add(loop, &c->out, out[0], EPOLLIN, on_out, c, err);
		out[0] = -1;
	}
	if (!ret)
		ret = watch_exit(c, err);
	if (ret || erotd_timer_add(loop, &c->timer, on_timeout, c, err))
		goto fail;
	erotd_timer_set(&c->timer, c->timeout * 1000);
	return c;
fail:
	for (n = 0; n < 2; n++) {
		if (in[n] >= 0)
			close(in[n]);
		if (out[n] >= 0)
			close(out[n]);
	}
	call_kill(c);
	call_free(c);
	return NULL;
}

void erotd_call_cancel(struct erotd_call *call)
{
	if (!call)
		return;
	call_kill(call);
	call_free(call);
}
