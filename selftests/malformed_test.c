// SPDX-License-Identifier: GPL-2.0-only
/*
 * Envelopes and descriptors that a receipt authorises, and that are none: whoever signs may be
 * careless, or worse, and what the module reads there are lengths and places in memory.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <linux/fsverity.h>
#include <stddef.h>

#include "common/io.h"
#include "liberot/crypto.h"
#include "selftests/fixture.h"
#include "selftests/harness.h"

/**
 * struct patch - a number in the envelope that is another
 * @off:   where, from the start
 * @end:   where, from the end, if not 0
 * @size:  bytes, little-endian
 * @value: what stands there instead
 * @add:   @value is added to what stands there
 */
struct patch {
	size_t off;
	size_t end;
	size_t size;
	uint64_t value;
	bool add;
};

static const struct patch *patch;	/* of the test that runs */
static bool patched;

static void apply(uint8_t *env, size_t len)
{
	uint8_t *at = patch->end ? env + len - patch->end : env + patch->off;
	uint64_t value = 0;

	if (patch->add)
		memcpy(&value, at, patch->size);
	value = htole64(le64toh(value) + patch->value);
	patched = memcmp(at, &value, patch->size) != 0;
	memcpy(at, &value, patch->size);
}

/* A refused session stays PROVISIONED. */
static void refused(struct __test_metadata *_metadata, struct fx_session *s, int num,
		    const char *words)
{
	struct erot_nl_session got;

	REFUSED(num, words, fx_attach(s));
	WORKS(erot_nl_get(fx.nl, s->n.id, &got, &fx_err));
	ASSERT_EQ(EROT_STATE_PROVISIONED, got.state);
}

FIXTURE(header) {
	struct fx_session s;
};

FIXTURE_VARIANT(header) {
	struct patch patch;
	int num;
	const char *words;
};

#define HEADER(name, field, v, err, text, ...) \
FIXTURE_VARIANT_ADD(header, name) = { \
	.patch = { .off = offsetof(struct erot_ewc_header, field), .value = v, \
		   .size = sizeof(((struct erot_ewc_header *)NULL)->field), __VA_ARGS__ }, \
	.num = err, .words = text }

HEADER(magic, head.magic[3], 0x80, EPROTO, "does not begin with the magic");
HEADER(version, head.version, 2, EPROTO, "unknown version");
HEADER(purpose, head.purpose, EROT_PURPOSE_RECEIPT, EPROTO, "does not begin with an envelope");
HEADER(length_largest, head.length, 0xffffffff, EMSGSIZE, "too long");
HEADER(length_one_too_many, head.length, EROT_ENVELOPE_MAX + 1, EMSGSIZE, "too long");
HEADER(length_of_head_and_seal, head.length, sizeof(struct erot_ewc_header) +
	sizeof(struct erot_ewc_seal), EPROTO, "too short");
HEADER(length_none, head.length, 0, EPROTO, "too short");
HEADER(reserved, reserved, 1, EPROTO, "reserved field");
HEADER(manifest_none, manifest_len, 0, EPROTO, "length of the manifest is out of bounds");
HEADER(manifest_too_long, manifest_len, EROT_MANIFEST_MAX + 1, EPROTO,
	"length of the manifest is out of bounds");
HEADER(manifest_one_more, manifest_len, 1, EPROTO, "do not fill", .add = true);
HEADER(manifest_one_less, manifest_len, ~0ULL, EPROTO, "do not fill", .add = true);
HEADER(image_none, image_len, 0, EPROTO, "image length is out of bounds");
HEADER(image_not_aligned, image_len, 512, EPROTO, "image length is out of bounds", .add = true);
HEADER(image_too_long, image_len, EROT_IMAGE_MAX + EROT_IMAGE_ALIGN, EPROTO,
	"image length is out of bounds");
HEADER(image_largest, image_len, 0xfffffffffffff000, EPROTO, "image length is out of bounds");
HEADER(tree_longer, tree_len, EROT_CHUNK_SIZE, EPROTO, "tree length", .add = true);
HEADER(tree_none, tree_len, 0, EPROTO, "tree length");
HEADER(one_chunk_more, chunk_count, 1, EPROTO, "chunk count", .add = true);
HEADER(one_chunk_less, chunk_count, ~0ULL, EPROTO, "chunk count", .add = true);
HEADER(chunks_that_wrap, chunk_count, 1ULL << 50, EPROTO, "chunk count", .add = true);
HEADER(payload_longer, payload_len, 1, EPROTO, "payload length", .add = true);
HEADER(payload_that_wraps, payload_len, ~0ULL, EPROTO, "payload length");
HEADER(payload_in_the_envelope, payload_off, 64, EPROTO, "payload offset");
HEADER(payload_not_aligned, payload_off, (1 << 20) + 512, EPROTO, "payload offset");
HEADER(payload_off_the_end, payload_off, 0x7ffffffffffff000, EPROTO, "payload offset");

