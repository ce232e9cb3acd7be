// SPDX-License-Identifier: GPL-2.0-only
/* From a request to a session with its keys, and from its end to the client's last message. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/io.h"
#include "common/secret.h"
#include "erotd/cgroup.h"
#include "erotd/launch.h"
#include "erotd/provider.h"
#include "erotd/report.h"
#include "erotd/server.h"
#include "erotd/store.h"
#include "common/wire.h"
#include "liberot/cms.h"
#include "liberot/names.h"

#define SWEEP_MS 100

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void launch_free(struct erotd_launch *l)
{
	struct erotd *d = l->d;

	LIST_REMOVE(l, entry);
	erotd_report_detach(d, l);
	erotd_call_cancel(l->call);
	erotd_loop_del(&d->loop, &l->exit);
	erotd_supervise_stop(l);
	erotd_loop_del(&d->loop, &l->sweep);
	for (size_t i = 0; i < sizeof(l->fds) / sizeof(l->fds[0]); i++)
		close_fd(&l->fds[i]);
	close_fd(&l->session_fd);
	if (l->range >= 0)
		d->ranges[l->range] = false;
	erot_manifest_free(&l->manifest);
	erot_wipe_free(l->content, l->content_len);
	erot_wipe_free(l->cms, l->cms_len);
	free(l);
}

static void send_client(struct erotd_launch *l, json_t *msg, int fd)
{
	if (l->client && msg)
		erotd_client_send(l->client, msg, fd);
	json_decref(msg);
}

static json_t *error_object(const struct erot_error *err)
{
	return json_pack("{s:s, s:s}", "code", err->code, "text", err->text);
}

/* The last message of a launch. */
static void finish(struct erotd_launch *l, const struct erot_evidence *evidence,
		   const struct erot_error *unaccounted)
{
	char path[1024];
	json_t *msg;

	if (l->failed) {
		msg = json_pack("{s:o, s:i}", "error", error_object(&l->error), "exit",
				l->exit_code);
	} else {
		erotd_store_record_path(l->d->cfg.state_dir, l->id, path, sizeof(path));
		msg = json_pack("{s:s, s:i, s:s, s:b, s:s?, s:o}", "event", "ended",
				"status", l->status, "end",
				erot_end_name(evidence ? le32toh(evidence->reason) : EROT_END_NONE),
				"ran", l->ran, "record", unaccounted ? NULL : path, "unaccounted",
				unaccounted ? error_object(unaccounted) : json_null());
	}
	send_client(l, msg, -1);
	if (l->client)
		erotd_client_done(l->client);
	l->client = NULL;
}

/*
 * Gone when the child is reaped, the leaf removed and the end reported. A leaf can be busy for a
 * moment: its last task is reaped before the kernel has taken it out.
 */
static void try_to_go(struct erotd_launch *l)
{
	if (l->phase != EROTD_ENDING || l->pid || !l->reported)
		return;
	if (l->in_cgroup && erotd_cgroup_remove(l->d->cgroup, l->name) == -EBUSY) {
		erotd_timer_set(&l->sweep, SWEEP_MS);
		return;
	}
	l->in_cgroup = false;
	launch_free(l);
}

static void on_sweep(void *ctx, uint32_t events)
{
	struct erotd_launch *l = ctx;

	(void)events;
	erotd_timer_ack(&l->sweep);
	try_to_go(l);
}

/* Nothing is left that erotd holds of the session; what follows is up to the module. */
static void let_go(struct erotd_launch *l)
{
	close_fd(&l->session_fd);
	erotd_supervise_stop(l);
	erotd_call_cancel(l->call);
	l->call = NULL;
	if (l->pid)
		return;
	if (l->provisioned && !l->reported) {
		erotd_report_ended(l->d, l->id);
		return;
	}
	if (l->provisioned) {
		try_to_go(l);		/* may free */
		return;
	}
	erotd_store_drop_receipt(l->d->cfg.state_dir, l->id);
	l->reported = true;
	finish(l, NULL, NULL);
	try_to_go(l);		/* last: may free */
}

/*
 * Wipes the keys before it returns, and kills what is bound. One that is dead already, or by then,
 * is left alone: its evidence was not read yet.
 */
