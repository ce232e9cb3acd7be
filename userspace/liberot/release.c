// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <string.h>

#include "common/secret.h"
#include "liberot/grant.h"
#include "liberot/release.h"

_Static_assert(sizeof(struct erot_release) == EROT_RELEASE_SIZE, "layout of a release");

#define LABEL_LEN	(sizeof(EROT_LABEL_RELEASE) - 1)

struct info {
	uint8_t bytes[LABEL_LEN + EROT_DIGEST_SIZE + EROT_KEY_SIZE];
};

static void make_info(const uint8_t receipt[EROT_DIGEST_SIZE],
		      const uint8_t session_pk[EROT_KEY_SIZE], struct info *out)
{
	memcpy(out->bytes, EROT_LABEL_RELEASE, LABEL_LEN);
	memcpy(out->bytes + LABEL_LEN, receipt, EROT_DIGEST_SIZE);
	memcpy(out->bytes + LABEL_LEN + EROT_DIGEST_SIZE, session_pk, EROT_KEY_SIZE);
}

static int seal_error(int ret, const char *whose, struct erot_error *err)
{
	if (ret == -EKEYREJECTED)
		return erot_fail(err, EKEYREJECTED, "release-key", "release: useless %s key",
				 whose);
	if (ret)
		return erot_fail(err, -ret, "crypto", "release: sealing to the %s key failed",
				 whose);
	return 0;
}

int erot_release_seal(const struct erot_release_info *in, const uint8_t receipt[EROT_DIGEST_SIZE],
		      const uint8_t session_pk[EROT_KEY_SIZE], const uint8_t boot_pk[EROT_KEY_SIZE],
		      struct erot_release *out, struct erot_error *err)
{
	struct erot_release_secret secret;
	struct erot_release_boot boot;
	struct info info;
	int ret;

	if (!in->valid_seconds || !in->max_runtime)
		return erot_fail(err, EINVAL, "release-value", "release: valid for no time at all");
	erot_head_fill(&secret.head, EROT_PURPOSE_RELEASE, sizeof(secret));
	memcpy(secret.sk, in->sk, sizeof(secret.sk));
	secret.derg_time = htole64(in->derg_time);
	secret.valid_seconds = htole32(in->valid_seconds);
	secret.max_runtime = htole32(in->max_runtime);
	make_info(receipt, session_pk, &info);

	ret = seal_error(erot_hpke_seal(boot_pk, info.bytes, sizeof(info.bytes), EROT_AAD_BOOT,
					strlen(EROT_AAD_BOOT), &secret, sizeof(secret), boot.enc,
					boot.text), "boot", err);
	if (!ret)
		ret = seal_error(erot_hpke_seal(session_pk, info.bytes, sizeof(info.bytes),
						EROT_AAD_SESSION, strlen(EROT_AAD_SESSION), &boot,
						sizeof(boot), out->enc, out->text), "session", err);
	erot_wipe(&secret, sizeof(secret));
	return ret;
}

int erot_release_open(const struct erot_release *in, const uint8_t receipt[EROT_DIGEST_SIZE],
		      const uint8_t session_sk[EROT_KEY_SIZE], const uint8_t boot_sk[EROT_KEY_SIZE],
		      struct erot_release_info *out, struct erot_error *err)
{
	struct erot_release_secret secret = { 0 };
	uint8_t session_pk[EROT_KEY_SIZE];
	struct erot_release_boot boot;
	struct info info;
	int ret;

	memset(out, 0, sizeof(*out));
	if (erot_x25519_public(session_sk, session_pk))
		return erot_fail(err, EIO, "crypto", "release: no public session key");
	make_info(receipt, session_pk, &info);
	if (erot_hpke_open(session_sk, in->enc, info.bytes, sizeof(info.bytes), EROT_AAD_SESSION,
			   strlen(EROT_AAD_SESSION), in->text, sizeof(in->text),
			   (uint8_t *)&boot))
		return erot_fail(err, EBADMSG, "release-session",
				 "release: not for this session and receipt");
	if (erot_hpke_open(boot_sk, boot.enc, info.bytes, sizeof(info.bytes), EROT_AAD_BOOT,
			   strlen(EROT_AAD_BOOT), boot.text, sizeof(boot.text),
			   (uint8_t *)&secret))
		return erot_fail(err, EBADMSG, "release-boot", "release: not for this boot key");
	ret = erot_head_check(&secret.head, sizeof(secret), EROT_PURPOSE_RELEASE, "release", err);
	if (!ret && (!secret.valid_seconds || !secret.max_runtime))
		ret = erot_fail(err, EBADMSG, "release-secret",
				"release: valid for no time at all");
	if (!ret) {
		memcpy(out->sk, secret.sk, sizeof(out->sk));
		out->derg_time = le64toh(secret.derg_time);
		out->valid_seconds = le32toh(secret.valid_seconds);
		out->max_runtime = le32toh(secret.max_runtime);
	}
	erot_wipe(&secret, sizeof(secret));
	return ret;
}
