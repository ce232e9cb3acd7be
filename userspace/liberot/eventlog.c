// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "liberot/eventlog.h"

#define ALGORITHMS_MAX	8	/* banks of one TPM */
#define DIGEST_MAX	64
#define ALG_SHA256	0x000b
#define SHA1_SIZE	20

static const char header_signature[16] = "Spec ID Event03";
static const char locality_signature[16] = "StartupLocality";

/**
 * struct log_reader - a log that is being read
 * @r:     bytes
 * @alg:   banks that the header announces
 * @size:  of a digest of each
 * @count: of them
 * @err:   says why
 */
struct log_reader {
	struct erot_reader r;
	uint16_t alg[ALGORITHMS_MAX];
	uint16_t size[ALGORITHMS_MAX];
	uint32_t count;
	struct erot_error *err;
};

static int bad_header(struct log_reader *l, const char *why)
{
	return erot_fail(l->err, EBADMSG, "event-log-syntax", "event log: header: %s", why);
}

static int bad_event(struct log_reader *l, size_t n, const char *why)
{
	return erot_fail(l->err, EBADMSG, "event-log-syntax", "event log: event %zu: %s", n, why);
}

/* TCG_EfiSpecIdEvent, 10.4.5.1 of the profile */
static int read_spec_id(struct log_reader *l, struct erot_reader *r)
{
	const uint8_t *signature = erot_read_bytes(r, sizeof(header_signature));
	bool sha256 = false;
	uint32_t i;

	if (!signature || memcmp(signature, header_signature, sizeof(header_signature)))
		return bad_header(l, "not that of a crypto-agile log");
	erot_read_u32(r);	/* platform class */
	erot_read_u32(r);	/* version and size of a native integer */
	l->count = erot_read_u32(r);
	if (!l->count || l->count > ALGORITHMS_MAX)
		return bad_header(l, "impossible number of banks");
	for (i = 0; i < l->count; i++) {
		l->alg[i] = erot_read_u16(r);
		l->size[i] = erot_read_u16(r);
		if (!l->size[i] || l->size[i] > DIGEST_MAX)
			return bad_header(l, "impossible size of a digest");
		if (l->alg[i] != ALG_SHA256)
			continue;
		if (sha256 || l->size[i] != EROT_DIGEST_SIZE)
			return bad_header(l, "the sha256 bank is not as it must be");
		sha256 = true;
	}
	erot_read_bytes(r, erot_read_u8(r));	/* vendor's information */
	if (r->failed || r->left)
		return bad_header(l, "its length is wrong");
	if (!sha256)
		return erot_fail(l->err, EBADMSG, "event-log-bank",
				 "event log: has no digests of the sha256 bank");
	return 0;
}

/* TCG_PCClientPCREvent: the header alone still has the form of TPM 1.2 */
static int read_header(struct log_reader *l)
{
	struct erot_reader *r = &l->r, inner;
	uint32_t pcr = erot_read_u32(r), type = erot_read_u32(r), len;
	const uint8_t *data;

	erot_read_bytes(r, SHA1_SIZE);
	len = erot_read_u32(r);
	data = erot_read_bytes(r, len);
	if (r->failed || pcr || type != EROT_EV_NO_ACTION)
		return bad_header(l, "not that of a crypto-agile log");
	erot_reader_init(&inner, data, len);
	return read_spec_id(l, &inner);
}

/* TPML_DIGEST_VALUES: of each bank one */
static int read_digests(struct log_reader *l, size_t n, struct erot_tcg_event *e)
{
	uint32_t count = erot_read_u32(&l->r), seen = 0, i, j;
	const uint8_t *digest;
	uint16_t alg;

	if (l->r.failed || count != l->count)
		return bad_event(l, n, "has not one digest of each bank");
	for (i = 0; i < count; i++) {
		alg = erot_read_u16(&l->r);
		for (j = 0; j < l->count; j++)
			if (l->alg[j] == alg && !(seen & 1U << j))
				break;
		if (j == l->count)
			return bad_event(l, n, "has not one digest of each bank");
		seen |= 1U << j;
		digest = erot_read_bytes(&l->r, l->size[j]);
		if (digest && alg == ALG_SHA256)
			memcpy(e->digest, digest, EROT_DIGEST_SIZE);
	}
	return 0;
}

