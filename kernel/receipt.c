// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/key.h>
#include <linux/string.h>
#include <linux/verification.h>

#include "crypto.h"
#include "limits.h"
#include "receipt.h"

static int check_head(const struct erot_head *head, size_t len, const char **why)
{
	if (memcmp(head->magic, EROT_MAGIC, EROT_MAGIC_SIZE))
		*why = "receipt: content does not begin with the magic";
	else if (le16_to_cpu(head->version) != EROT_VERSION)
		*why = "receipt: unknown version";
	else if (le16_to_cpu(head->purpose) != EROT_PURPOSE_RECEIPT)
		*why = "receipt: signed content is not a receipt";
	else if (le32_to_cpu(head->length) != len)
		*why = "receipt: length does not match the content";
	else
		return 0;
	return -EPROTO;
}

static int check_fields(const struct erot_receipt *r, size_t len, const char **why)
{
	u32 hwkey_len = le32_to_cpu(r->grant.hwkey_len);
	u32 manifest_len = le32_to_cpu(r->grant.manifest_len);
	u32 max_runtime = le32_to_cpu(r->max_runtime);

	if (r->grant.reserved)
		*why = "receipt: reserved field is not zero";
	else if (!hwkey_len || hwkey_len > EROT_HWKEY_MAX)
		*why = "receipt: length of the hardware key is out of bounds";
	else if (!manifest_len || manifest_len > EROT_MANIFEST_MAX)
		*why = "receipt: length of the manifest is out of bounds";
	else if (sizeof(*r) + hwkey_len + manifest_len != len)
		*why = "receipt: hardware key and manifest do not fill the content";
	else if (le64_to_cpu(r->not_before) >= le64_to_cpu(r->not_after))
		*why = "receipt: not-after is not later than not-before";
	else if (!max_runtime || max_runtime > EROT_RUNTIME_MAX)
		*why = "receipt: max-runtime is out of bounds";
	else if (le32_to_cpu(r->isolation) & ~EROT_ISO_ALL)
		*why = "receipt: asks for isolation that this module does not know";
	else if (le32_to_cpu(r->host) & ~EROT_HOST_ALL)
		*why = "receipt: asks for a host state that this module does not know";
	else
		return 0;
	return -EPROTO;
}

/**
 * erot_receipt_parse - read a receipt's content
 * @content: bytes that were signed
 * @len:     how many
 * @out:     filled on success, else untouched
 * @why:     names the check that refused
 *
 * Checks in this order: magic, version, purpose, length; reserved field,
 * length of hardware key, of manifest, of both together; dates; runtime;
 * unknown bits of isolation, of host state.
 *
 * Return: 0 or -EPROTO.
 */
int erot_receipt_parse(const void *content, size_t len, struct erot_receipt_facts *out,
		       const char **why)
{
	const struct erot_receipt *r = content;
	const u8 *hwkey, *manifest;
	u32 hwkey_len;
	int err;

	/* the head first: a statement or an order, shorter, is called by its name */
	if (len < sizeof(struct erot_head)) {
		*why = "receipt: content is too short";
		return -EPROTO;
	}
	err = check_head(&r->grant.head, len, why);
	if (err)
		return err;
	if (len < sizeof(*r)) {
		*why = "receipt: content is too short";
		return -EPROTO;
	}
	err = check_fields(r, len, why);
	if (err)
		return err;

	hwkey_len = le32_to_cpu(r->grant.hwkey_len);
	hwkey = (const u8 *)content + sizeof(*r);
	manifest = hwkey + hwkey_len;

	memset(out, 0, sizeof(*out));
	erot_sha256(content, len, out->digest);
	erot_sha256(hwkey, hwkey_len, out->hwkey);
	out->manifest_len = le32_to_cpu(r->grant.manifest_len);
	erot_sha256(manifest, out->manifest_len, out->manifest);
	memcpy(out->statement, r->statement, sizeof(out->statement));
	memcpy(out->ewc, r->ewc, sizeof(out->ewc));
	memcpy(out->erot_pk, r->grant.erot_pk, sizeof(out->erot_pk));
	memcpy(out->code_hash, r->grant.code_hash, sizeof(out->code_hash));
	out->not_before = le64_to_cpu(r->not_before);
	out->not_after = le64_to_cpu(r->not_after);
	out->memory_max = le64_to_cpu(r->memory_max);
	out->max_runtime = le32_to_cpu(r->max_runtime);
	out->pids_max = le32_to_cpu(r->pids_max);
	out->isolation = le32_to_cpu(r->isolation);
	out->host = le32_to_cpu(r->host);
	return 0;
}

struct view {
	struct erot_receipt_facts *out;
	const char **why;
	bool seen;		/* the signature holds, @err is the parser's */
	int err;
};

static int view_content(void *ctx, const void *data, size_t len, size_t asn1hdrlen)
{
	struct view *v = ctx;

	v->seen = true;
	v->err = erot_receipt_parse(data, len, v->out, v->why);
	return v->err;
}

/* The kernel's PKCS#7 code has many errors; callers are told apart four of them. */
static int name_error(int err, const char **why)
{
	switch (err) {
	case -ENOMEM:
		*why = "receipt: out of memory";
		return err;
	case -EMSGSIZE:
		*why = "receipt: message is too large";
		return err;
	case -ENOKEY:
		*why = "receipt: signed by no key of the keyring .erot";
		return err;
	case -EKEYREJECTED:
	case -EKEYREVOKED:
	case -EKEYEXPIRED:
	case -ENOPKG:
		*why = "receipt: signature does not verify";
		return -EKEYREJECTED;
	default:
		*why = "receipt: not a CMS SignedData message (DER) with its content";
		return -EBADMSG;
	}
}

/**
 * erot_receipt_verify - check a signed receipt, then read it
 * @cms:  CMS SignedData, DER, content attached
 * @len:  bytes
 * @ring: keys whose signature counts
 * @out:  filled on success, else untouched
 * @why:  names the check that refused
 *
 * The dates are not compared with any clock here, nor the hardware key with
 * this machine's. The receipt is identified by the digest of its content: the
 * kernel's parser lets bytes behind the message pass. May sleep.
 *
 * Return: 0, or in the order of the checks -EMSGSIZE (above EROT_CMS_MAX),
 * -ENOKEY (no keyring), -EBADMSG (not CMS in DER with content of type data),
 * -EKEYREJECTED (message contradicts itself), -ENOKEY (signer unknown),
 * -EKEYREJECTED (wrong signature, revoked key, unsupported algorithm), then
 * as erot_receipt_parse(). -ENOMEM at any time.
 */
int erot_receipt_verify(const void *cms, size_t len, struct key *ring,
			struct erot_receipt_facts *out, const char **why)
{
	struct view v = { .out = out, .why = why };
	int err;

	if (len > EROT_CMS_MAX)
		return name_error(-EMSGSIZE, why);
	/* NULL would mean the keys that the kernel was built with */
	if (!ring)
		return name_error(-ENOKEY, why);
	if (!len)
		return name_error(-EBADMSG, why);

	err = verify_pkcs7_signature(NULL, 0, cms, len, ring, VERIFYING_UNSPECIFIED_SIGNATURE,
				     view_content, &v);
	if (v.seen)
		return v.err;
	/* success without content seen can't happen; it would be no success */
	return name_error(err < 0 ? err : -EBADMSG, why);
}
