// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receipts as the module reads them: content, and CMS messages before their signature is looked at.
 * Held against liberot's reader: what the module takes for a plain message OpenSSL takes for the
 * same, whole and with the same content; what liberot takes for a receipt the module takes for the
 * same receipt.
 */
#include "fuzz/kernel.h"

#include "kernel/receipt.c"

static void same(const struct erot_receipt_facts *k, const struct erot_receipt_info *u)
{
	if (memcmp(k->digest, u->digest, EROT_DIGEST_SIZE) ||
	    memcmp(k->statement, u->statement, EROT_DIGEST_SIZE) ||
	    memcmp(k->ewc, u->ewc, EROT_DIGEST_SIZE) ||
	    memcmp(k->erot_pk, u->grant.erot_pk, EROT_KEY_SIZE) ||
	    memcmp(k->code_hash, u->grant.code_hash, EROT_DIGEST_SIZE) ||
	    k->manifest_len != u->grant.manifest_len || k->not_before != u->not_before ||
	    k->not_after != u->not_after || k->memory_max != u->memory_max ||
	    k->max_runtime != u->max_runtime || k->pids_max != u->pids_max ||
	    k->isolation != u->isolation || k->host != u->host)
		abort();
}

static void content(const uint8_t *data, size_t len)
{
	struct erot_receipt_facts facts;
	struct erot_receipt_info info;
	const char *why = NULL;
	int ret = erot_receipt_parse(data, len, &facts, &why);

	/* a refusal has a name, whose texts begin alike */
	if (ret ? ret != -EPROTO || !why || strncmp(why, "receipt: ", 9) : why != NULL)
		abort();
	if (liberot_receipt_parse(data, len, &info, NULL))
		return;
	if (ret)
		abort();
	same(&facts, &info);
}

int verify_pkcs7_signature(const void *data, size_t len, const void *cms, size_t cms_len,
			   struct key *ring, int usage,
			   int (*view)(void *ctx, const void *data, size_t len, size_t hdrlen),
			   void *ctx)
{
	struct erot_error err = { "", "" };
	uint8_t *inner;
	size_t n;
	int ret;

	/* OpenSSL may refuse a signature or content of an impossible length, nothing else */
	if (erot_cms_content(cms, cms_len, &inner, &n, &err)) {
		if (strcmp(err.code, "cms-form"))
			abort();
		return -EBADMSG;
	}
	content(inner, n);
	ret = view(ctx, inner, n, 4);
	free(inner);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char ring[1];
	struct erot_receipt_facts facts;
	const char *why = NULL;

	content(data, len);
	if (erot_receipt_verify(data, len, (struct key *)ring, &facts, &why) && !why)
		abort();
	return 0;
}
