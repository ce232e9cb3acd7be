/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Merkle tree of RFC 6962, section 2.1, with SHA-256: hashing, proofs, tiles. Nothing here
 * reads files or databases: hashes of complete subtrees ("nodes") come from a function of the
 * caller's.
 */
#ifndef EROT_LIBEROT_TLOG_H
#define EROT_LIBEROT_TLOG_H

#include <linux/erot_format.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define EROT_TLOG_SIZE_MAX	(1ULL << 55)	/* entries */
#define EROT_TLOG_PROOF_MAX	64		/* hashes of a proof; 57 are the most that can be */
#define EROT_TLOG_TILE_WIDTH	256
#define EROT_TLOG_TILE_HEIGHT	8

/**
 * struct erot_tlog_proof - hashes in the order of RFC 6962, sections 2.1.1 and 2.1.2
 * @count: of them
 * @hash:  nearest to the leaf first
 */
struct erot_tlog_proof {
	size_t count;
	uint8_t hash[EROT_TLOG_PROOF_MAX][EROT_DIGEST_SIZE];
};

/* 0 or -EIO. A leaf is SHA-256(0x00 || data), a node SHA-256(0x01 || left || right). */
int erot_tlog_leaf(const void *data, size_t len, uint8_t out[EROT_DIGEST_SIZE]);
int erot_tlog_node(const uint8_t left[EROT_DIGEST_SIZE], const uint8_t right[EROT_DIGEST_SIZE],
		   uint8_t out[EROT_DIGEST_SIZE]);

/**
 * erot_tlog_check_inclusion() - is the leaf at @index in the tree?
 * @index: of the leaf
 * @size:  entries of the tree
 * @leaf:  hash of the leaf
 * @proof: RFC 6962, 2.1.1; every hash must be used
 * @root:  of the tree
 * @err:   "log-inclusion"
 *
 * Source: RFC 9162, section 2.1.3.2.
 *
 * Return: 0, -EKEYREJECTED, or -EIO.
 */
int erot_tlog_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[EROT_DIGEST_SIZE],
			      const struct erot_tlog_proof *proof,
			      const uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err);

/**
 * erot_tlog_check_consistency() - is the old tree a prefix of the new one?
 * @old_size: entries of the old tree; 0 is a prefix of everything, with an empty proof
 * @size:     entries of the new one
 * @proof:    RFC 6962, 2.1.2; empty where the sizes are equal
 * @old_root: of the old tree
 * @root:     of the new one
 * @err:      "log-consistency"
 *
 * Source: RFC 9162, section 2.1.4.2.
 *
 * Return: 0, -EKEYREJECTED, or -EIO.
 */
int erot_tlog_check_consistency(uint64_t old_size, uint64_t size,
				const struct erot_tlog_proof *proof,
				const uint8_t old_root[EROT_DIGEST_SIZE],
				const uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err);

/*
 * A node: hash of the complete subtree over entries [index << level, (index + 1) << level), named
 * by one number that sorts by level, then index.
 */
#define EROT_TLOG_NODE(level, index)	((uint64_t)(level) << 56 | (uint64_t)(index))

/**
 * typedef erot_tlog_fetch - reads nodes that exist in the tree
 * @ctx:   the caller's
 * @nodes: EROT_TLOG_NODE() each
 * @n:     of them
 * @out:   filled, in the same order
 *
 * Return: 0 or a negative errno.
 */
typedef int (*erot_tlog_fetch)(void *ctx, const uint64_t *nodes, size_t n,
			       uint8_t (*out)[EROT_DIGEST_SIZE], struct erot_error *err);

/* Root of the first @size entries; 0 entries: SHA-256 of nothing. @err also what @fetch said. */
int erot_tlog_root(uint64_t size, erot_tlog_fetch fetch, void *ctx,
		   uint8_t root[EROT_DIGEST_SIZE], struct erot_error *err);

/* Proofs as above; -EINVAL, "log-index" where there is no such entry or no such old tree. */
int erot_tlog_prove_inclusion(uint64_t index, uint64_t size, erot_tlog_fetch fetch, void *ctx,
			      struct erot_tlog_proof *proof, struct erot_error *err);
int erot_tlog_prove_consistency(uint64_t old_size, uint64_t size, erot_tlog_fetch fetch, void *ctx,
				struct erot_tlog_proof *proof, struct erot_error *err);

/**
 * struct erot_tlog_tile - which tile, C2SP tlog-tiles
 * @entries: an entry bundle, else hashes
 * @level:   of the hashes, 0 to 63
 * @index:   of the tile in its level
 * @width:   1 to 255 in a partial tile, 256 in a full one
 */
struct erot_tlog_tile {
	int entries;
	unsigned int level;
	uint64_t index;
	unsigned int width;
};

#define EROT_TLOG_PATH_MAX	64

/* Behind "tile/". -EINVAL, "log-path" unless it is exactly what erot_tlog_tile_path() writes. */
int erot_tlog_tile_parse(const char *path, struct erot_tlog_tile *tile, struct erot_error *err);
void erot_tlog_tile_path(const struct erot_tlog_tile *tile, char path[EROT_TLOG_PATH_MAX]);

#endif /* EROT_LIBEROT_TLOG_H */
