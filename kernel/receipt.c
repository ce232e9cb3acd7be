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

/* A DER element still to be read, and the first byte behind it. */
struct der {
	const u8 *p;
	const u8 *end;
};

/* Steps over an element of @tag and leaves its contents in @in. */
static bool der_enter(struct der *der, u8 tag, struct der *in)
{
	size_t left = der->end - der->p, len, head;
	const u8 *p = der->p;

	if (left < 2 || p[0] != tag)
		return false;
	if (p[1] < 0x80) {
		len = p[1];
		head = 2;
	} else if (p[1] == 0x81 && left >= 3 && p[2] >= 0x80) {
		len = p[2];
		head = 3;
	} else if (p[1] == 0x82 && left >= 4 && p[2]) {
		len = p[2] << 8 | p[3];
		head = 4;
	} else {
		return false;
	}
	if (len > left - head)
		return false;
	in->p = p + head;
	in->end = in->p + len;
	der->p = in->end;
	return true;
}

/* The only element of @der. */
static bool der_enter_only(struct der *der, u8 tag, struct der *in)
{
	return der_enter(der, tag, in) && der->p == der->end;
}

static bool der_bytes(struct der *der, const u8 *want, size_t n)
{
	if (der->end - der->p < n || memcmp(der->p, want, n))
		return false;
	der->p += n;
	return true;
}

/*
 * RFC 5652, 5.1, in the one form that receipts have. The kernel's parser alone
 * would let pass bytes behind the message, SHA-1, a second signer, a
 * certificate chain that leads to the keyring, and changes in fields it skips.
 */
static bool is_plain_cms(const u8 *cms, size_t len)
{
	static const u8 signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
					  0x01, 0x07, 0x02 };
	static const u8 data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
				   0x01, 0x07, 0x01 };
	static const u8 sha256[] = { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				     0x65, 0x03, 0x04, 0x02, 0x01 };
	static const u8 rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
				  0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	static const u8 version[] = { 0x02, 0x01, 0x03 };
	struct der der = { cms, cms + len };
	struct der info, body, part, in;

	return der_enter_only(&der, 0x30, &info) &&
	       der_bytes(&info, signed_data, sizeof(signed_data)) &&
	       der_enter_only(&info, 0xa0, &in) &&
	       der_enter_only(&in, 0x30, &body) &&
	       der_bytes(&body, version, sizeof(version)) &&
	       /* digest algorithms */
	       der_enter(&body, 0x31, &part) &&
	       der_bytes(&part, sha256, sizeof(sha256)) && part.p == part.end &&
	       /* content */
	       der_enter(&body, 0x30, &part) &&
	       der_bytes(&part, data, sizeof(data)) &&
	       der_enter_only(&part, 0xa0, &in) &&
	       der_enter_only(&in, 0x04, &part) &&
	       /* one signer, by key identifier, and nothing behind */
	       der_enter_only(&body, 0x31, &part) &&
	       der_enter_only(&part, 0x30, &info) &&
	       der_bytes(&info, version, sizeof(version)) &&
	       der_enter(&info, 0x80, &in) &&
	       der_bytes(&info, sha256, sizeof(sha256)) &&
	       der_bytes(&info, rsa, sizeof(rsa)) &&
	       der_enter_only(&info, 0x04, &in);
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

/* The kernel's PKCS#7 code has many errors; callers see five of them. */
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
		*why = "receipt: not a CMS SignedData message in the form of receipts";
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
 * this machine's. May sleep.
 *
 * Return: 0, or in the order of the checks -EMSGSIZE (above EROT_CMS_MAX),
 * -ENOKEY (no keyring), -EBADMSG (not DER of SignedData with its content, one
 * signer named by key identifier, RSA with SHA-256, no attributes, no
 * certificates, nothing behind), -ENOKEY (signer unknown), -EKEYREJECTED
 * (wrong signature, or the key was revoked or is of the wrong type), then as
 * erot_receipt_parse(). -ENOMEM at any time.
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
	if (!is_plain_cms(cms, len))
		return name_error(-EBADMSG, why);

	err = verify_pkcs7_signature(NULL, 0, cms, len, ring, VERIFYING_UNSPECIFIED_SIGNATURE,
				     view_content, &v);
	if (v.seen)
		return v.err;
	/* success without content seen can't happen; it would be no success */
	return name_error(err < 0 ? err : -EBADMSG, why);
}
