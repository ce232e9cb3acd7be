/* SPDX-License-Identifier: GPL-2.0-only */
/* Releases: an ERoT private key sealed to the boot key, and that to the session key. */
#ifndef EROT_LIBEROT_RELEASE_H
#define EROT_LIBEROT_RELEASE_H

#include "common/error.h"
#include "liberot/hpke.h"

/**
 * struct erot_release_info - what a release carries; secret
 * @sk:            ERoT private key
 * @derg_time:     seconds since 1970
 * @valid_seconds: after NEW; not 0
 * @max_runtime:   seconds; not 0
 */
struct erot_release_info {
	uint8_t sk[EROT_KEY_SIZE];
	uint64_t derg_time;
	uint32_t valid_seconds;
	uint32_t max_runtime;
};

/* -EINVAL "release-value", -EKEYREJECTED "release-key" for a useless public key, -EIO "crypto". */
int erot_release_seal(const struct erot_release_info *in, const uint8_t receipt[EROT_DIGEST_SIZE],
		      const uint8_t session_pk[EROT_KEY_SIZE], const uint8_t boot_pk[EROT_KEY_SIZE],
		      struct erot_release *out, struct erot_error *err);

/*
 * What the module does; here for tests. -EBADMSG: "release-session", "release-boot",
 * "release-secret".
 */
int erot_release_open(const struct erot_release *in, const uint8_t receipt[EROT_DIGEST_SIZE],
		      const uint8_t session_sk[EROT_KEY_SIZE], const uint8_t boot_sk[EROT_KEY_SIZE],
		      struct erot_release_info *out, struct erot_error *err);

#endif /* EROT_LIBEROT_RELEASE_H */
