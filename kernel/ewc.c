// SPDX-License-Identifier: GPL-2.0-only
#include <crypto/utils.h>
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "crypto.h"
#include "ewc.h"
#include "hpke.h"
#include "secret.h"
#include "verity.h"

/* C2SP chunked-encryption, key derivation; the zero ends the AEAD's name. */
#define COBBLESTONE	"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM"

/**
 * erot_ewc_length - length of the envelope that a file begins with
 * @head: beginning of the file
 * @have: bytes of it, at least sizeof(struct erot_head)
 * @len:  length of the envelope, at most EROT_ENVELOPE_MAX
 * @why:  names the check that refused
 *
 * Return: 0; -EPROTO: too short, or wrong magic, version, purpose;
 * -EMSGSIZE: above EROT_ENVELOPE_MAX; -EPROTO: shorter than any envelope.
 */
int erot_ewc_length(const void *head, size_t have, size_t *len, const char **why)
{
	const struct erot_head *h = head;
	u32 length;

	*why = "envelope: too short";
	if (have < sizeof(*h))
		return -EPROTO;
	*why = "envelope: does not begin with the magic";
	if (memcmp(h->magic, EROT_MAGIC, EROT_MAGIC_SIZE))
		return -EPROTO;
	*why = "envelope: unknown version";
	if (le16_to_cpu(h->version) != EROT_VERSION)
		return -EPROTO;
	*why = "envelope: file does not begin with an envelope";
	if (le16_to_cpu(h->purpose) != EROT_PURPOSE_EWC)
		return -EPROTO;
	length = le32_to_cpu(h->length);
	*why = "envelope: too long";
	if (length > EROT_ENVELOPE_MAX)
		return -EMSGSIZE;
	*why = "envelope: too short";
	if (length <= sizeof(struct erot_ewc_header) + sizeof(struct erot_ewc_seal))
		return -EPROTO;
	*why = NULL;
	*len = length;
	return 0;
}

/* Every number follows from image_len, except where the payload lies. */
static int check_geometry(const struct erot_ewc *e, const char **why)
{
	u64 full;

	*why = "envelope: image length is out of bounds or not aligned";
	if (!e->image_len || e->image_len > EROT_IMAGE_MAX ||
	    !IS_ALIGNED(e->image_len, EROT_IMAGE_ALIGN))
		return -EPROTO;
	*why = "envelope: tree length does not follow from the image length";
	if (e->tree_len != erot_verity_tree_len(e->image_len))
		return -EPROTO;
	/* bounded by EROT_IMAGE_MAX, so nothing below overflows */
	full = DIV_ROUND_UP_ULL(e->image_len, EROT_CHUNK_SIZE) + e->tree_len / EROT_CHUNK_SIZE;
	*why = "envelope: chunk count does not follow from the lengths";
	if (e->chunk_count != full + 1)
		return -EPROTO;
	*why = "envelope: payload length does not follow from the chunk count";
	if (e->payload_len != full * EROT_CHUNK_STRIDE + EROT_VERITY_DESC_SIZE + EROT_TAG_SIZE)
		return -EPROTO;
	*why = "envelope: payload offset is inside the envelope, not aligned or too large";
	if (e->payload_off &&
	    (e->payload_off < e->len || !IS_ALIGNED(e->payload_off, EROT_IMAGE_ALIGN) ||
	     e->payload_off > LLONG_MAX - e->payload_len))
		return -EPROTO;
	*why = NULL;
	return 0;
}

/**
 * erot_ewc_parse - read an envelope
 * @buf: the envelope, no byte more; stays as long as @out is used
 * @len: bytes
 * @out: filled on success; on error undefined
 * @why: names the check that refused
 *
 * Checks, after those of erot_ewc_length(): length, reserved field, length of
 * the manifest, length of all parts together, image, tree, chunk count,
 * payload length, payload offset.
 *
 * Return: 0, -EMSGSIZE as erot_ewc_length(), else -EPROTO.
 */
