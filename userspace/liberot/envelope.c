// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <string.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/secret.h"
#include "liberot/envelope.h"
#include "liberot/grant.h"
#include "liberot/hpke.h"
#include "liberot/manifest.h"

_Static_assert(sizeof(struct erot_ewc_header) == 16 + 8 + 5 * 8, "layout of an envelope's header");
_Static_assert(sizeof(struct erot_ewc_seal) == 32 + 48 + 24 + 32, "layout of an envelope's seal");

#define FIXED		(sizeof(struct erot_ewc_header) + sizeof(struct erot_ewc_seal))
#define LABEL_LEN	(sizeof(EROT_LABEL_EWC) - 1)

static int bad(struct erot_error *err, const char *code, const char *why)
{
	return erot_fail(err, EBADMSG, code, "envelope: %s", why);
}

static void make_info(const uint8_t statement[EROT_DIGEST_SIZE],
		      uint8_t info[LABEL_LEN + EROT_DIGEST_SIZE])
{
	memcpy(info, EROT_LABEL_EWC, LABEL_LEN);
	memcpy(info + LABEL_LEN, statement, EROT_DIGEST_SIZE);
}

uint64_t erot_envelope_payload_off(size_t manifest_len)
{
	uint64_t len = FIXED + manifest_len;

	return (len + EROT_IMAGE_ALIGN - 1) / EROT_IMAGE_ALIGN * EROT_IMAGE_ALIGN;
}

int erot_envelope_build(const struct erot_payload_shape *shape, bool one_file,
			const void *manifest, size_t manifest_len,
			const uint8_t content_key[EROT_KEY_SIZE],
			const uint8_t salt[EROT_SALT_SIZE], const uint8_t erot_pk[EROT_KEY_SIZE],
			const uint8_t statement[EROT_DIGEST_SIZE], uint8_t **env, size_t *len,
			struct erot_error *err)
{
	uint8_t info[LABEL_LEN + EROT_DIGEST_SIZE];
	struct erot_ewc_header header = { 0 };
	struct erot_ewc_seal seal = { 0 };
	struct erot_envelope_info check;
	struct erot_payload_keys keys;
	struct erot_buf b = { 0 };
	int ret;

	*env = NULL;
	*len = 0;
	if (!manifest_len || manifest_len > EROT_MANIFEST_MAX)
		return bad(err, "envelope-manifest", "manifest of an impossible length");
	erot_head_fill(&header.head, EROT_PURPOSE_EWC, FIXED + manifest_len);
	header.manifest_len = htole32((uint32_t)manifest_len);
	header.image_len = htole64(shape->image_len);
	header.tree_len = htole64(shape->tree_len);
	header.chunk_count = htole64(shape->chunk_count);
	header.payload_off = htole64(one_file ? erot_envelope_payload_off(manifest_len) : 0);
	header.payload_len = htole64(shape->payload_len);
	erot_buf_add(&b, &header, sizeof(header));
	erot_buf_add(&b, manifest, manifest_len);
	ret = erot_buf_done(&b, err);
	if (ret)
		goto out;
	make_info(statement, info);
	memcpy(seal.salt, salt, sizeof(seal.salt));
	ret = erot_payload_keys(content_key, salt, &keys);
	if (!ret) {
		memcpy(seal.commitment, keys.commitment, sizeof(seal.commitment));
		ret = erot_hpke_seal(erot_pk, info, sizeof(info), b.data, b.len, content_key,
				     EROT_KEY_SIZE, seal.enc, seal.wrapped);
	}
	erot_wipe(&keys, sizeof(keys));
	if (ret) {
		ret = erot_fail(err, -ret, "crypto", "envelope: sealing the content key failed%s",
				ret == -EKEYREJECTED ? ": useless public key" : "");
		goto out;
	}
	erot_buf_add(&b, &seal, sizeof(seal));
	ret = erot_buf_done(&b, err);
	if (!ret)
		ret = erot_envelope_parse(b.data, b.len, &check, err);
	if (!ret)
		*env = erot_buf_take(&b, len);
out:
	erot_buf_free(&b);
	return ret;
}