static void end_session(struct erotd_launch *l)
{
	struct erot_nl_session s;
	struct erot_error ignored;

	if (!erot_nl_get(l->d->nl, l->id, &s, &ignored) && !s.end)
		erot_nl_end(l->d->nl, l->id, &ignored);
}

void erotd_launch_end(struct erotd_launch *l, const struct erot_error *err, int exit_code)
{
	if (err && !l->failed && !l->reaped) {
		l->failed = true;
		l->error = *err;
		l->exit_code = exit_code;
		erotd_log("session %s: %s: %s", l->name, err->code, err->text);
	}
	if (l->phase == EROTD_ENDING)
		return;
	l->phase = EROTD_ENDING;
	end_session(l);
	if (l->pid)		/* it may not be bound yet */
		pidfd_send_signal(l->exit.fd, SIGKILL, NULL, 0);
	let_go(l);
}

void erotd_launch_exited(struct erotd_launch *l)
{
	struct erot_nl_session s;
	struct erot_error err;

	erotd_drain_events(l->d);
	/* The module knows why: its gate and its deadline look like any SIGKILL. */
	if (!l->failed && !l->ran && !erot_nl_get(l->d->nl, l->id, &s, &err)) {
		if (s.end == EROT_END_EXEC_GATE) {
			l->failed = true;
			l->exit_code = EROTD_EXIT_NOEXEC;
			erot_fail(&l->error, EPERM, "exec-gate",
				  "the kernel's exec gate did not let the workload begin");
		} else if (!l->said_exec) {
			l->failed = true;
			l->exit_code = EROTD_EXIT_SELF;
			erot_fail(&l->error, EIO, "sandbox", "the sandbox died before exec: %s",
				  erot_end_name(s.end));
		}
	}
	if (!l->failed)
		send_client(l, json_pack("{s:s, s:i}", "event", "exited", "status", l->status), -1);
	l->phase = EROTD_ENDING;
	let_go(l);
}

static void end_dead(struct erotd_launch *l, uint32_t end)
{
	struct erot_error err;

	erot_fail(&err, EIO, "session-ended", "the session ended before the workload: %s",
		  erot_end_name(end));
	erotd_launch_end(l, &err, EROTD_EXIT_SELF);
}

void erotd_launch_dead(struct erotd_launch *l, uint32_t end)
{
	if (l->reaped)
		return;
	/* Before the session died they may have said EXEC, or what it died of. */
	erotd_supervise_hear(l);
	/* What has said EXEC is told about by its exit. */
	if (l->phase != EROTD_ENDING && !l->said_exec)
		end_dead(l, end);
}

void erotd_launch_reported(struct erotd_launch *l, const struct erot_evidence *evidence,
			   const struct erot_error *err)
{
	if (evidence && le32toh(evidence->flags) & EROT_EV_RAN)
		l->ran = true;
	/* The exit may still wait in the loop behind this. */
	if (l->phase != EROTD_ENDING && l->pid)
		erotd_supervise_check(l);
	if (l->phase != EROTD_ENDING)
		end_dead(l, evidence ? le32toh(evidence->reason) : EROT_END_NONE);
	l->reported = true;
	finish(l, evidence, err);
	try_to_go(l);
}

void erotd_launch_running(struct erotd_launch *l)
{
	if (l->ran)
		return;
	l->ran = true;
	if (l->phase == EROTD_SANDBOX)
		l->phase = EROTD_RUNNING;
	send_client(l, json_pack("{s:s, s:o*}", "event", "running", "times",
				 erotd_times_json(&l->times)), -1);
}

int erotd_launch_signal(struct erotd_launch *l, int number, struct erot_error *err)
{
	if (l->phase == EROTD_ENDING || !l->said_exec)
		return erot_fail(err, ESRCH, "not-running", "session %s is not running", l->name);
	if (pidfd_send_signal(l->exit.fd, number, NULL, 0))
		return erot_fail(err, errno, "not-running", "signal %d: %s", number,
				 strerror(errno));
	return 0;
}

struct erotd_launch *erotd_launch_find(struct erotd *d, const uint8_t id[EROT_ID_SIZE])
{
	struct erotd_launch *l;