/* The seal ends the envelope; of each field a byte is another. */
#define SEAL(name, field, text) \
FIXTURE_VARIANT_ADD(header, name) = { \
	.patch = { .end = sizeof(struct erot_ewc_seal) - offsetof(struct erot_ewc_seal, field), \
		   .size = 1, .value = 1, .add = true }, \
	.num = EKEYREJECTED, .words = text }

SEAL(encapsulated_key, enc, "content key is not sealed to this ERoT key");
SEAL(wrapped_key, wrapped, "content key is not sealed to this ERoT key");
SEAL(salt, salt, "does not match the commitment");
SEAL(commitment, commitment, "does not match the commitment");

FIXTURE_SETUP(header)
{
	struct fx_knobs k = { .envelope = apply };

	self->s.n.fd = -1;
	patch = &variant->patch;
	WORKS(fx_begin());
	WORKS(fx_until_attach(&self->s, &k));
	ASSERT_TRUE(patched);
}

FIXTURE_TEARDOWN(header)
{
	fx_end(&self->s);
	WORKS(fx_nothing_left());
}

TEST_F(header, malformed)
{
	struct fx_session *s = &self->s;

	/* as long as the longest, so that what it says of its length can be read */
	ASSERT_EQ(0, ftruncate(s->env_fd, EROT_ENVELOPE_MAX + 1));
	refused(_metadata, s, variant->num, variant->words);
}

FIXTURE(descriptor) {
	struct fx_session s;
	struct fx_payload payload;
};

FIXTURE_VARIANT(descriptor) {
	size_t off;
	uint8_t value;
	const char *words;
};

#define DESCRIPTOR(name, at, v, text) \
FIXTURE_VARIANT_ADD(descriptor, name) = { .off = at, .value = v, .words = text }
#define AT(field) offsetof(struct fsverity_descriptor, field)

DESCRIPTOR(version, AT(version), 2, "unknown version");
DESCRIPTOR(algorithm, AT(hash_algorithm), FS_VERITY_HASH_ALG_SHA512, "not SHA-256");
DESCRIPTOR(block_size, AT(log_blocksize), 12, "block size");
DESCRIPTOR(salt_too_long, AT(salt_size), 33, "salt is too long");
DESCRIPTOR(salt_longest, AT(salt_size), 255, "salt is too long");
DESCRIPTOR(salt_shorter, AT(salt_size), 31, "reserved bytes");
DESCRIPTOR(signature, AT(__reserved_0x04), 1, "signature size");
DESCRIPTOR(data_size, AT(data_size) + 7, 1, "another length");
DESCRIPTOR(root_hash, AT(root_hash) + EROT_DIGEST_SIZE, 1, "reserved bytes");
DESCRIPTOR(reserved_first, AT(__reserved), 1, "reserved bytes");
DESCRIPTOR(reserved_last, EROT_VERITY_DESC_SIZE - 1, 1, "reserved bytes");

/* The receipt's code hash is that of the descriptor as it is then. */
FIXTURE_SETUP(descriptor)
{
	uint8_t desc[EROT_VERITY_DESC_SIZE], ct[EROT_VERITY_DESC_SIZE + EROT_TAG_SIZE];
	struct fx_payload *p = &self->payload;
	struct fx_knobs k = { .payload = p };
	struct erot_payload_keys keys;
	int image = fx_image_copy();
	uint64_t last;

	self->s.n.fd = -1;
	WORKS(fx_begin());
	ASSERT_LE(0, image);
	WORKS(fx_payload_make("descriptor", image, p));
	close(image);
	last = p->shape.chunk_count - 1;
	WORKS(erot_payload_keys(p->content_key, p->salt, &keys));
	ASSERT_EQ(0, erot_pread_full(p->fd, ct, sizeof(ct), last * EROT_CHUNK_STRIDE));
	WORKS(erot_chunk_open(&keys, last, ct, sizeof(ct), desc));
	ASSERT_NE(variant->value, desc[variant->off]);
	/* of the salt's last byte there must be something to see */
	desc[AT(salt) + 31] |= 1;
	desc[variant->off] = variant->value;
	WORKS(erot_sha256(desc, sizeof(desc), p->code_hash));
	WORKS(erot_chunk_seal(&keys, last, desc, sizeof(desc), ct));
	ASSERT_EQ(0, erot_pwrite_full(p->fd, ct, sizeof(ct), last * EROT_CHUNK_STRIDE));
	WORKS(fx_until_attach(&self->s, &k));
}

FIXTURE_TEARDOWN(descriptor)
{
	fx_end(&self->s);
	close(self->payload.fd);
	WORKS(fx_nothing_left());
}

TEST_F(descriptor, malformed)
{
	refused(_metadata, &self->s, EPROTO, variant->words);
}

FX_MAIN
