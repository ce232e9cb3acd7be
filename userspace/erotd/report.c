// SPDX-License-Identifier: GPL-2.0-only
/* Evidence to the provider, records to the disk. */
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/io.h"
#include "common/secret.h"
#include "erotd/launch.h"
#include "erotd/provider.h"
#include "erotd/report.h"
#include "erotd/store.h"
#include "liberot/cms.h"
#include "liberot/evidence.h"

/*
 * Notifications are lossy, so the evidence is looked for by the clock too. Evidence comes at the
 * latest when the module's grace period is over.
 */
#define LOOK_MS		200
#define RETRY_MS	5000
#define RETRY_MAX_MS	300000

/*
 * Commands at once: when erotd stops, all sessions end together, and the commands share one TPM.
 * Those that wait are not started yet, so that the time they have does not run.
 */
#define CALLS_MAX	8

/**
 * struct erotd_report - one end that is owed
 * @launch:   to be told, or NULL
 * @timer:    next look or next attempt
 * @call:     the provider is at work
 * @queued:   it waits for its turn, in @turn
 * @evidence: valid while @call or @queued
 * @ended:    the session is known to be dead or dying
 * @tried:    the provider was asked at least once
 * @delay:    until the next attempt, ms
 */
struct erotd_report {
	LIST_ENTRY(erotd_report) entry;
	struct erotd *d;
	uint8_t id[EROT_ID_SIZE];
	struct erotd_launch *launch;
	struct erotd_source timer;
	struct erotd_call *call;
	TAILQ_ENTRY(erotd_report) turn;
	bool queued;
	struct erot_evidence evidence;
	bool ended;
	bool tried;
	unsigned int delay;
};

static void report_free(struct erotd_report *r)
{
	LIST_REMOVE(r, entry);
	if (r->queued)
		TAILQ_REMOVE(&r->d->turns, r, turn);
	if (r->call)
		r->d->calls--;
	erotd_call_cancel(r->call);
	erotd_loop_del(&r->d->loop, &r->timer);
	free(r);
}

static void tell(struct erotd_report *r, const struct erot_evidence *evidence,
		 const struct erot_error *err)
{
	struct erotd_launch *launch = r->launch;
	char hex[2 * EROT_ID_SIZE + 1];

	r->launch = NULL;
	erot_hex(r->id, EROT_ID_SIZE, hex);
	if (err)
		erotd_log("session %s: end not recorded: %s: %s", hex, err->code, err->text);
	else
		erotd_log("session %s: end recorded", hex);
	if (launch)
		erotd_launch_reported(launch, evidence, err);
}

static void retry_later(struct erotd_report *r, const struct erot_error *err)
{
	r->tried = true;
	tell(r, &r->evidence, err);
	erotd_timer_set(&r->timer, r->delay);
	r->delay = r->delay * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : r->delay * 2;
}

/*
 * Whether the answer is what the module may forget the end for: a record, and of this end. Its
 * signature is for whoever reads it later, who knows the provider's certificate.
 */
static int check_record(const struct erotd_report *r, const uint8_t *record, size_t len,
			struct erot_error *err)
{
	struct erot_destruction_info info;
	struct erot_error why;
	uint8_t *content = NULL;
	size_t content_len;
	int ret;

	ret = erot_cms_content(record, len, &content, &content_len, &why) ?:
	      erot_destruction_parse(content, content_len, &info, &why);
	if (ret)
		erot_fail(err, EPROTO, "provider-answer", "provider terminate: %s", why.text);
	else if (memcmp(&info.evidence, &r->evidence, sizeof(r->evidence)))
		ret = erot_fail(err, EPROTO, "provider-answer",
				"provider terminate: the record is of another end");
	free(content);
	return ret;
}