static int read_event(struct log_reader *l, size_t n, struct erot_tcg_event *e)
{
	int ret;

	e->pcr = erot_read_u32(&l->r);
	e->type = erot_read_u32(&l->r);
	ret = read_digests(l, n, e);
	if (ret)
		return ret;
	e->data_len = erot_read_u32(&l->r);
	e->data = erot_read_bytes(&l->r, e->data_len);
	if (l->r.failed)
		return bad_event(l, n, "reaches over the end");
	if (e->pcr >= EROT_PCR_COUNT && !(e->pcr == EROT_PCR_NONE && e->type == EROT_EV_NO_ACTION))
		return bad_event(l, n, "is of a PCR that there is not");
	return 0;
}

static int read_events(struct log_reader *l, struct erot_eventlog *log)
{
	struct erot_tcg_event *more;
	size_t room = 0;
	int ret;

	while (l->r.left) {
		if (log->count == EROT_EVENTS_MAX)
			return erot_fail(l->err, EFBIG, "event-log-size",
					 "event log: more than %d events", EROT_EVENTS_MAX);
		if (log->count == room) {
			room = room ? 2 * room : 64;
			more = reallocarray(log->events, room, sizeof(*more));
			if (!more)
				return erot_fail(l->err, ENOMEM, "no-memory", "event log");
			log->events = more;
		}
		ret = read_event(l, log->count, &log->events[log->count]);
		if (ret)
			return ret;
		log->count++;
	}
	return 0;
}

/* PCR 0 begins with the locality that started the TPM, 0, 3 or 4; no event extends that */
static int startup_locality(struct log_reader *l, size_t n, const struct erot_tcg_event *e,
			    struct erot_pcrs *pcrs)
{
	uint8_t zeros[EROT_DIGEST_SIZE] = { 0 };

	if (e->pcr || e->data_len != sizeof(locality_signature) + 1 ||
	    memcmp(e->data, locality_signature, sizeof(locality_signature)))
		return 0;
	if (memcmp(pcrs->value[0], zeros, sizeof(zeros)))
		return bad_event(l, n, "startup locality behind other events of PCR 0");
	pcrs->value[0][EROT_DIGEST_SIZE - 1] = e->data[sizeof(locality_signature)];
	return 0;
}

static int replay(struct log_reader *l, struct erot_eventlog *log)
{
	struct erot_pcrs *pcrs = &log->replayed;
	const struct erot_tcg_event *e;
	size_t i;
	int ret;

	pcrs->mask = (1U << EROT_PCR_COUNT) - 1;
	for (i = 0; i < EROT_PCR_COUNT; i++)
		erot_pcr_initial(i, pcrs->value[i]);
	for (i = 0; i < log->count; i++) {
		e = &log->events[i];
		if (e->type == EROT_EV_NO_ACTION)
			ret = startup_locality(l, i, e, pcrs);
		else
			ret = erot_pcr_extend(pcrs->value[e->pcr], e->digest);
		if (ret == -EIO)
			return erot_fail(l->err, EIO, "crypto", "event log: hashing failed");
		if (ret)
			return ret;
	}
	return 0;
}

int erot_eventlog_parse(const void *data, size_t len, struct erot_eventlog *log,
			struct erot_error *err)
{
	struct log_reader l = { .err = err };
	int ret;

	memset(log, 0, sizeof(*log));
	if (!len || len > EROT_EVENTLOG_MAX)
		return erot_fail(err, EFBIG, "event-log-size",
				 "event log: %zu bytes, 1 to %u are allowed", len,
				 EROT_EVENTLOG_MAX);
	erot_reader_init(&l.r, data, len);
	ret = read_header(&l);
	if (!ret)
		ret = read_events(&l, log);
	if (!ret)
		ret = replay(&l, log);
	if (ret)
		erot_eventlog_free(log);
	return ret;
}

void erot_eventlog_free(struct erot_eventlog *log)
{
	free(log->events);
	memset(log, 0, sizeof(*log));
}

int erot_eventlog_compare(const struct erot_eventlog *log, const struct erot_pcrs *pcrs,
			  uint32_t mask, struct erot_error *err)
{
	unsigned int i;

	for (i = 0; i < EROT_PCR_COUNT; i++) {
		if (!(mask & 1U << i) ||
		    !memcmp(log->replayed.value[i], pcrs->value[i], EROT_DIGEST_SIZE))
			continue;
		return erot_fail_digests(err, EKEYREJECTED, "event-log-replay",
					 log->replayed.value[i], pcrs->value[i],
					 "event log: does not replay to PCR %u", i);
	}
	return 0;
}
