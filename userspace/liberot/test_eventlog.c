// SPDX-License-Identifier: GPL-2.0-only
/* Event logs: one of a real firmware, those made here, and each way to be malformed. */
#include <errno.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/tap.h"
#include "liberot/crypto.h"
#include "liberot/eventlog.h"
#include "liberot/state.h"

#define SHA1	0x0004
#define SHA256	0x000b
#define SHA384	0x000c

#define EV_ACTION	5
#define EV_SEPARATOR	4

/* One algorithm of a header, with the length that it claims. */
struct bank {
	uint16_t alg;
	uint16_t size;
};

static const struct bank two[] = { { SHA1, 20 }, { SHA256, 32 } };

static void add_header(struct erot_buf *b, const struct bank *banks, uint32_t n, size_t vendor)
{
	size_t i;

	erot_buf_u32(b, 0);
	erot_buf_u32(b, EROT_EV_NO_ACTION);
	erot_buf_zero(b, 20);
	erot_buf_u32(b, (uint32_t)(16 + 8 + 4 + 4 * n + 1 + vendor));
	erot_buf_add(b, "Spec ID Event03", 16);
	erot_buf_u32(b, 0);
	erot_buf_u32(b, 0x02000002);
	erot_buf_u32(b, n);
	for (i = 0; i < n; i++) {
		erot_buf_u16(b, banks[i].alg);
		erot_buf_u16(b, banks[i].size);
	}
	erot_buf_u8(b, (uint8_t)vendor);
	erot_buf_zero(b, vendor);
}

/* Digests of @banks, the sha256 one over the data. */
static void add_event(struct erot_buf *b, uint32_t pcr, uint32_t type, const struct bank *banks,
		      uint32_t n, const void *data, size_t len)
{
	uint8_t digest[EROT_DIGEST_SIZE];
	size_t i;

	erot_sha256(data, len, digest);
	erot_buf_u32(b, pcr);
	erot_buf_u32(b, type);
	erot_buf_u32(b, n);
	for (i = 0; i < n; i++) {
		erot_buf_u16(b, banks[i].alg);
		if (banks[i].alg == SHA256)
			erot_buf_add(b, digest, sizeof(digest));
		else
			erot_buf_zero(b, banks[i].size);
	}
	erot_buf_lp(b, data, len);
}

static void small_log(struct erot_buf *b)
{
	add_header(b, two, 2, 0);
	add_event(b, 0, EV_ACTION, two, 2, "one", 3);
	add_event(b, 4, EV_ACTION, two, 2, "two", 3);
	add_event(b, 0, EV_SEPARATOR, two, 2, "\0\0\0\0", 4);
}

static int parse(const struct erot_buf *b, struct erot_error *err)
{
	struct erot_eventlog log;
	int ret = erot_eventlog_parse(b->data, b->len, &log, err);

	if (!ret)
		erot_eventlog_free(&log);
	return ret;
}

static void test_small(void)
{
	struct erot_buf b = { 0 };
	struct erot_eventlog log;
	struct erot_pcrs pcrs = { .mask = 0x11 };
	struct erot_error err = { 0 };
	char text[EROT_EVENT_TEXT_MAX], type[16];
	uint8_t digest[EROT_DIGEST_SIZE];

	small_log(&b);
	tap_ok(!erot_eventlog_parse(b.data, b.len, &log, &err) && log.count == 3,
	       "a log of three events");
	erot_sha256("one", 3, digest);
	erot_pcr_extend(pcrs.value[0], digest);
	erot_sha256("\0\0\0\0", 4, digest);
	erot_pcr_extend(pcrs.value[0], digest);
	erot_sha256("two", 3, digest);
	erot_pcr_extend(pcrs.value[4], digest);
	tap_ok(!erot_eventlog_compare(&log, &pcrs, 0x11, &err), "replays");
	tap_ok(log.replayed.value[17][0] == 0xff && log.replayed.value[22][31] == 0xff &&
	       !log.replayed.value[23][0] && !log.replayed.value[16][31],
	       "PCRs without events are as after a reset");
	pcrs.value[4][3] ^= 1;
	tap_refused(erot_eventlog_compare(&log, &pcrs, 0x11, &err), EKEYREJECTED, &err,
		    "event-log-replay", "another value");
	tap_ok(!erot_eventlog_compare(&log, &pcrs, 0x01, &err), "only the PCRs asked for");
	tap_ok(!erot_eventlog_compare(&log, &pcrs, 0x21, &err), "an untouched PCR is zeros");
	pcrs.value[5][0] = 1;
	tap_refused(erot_eventlog_compare(&log, &pcrs, 0x21, &err), EKEYREJECTED, &err,
		    "event-log-replay", "extended behind the log's back");
	tap_ok(!strcmp(erot_tcg_event_text(&log.events[1], text), "two") &&
	       !strcmp(erot_tcg_event_type(log.events[1].type, type), "EV_ACTION") &&
	       !strcmp(erot_tcg_event_text(&log.events[2], text), "separator") &&
	       !strcmp(erot_tcg_event_type(0x1234, type), "EV_0x1234"), "says what they are");
	erot_eventlog_free(&log);
	erot_buf_free(&b);
}

