/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hashes of the log's tree in the database. A row of log_subtree has four levels of it: the
 * nodes below one node whose level is a multiple of four, in the order in which they become
 * complete. So a row only grows at its end, 16 leaves of its own make it whole, and a path through
 * a tree of ten million entries is read from six rows instead of 24.
 *
 *	        2       5		places in a row, if it had two levels
 *	      0   1   3   4		and four leaves
 *
 * The subtree's own root is not in it: it is a leaf of the subtree above.
 */
#ifndef DERGD_LOG_NODES_H
#define DERGD_LOG_NODES_H

#include "dergd/db.h"
#include "liberot/tlog.h"

#define LOG_SUBTREE_HEIGHT	4
#define LOG_SUBTREE_WIDTH	16
#define LOG_SUBTREE_NODES	30	/* 16 + 8 + 4 + 2 */

#define LOG_SUBTREE_LEVELS	14	/* for 2^55 entries */

/**
 * struct log_subtree - a row
 * @key:    EROT_TLOG_NODE() of its level and of its place among those of that level
 * @count:  nodes that are complete
 * @stored: of them, those that the database has
 * @read:   the above says what the database has
 * @hash:   of the nodes
 */
struct log_subtree {
	uint64_t key;
	unsigned int count;
	unsigned int stored;
	bool read;
	uint8_t hash[LOG_SUBTREE_NODES][EROT_DIGEST_SIZE];
};

/**
 * struct log_head - of the tree
 * @size:  entries
 * @time:  of the last one, seconds since 1970; 0: there is none
 * @count: peaks, as many as @size has bits
 * @peaks: roots of its complete subtrees, largest first
 * @edge:  where the next node goes, of each level of subtrees
 */
struct log_head {
	uint64_t size;
	uint64_t time;
	unsigned int count;
	uint8_t peaks[64][EROT_DIGEST_SIZE];
	struct log_subtree edge[LOG_SUBTREE_LEVELS];
};

/* Inside a transaction. "db-corrupt", "log-full". */
int log_nodes_head(struct db *db, struct log_head *h, struct erot_error *err);

/* @n leaves, and every node that they complete; @h stays that of the tree. */
int log_nodes_grow(struct db *db, struct log_head *h, const uint8_t (*leaves)[EROT_DIGEST_SIZE],
		   size_t n, struct erot_error *err);

/* An erot_tlog_fetch; @ctx is the database. */
int log_nodes_fetch(void *ctx, const uint64_t *nodes, size_t n, uint8_t (*out)[EROT_DIGEST_SIZE],
		    struct erot_error *err);

/* Calls @each with @n nodes from @first on, whose level is a multiple of four. */
int log_nodes_leaves(struct db *db, uint64_t first, unsigned int n,
		     void (*each)(void *ctx, const uint8_t hash[EROT_DIGEST_SIZE]), void *ctx,
		     struct erot_error *err);

/* What version 1 of the schema had as a row for each node, into log_subtree. */
int log_nodes_convert(struct db *db, struct erot_error *err);

#endif
