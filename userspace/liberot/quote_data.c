// SPDX-License-Identifier: GPL-2.0-only
/* What quotes are bound to, and quotes in one piece. */
#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "liberot/crypto.h"
#include "liberot/quote.h"

static int digest_of(struct erot_buf *b, uint8_t out[EROT_DIGEST_SIZE])
{
	int ret = erot_buf_done(b, NULL);

	if (!ret)
		ret = erot_sha256(b->data, b->len, out);
	erot_buf_free(b);
	return ret;
}

int erot_quote_data_release(const struct erot_quote_release *in, uint8_t out[EROT_DIGEST_SIZE])
{
	struct erot_buf b = { 0 };

	erot_buf_lp_str(&b, EROT_LABEL_QUOTE);
	erot_buf_lp(&b, in->challenge, sizeof(in->challenge));
	erot_buf_lp(&b, in->session_pk, sizeof(in->session_pk));
	erot_buf_lp(&b, in->boot_pk, sizeof(in->boot_pk));
	erot_buf_lp(&b, in->receipt, sizeof(in->receipt));
	erot_buf_u32(&b, sizeof(uint32_t));
	erot_buf_u32(&b, in->host);
	return digest_of(&b, out);
}

int erot_quote_data_end(const struct erot_evidence *evidence, uint8_t out[EROT_DIGEST_SIZE])
{
	struct erot_buf b = { 0 };

	erot_buf_lp_str(&b, EROT_LABEL_END);
	erot_buf_lp(&b, evidence, sizeof(*evidence));
	return digest_of(&b, out);
}

int erot_boot_pcr(const uint8_t boot_pk[EROT_KEY_SIZE], const char *version,
		  uint8_t value[EROT_DIGEST_SIZE])
{
	static const char label[] = EROT_LABEL_BOOT;
	uint8_t event[EROT_DIGEST_SIZE];
	struct erot_buf b = { 0 };
	int ret;

	erot_buf_add(&b, label, sizeof(label) - 1);
	erot_buf_add(&b, boot_pk, EROT_KEY_SIZE);
	erot_buf_add(&b, version, strlen(version));
	ret = digest_of(&b, event);
	if (ret)
		return ret;
	memset(value, 0, EROT_DIGEST_SIZE);
	return erot_pcr_extend(value, event);
}

void erot_quote_pack(const struct erot_quote *q, struct erot_buf *out)
{
	erot_buf_lp(out, q->attest, q->attest_len);
	erot_buf_lp(out, q->signature, q->signature_len);
}

int erot_quote_unpack(const void *data, size_t len, struct erot_quote *q, struct erot_error *err)
{
	struct erot_reader r;

	erot_reader_init(&r, data, len);
	q->attest = erot_read_lp(&r, EROT_ATTEST_MAX, &q->attest_len);
	q->signature = erot_read_lp(&r, EROT_SIGNATURE_MAX, &q->signature_len);
	if (erot_reader_done(&r, "quote", NULL))
		return erot_fail(err, EBADMSG, "quote-syntax", "quote: not an attestation and its "
				 "signature");
	return 0;
}
