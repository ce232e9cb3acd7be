// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every hash of a proof is that of a range of entries [lo, hi) which begins at a multiple of a
 * power of two not smaller than it is long. Such a range is a few complete subtrees, each smaller
 * than the one to its left, and its hash is theirs folded from the right.
 */
#include <openssl/evp.h>
#include <string.h>

#include "liberot/crypto.h"
#include "liberot/tlog.h"

/* Ranges of a proof are complete subtrees except for at most one. */
#define NODES_MAX	(2 * EROT_TLOG_PROOF_MAX)

int erot_tlog_leaf(const void *data, size_t len, uint8_t out[EROT_DIGEST_SIZE])
{
	static const uint8_t prefix;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned int n = 0;
	int good;

	good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestUpdate(ctx, &prefix, 1) == 1 && EVP_DigestUpdate(ctx, data, len) == 1 &&
	       EVP_DigestFinal_ex(ctx, out, &n) == 1 && n == EROT_DIGEST_SIZE;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -EIO;
}

int erot_tlog_node(const uint8_t left[EROT_DIGEST_SIZE], const uint8_t right[EROT_DIGEST_SIZE],
		   uint8_t out[EROT_DIGEST_SIZE])
{
	uint8_t both[1 + 2 * EROT_DIGEST_SIZE] = { 1 };

	memcpy(both + 1, left, EROT_DIGEST_SIZE);
	memcpy(both + 1 + EROT_DIGEST_SIZE, right, EROT_DIGEST_SIZE);
	return erot_sha256(both, sizeof(both), out);
}

/* ---- checking: a tree of 2^55 has 55 levels, so no more hashes than that are looked at */

/* To where the node is a right child, or the leftmost of all. */
static void climb(uint64_t *fn, uint64_t *sn)
{
	while (!(*fn & 1) && *fn) {
		*fn >>= 1;
		*sn >>= 1;
	}
}

int erot_tlog_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[EROT_DIGEST_SIZE],
			      const struct erot_tlog_proof *proof,
			      const uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err)
{
	uint64_t fn = index, sn = size - 1;
	uint8_t r[EROT_DIGEST_SIZE];
	size_t i;
	int ret;

	if (index >= size || size > EROT_TLOG_SIZE_MAX)
		return erot_fail(err, EKEYREJECTED, "log-inclusion",
				 "the tree has no such entry");
	memcpy(r, leaf, sizeof(r));
	for (i = 0; i < proof->count; i++) {
		if (!sn)
			break;
		if (fn & 1 || fn == sn) {
			ret = erot_tlog_node(proof->hash[i], r, r);
			if (!(fn & 1))
				climb(&fn, &sn);
		} else {
			ret = erot_tlog_node(r, proof->hash[i], r);
		}
		if (ret)
			return erot_fail(err, EIO, "crypto", "SHA-256");
		fn >>= 1;
		sn >>= 1;
	}
	if (i < proof->count || sn || memcmp(r, root, sizeof(r)))
		return erot_fail(err, EKEYREJECTED, "log-inclusion",
				 "the proof does not lead from the entry to the root");
	return 0;
}

static int inconsistent(struct erot_error *err)
{
	return erot_fail(err, EKEYREJECTED, "log-consistency",
			 "the old tree is not a prefix of the new one");
}

