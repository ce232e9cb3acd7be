/* SPDX-License-Identifier: GPL-2.0-only */
/* What customer and machine add to a launch: envelope, order, evidence. Return 0 or -errno. */
#ifndef DERGD_TEST_DOCUMENTS_H
#define DERGD_TEST_DOCUMENTS_H

#include <endian.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"

__attribute__((unused))
static int make_envelope(const uint8_t *statement, size_t len, const uint8_t content_key[32],
			 uint8_t **env, size_t *env_len, struct erot_error *err)
{
	uint8_t *content = NULL, salt[EROT_SALT_SIZE] = { 7 };
	struct erot_payload_shape shape;
	struct erot_statement_info s;
	size_t content_len;
	int ret;

	ret = erot_cms_content(statement, len, &content, &content_len, err);
	ret = ret ?: erot_statement_parse(content, content_len, &s, err);
	ret = ret ?: erot_payload_shape(4096, &shape, err);
	ret = ret ?: erot_envelope_build(&shape, false, s.grant.manifest, s.grant.manifest_len,
					 content_key, salt, s.grant.erot_pk, s.digest, env, env_len,
					 err);
	free(content);
	return ret;
}

__attribute__((unused))
static int make_order(EVP_PKEY *key, X509 *cert, const uint8_t *statement, size_t len,
		      const uint8_t *env, size_t env_len, uint8_t **order, size_t *order_len,
		      struct erot_error *err)
{
	uint8_t *content = NULL, *spki = NULL, *out = NULL;
	size_t content_len = 0, spki_len, out_len = 0;
	struct erot_order_info o = { 0 };
	struct erot_statement_info s;
	int ret;

	ret = erot_cms_content(statement, len, &content, &content_len, err);
	ret = ret ?: erot_statement_parse(content, content_len, &s, err);
	ret = ret ?: erot_cert_spki(cert, &spki, &spki_len, o.customer, err);
	ret = ret ?: erot_sha256(env, env_len, o.ewc);
	if (!ret) {
		memcpy(o.statement, s.digest, 32);
		ret = erot_order_build(&o, &out, &out_len, err);
	}
	ret = ret ?: erot_cms_sign_key(key, cert, out, out_len, order, order_len, err);
	free(content);
	free(spki);
	free(out);
	return ret;
}

/* @content is to be freed, and must stay while @r is used. */
__attribute__((unused))
static int receipt_of(const uint8_t *cms, size_t len, struct erot_receipt_info *r,
		      uint8_t **content)
{
	size_t content_len;

	return erot_cms_content(cms, len, content, &content_len, NULL) ?:
	       erot_receipt_parse(*content, content_len, r, NULL);
}

__attribute__((unused))
static void make_evidence(const struct erot_receipt_info *r, const uint8_t sk[32], uint32_t host,
			  struct erot_evidence *ev)
{
	uint8_t key[32];

	memset(ev, 0, sizeof(*ev));
	erot_head_fill(&ev->head, EROT_PURPOSE_EVIDENCE, sizeof(*ev));
	memcpy(ev->receipt, r->digest, 32);
	ev->started_ns = htole64(1);
	ev->ended_ns = htole64(2);
	ev->released_ns = htole64(3);
	ev->reason = htole32(1);
	ev->host = htole32(host);
	ev->flags = htole32(EROT_EV_RELEASED | EROT_EV_RAN);
	erot_evidence_key(sk, key);
	erot_evidence_seal(ev, key);
}

#endif
