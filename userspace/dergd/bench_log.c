// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_log [ENTRIES]: one append and one proof in a log that has many entries, next to one that is
 * new, in turns, on SQLite. The long log is filled until it has as many as were asked for, or for
 * three minutes. Output as bench/lib.sh has it.
 */
#include "dergd/test_log.h"

#include "dergd/bench.h"

#define BATCH		1000
#define FILL_S		180
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
	open_side(&sides[1], base.dir, "new");
	for (start = bench_now(); sides[0].entries < want && bench_now() - start < FILL_S;
	     sides[0].entries += BATCH)
		log_add(sides[0].db, NULL, BATCH, sides[0].entries);
	bench_tell("log", "long", "entries", "1", 1, (double)sides[0].entries);
	bench_tell("log", "long", "fill", "1/s", 1,
		   (double)sides[0].entries / (bench_now() - start));
	log_add(sides[1].db, NULL, 1, sides[1].entries++);
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