/* Any cut and any altered byte: refused, or with another replay, or in what no digest covers. */
static void test_cut_and_altered(const uint8_t *data, size_t len, const char *name)
{
	struct erot_eventlog whole, log;
	size_t i, cuts = 0, same = 0, other = 0, malformed = 0;
	uint8_t *copy = malloc(len);
	struct erot_error err = { 0 };

	erot_eventlog_parse(data, len, &whole, &err);
	for (i = 0; i < len; i++) {
		memcpy(copy, data, i);
		if (!erot_eventlog_parse(copy, i, &log, NULL)) {
			cuts++;		/* between two events */
			same += !memcmp(&log.replayed, &whole.replayed, sizeof(log.replayed));
			erot_eventlog_free(&log);
		}
	}
	tap_ok(cuts <= whole.count && !same, "%s: cut anywhere it does not replay", name);
	memcpy(copy, data, len);
	for (i = 0, same = 0; i < len; i += len > 4096 ? 7 : 1) {
		copy[i] ^= 0x40;
		if (erot_eventlog_parse(copy, len, &log, NULL)) {
			malformed++;
		} else if (memcmp(&log.replayed, &whole.replayed, sizeof(log.replayed))) {
			other++;
			erot_eventlog_free(&log);
		} else {
			same++;
			erot_eventlog_free(&log);
		}
		copy[i] ^= 0x40;
	}
	tap_ok(malformed && other, "%s: altered: %zu malformed, %zu with another replay, %zu in "
	       "what no digest covers", name, malformed, other, same);
	erot_eventlog_free(&whole);
	free(copy);
}

static void test_reordered(void)
{
	struct erot_buf b = { 0 }, c = { 0 };
	struct erot_eventlog one, other;
	struct erot_error err = { 0 };

	add_header(&b, two, 2, 3);
	add_event(&b, 0, EV_ACTION, two, 2, "one", 3);
	add_event(&b, 0, EV_ACTION, two, 2, "two", 3);
	add_header(&c, two, 2, 3);
	add_event(&c, 0, EV_ACTION, two, 2, "two", 3);
	add_event(&c, 0, EV_ACTION, two, 2, "one", 3);
	tap_ok(!erot_eventlog_parse(b.data, b.len, &one, &err) &&
	       !erot_eventlog_parse(c.data, c.len, &other, &err), "two orders, both well-formed");
	tap_refused(erot_eventlog_compare(&one, &other.replayed, 1, &err), EKEYREJECTED, &err,
		    "event-log-replay", "reordered");
	erot_eventlog_free(&one);
	erot_eventlog_free(&other);
	erot_buf_free(&b);
	erot_buf_free(&c);
}

/* @says: part of the text, as several refusals have one code */
static void refuse(struct erot_buf *b, int num, const char *code, const char *says,
		   const char *name)
{
	struct erot_error err = { 0 };
	int ret = parse(b, &err);

	if (!tap_ok(ret == -num && !strcmp(err.code, code) && strstr(err.text, says), "%s: %s",
		    name, says))
		printf("# returned %d, code %s, text %s\n", ret, err.code, err.text);
	erot_buf_free(b);
}