int erot_ewc_parse(const void *buf, size_t len, struct erot_ewc *out, const char **why)
{
	const struct erot_ewc_header *h = buf;
	size_t want;
	int err;

	err = erot_ewc_length(buf, len, &want, why);
	if (err)
		return err;
	*why = "envelope: length does not match";
	if (want != len)
		return -EPROTO;
	*why = "envelope: reserved field is not zero";
	if (h->reserved)
		return -EPROTO;

	memset(out, 0, sizeof(*out));
	out->manifest_len = le32_to_cpu(h->manifest_len);
	*why = "envelope: length of the manifest is out of bounds";
	if (!out->manifest_len || out->manifest_len > EROT_MANIFEST_MAX)
		return -EPROTO;
	*why = "envelope: manifest and seal do not fill it";
	if (sizeof(*h) + out->manifest_len + sizeof(struct erot_ewc_seal) != len)
		return -EPROTO;

	out->len = len;
	out->header = h;
	out->manifest = (const u8 *)buf + sizeof(*h);
	out->seal = (const void *)(out->manifest + out->manifest_len);
	out->image_len = le64_to_cpu(h->image_len);
	out->tree_len = le64_to_cpu(h->tree_len);
	out->chunk_count = le64_to_cpu(h->chunk_count);
	out->payload_off = le64_to_cpu(h->payload_off);
	out->payload_len = le64_to_cpu(h->payload_len);
	return check_geometry(out, why);
}

/* Laid out as the output of the derivation. */
struct cobblestone {
	struct erot_chunk_keys keys;
	u8 commitment[EROT_DIGEST_SIZE];
} __packed;

struct open_work {
	u8 content_key[EROT_KEY_SIZE];
	struct cobblestone derived;
};

static int derive(const struct erot_ewc *e, struct open_work *w)
{
	const struct kvec info[] = {
		EROT_PART(COBBLESTONE, sizeof(COBBLESTONE)),	/* with the zero */
		EROT_PART(e->seal->salt, sizeof(e->seal->salt)),
		EROT_PART(EROT_LABEL_PAYLOAD, strlen(EROT_LABEL_PAYLOAD)),
	};

	return erot_hkdf_expand_sha512(w->content_key, sizeof(w->content_key), info,
				       ARRAY_SIZE(info), (u8 *)&w->derived, sizeof(w->derived));
}

/**
 * erot_ewc_open - from the ERoT private key to the keys of the chunks
 * @e:         from erot_ewc_parse()
 * @sk:        ERoT private key
 * @statement: digest of the key statement
 * @out:       in scratch memory; untouched on error
 * @why:       names the check that refused
 *
 * Unwraps the content key (HPKE), derives chunk key, base nonce and
 * commitment (Cobblestone-256) and compares the commitment. May sleep.
 *
 * Return: 0; -EKEYREJECTED if the content key does not open or does not have
 * the commitment; -ENOMEM.
 */
int erot_ewc_open(const struct erot_ewc *e, const u8 sk[EROT_KEY_SIZE],
		  const u8 statement[EROT_DIGEST_SIZE], struct erot_chunk_keys *out,
		  const char **why)
{
	u8 info[sizeof(EROT_LABEL_EWC) - 1 + EROT_DIGEST_SIZE];
	struct open_work *w;
	int err;

	BUILD_BUG_ON(sizeof(struct cobblestone) != 32 + 12 + 32);

	*why = "envelope: out of memory";
	w = erot_scratch_alloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return -ENOMEM;

	memcpy(info, EROT_LABEL_EWC, sizeof(EROT_LABEL_EWC) - 1);
	memcpy(info + sizeof(EROT_LABEL_EWC) - 1, statement, EROT_DIGEST_SIZE);
	err = erot_hpke_open(sk, e->seal->enc, info, sizeof(info), e->header,
			     sizeof(*e->header) + e->manifest_len, e->seal->wrapped,
			     sizeof(e->seal->wrapped), w->content_key);
	if (err == -EBADMSG || err == -EKEYREJECTED) {
		*why = "envelope: content key is not sealed to this ERoT key and statement";
		err = -EKEYREJECTED;
	}
	if (err)
		goto out;
	err = derive(e, w);
	if (err)
		goto out;
	if (crypto_memneq(w->derived.commitment, e->seal->commitment, EROT_DIGEST_SIZE)) {
		*why = "envelope: content key does not match the commitment";
		err = -EKEYREJECTED;
		goto out;
	}
	*out = w->derived.keys;
	*why = NULL;
out:
	erot_scratch_free(w, sizeof(*w));
	return err;
}

/**
 * erot_chunk_nonce - nonce of one chunk
 * @base:  base nonce
 * @chunk: its number, from 0
 * @out:   @base with the number, big-endian and as wide, xored into it
 */
void erot_chunk_nonce(const u8 base[EROT_NONCE_SIZE], u64 chunk, u8 out[EROT_NONCE_SIZE])
{
	memcpy(out, base, EROT_NONCE_SIZE);
	put_unaligned_be64(get_unaligned_be64(out + 4) ^ chunk, out + 4);
}
