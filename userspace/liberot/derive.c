// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "liberot/derive.h"

static int check_tenant(const char *tenant, struct erot_error *err)
{
	size_t len = tenant ? strnlen(tenant, EROT_TENANT_MAX + 1) : 0;

	if (!len || len > EROT_TENANT_MAX)
		return erot_fail(err, EINVAL, "tenant", "tenant: 1 to %d bytes are allowed",
				 EROT_TENANT_MAX);
	return 0;
}

int erot_tenant_digest(const char *tenant, uint8_t out[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct erot_buf b = { 0 };
	int ret;

	ret = check_tenant(tenant, err);
	if (ret)
		return ret;
	erot_buf_lp_str(&b, EROT_LABEL_TENANT);
	erot_buf_lp_str(&b, tenant);
	ret = erot_buf_done(&b, err);
	if (!ret && erot_sha256(b.data, b.len, out))
		ret = erot_fail(err, EIO, "crypto", "SHA-256 failed");
	erot_buf_free(&b);
	return ret;
}

int erot_derive_context(const struct erot_derive_input *in, struct erot_buf *out,
			struct erot_error *err)
{
	struct erot_buf epoch = { 0 };
	int ret;

	ret = check_tenant(in->tenant, err);
	if (ret)
		return ret;
	if (!in->hwkey_len || in->hwkey_len > EROT_HWKEY_MAX)
		return erot_fail(err, EINVAL, "hwkey",
				 "hardware key: %zu bytes, 1 to %d are allowed",
				 in->hwkey_len, EROT_HWKEY_MAX);
	if (!in->manifest_len || in->manifest_len > EROT_MANIFEST_MAX)
		return erot_fail(err, EINVAL, "manifest-size",
				 "manifest: %zu bytes, 1 to %d are allowed", in->manifest_len,
				 EROT_MANIFEST_MAX);
	erot_buf_u32(&epoch, in->epoch);
	erot_buf_lp_str(out, EROT_LABEL_DERIVE);
	erot_buf_lp_str(out, in->tenant);
	erot_buf_lp(out, epoch.data, epoch.len);
	erot_buf_lp(out, in->hwkey, in->hwkey_len);
	erot_buf_lp(out, in->manifest, in->manifest_len);
	erot_buf_lp(out, in->nonce, sizeof(in->nonce));
	ret = erot_buf_done(&epoch, err);
	if (!ret)
		ret = erot_buf_done(out, err);
	erot_buf_free(&epoch);
	return ret;
}

int erot_derive_seed(const struct erot_derive_input *in, uint8_t seed[EROT_DIGEST_SIZE],
		     struct erot_error *err)
{
	struct erot_buf b = { 0 };
	int ret;

	ret = erot_derive_context(in, &b, err);
	if (!ret && erot_sha256(b.data, b.len, seed))
		ret = erot_fail(err, EIO, "crypto", "SHA-256 failed");
	erot_buf_free(&b);
	return ret;
}

void erot_derive_ikm_message(const uint8_t seed[EROT_DIGEST_SIZE],
			     uint8_t msg[EROT_IKM_MESSAGE_SIZE])
{
	memcpy(msg, EROT_LABEL_IKM, sizeof(EROT_LABEL_IKM) - 1);
	memcpy(msg + sizeof(EROT_LABEL_IKM) - 1, seed, EROT_DIGEST_SIZE);
}