static void test_headers(void)
{
	static const struct bank none[] = { { SHA1, 20 }, { SHA384, 48 } };
	static const struct bank twice[] = { { SHA256, 32 }, { SHA256, 32 } };
	static const struct bank wrong[] = { { SHA256, 31 } };
	static const struct bank nothing[] = { { SHA256, 32 }, { SHA1, 0 } };
	static const struct bank huge[] = { { SHA256, 32 }, { SHA1, 65 } };
	static const struct bank nine[9] = { { SHA256, 32 }, { SHA1, 20 }, { 3, 20 }, { 4, 20 },
					     { 5, 20 }, { 6, 20 }, { 7, 20 }, { 8, 20 },
					     { 9, 20 } };
	struct erot_buf b = { 0 };

	add_header(&b, none, 2, 0);
	refuse(&b, EBADMSG, "event-log-bank", "no digests", "no sha256 bank");
	add_header(&b, twice, 2, 0);
	refuse(&b, EBADMSG, "event-log-syntax", "sha256 bank", "the bank twice");
	add_header(&b, wrong, 1, 0);
	refuse(&b, EBADMSG, "event-log-syntax", "sha256 bank", "sha256 of 31 bytes");
	add_header(&b, nothing, 2, 0);
	refuse(&b, EBADMSG, "event-log-syntax", "size of a digest", "digests of no bytes");
	add_header(&b, huge, 2, 0);
	refuse(&b, EBADMSG, "event-log-syntax", "size of a digest", "digests of 65 bytes");
	add_header(&b, nine, 9, 0);
	refuse(&b, EBADMSG, "event-log-syntax", "number of banks", "nine banks");
	add_header(&b, two, 0, 0);
	refuse(&b, EBADMSG, "event-log-syntax", "number of banks", "no banks");
	small_log(&b);
	b.data[28] ^= 1;	/* length of the header's event */
	refuse(&b, EBADMSG, "event-log-syntax", "its length", "length of the header");
	add_header(&b, two, 2, 1);
	b.data[32 + 36]--;	/* vendor's bytes: one more than are counted */
	refuse(&b, EBADMSG, "event-log-syntax", "its length", "a byte that nothing counts");
	small_log(&b);
	b.data[0] = 1;
	refuse(&b, EBADMSG, "event-log-syntax", "crypto-agile", "a header of PCR 1");
	small_log(&b);
	b.data[4] = EV_ACTION;
	refuse(&b, EBADMSG, "event-log-syntax", "crypto-agile",
	       "another event in the header's place");
	small_log(&b);
	b.data[32 + 13] = '2';	/* Spec ID Event02: TPM 1.2 */
	refuse(&b, EBADMSG, "event-log-syntax", "crypto-agile", "a log of TPM 1.2");
	refuse(&b, EFBIG, "event-log-size", "0 bytes", "no log");
	erot_buf_zero(&b, EROT_EVENTLOG_MAX + 1);
	refuse(&b, EFBIG, "event-log-size", "are allowed", "oversized");
}

static void test_events(void)
{
	static const struct bank swapped[] = { { SHA256, 32 }, { SHA1, 20 } };
	static const struct bank same[] = { { SHA256, 32 }, { SHA256, 32 } };
	static const struct bank other[] = { { SHA256, 32 }, { SHA384, 48 } };
	static const struct bank empty[] = { { SHA256, 32 }, { SHA384, 0 } };
	struct erot_error err = { 0 };
	struct erot_eventlog log;
	struct erot_buf b = { 0 };
	size_t i;

	add_header(&b, two, 2, 0);
	add_event(&b, 0, EV_ACTION, swapped, 2, "one", 3);
	tap_ok(!parse(&b, &err), "digests in another order than the header's");
	erot_buf_free(&b);
	add_header(&b, two, 2, 0);
	add_event(&b, 0, EV_ACTION, two, 1, "one", 3);
	refuse(&b, EBADMSG, "event-log-syntax", "one digest of each", "without a sha256 digest");
	add_header(&b, two, 2, 0);
	add_event(&b, 0, EV_ACTION, same, 2, "one", 3);
	refuse(&b, EBADMSG, "event-log-syntax", "one digest of each", "two sha256 digests");
	add_header(&b, two, 2, 0);
	add_event(&b, 0, EV_ACTION, other, 2, "one", 3);
	refuse(&b, EBADMSG, "event-log-syntax", "one digest of each",
	       "a bank that the header does not name");
	add_header(&b, two, 2, 0);
	add_event(&b, 0, EV_ACTION, empty, 2, "one", 3);
	refuse(&b, EBADMSG, "event-log-syntax", "one digest of each", "such a bank, and no digest");
	add_header(&b, two, 2, 0);
	add_event(&b, 24, EV_ACTION, two, 2, "one", 3);
	refuse(&b, EBADMSG, "event-log-syntax", "a PCR that there is not", "PCR 24");
	add_header(&b, two, 2, 0);
	add_event(&b, EROT_PCR_NONE, EV_ACTION, two, 2, "one", 3);
	refuse(&b, EBADMSG, "event-log-syntax", "a PCR that there is not", "no PCR");
	add_header(&b, two, 2, 0);
	add_event(&b, EROT_PCR_NONE, EROT_EV_NO_ACTION, two, 2, "one", 3);
	tap_ok(!parse(&b, &err), "no PCR, but none is extended");
	erot_buf_free(&b);
	add_header(&b, two, 2, 0);
	for (i = 0; i < EROT_EVENTS_MAX; i++)
		add_event(&b, 1, EV_ACTION, two, 2, "x", 1);
	tap_ok(!parse(&b, &err), "%d events", EROT_EVENTS_MAX);
	add_event(&b, 1, EV_ACTION, two, 2, "x", 1);
	refuse(&b, EFBIG, "event-log-size", "more than", "one more");

	add_header(&b, two, 2, 0);
	add_event(&b, 0, EROT_EV_NO_ACTION, two, 2, "StartupLocality\0\3", 17);
	tap_ok(!erot_eventlog_parse(b.data, b.len, &log, &err) && log.replayed.value[0][31] == 3,
	       "startup locality");
	erot_eventlog_free(&log);
	erot_buf_free(&b);
	add_header(&b, two, 2, 0);
	add_event(&b, 0, EV_ACTION, two, 2, "x", 1);
	add_event(&b, 0, EROT_EV_NO_ACTION, two, 2, "StartupLocality\0\3", 17);
	refuse(&b, EBADMSG, "event-log-syntax", "startup locality", "startup locality too late");
}