static void take_answer(struct erotd_report *r, json_t *answer, const struct erot_error *refusal)
{
	struct erotd *d = r->d;
	const char *text = json_string_value(json_object_get(answer, "record"));
	struct erot_error err;
	uint8_t *record = NULL;
	size_t len = 0;
	int ret;

	if (refusal) {
		retry_later(r, refusal);
		return;
	}
	if (!text)
		ret = erot_fail(&err, EPROTO, "provider-answer", "provider terminate: no record");
	else
		ret = erot_base64_decode(text, EROTD_RECORD_MAX, &record, &len, &err) ?:
		      check_record(r, record, len, &err);
	if (!ret)
		ret = erotd_store_put_record(d->cfg.state_dir, r->id, &r->evidence, record, len,
					     &err);
	free(record);
	if (ret) {
		retry_later(r, &err);
		return;
	}
	/* The record is on the disk: now the module may forget. */
	ret = erot_nl_destroy(d->nl, r->id, &err);
	if (ret && ret != -ENOENT)
		erotd_log("acknowledge: %s: %s", err.code, err.text);
	erotd_store_drop_receipt(d->cfg.state_dir, r->id);
	tell(r, &r->evidence, NULL);
	report_free(r);
}

static void next_turns(struct erotd *d);

static void on_answer(void *ctx, json_t *answer, const struct erot_error *refusal)
{
	struct erotd_report *r = ctx;
	struct erotd *d = r->d;

	r->call = NULL;
	d->calls--;
	take_answer(r, answer, refusal);	/* may free it */
	next_turns(d);
}

static int ask_provider(struct erotd_report *r, struct erot_error *err)
{
	struct erotd *d = r->d;
	char *receipt_text = NULL, *evidence_text = NULL;
	json_t *request = NULL;
	uint8_t *cms = NULL;
	size_t len = 0;
	int ret;

	ret = erotd_store_get_receipt(d->cfg.state_dir, r->id, &cms, &len, err);
	if (ret)
		return ret;
	receipt_text = erot_base64_encode(cms, len);
	evidence_text = erot_base64_encode(&r->evidence, sizeof(r->evidence));
	if (receipt_text && evidence_text)
		request = json_pack("{s:s, s:s}", "receipt", receipt_text, "evidence",
				    evidence_text);
	if (request)
		r->call = erotd_call_start(&d->loop, &d->cfg, "terminate", request, on_answer, r,
					   err);
	else
		erot_fail(err, ENOMEM, "no-memory", "provider terminate: no memory");
	json_decref(request);
	free(receipt_text);
	free(evidence_text);
	erot_wipe_free(cms, len);
	if (!r->call)
		return -EIO;
	d->calls++;
	return 0;
}

static void next_turns(struct erotd *d)
{
	struct erotd_report *r;
	struct erot_error err;

	while (d->calls < CALLS_MAX && (r = TAILQ_FIRST(&d->turns))) {
		TAILQ_REMOVE(&d->turns, r, turn);
		r->queued = false;
		if (ask_provider(r, &err))
			retry_later(r, &err);
	}
}

/* Look at the session, and go as far as one can go now. */
static void look(struct erotd_report *r)
{
	struct erot_nl_session s;
	struct erot_error err;
	int ret;

	if (r->call || r->queued)
		return;
	ret = erot_nl_get(r->d->nl, r->id, &s, &err);
	if (ret == -ENOENT) {
		erot_fail(&err, ENOENT, "evidence-missing",
			  "the module has no evidence of the end");
		if (erotd_store_unaccounted(r->d->cfg.state_dir, r->id, &err) == 0)
			erot_fail(&err, ENOENT, "evidence-missing",
				  "the module has no evidence of the end; see unaccounted/");
		tell(r, NULL, &err);
		report_free(r);
		return;
	}
	if (ret || !s.has_evidence) {
		erotd_timer_set(&r->timer, r->ended ? LOOK_MS : 0);
		return;
	}
	r->evidence = s.evidence;
	TAILQ_INSERT_TAIL(&r->d->turns, r, turn);
	r->queued = true;
	next_turns(r->d);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct erotd_report *r = ctx;

	(void)events;
	erotd_timer_ack(&r->timer);
	look(r);
}

