/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module's parsers take from the kernel, so that the very files of kernel/ are compiled
 * into a target: `#include "fuzz/kernel.h"`, then the .c files. Headers that only a kernel has are
 * empty here (run.sh makes them). Names that liberot has too begin with "kernel_", so that a target
 * can hold both readers of one format against each other. Hashes and keys are liberot's.
 */
#ifndef EROT_FUZZ_KERNEL_H
#define EROT_FUZZ_KERNEL_H

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "fuzz/fuzz.h"
#include "liberot/cms.h"
#include "liberot/envelope.h"
#include "liberot/evidence.h"
#include "liberot/grant.h"
#include "liberot/hpke.h"
#include "liberot/verity.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int gfp_t;

struct kvec {
	void *iov_base;
	size_t iov_len;
};

#define GFP_KERNEL		0
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)
#define sizeof_field(t, f)	sizeof(((t *)0)->f)
#define offsetofend(t, f)	(offsetof(t, f) + sizeof_field(t, f))
#define IS_ALIGNED(x, a)	(!((x) & ((__typeof__(x))(a) - 1)))
#define DIV_ROUND_UP_ULL(x, d)	(((unsigned long long)(x) + (d) - 1) / (d))
#define __packed		__attribute__((packed))

/* of struct fsverity_descriptor; user space has no name for it */
#define sig_size		__reserved_0x04

#define le16_to_cpu(x)		le16toh(x)
#define le32_to_cpu(x)		le32toh(x)
#define le64_to_cpu(x)		le64toh(x)
#define cpu_to_le16(x)		htole16(x)
#define cpu_to_le32(x)		htole32(x)

/* nothing that a target does may come to one */
#define WARN_ON_ONCE(cond)	((cond) ? (abort(), true) : false)

static inline void get_random_bytes(void *p, size_t n)
{
	memset(p, 0xa5, n);
}

static inline u64 get_unaligned_be64(const void *p)
{
	u64 x;

	memcpy(&x, p, sizeof(x));
	return be64toh(x);
}

static inline void put_unaligned_be64(u64 x, void *p)
{
	x = htobe64(x);
	memcpy(p, &x, sizeof(x));
}

static inline const void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *b = p;

	for (; n; b++, n--)
		if (*b != (u8)c)
			return b;
	return NULL;
}

static inline void memzero_explicit(void *p, size_t n)
{
	explicit_bzero(p, n);
}

static inline unsigned long crypto_memneq(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n) != 0;
}

static inline u32 crc32c(u32 crc, const void *data, size_t n)
{
	static u32 table[256];
	const u8 *p = data;
	u32 i, k;

	for (i = 0; !table[255] && i < 256; i++)
		for (table[i] = i, k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78 : 0);
	while (n--)
		crc = crc >> 8 ^ table[(u8)crc ^ *p++];
	return crc;
}

/* ---- names that both sides have */

#define erot_chunk_nonce	kernel_chunk_nonce
#define erot_evidence_key	kernel_evidence_key
#define erot_evidence_seal	kernel_evidence_seal
#define erot_gcm_open		kernel_gcm_open
#define erot_hkdf_expand_sha256	kernel_hkdf_expand_sha256
#define erot_hkdf_expand_sha512	kernel_hkdf_expand_sha512
#define erot_hkdf_extract_sha256 kernel_hkdf_extract_sha256
#define erot_hmac_sha256	kernel_hmac_sha256
#define erot_hpke_keypair	kernel_hpke_keypair
#define erot_hpke_open		kernel_hpke_open
#define erot_hpke_public	kernel_hpke_public
#define erot_receipt_parse	kernel_receipt_parse
#define erot_receipt_verify	kernel_receipt_verify
#define erot_secret_alloc	kernel_secret_alloc
#define erot_secret_free	kernel_secret_free
#define erot_sha256		kernel_sha256
#define erot_verity_tree_len	kernel_verity_tree_len

#include "kernel/crypto.h"
#include "kernel/hpke.h"
#include "kernel/secret.h"

/* liberot's, under a name that is not one of those above */
int liberot_sha256(const void *, size_t, uint8_t *) __asm__("erot_sha256");
int liberot_hkdf_expand_sha512(const void *, size_t, const void *, size_t, void *, size_t)
	__asm__("erot_hkdf_expand_sha512");
int liberot_hpke_open(const uint8_t *, const uint8_t *, const void *, size_t, const void *, size_t,
		      const uint8_t *, size_t, uint8_t *) __asm__("erot_hpke_open");
int liberot_receipt_parse(const void *, size_t, struct erot_receipt_info *, struct erot_error *)
	__asm__("erot_receipt_parse");
uint64_t liberot_verity_tree_len(uint64_t) __asm__("erot_verity_tree_len");

static inline void *flatten(const struct kvec *parts, unsigned int n, size_t *len)
{
	u8 *all, *p;
	unsigned int i;

	for (*len = i = 0; i < n; i++)
		*len += parts[i].iov_len;
	p = all = malloc(*len + 1);
	if (!all)
		abort();
	for (i = 0; i < n; p += parts[i++].iov_len)
		memcpy(p, parts[i].iov_base, parts[i].iov_len);
	return all;
}

void erot_sha256(const void *p, size_t n, u8 out[EROT_DIGEST_SIZE])
{
	if (liberot_sha256(p, n, out))
		abort();
}

void erot_sha256_parts(const struct kvec *parts, unsigned int n, u8 out[EROT_DIGEST_SIZE])
{
	size_t len;
	void *all = flatten(parts, n, &len);

	erot_sha256(all, len, out);
	free(all);
}

int erot_hkdf_expand_sha512(const u8 *prk, size_t prk_len, const struct kvec *info,
			    unsigned int n, u8 *out, size_t len)
{
	size_t info_len;
	void *all = flatten(info, n, &info_len);
	int ret = liberot_hkdf_expand_sha512(prk, prk_len, all, info_len, out, len);

	free(all);
	return ret;
}

int erot_hpke_open(const u8 sk[EROT_KEY_SIZE], const u8 enc[EROT_KEY_SIZE], const void *info,
		   size_t info_len, const void *aad, size_t aad_len, const u8 *ct, size_t ct_len,
		   u8 *pt)
{
	return liberot_hpke_open(sk, enc, info, info_len, aad, aad_len, ct, ct_len, pt);
}

void *erot_scratch_alloc(size_t n, gfp_t gfp)
{
	return calloc(1, n);
}

void erot_scratch_free(void *p, size_t n)
{
	free(p);
}

/* ---- PKCS#7: who signed is not asked; what is inside is for liberot's reader to say */

struct key;

#define VERIFYING_UNSPECIFIED_SIGNATURE	0

int verify_pkcs7_signature(const void *data, size_t len, const void *cms, size_t cms_len,
			   struct key *ring, int usage,
			   int (*view)(void *ctx, const void *data, size_t len, size_t hdrlen),
			   void *ctx);

#endif /* EROT_FUZZ_KERNEL_H */
