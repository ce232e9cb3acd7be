// SPDX-License-Identifier: GPL-2.0-only
/* HPKE against the vector that RFC 9180 was published with: mode 0, kem 32, kdf 1, aead 2. */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

#include "common/io.h"
#include "common/tap.h"
#include "liberot/hpke.h"

extern char **environ;

#define IKM_E "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9"
#define IKM_R "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee"
#define SK_R  "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
#define PK_R  "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
#define ENC   "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
#define INFO  "Ode on a Grecian Urn"
#define AAD   "Count-0"
#define PT    "Beauty is truth, truth beauty"
#define CT    "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c5" \
	      "2deb5f512be9931980a41de125a925cdad859d5b7a"

static void must_unhex(const char *text, uint8_t *out, size_t len)
{
	if (erot_unhex(text, out, len)) {
		printf("Bail out! bad hex in the test\n");
		exit(1);
	}
}

static int is_hex(const uint8_t *data, size_t len, const char *want)
{
	char hex[512];

	return !strcmp(erot_hex(data, len, hex), want);
}

/* RFC 5869, appendix A.1; RFC 4231, test case 2 */
static void test_primitives(void)
{
	uint8_t prk[32], out[42], key[22], info[10], zero[32] = { 0 };

	must_unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", key, 22);
	must_unhex("f0f1f2f3f4f5f6f7f8f9", info, 10);
	tap_ok(!erot_hkdf_extract_sha256("\0\1\2\3\4\5\6\7\10\11\12\13\14", 13, key, 22, prk) &&
	       is_hex(prk, 32, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
	       "HKDF-Extract, RFC 5869 A.1");
	tap_ok(!erot_hkdf_expand_sha256(prk, 32, info, 10, out, 42) &&
	       is_hex(out, 42, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
			       "34007208d5b887185865"), "HKDF-Expand, RFC 5869 A.1");
	tap_ok(erot_hkdf_expand_sha256(prk, 32, info, 10, out, 0) == -EINVAL,
	       "HKDF-Expand to nothing is refused");
	tap_ok(!erot_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, prk) &&
	       is_hex(prk, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
	       "HMAC-SHA-256, RFC 4231 case 2");
	tap_ok(!erot_sha256("abc", 3, prk) &&
	       is_hex(prk, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
	       "SHA-256 of abc");
	tap_ok(erot_x25519(out, zero, prk) == -EKEYREJECTED && !memcmp(prk, zero, 32),
	       "an all-zero shared secret is refused");
}

static void test_vector(void)
{
	uint8_t sk_e[32], pk_e[32], sk_r[32], pk_r[32], ikm[32], enc[32], ct[64], pt[64];
	size_t len = strlen(PT), i;
	int wrong = 0;

	must_unhex(IKM_E, ikm, 32);
	tap_ok(!erot_hpke_derive_keypair(ikm, 32, sk_e, pk_e) && is_hex(pk_e, 32, ENC),
	       "DeriveKeyPair(ikmE)");
	must_unhex(IKM_R, ikm, 32);
	tap_ok(!erot_hpke_derive_keypair(ikm, 32, sk_r, pk_r) && is_hex(sk_r, 32, SK_R) &&
	       is_hex(pk_r, 32, PK_R), "DeriveKeyPair(ikmR)");
	tap_ok(erot_hpke_derive_keypair(ikm, 31, sk_e, pk_e) == -EINVAL, "too little ikm: EINVAL");
	must_unhex(IKM_E, ikm, 32);
	erot_hpke_derive_keypair(ikm, 32, sk_e, pk_e);
	tap_ok(!erot_hpke_seal_with(sk_e, pk_r, INFO, strlen(INFO), AAD, strlen(AAD), PT, len, enc,
				    ct) && is_hex(enc, 32, ENC), "encapsulated key");
	tap_ok(is_hex(ct, len + 16, CT), "ciphertext of sequence number 0");
	tap_ok(!erot_hpke_open(sk_r, enc, INFO, strlen(INFO), AAD, strlen(AAD), ct, len + 16, pt) &&
	       !memcmp(pt, PT, len), "open");
	for (i = 0; i < len + 16; i++) {
		ct[i] ^= 1;
		wrong += erot_hpke_open(sk_r, enc, INFO, strlen(INFO), AAD, strlen(AAD), ct,
					len + 16, pt) != -EBADMSG;
		ct[i] ^= 1;
	}
	tap_ok(!wrong, "every altered byte of the ciphertext: EBADMSG");
	for (i = 0; i < 32; i++) {
		/* The top bit of the last byte is not part of an X25519 key, but is hashed. */
		enc[i] ^= 0x80;
		wrong += erot_hpke_open(sk_r, enc, INFO, strlen(INFO), AAD, strlen(AAD), ct,
					len + 16, pt) != -EBADMSG;
		enc[i] ^= 0x80;
	}
	tap_ok(!wrong, "every altered byte of the encapsulated key: EBADMSG");
	tap_ok(erot_hpke_open(sk_r, enc, INFO, strlen(INFO) - 1, AAD, strlen(AAD), ct, len + 16,
			      pt) == -EBADMSG, "other info: EBADMSG");
	tap_ok(erot_hpke_open(sk_r, enc, INFO, strlen(INFO), AAD, strlen(AAD) - 1, ct, len + 16,
			      pt) == -EBADMSG, "other aad: EBADMSG");
	tap_ok(erot_hpke_open(sk_e, enc, INFO, strlen(INFO), AAD, strlen(AAD), ct, len + 16, pt) ==
	       -EBADMSG, "other key: EBADMSG");
	tap_ok(erot_hpke_open(sk_r, enc, INFO, strlen(INFO), AAD, strlen(AAD), ct, 15, pt) ==
	       -EBADMSG, "shorter than a tag: EBADMSG");
	memset(enc, 0, 32);
	tap_ok(erot_hpke_open(sk_r, enc, INFO, strlen(INFO), AAD, strlen(AAD), ct, len + 16, pt) ==
	       -EKEYREJECTED, "encapsulated key of zeros: EKEYREJECTED");
	memset(pk_r, 0, 32);
	tap_ok(erot_hpke_seal(pk_r, INFO, strlen(INFO), AAD, strlen(AAD), PT, len, enc, ct) ==
	       -EKEYREJECTED, "public key of zeros: EKEYREJECTED");
}

/*
 * The ciphertext above was made by the oracle; the oracle is held against the digest over 1000
 * messages that was published for this vector.
 */
static void test_oracle(void)
{
	char *argv[] = { "/usr/bin/python3", (char *)tap_source("userspace/liberot/oracle.py"),
		"hpke",
			 NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawn(&pid, "/usr/bin/python3", NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		status = -1;
	tap_ok(status == 0, "the oracle agrees with the published accumulated vector");
}

int main(void)
{
	test_primitives();
	test_vector();
	test_oracle();
	return tap_done();
}