/* Both roots from the path; @fr and @sr begin as the subtree that both trees have. */
static int rebuild(uint64_t fn, uint64_t sn, const struct erot_tlog_proof *proof, size_t from,
		   uint8_t fr[EROT_DIGEST_SIZE], uint8_t sr[EROT_DIGEST_SIZE])
{
	int ret = 0;
	size_t i;

	for (i = from; i < proof->count && !ret; i++) {
		if (!sn)
			return -EKEYREJECTED;
		if (fn & 1 || fn == sn) {
			ret = erot_tlog_node(proof->hash[i], fr, fr) ?:
			      erot_tlog_node(proof->hash[i], sr, sr);
			if (!(fn & 1))
				climb(&fn, &sn);
		} else {
			ret = erot_tlog_node(sr, proof->hash[i], sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return ret ?: sn ? -EKEYREJECTED : 0;
}

int erot_tlog_check_consistency(uint64_t old_size, uint64_t size,
				const struct erot_tlog_proof *proof,
				const uint8_t old_root[EROT_DIGEST_SIZE],
				const uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err)
{
	uint8_t fr[EROT_DIGEST_SIZE], sr[EROT_DIGEST_SIZE], empty[EROT_DIGEST_SIZE];
	uint64_t fn = old_size - 1, sn = size - 1;
	size_t from = 0;
	int ret;

	if (old_size > size || size > EROT_TLOG_SIZE_MAX)
		return inconsistent(err);
	if (old_size == size)
		return proof->count || memcmp(old_root, root, sizeof(fr)) ? inconsistent(err) : 0;
	if (!old_size) {
		if (erot_sha256("", 0, empty))
			return erot_fail(err, EIO, "crypto", "SHA-256");
		return proof->count || memcmp(old_root, empty, sizeof(empty)) ?
		       inconsistent(err) : 0;
	}
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	/* a complete old tree is the first subtree itself, and the proof leaves it out */
	if (old_size & (old_size - 1)) {
		if (!proof->count)
			return inconsistent(err);
		memcpy(fr, proof->hash[from++], sizeof(fr));
	} else {
		memcpy(fr, old_root, sizeof(fr));
	}
	memcpy(sr, fr, sizeof(sr));
	ret = rebuild(fn, sn, proof, from, fr, sr);
	if (ret == -EIO)
		return erot_fail(err, EIO, "crypto", "SHA-256");
	if (ret || memcmp(fr, old_root, sizeof(fr)) || memcmp(sr, root, sizeof(sr)))
		return inconsistent(err);
	return 0;
}

/* ---- proving */

/**
 * struct plan - ranges of a proof as nodes, to be read at once
 * @nodes:  all of them
 * @counts: how many each range has
 * @ranges: of them
 * @n:      nodes
 */
struct plan {
	uint64_t nodes[NODES_MAX];
	unsigned int counts[EROT_TLOG_PROOF_MAX];
	size_t ranges;
	size_t n;
};

static void plan_range(struct plan *p, uint64_t lo, uint64_t hi)
{
	unsigned int level;
	size_t before = p->n;

	while (lo < hi) {
		for (level = 0; !(lo >> level & 1) && lo + (2ULL << level) <= hi; level++)
			;
		p->nodes[p->n++] = EROT_TLOG_NODE(level, lo >> level);
		lo += 1ULL << level;
	}
	p->counts[p->ranges++] = (unsigned int)(p->n - before);
}

/* The hash of each range, in the order of the plan. */
static int plan_hashes(const struct plan *p, erot_tlog_fetch fetch, void *ctx,
		       uint8_t (*out)[EROT_DIGEST_SIZE], struct erot_error *err)
{
	uint8_t got[NODES_MAX][EROT_DIGEST_SIZE], (*next)[EROT_DIGEST_SIZE] = got;
	size_t i, k;
	int ret;

	if (!p->n)
		return 0;
	ret = fetch(ctx, p->nodes, p->n, got, err);
	for (i = 0; i < p->ranges && !ret; i++) {
		k = p->counts[i] - 1;
		memcpy(out[i], next[k], EROT_DIGEST_SIZE);
		while (k-- && !ret)
			if (erot_tlog_node(next[k], out[i], out[i]))
				ret = erot_fail(err, EIO, "crypto", "SHA-256");
		next += p->counts[i];
	}
	return ret;
}

/* Plans are made from the root down, proofs go up. */
static int plan_proof(const struct plan *p, erot_tlog_fetch fetch, void *ctx,
		      struct erot_tlog_proof *proof, struct erot_error *err)
{
	uint8_t swap[EROT_DIGEST_SIZE];
	size_t i, j;
	int ret;

	proof->count = 0;
	ret = plan_hashes(p, fetch, ctx, proof->hash, err);
	if (ret)
		return ret;
	proof->count = p->ranges;
	for (i = 0, j = p->ranges; i + 1 < j; i++) {
		memcpy(swap, proof->hash[i], sizeof(swap));
		memcpy(proof->hash[i], proof->hash[--j], sizeof(swap));
		memcpy(proof->hash[j], swap, sizeof(swap));
	}
	return 0;
}

/* Largest power of two below @n, which is at least 2. */
static uint64_t split(uint64_t n)
{
	return 1ULL << (63 - __builtin_clzll(n - 1));
}

int erot_tlog_root(uint64_t size, erot_tlog_fetch fetch, void *ctx,
		   uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err)
{
	struct plan p = { .n = 0 };

	if (!size)
		return erot_sha256("", 0, root) ? erot_fail(err, EIO, "crypto", "SHA-256") : 0;
	if (size > EROT_TLOG_SIZE_MAX)
		return erot_fail(err, EINVAL, "log-index", "no tree is that large");
	plan_range(&p, 0, size);
	return plan_hashes(&p, fetch, ctx, (void *)root, err);
}

int erot_tlog_prove_inclusion(uint64_t index, uint64_t size, erot_tlog_fetch fetch, void *ctx,
			      struct erot_tlog_proof *proof, struct erot_error *err)
{
	uint64_t lo = 0, hi = size, mid;
	struct plan p = { .n = 0 };

	proof->count = 0;
	if (index >= size || size > EROT_TLOG_SIZE_MAX)
		return erot_fail(err, EINVAL, "log-index", "the tree has no such entry");
	while (hi - lo > 1) {
		mid = lo + split(hi - lo);
		if (index < mid) {
			plan_range(&p, mid, hi);
			hi = mid;
		} else {
			plan_range(&p, lo, mid);
			lo = mid;
		}
	}
	return plan_proof(&p, fetch, ctx, proof, err);
}

int erot_tlog_prove_consistency(uint64_t old_size, uint64_t size, erot_tlog_fetch fetch, void *ctx,
				struct erot_tlog_proof *proof, struct erot_error *err)
{
	uint64_t lo = 0, hi = size, mid;
	struct plan p = { .n = 0 };

	proof->count = 0;
	if (old_size > size || size > EROT_TLOG_SIZE_MAX)
		return erot_fail(err, EINVAL, "log-index", "the tree never had that size");
	if (!old_size || old_size == size)
		return 0;
	while (hi != old_size) {
		mid = lo + split(hi - lo);
		if (old_size <= mid) {
			plan_range(&p, mid, hi);
			hi = mid;
		} else {
			plan_range(&p, lo, mid);
			lo = mid;
		}
	}
	/* the old tree's last subtree, unless it is the whole old tree, whose root is known */
	if (lo)
		plan_range(&p, lo, hi);
	return plan_proof(&p, fetch, ctx, proof, err);
}