/* Nothing that a log holds reaches a terminal as it is. */
static void test_texts(void)
{
	static const uint32_t types[] = { 1, 3, 4, 5, 6, 7, 8, 13, 14, 0x80000001, 0x80000003,
					  0x80000006, 0x80000008, 0x800000e0, 0x12345 };
	uint8_t data[64], filler;
	struct erot_tcg_event e = { .data = data };
	char text[EROT_EVENT_TEXT_MAX];
	size_t i, j, bad = 0, n = 0;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (filler = 0; filler < 255; filler++) {
			memset(data, filler, sizeof(data));
			for (e.data_len = 0; e.data_len < sizeof(data); e.data_len += 3, n++) {
				e.type = types[i];
				erot_tcg_event_text(&e, text);
				for (j = 0; text[j]; j++)
					bad += text[j] < 0x20 || text[j] > 0x7e;
				bad += !j && e.data_len;
			}
		}
	}
	tap_ok(!bad, "%zu texts of nonsense are printable", n);
	e.type = 0x80000001;
	memset(data, 0, sizeof(data));
	data[16] = 2;
	data[24] = 1;
	memcpy(data + 32, "P\0K\0\1", 5);
	e.data_len = 37;
	tap_ok(!strcmp(erot_tcg_event_text(&e, text), "variable PK, 1 bytes"), "a variable: %s",
	       text);
	data[16] = 1;
	data[23] = 0x80;	/* twice that is 2 in 64 bits */
	tap_ok(!strcmp(erot_tcg_event_text(&e, text), "37 bytes"), "with an impossible length: %s",
	       text);
}

/* What a guest under OVMF delivered: firmware, kernel, command line and initrd are measured. */
static void test_real(void)
{
	const char *path = tap_source("userspace/liberot/testdata/ovmf.json");
	struct erot_machine_state s;
	struct erot_eventlog log;
	struct erot_error err = { 0 };
	char text[EROT_EVENT_TEXT_MAX];
	size_t len, i, kernel = 0, cmdline = 0, initrd = 0;
	uint8_t *json;

	if (erot_read_file(path, EROT_STATE_MAX, &json, &len, &err) ||
	    erot_machine_state_parse(json, len, &s, &err) ||
	    erot_eventlog_parse(s.event_log, s.event_log_len, &log, &err)) {
		tap_ok(0, "log of OVMF: %s", err.text);
		return;
	}
	/* 10 is extended by the kernel, 13 by the module: neither is in the firmware's log */
	tap_ok(s.pcrs.mask == 0xffff && !erot_eventlog_compare(&log, &s.pcrs, 0xdbff, &err),
	       "log of OVMF, %zu events, replays: %s", log.count, err.text);
	tap_refused(erot_eventlog_compare(&log, &s.pcrs, 1U << 13, &err), EKEYREJECTED, &err,
		    "event-log-replay", "the boot key's PCR is not in it");
	for (i = 0; i < log.count; i++) {
		erot_tcg_event_text(&log.events[i], text);
		kernel += log.events[i].pcr == 4 && !!strstr(text, "kernel");
		cmdline += log.events[i].pcr == 9 && !!strstr(text, "LoadOptions");
		initrd += log.events[i].pcr == 9 && !!strstr(text, "initrd");
	}
	tap_ok(kernel == 1 && cmdline == 1 && initrd == 1,
	       "kernel, command line and initrd are found in it");
	test_cut_and_altered(s.event_log, s.event_log_len, "log of OVMF");
	erot_eventlog_free(&log);
	erot_machine_state_free(&s);
	free(json);
}

int main(void)
{
	struct erot_buf b = { 0 };

	test_small();
	small_log(&b);
	test_cut_and_altered(b.data, b.len, "small log");
	erot_buf_free(&b);
	test_reordered();
	test_headers();
	test_events();
	test_texts();
	test_real();
	return tap_done();
}
