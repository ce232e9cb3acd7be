// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "common/buf.h"
#include "common/secret.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"

_Static_assert(sizeof(struct erot_evidence) == 16 + 32 + 16 + 24 + 24 + 32, "layout of evidence");
_Static_assert(sizeof(struct erot_destruction) == 16 + 8 + sizeof(struct erot_evidence) + 8,
	       "layout of a destruction record");

#define FLAGS_ALL (EROT_EV_RELEASED | EROT_EV_PINNED | EROT_EV_RAN | EROT_EV_DAMAGED)

int erot_evidence_key(const uint8_t sk[EROT_KEY_SIZE], uint8_t key[EROT_KEY_SIZE])
{
	return erot_hkdf_expand_sha256(sk, EROT_KEY_SIZE, EROT_LABEL_EVIDENCE,
				       strlen(EROT_LABEL_EVIDENCE), key, EROT_KEY_SIZE);
}

int erot_evidence_seal(struct erot_evidence *ev, const uint8_t key[EROT_KEY_SIZE])
{
	return erot_hmac_sha256(key, EROT_KEY_SIZE, ev, offsetof(struct erot_evidence, mac),
				ev->mac);
}

static int bad(struct erot_error *err, const char *code, const char *why)
{
	return erot_fail(err, EBADMSG, code, "evidence: %s", why);
}

int erot_evidence_check_form(const void *data, size_t len, struct erot_error *err)
{
	uint32_t flags, end, ended;
	struct erot_evidence ev;
	int ret;

	if (len != sizeof(ev))
		return bad(err, "evidence-length", "has another length than evidence");
	memcpy(&ev, data, sizeof(ev));
	ret = erot_head_check(&ev.head, len, EROT_PURPOSE_EVIDENCE, "evidence", err);
	if (ret)
		return ret;
	if (ev.reserved)
		return bad(err, "evidence-reserved", "a reserved field is not zero");
	flags = le32toh(ev.flags);
	ended = flags & (EROT_EV_RELEASED | EROT_EV_PINNED);
	if (flags & ~FLAGS_ALL || (ended != EROT_EV_RELEASED && ended != EROT_EV_PINNED))
		return bad(err, "evidence-flags", "does not say how the plaintext ended");
	end = le32toh(ev.reason);
	if (end == EROT_END_NONE || end > EROT_END_FAILED)
		return bad(err, "evidence-reason", "unknown reason");
	if (le32toh(ev.host) & ~EROT_HOST_ALL || le32toh(ev.isolation) & ~EROT_ISO_ALL)
		return bad(err, "evidence-bits", "unknown host or isolation bits");
	if (le64toh(ev.started_ns) > le64toh(ev.ended_ns) ||
	    le64toh(ev.ended_ns) > le64toh(ev.released_ns))
		return bad(err, "evidence-clock", "ends before it begins");
	return 0;
}

int erot_evidence_verify(const void *data, size_t len, const uint8_t key[EROT_KEY_SIZE],
			 const uint8_t receipt[EROT_DIGEST_SIZE], struct erot_error *err)
{
	uint8_t mac[EROT_DIGEST_SIZE];
	struct erot_evidence ev;
	int ret;

	ret = erot_evidence_check_form(data, len, err);
	if (ret)
		return ret;
	memcpy(&ev, data, sizeof(ev));
	if (memcmp(ev.receipt, receipt, EROT_DIGEST_SIZE))
		return erot_fail(err, EKEYREJECTED, "evidence-receipt",
				 "evidence: of another receipt");
	if (erot_hmac_sha256(key, EROT_KEY_SIZE, &ev, offsetof(struct erot_evidence, mac), mac))
		return erot_fail(err, EIO, "crypto", "evidence: HMAC failed");
	if (!erot_secret_equal(mac, ev.mac, sizeof(mac)))
		ret = erot_fail(err, EKEYREJECTED, "evidence-mac",
				"evidence: not made with the key of this launch");
	erot_wipe(mac, sizeof(mac));
	return ret;
}

int erot_destruction_build(const struct erot_destruction_info *in, uint8_t **content, size_t *len,
			   struct erot_error *err)
{
	struct erot_destruction_info check;
	struct erot_destruction d = { 0 };
	struct erot_buf b = { 0 };
	int ret;

	*content = NULL;
	*len = 0;
	erot_head_fill(&d.head, EROT_PURPOSE_DESTRUCTION, sizeof(d) + in->quote_len);
	d.time = htole64(in->time);
	d.evidence = in->evidence;
	d.quote_len = htole32((uint32_t)in->quote_len);
	erot_buf_add(&b, &d, sizeof(d));
	erot_buf_add(&b, in->quote, in->quote_len);
	ret = erot_buf_done(&b, err);
	if (!ret)
		ret = erot_destruction_parse(b.data, b.len, &check, err);
	if (!ret)
		*content = erot_buf_take(&b, len);
	erot_buf_free(&b);
	return ret;
}

int erot_destruction_parse(const void *content, size_t len, struct erot_destruction_info *out,
			   struct erot_error *err)
{
	struct erot_destruction d;
	int ret;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(d.head))
		return erot_fail(err, EBADMSG, "destruction-length", "destruction: too short");
	memcpy(&d.head, content, sizeof(d.head));
	ret = erot_head_check(&d.head, len, EROT_PURPOSE_DESTRUCTION, "destruction", err);
	if (ret)
		return ret;
	if (len < sizeof(d))
		return erot_fail(err, EBADMSG, "destruction-length", "destruction: too short");
	memcpy(&d, content, sizeof(d));
	if (d.reserved)
		return erot_fail(err, EBADMSG, "destruction-reserved",
				 "destruction: a reserved field is not zero");
	out->quote_len = le32toh(d.quote_len);
	if (out->quote_len > EROT_QUOTE_MAX || out->quote_len != len - sizeof(d))
		return erot_fail(err, EBADMSG, "destruction-quote",
				 "destruction: quote of an impossible length");
	ret = erot_evidence_check_form(&d.evidence, sizeof(d.evidence), err);
	if (ret)
		return ret;
	out->time = le64toh(d.time);
	out->evidence = d.evidence;
	out->quote = out->quote_len ? (const uint8_t *)content + sizeof(d) : NULL;
	if (erot_sha256(content, len, out->digest))
		return erot_fail(err, EIO, "crypto", "SHA-256 failed");
	return 0;
}