static struct erotd_report *find(struct erotd *d, const uint8_t id[EROT_ID_SIZE])
{
	struct erotd_report *r;

	LIST_FOREACH(r, &d->reports, entry)
		if (!memcmp(r->id, id, EROT_ID_SIZE))
			return r;
	return NULL;
}

int erotd_report_expect(struct erotd *d, const uint8_t id[EROT_ID_SIZE],
			struct erotd_launch *launch, struct erot_error *err)
{
	struct erotd_report *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return erot_fail(err, ENOMEM, "no-memory", "report: no memory");
	r->d = d;
	r->launch = launch;
	r->delay = RETRY_MS;
	memcpy(r->id, id, EROT_ID_SIZE);
	ret = erotd_timer_add(&d->loop, &r->timer, on_timer, r, err);
	if (ret) {
		free(r);
		return ret;
	}
	LIST_INSERT_HEAD(&d->reports, r, entry);
	return 0;
}

void erotd_report_cancel(struct erotd *d, const uint8_t id[EROT_ID_SIZE])
{
	struct erotd_report *r = find(d, id);

	if (r)
		report_free(r);
}

void erotd_report_ended(struct erotd *d, const uint8_t id[EROT_ID_SIZE])
{
	struct erotd_report *r = find(d, id);

	/* After a refusal its own delay holds. */
	if (r && !r->tried) {
		r->ended = true;
		erotd_timer_set(&r->timer, 1);	/* from the loop, not from inside the caller */
	}
}

void erotd_report_detach(struct erotd *d, struct erotd_launch *launch)
{
	struct erotd_report *r;

	LIST_FOREACH(r, &d->reports, entry)
		if (r->launch == launch)
			r->launch = NULL;
}

/*
 * Whoever held its descriptor is dead, or can do nothing but die: a mounter that waits for a disk
 * keeps a session of a killed erotd alive until the disk answers.
 */
static void end_orphan(struct erotd *d, const uint8_t id[EROT_ID_SIZE])
{
	struct erot_nl_session s;
	struct erot_error err;

	if (!erot_nl_get(d->nl, id, &s, &err) && !s.end)
		erot_nl_end(d->nl, id, &err);
}

static void recover_one(void *ctx, const uint8_t id[EROT_ID_SIZE])
{
	struct erotd *d = ctx;
	struct erot_error err;

	end_orphan(d, id);
	if (erotd_report_expect(d, id, NULL, &err))
		erotd_log("recover: %s: %s", err.code, err.text);
	else
		erotd_report_ended(d, id);
}

/* Of the records only what a crash left half written is of interest. */
static void ignore_one(void *ctx, const uint8_t id[EROT_ID_SIZE])
{
	(void)ctx;
	(void)id;
}

static void count_one(void *ctx, const uint8_t id[EROT_ID_SIZE])
{
	unsigned int *n = ctx;

	(void)id;
	(*n)++;
}

void erotd_report_count(const struct erotd *d, unsigned int *owed, unsigned int *unaccounted)
{
	struct erotd_report *r;
	struct erot_error ignored;

	*owed = *unaccounted = 0;
	LIST_FOREACH(r, &d->reports, entry)
		if (r->tried)
			(*owed)++;
	erotd_store_each(d->cfg.state_dir, "unaccounted", count_one, unaccounted, &ignored);
}

int erotd_report_recover(struct erotd *d, struct erot_error *err)
{
	return erotd_store_each(d->cfg.state_dir, "receipts", recover_one, d, err) ?:
	       erotd_store_each(d->cfg.state_dir, "records", ignore_one, d, err);
}

bool erotd_report_idle(const struct erotd *d)
{
	struct erotd_report *r;

	LIST_FOREACH(r, &d->reports, entry)
		if (!r->tried)
			return false;
	return true;
}

void erotd_report_free_all(struct erotd *d)
{
	while (!LIST_EMPTY(&d->reports))
		report_free(LIST_FIRST(&d->reports));
}