int erot_envelope_parse(const void *env, size_t len, struct erot_envelope_info *out,
			struct erot_error *err)
{
	struct erot_payload_shape expect;
	const uint8_t *bytes = env;
	struct erot_ewc_header h;
	struct erot_manifest m;
	struct erot_error why;
	int ret;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(h.head))
		return bad(err, "envelope-length", "too short");
	memcpy(&h.head, env, sizeof(h.head));
	ret = erot_head_check(&h.head, len, EROT_PURPOSE_EWC, "envelope", err);
	if (ret)
		return ret;
	if (len < FIXED)
		return bad(err, "envelope-length", "too short");
	memcpy(&h, env, sizeof(h));
	if (h.reserved)
		return bad(err, "envelope-reserved", "a reserved field is not zero");
	out->manifest_len = le32toh(h.manifest_len);
	if (!out->manifest_len || out->manifest_len > EROT_MANIFEST_MAX)
		return bad(err, "envelope-manifest", "manifest of an impossible length");
	if (len != FIXED + out->manifest_len)
		return bad(err, "envelope-length", "lengths of its parts do not add up");
	out->shape.image_len = le64toh(h.image_len);
	out->shape.tree_len = le64toh(h.tree_len);
	out->shape.chunk_count = le64toh(h.chunk_count);
	out->shape.payload_len = le64toh(h.payload_len);
	if (erot_payload_shape(out->shape.image_len, &expect, NULL) ||
	    memcmp(&expect, &out->shape, sizeof(expect)))
		return bad(err, "envelope-shape", "sizes of the payload do not fit together");
	out->payload_off = le64toh(h.payload_off);
	if (out->payload_off && out->payload_off != erot_envelope_payload_off(out->manifest_len))
		return bad(err, "envelope-offset", "payload is not where it should be");
	out->aad = bytes;
	out->aad_len = sizeof(h) + out->manifest_len;
	out->manifest = bytes + sizeof(h);
	memcpy(&out->seal, bytes + out->aad_len, sizeof(out->seal));
	out->len = len;

	ret = erot_manifest_parse(out->manifest, out->manifest_len, &m, &why);
	if (ret == -ENOMEM)
		return erot_fail(err, ENOMEM, "no-memory", "envelope: out of memory");
	if (ret)
		return bad(err, "envelope-manifest", why.text);
	memcpy(out->code_hash, m.code_hash, sizeof(out->code_hash));
	erot_manifest_free(&m);
	if (erot_sha256(env, len, out->digest))
		return erot_fail(err, EIO, "crypto", "SHA-256 failed");
	return 0;
}

int erot_envelope_read(int fd, uint8_t **env, size_t *len, struct erot_error *err)
{
	struct erot_head head;
	struct erot_buf b = { 0 };
	size_t size;
	int ret;

	*env = NULL;
	*len = 0;
	ret = erot_pread_full(fd, &head, sizeof(head), 0);
	if (ret == -ENODATA)
		return bad(err, "envelope-length", "too short");
	if (ret)
		return erot_fail(err, -ret, "io", "envelope: %s", strerror(-ret));
	size = le32toh(head.length);
	ret = erot_head_check(&head, size, EROT_PURPOSE_EWC, "envelope", err);
	if (ret)
		return ret;
	if (size < FIXED || size > EROT_ENVELOPE_MAX)
		return bad(err, "envelope-length", "of an impossible length");
	erot_buf_zero(&b, size);
	ret = erot_buf_done(&b, err);
	if (ret)
		goto out;
	ret = erot_pread_full(fd, b.data, size, 0);
	if (ret == -ENODATA)
		ret = bad(err, "envelope-length", "is not as long as it says");
	else if (ret)
		ret = erot_fail(err, -ret, "io", "envelope: %s", strerror(-ret));
	if (!ret)
		*env = erot_buf_take(&b, len);
out:
	erot_buf_free(&b);
	return ret;
}

int erot_envelope_open(const struct erot_envelope_info *e, const uint8_t sk[EROT_KEY_SIZE],
		       const uint8_t statement[EROT_DIGEST_SIZE],
		       uint8_t content_key[EROT_KEY_SIZE], struct erot_error *err)
{
	uint8_t info[LABEL_LEN + EROT_DIGEST_SIZE];
	struct erot_payload_keys keys;
	int ret;

	make_info(statement, info);
	ret = erot_hpke_open(sk, e->seal.enc, info, sizeof(info), e->aad, e->aad_len,
			     e->seal.wrapped, sizeof(e->seal.wrapped), content_key);
	if (ret == -EKEYREJECTED)
		return erot_fail(err, EKEYREJECTED, "envelope-seal",
				 "envelope: useless sealed key");
	if (ret)
		return erot_fail(err, EBADMSG, "envelope-seal",
				 "envelope: not sealed to this key under this key statement");
	ret = erot_payload_keys(content_key, e->seal.salt, &keys);
	if (ret)
		ret = erot_fail(err, -ret, "crypto", "envelope: deriving payload keys failed");
	else if (!erot_secret_equal(keys.commitment, e->seal.commitment, EROT_DIGEST_SIZE))
		ret = bad(err, "envelope-commitment", "commitment is to another content key");
	erot_wipe(&keys, sizeof(keys));
	if (ret)
		erot_wipe(content_key, EROT_KEY_SIZE);
	return ret;
}
