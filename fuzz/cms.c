// SPDX-License-Identifier: GPL-2.0-only
/* Signed things before their signature is known, and each kind of content. */
#include "fuzz/fuzz.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"

static void contents(const uint8_t *data, size_t len)
{
	struct erot_destruction_info destruction;
	struct erot_statement_info statement;
	struct erot_envelope_info envelope;
	struct erot_receipt_info receipt;
	struct erot_order_info order;

	erot_statement_parse(data, len, &statement, NULL);
	erot_receipt_parse(data, len, &receipt, NULL);
	erot_order_parse(data, len, &order, NULL);
	erot_envelope_parse(data, len, &envelope, NULL);
	erot_destruction_parse(data, len, &destruction, NULL);
	erot_evidence_check_form(data, len, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *content;
	size_t n;

	contents(data, len);
	if (erot_cms_content(data, len, &content, &n, NULL))
		return 0;
	contents(content, n);
	free(content);
	return 0;
}
