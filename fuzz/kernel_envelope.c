// SPDX-License-Identifier: GPL-2.0-only
/*
 * Envelopes as the module reads them: ERoT private key, digest of the key statement, envelope.
 * Every number that comes out is in its bounds; what liberot takes the module takes, with the same
 * numbers, and opens alike.
 */
#include "fuzz/kernel.h"

#include "kernel/verity.c"
#include "kernel/ewc.c"

static void check_numbers(const struct erot_ewc *e, const uint8_t *data, size_t len)
{
	u64 plain = e->image_len + e->tree_len, full = e->chunk_count - 1;

	if (e->manifest != data + sizeof(*e->header) || e->len != len ||
	    (const uint8_t *)e->seal + sizeof(*e->seal) != data + len)
		abort();
	if (!e->image_len || e->image_len > EROT_IMAGE_MAX || e->image_len % EROT_IMAGE_ALIGN ||
	    e->tree_len > e->image_len ||
	    full * EROT_CHUNK_SIZE < plain || full * EROT_CHUNK_SIZE - plain >= EROT_CHUNK_SIZE ||
	    e->payload_off > (u64)LLONG_MAX - e->payload_len ||
	    (e->payload_off && e->payload_off < len))
		abort();
	/* where the last chunk is read from */
	if (e->payload_len != full * EROT_CHUNK_STRIDE + EROT_VERITY_DESC_SIZE + EROT_TAG_SIZE)
		abort();
}

static void compare(const struct erot_ewc *k, const struct erot_envelope_info *u)
{
	if (k->image_len != u->shape.image_len || k->tree_len != u->shape.tree_len ||
	    k->chunk_count != u->shape.chunk_count || k->payload_len != u->shape.payload_len ||
	    k->payload_off != u->payload_off || k->manifest_len != u->manifest_len ||
	    memcmp(k->seal, &u->seal, sizeof(u->seal)))
		abort();
}

static void open_both(const struct erot_ewc *k, const struct erot_envelope_info *u,
		      const uint8_t sk[EROT_KEY_SIZE], const uint8_t statement[EROT_DIGEST_SIZE])
{
	struct erot_chunk_keys keys;
	uint8_t content_key[EROT_KEY_SIZE], nonce[EROT_NONCE_SIZE];
	const char *why = NULL;
	int ret = erot_ewc_open(k, sk, statement, &keys, &why);

	if (!ret != !erot_envelope_open(u, sk, statement, content_key, NULL))
		abort();
	if (!ret)
		erot_chunk_nonce(keys.base_nonce, k->chunk_count, nonce);
	else if (!why || ret != -EKEYREJECTED)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct erot_envelope_info info;
	const uint8_t *sk = data, *statement = data + EROT_KEY_SIZE;
	const char *why = NULL;
	struct erot_ewc ewc;
	size_t want;
	int ret;

	if (len < EROT_KEY_SIZE + EROT_DIGEST_SIZE)
		return 0;
	data += EROT_KEY_SIZE + EROT_DIGEST_SIZE;
	len -= EROT_KEY_SIZE + EROT_DIGEST_SIZE;
	if (!erot_ewc_length(data, len, &want, &why) && want > EROT_ENVELOPE_MAX)
		abort();
	ret = erot_ewc_parse(data, len, &ewc, &why);
	if (!ret != !why || (ret && ret != -EPROTO && ret != -EMSGSIZE))
		abort();
	if (!ret)
		check_numbers(&ewc, data, len);
	if (erot_envelope_parse(data, len, &info, NULL))
		return 0;
	if (ret)
		abort();
	compare(&ewc, &info);
	open_both(&ewc, &info, sk, statement);
	return 0;
}