	LIST_FOREACH(l, &d->launches, entry)
		if (!memcmp(l->id, id, EROT_ID_SIZE))
			return l;
	return NULL;
}

static int take_release(struct erotd_launch *l, json_t *answer, struct erot_error *err)
{
	const char *text = json_string_value(json_object_get(answer, "release"));
	struct erot_release release;
	int ret;

	if (!text)
		return erot_fail(err, EPROTO, "provider-answer", "provider release: no release");
	ret = erot_base64_exact(text, &release, sizeof(release), err);
	if (ret)
		return ret;
	/* First the promise to report, then the keys: none is provisioned without it. */
	ret = erotd_report_expect(l->d, l->id, l, err);
	if (ret)
		return ret;
	l->provisioned = true;
	ret = erot_nl_provision(l->d->nl, l->id, l->cms, l->cms_len, &release, err);
	explicit_bzero(&release, sizeof(release));
	if (ret) {
		l->provisioned = false;
		erotd_report_cancel(l->d, l->id);
		erot_error_prefix(err, "provision");
	}
	return ret;
}

static void on_release(void *ctx, json_t *answer, const struct erot_error *refusal)
{
	struct erotd_launch *l = ctx;
	struct erot_error err;

	l->call = NULL;
	erotd_times_mark(&l->times, EROTD_AT_RELEASED);
	if (refusal) {
		erotd_launch_end(l, refusal, EROTD_EXIT_SELF);
		return;
	}
	if (take_release(l, answer, &err)) {
		erotd_launch_end(l, &err, EROTD_EXIT_SELF);
		return;
	}
	erotd_times_mark(&l->times, EROTD_AT_PROVISIONED);
	l->phase = EROTD_SANDBOX;
	if (erotd_supervise_start(l, &err))
		erotd_launch_end(l, &err, EROTD_EXIT_SELF);
	else
		erotd_times_mark(&l->times, EROTD_AT_STARTED);
}

static int ask_release(struct erotd_launch *l, const struct erot_nl_new *s, struct erot_error *err)
{
	char *receipt = erot_base64_encode(l->cms, l->cms_len);
	char *session_key = erot_base64_encode(s->session_key, sizeof(s->session_key));
	char *boot_key = erot_base64_encode(s->boot_key, sizeof(s->boot_key));
	json_t *request = NULL;

	if (receipt && session_key && boot_key)
		request = json_pack("{s:s, s:s, s:s, s:I}", "receipt", receipt, "session_key",
				    session_key, "boot_key", boot_key, "host_state",
				    (json_int_t)s->host_state);
	if (request)
		l->call = erotd_call_start(&l->d->loop, &l->d->cfg, "release", request, on_release,
					   l, err);
	else
		erot_fail(err, ENOMEM, "no-memory", "provider release: no memory");
	json_decref(request);
	free(receipt);
	free(session_key);
	free(boot_key);
	return l->call ? 0 : -EIO;
}

/* Not believed before the module has verified it, but looked at: to refuse what cannot work. */
static int read_receipt(struct erotd_launch *l, struct erot_error *err)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK;
	int fd = l->fds[EROTD_FD_RECEIPT], have, ret;
	struct stat st;

	/* A pipe, or a file on a disk that does not answer, could keep erotd waiting. */
	have = fcntl(fd, F_GET_SEALS);
	if (have < 0 || (have & seals) != seals || fstat(fd, &st))
		return erot_fail(err, EINVAL, "receipt-file", "the receipt is not in "
				 "sealed memory");
	if (!st.st_size || st.st_size > EROT_CMS_MAX)
		return erot_fail(err, EMSGSIZE, "receipt-size", "the receipt is empty or larger "
				 "than %d bytes", EROT_CMS_MAX);
	l->cms_len = (size_t)st.st_size;
	l->cms = malloc(l->cms_len);
	if (!l->cms)
		return erot_fail(err, ENOMEM, "no-memory", "receipt: no memory");
	ret = erot_pread_full(fd, l->cms, l->cms_len, 0);
	if (ret)
		return erot_fail(err, -ret, "receipt-file", "receipt: %s", strerror(-ret));
	close_fd(&l->fds[EROTD_FD_RECEIPT]);
	return erot_cms_content(l->cms, l->cms_len, &l->content, &l->content_len, err) ?:
	       erot_receipt_parse(l->content, l->content_len, &l->receipt, err) ?:
	       erot_manifest_parse(l->receipt.grant.manifest, l->receipt.grant.manifest_len,
				   &l->manifest, err);
}

