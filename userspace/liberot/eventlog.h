/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firmware's event log in crypto-agile form (TCG PC Client Platform Firmware Profile, 10.2), as
 * the kernel shows it in /sys/kernel/security/tpm0/binary_bios_measurements. It is not trusted:
 * what counts is that replaying it gives the PCRs that were quoted.
 */
#ifndef EROT_LIBEROT_EVENTLOG_H
#define EROT_LIBEROT_EVENTLOG_H

#include "common/error.h"
#include "liberot/pcr.h"

#define EROT_EVENTLOG_MAX	(1U << 20)	/* bytes */
#define EROT_EVENTS_MAX		4096
#define EROT_EVENT_TEXT_MAX	160

/**
 * struct erot_tcg_event - one event; EV_NO_ACTION is not extended into its PCR
 * @pcr:      0 to 23; EROT_PCR_NONE is possible with EV_NO_ACTION
 * @type:     EV_...
 * @digest:   of the sha256 bank
 * @data:     points into the log; what it says is not covered by @digest for every type
 * @data_len: bytes
 */
struct erot_tcg_event {
	uint32_t pcr;
	uint32_t type;
	uint8_t digest[EROT_DIGEST_SIZE];
	const uint8_t *data;
	uint32_t data_len;
};

#define EROT_EV_NO_ACTION	3U
#define EROT_PCR_NONE		UINT32_MAX

/**
 * struct erot_eventlog - a log that was read
 * @events:   in order, without the header
 * @count:    of them
 * @replayed: all 24 PCRs as the events make them
 */
struct erot_eventlog {
	struct erot_tcg_event *events;
	size_t count;
	struct erot_pcrs replayed;
};

/**
 * erot_eventlog_parse() - read a log and replay it
 * @data: must stay while @log is used
 * @len:  1 to EROT_EVENTLOG_MAX bytes, all of which must be used
 * @log:  filled on success; to be freed with erot_eventlog_free()
 * @err:  "event-log-size" (bytes or events), "event-log-syntax" (the text has the event's number),
 *        "event-log-bank" (no sha256 digests), "no-memory"
 *
 * Return: 0, -EFBIG, -EBADMSG, -ENOMEM or -EIO.
 */
int erot_eventlog_parse(const void *data, size_t len, struct erot_eventlog *log,
			struct erot_error *err);

void erot_eventlog_free(struct erot_eventlog *log);

/**
 * erot_eventlog_compare() - does the log explain these PCRs?
 * @log:  parsed
 * @pcrs: as quoted
 * @mask: PCRs to look at, all of them in @pcrs
 * @err:  "event-log-replay" for the first that differs: expected is what the log makes of it,
 *        actual what was quoted
 *
 * Return: 0 or -EKEYREJECTED.
 */
int erot_eventlog_compare(const struct erot_eventlog *log, const struct erot_pcrs *pcrs,
			  uint32_t mask, struct erot_error *err);

/* "EV_SEPARATOR"; "EV_0x..." into @out for one without a name. Returns a name, maybe @out. */
const char *erot_tcg_event_type(uint32_t type, char out[16]);

/* What an event says about itself, printable, cut to EROT_EVENT_TEXT_MAX. Returns @out. */
char *erot_tcg_event_text(const struct erot_tcg_event *event, char out[EROT_EVENT_TEXT_MAX]);

#endif /* EROT_LIBEROT_EVENTLOG_H */
