// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_log [ENTRIES]: one append and one proof in a log that has many entries, next to one that
 * has a thousand, in turns, on SQLite. The long log is filled by statements that make many entries
 * at a time, until it has as many as were asked for, or for four minutes. Output as bench/lib.sh
 * has it.
 */
#include "dergd/test_log.h"

#include "dergd/bench.h"
#include "dergd/log_nodes.h"

#define SHORT		1000
#define BATCH		100000
#define FILL_S		240
#define ROUNDS		10
#define COUNT		50	/* appends and proofs a round */

struct side {
	const char *name;
	struct db *db;
	struct log *log;
	uint64_t entries;
};

static void open_side(struct side *s, const char *dir, const char *name)
{
	char url[256];

	s->name = name;
	snprintf(url, sizeof(url), "sqlite:%s/%s.db", dir, name);
	if (db_open(url, &s->db, &err) || db_schema(s->db, &err))
		test_bail("database");
	s->log = log_must_open(s->db);
}

static uint8_t leaves[BATCH][EROT_DIGEST_SIZE];

static int read_leaves(struct db *db, uint64_t first, struct erot_error *e)
{
	struct db_rows *rows;
	const void *entry;
	size_t len, i;

	db_query(db, e, &rows, "SELECT entry FROM log_entry WHERE idx >= $1 ORDER BY idx",
		 DB_ARGS(db_int((int64_t)first)));
	for (i = 0; i < BATCH && db_next(rows); i++) {
		entry = db_get_blob(rows, 0, &len);
		if (!entry || erot_tlog_leaf(entry, len, leaves[i]))
			test_bail("leaf");
	}
	return db_end(rows, e);
}

/* Entries whose bytes are random, of the provider's stream, with their hashes in the tree. */
static int add_batch(struct db *db, void *ctx, struct erot_error *e)
{
	static struct log_head head;
	struct side *s = ctx;
	int ret;

	ret = db_run(db, e, NULL, "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n "
		     "WHERE i + 1 < $1 + $2) INSERT INTO log_entry (idx, stream, number, kind, "
		     "subject, entry, salt, content) SELECT i, zeroblob(32), i, 7, randomblob(32), "
		     "randomblob(136), randomblob(32), randomblob(20) FROM n",
		     DB_ARGS(db_int((int64_t)s->entries), db_int(BATCH))) ?:
	      read_leaves(db, s->entries, e) ?: log_nodes_head(db, &head, e) ?:
	      log_nodes_grow(db, &head, (const void *)leaves, BATCH, e);
	return ret ?: db_run(db, e, NULL, "UPDATE log_stream SET next = $1, previous = $2 "
			     "WHERE stream = zeroblob(32)",
			     DB_ARGS(db_int((int64_t)(s->entries + BATCH)),
				     db_blob(leaves[BATCH - 1], EROT_DIGEST_SIZE)));
}

/* An index that is made in the end is sorted, not filled at random. */
static void fill(struct side *s, uint64_t want)
{
	double start = bench_now();

	run(s->db, "DROP INDEX log_entry_subject");
	while (s->entries < want && bench_now() - start < FILL_S) {
		if (db_transaction(s->db, 0, add_batch, s, &err)) {
			printf("# %s: %s\n", err.code, err.text);
			test_bail("fill");
		}
		s->entries += BATCH;
	}
	run(s->db, "CREATE INDEX log_entry_subject ON log_entry (subject, idx)");
}

/* What is measured must be a log. */
static void check_side(struct side *s)
{
	struct erot_buf proof = { 0 };
	struct erot_checkpoint cp;
	uint64_t index = s->entries / 3, got;
	uint8_t leaf[32];

	if (log_leaf(s->db, index, leaf) || log_prove(s->log, s->db, index, &proof, &err) ||
	    erot_proof_open(proof.data, proof.len, &log_key, leaf, &got, &cp, &err) ||
	    got != index || cp.size != s->entries)
		test_bail("the filled log proves nothing");
	erot_buf_free(&proof);
}

static void measure(struct side *s, int round)
{
	double start = bench_now(), appended;

	for (int i = 0; i < COUNT; i++)
		log_add(s->db, NULL, 1, s->entries++);
	appended = bench_now();
	bench_tell("log", s->name, "append", "us", round, (appended - start) * 1e6 / COUNT);
	for (int i = 0; i < COUNT; i++) {
		struct erot_buf proof = { 0 };

		/* of places all over the log */
		if (log_prove(s->log, s->db, s->entries * (uint64_t)i / COUNT, &proof, &err))
			test_bail("proof");
		erot_buf_free(&proof);
	}
	bench_tell("log", s->name, "prove", "us", round, (bench_now() - appended) * 1e6 / COUNT);
}

int main(int argc, char **argv)
{
	static struct side sides[2];
	uint64_t want = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct test_base base;
	double start;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_base_start(&base);
	log_make_key();
	open_side(&sides[0], base.dir, "long");
	open_side(&sides[1], base.dir, "short");
	start = bench_now();
	fill(&sides[0], want);
	bench_tell("log", "long", "entries", "1", 1, (double)sides[0].entries);
	bench_tell("log", "long", "fill", "1/s", 1,
		   (double)sides[0].entries / (bench_now() - start));
	log_add(sides[1].db, NULL, SHORT, 0);
	sides[1].entries = SHORT;
	for (int i = 0; i < 2; i++)
		check_side(&sides[i]);
	for (int round = 1; round <= ROUNDS; round++)
		for (int i = 0; i < 2; i++)
			measure(&sides[i], round);
	for (int i = 0; i < 2; i++) {
		log_close(sides[i].log, sides[i].db);
		db_close(sides[i].db);
	}
	test_base_stop(&base);
	return 0;
}