/* One user has no more than half of the sessions, and a sixteenth is for root. */
static int check_share(const struct erotd_launch *l, struct erot_error *err)
{
	unsigned int max = l->d->cfg.max_sessions, own = 0, others = 0;
	const struct erotd_launch *other;

	if (!l->owner)
		return 0;
	for (other = LIST_FIRST(&l->d->launches); other; other = LIST_NEXT(other, entry)) {
		if (other != l && other->owner)
			others++;
		if (other != l && other->owner == l->owner)
			own++;
	}
	if (own < (max + 1) / 2 && others < max - max / 16)
		return 0;
	return erot_fail(err, EUSERS, "too-many-sessions",
			 "%u sessions of this user, and %u of all but root, run already", own,
			 others);
}

static int take_range(struct erotd_launch *l, struct erot_error *err)
{
	for (unsigned int i = 0; i < l->d->cfg.max_sessions; i++) {
		if (!l->d->ranges[i]) {
			l->d->ranges[i] = true;
			l->range = (int)i;
			return 0;
		}
	}
	return erot_fail(err, EUSERS, "too-many-sessions", "%u sessions run already",
			 l->d->cfg.max_sessions);
}

struct erotd_launch *erotd_launch_start(struct erotd *d, struct erotd_client *client, uid_t owner,
					const struct erotd_request *req, const int *fds, size_t n,
					struct erot_error *err)
{
	struct erotd_launch *l = calloc(1, sizeof(*l));
	struct erot_nl_new session;
	size_t i = 0, k;

	if (!l) {
		erotd_wire_close((int *)fds, n);
		erot_fail(err, ENOMEM, "no-memory", "launch: no memory");
		return NULL;
	}
	erotd_times_mark(&l->times, EROTD_AT_REQUEST);
	l->d = d;
	l->client = client;
	l->owner = owner;
	l->req = *req;
	l->range = l->session_fd = l->mounter = -1;
	l->exit.fd = l->sock.fd = l->mounter_sock.fd = l->sweep.fd = -1;
	for (k = 0; k < sizeof(l->fds) / sizeof(l->fds[0]); k++)
		l->fds[k] = -1;
	l->fds[EROTD_FD_ENVELOPE] = fds[i++];
	if (req->payload)
		l->fds[EROTD_FD_PAYLOAD] = fds[i++];
	l->fds[EROTD_FD_RECEIPT] = fds[i++];
	for (k = 0; i < n; k++)
		l->fds[EROTD_FD_STDIO + k] = fds[i++];
	LIST_INSERT_HEAD(&d->launches, l, entry);

	if (d->stopping) {
		erot_fail(err, ESHUTDOWN, "stopping", "erotd is stopping");
		goto fail;
	}
	if (check_share(l, err) || take_range(l, err) || read_receipt(l, err) ||
	    erotd_timer_add(&d->loop, &l->sweep, on_sweep, l, err))
		goto fail;
	l->tty = req->tty_set ? req->tty : l->manifest.terminal;
	if (erot_nl_new(d->nl, &session, err)) {
		erot_error_prefix(err, "new");
		goto fail;
	}
	l->session_fd = session.fd;
	memcpy(l->id, session.id, EROT_ID_SIZE);
	erot_hex(l->id, EROT_ID_SIZE, l->name);
	/* Before there are keys: what cannot be recorded is not begun. */
	if (erotd_store_put_receipt(d->cfg.state_dir, l->id, l->cms, l->cms_len, err))
		goto fail;
	erotd_times_mark(&l->times, EROTD_AT_SESSION);
	if (ask_release(l, &session, err)) {
		erotd_store_drop_receipt(d->cfg.state_dir, l->id);
		goto fail;
	}
	send_client(l, json_pack("{s:s, s:s}", "event", "session", "id", l->name), -1);
	return l;
fail:
	launch_free(l);
	return NULL;
}
