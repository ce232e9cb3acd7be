// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of the log's tree: what is damaged is not built on, and a database of version 1, which had a
 * row for each node, becomes one of today's.
 */
#include "dergd/test_log.h"

#include "dergd/log_nodes.h"

#define ENTRIES	5000	/* four levels of rows, the last of each not whole */

static struct test_base base;

static int checkpoint(struct log *log, struct db *db, struct erot_checkpoint *cp)
{
	struct erot_buf note = { 0 };
	int ret = log_checkpoint(log, db, &note, &err);

	if (!ret)
		ret = erot_checkpoint_open(note.data, note.len, &log_key, cp, &err);
	erot_buf_free(&note);
	return ret;
}

static int prove(struct log *log, struct db *db, uint64_t index)
{
	struct erot_checkpoint cp;
	struct erot_buf proof = { 0 };
	uint8_t leaf[32];
	uint64_t got;
	int ret;

	ret = log_leaf(db, index, leaf) ?: log_prove(log, db, index, &proof, &err);
	if (!ret)
		ret = erot_proof_open(proof.data, proof.len, &log_key, leaf, &got, &cp, &err);
	erot_buf_free(&proof);
	return ret;
}

static int append(struct db *db)
{
	struct append a = { .tenant = "first", .count = 1, .number = 1 };

	return db_transaction(db, 0, log_appends, &a, &err);
}

/* ---- damage */

#define SAVE	"CREATE TABLE t_saved AS SELECT node, hashes FROM log_subtree"

static void restore(struct db *db)
{
	run(db, "DELETE FROM log_subtree");
	run(db, "INSERT INTO log_subtree (node, hashes) SELECT node, hashes FROM t_saved");
}

static void test_appends_refused(struct log *log, struct db *db)
{
	static const struct {
		const char *what, *sql, *code;
		int num;
	} cases[] = {
		{ "the last row is only half written", "UPDATE log_subtree SET hashes = "
		  "substr(hashes, 1, length(hashes) - 32) WHERE node = 5000 / 16", "db-corrupt",
		  EUCLEAN },
		{ "the last row has a hash too many", "UPDATE log_subtree SET hashes = "
		  "(SELECT hashes FROM log_subtree WHERE node = 0) WHERE node = 5000 / 16",
		  "db-corrupt", EUCLEAN },
		{ "the last row is gone", "DELETE FROM log_subtree WHERE node = 5000 / 16",
		  "db-corrupt", EUCLEAN },
	};
	struct erot_checkpoint before, after;
	char name[96];
	size_t i;

	run(db, SAVE);
	tap_ok(!checkpoint(log, db, &before), "%s: a checkpoint", backend);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tap_ok(!run(db, cases[i].sql), "%s: %s", backend, cases[i].what);
		snprintf(name, sizeof(name), "%s: %s: nothing is appended", backend, cases[i].what);
		tap_refused(append(db), cases[i].num, &err, cases[i].code, name);
		restore(db);
	}
	tap_ok(!checkpoint(log, db, &after) && !memcmp(&before, &after, sizeof(after)),
	       "%s: and the log is as it was", backend);
}

/* The place of the next leaf is taken, by a row that the head knows nothing of. */
static void test_row_taken(struct db *db)
{
	char name[96];
	int i;

	for (i = ENTRIES; i % LOG_SUBTREE_WIDTH; i++)
		append(db);
	tap_ok(!run(db, "INSERT INTO log_subtree (node, hashes) SELECT (SELECT size / 16 FROM "
		    "log_head), hashes FROM log_subtree WHERE node = 0"),
	       "%s: a row where the next leaf belongs", backend);
	snprintf(name, sizeof(name), "%s: is not written over", backend);
	tap_refused(append(db), EEXIST, &err, "db-exists", name);
	run(db, "DELETE FROM log_subtree WHERE node = (SELECT size / 16 FROM log_head)");
	tap_ok(!append(db), "%s: without it the log goes on", backend);
}

/* 72057594037927936 is EROT_TLOG_NODE(1, 0): rows of the second level begin at four times that. */
static void test_proofs_refused(struct log *log, struct db *db)
{
	char name[96];

	run(db, "DELETE FROM t_saved");
	run(db, "INSERT INTO t_saved (node, hashes) SELECT node, hashes FROM log_subtree");
	tap_ok(!prove(log, db, 17), "%s: an entry is proved", backend);
	run(db, "UPDATE log_subtree SET hashes = substr(hashes, 1, 32) WHERE node = 1");
	snprintf(name, sizeof(name), "%s: a row that is only half written", backend);
	tap_refused(prove(log, db, 17), EUCLEAN, &err, "db-corrupt", name);
	restore(db);
	run(db, "DELETE FROM log_subtree WHERE node = 1");
	snprintf(name, sizeof(name), "%s: a row that is gone", backend);
	tap_refused(prove(log, db, 17), EUCLEAN, &err, "db-corrupt", name);
	restore(db);
	run(db, "UPDATE log_subtree SET hashes = (SELECT hashes FROM log_subtree "
		"WHERE node = 4 * 72057594037927936) WHERE node = 1");
	snprintf(name, sizeof(name), "%s: a row of another level", backend);
	tap_refused(prove(log, db, 17), EKEYREJECTED, &err, "log-inclusion", name);
	restore(db);
	tap_ok(!prove(log, db, 17), "%s: as it was, it is proved again", backend);
}

/* ---- version 1 */

static int add_node(struct db *db, unsigned int level, uint64_t index, const uint8_t hash[32],
		    struct erot_error *e)
{
	return db_run(db, e, NULL, "INSERT INTO log_node (node, hash) VALUES ($1, $2)",
		      DB_ARGS(db_int((int64_t)EROT_TLOG_NODE(level, index)), db_blob(hash, 32)));
}

/* Its table as that version filled it: from the entries, by RFC 6962 alone. */
static int make_old(struct db *db, void *ctx, struct erot_error *e)
{
	static uint8_t level[2 * ENTRIES][32];
	uint64_t size = *(uint64_t *)ctx, i, k;
	struct leaf_of leaf;
	unsigned int l;
	int ret = 0;

	for (i = 0; i < size && !ret; i++) {
		leaf.index = i;
		ret = log_read_leaf(db, &leaf, e);
		memcpy(level[i], leaf.leaf, 32);
	}
	for (l = 0, k = size; k && !ret; l++, k /= 2) {
		for (i = 0; i < k && !ret; i++)
			ret = add_node(db, l, i, level[i], e);
		for (i = 0; i < k / 2 && !ret; i++)
			ret = erot_tlog_node(level[2 * i], level[2 * i + 1], level[i]);
	}
	return ret;
}

static void make_version_1(struct db *db, uint64_t size)
{
	int old;

	make_version_2(db);
	old = run(db, !strcmp(backend, "sqlite") ?
		  "CREATE TABLE log_node (node INTEGER PRIMARY KEY, "
		  "hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT" :
		  "CREATE TABLE log_node (node BIGINT PRIMARY KEY, "
		  "hash BYTEA NOT NULL CHECK (length(hash) = 32))");

	if (old || db_transaction(db, 0, make_old, &size, &err) ||
	    run(db, "DROP TABLE log_subtree") || run(db, "UPDATE erot_schema SET version = 1")) {
		printf("# %s: %s\n", err.code, err.text);
		test_bail("version 1");
	}
}

static void test_version_1(struct log *log, struct db *db)
{
	struct erot_checkpoint before, after;
	char name[96];

	checkpoint(log, db, &before);
	make_version_1(db, before.size);
	run(db, "CREATE TABLE t_kept AS SELECT node, hash FROM log_node WHERE node = 33");
	run(db, "DELETE FROM log_node WHERE node = 33");
	snprintf(name, sizeof(name), "%s: version 1 without one of its hashes", backend);
	tap_refused(db_schema(db, &err), EUCLEAN, &err, "db-corrupt", name);
	tap_ok(number(db, "SELECT version FROM erot_schema") == 1 &&
	       number(db, "SELECT count(*) FROM log_node WHERE node < 64") == 63,
	       "%s: stays as it is", name);
	run(db, "INSERT INTO log_node (node, hash) SELECT node, hash FROM t_kept");
	tap_ok(!db_schema(db, &err) && number(db, "SELECT version FROM erot_schema") ==
	       DB_SCHEMA_VERSION, "%s: version 1 is brought up to date", backend);
	tap_ok(number(db, "SELECT count(*) FROM t_saved s JOIN log_subtree l ON l.node = s.node "
		      "AND l.hashes = s.hashes") ==
	       number(db, "SELECT count(*) FROM log_subtree") &&
	       number(db, "SELECT count(*) FROM t_saved") ==
	       number(db, "SELECT count(*) FROM log_subtree"),
	       "%s: with the rows that it would have had", backend);
	tap_ok(!checkpoint(log, db, &after) && !memcmp(&before, &after, sizeof(after)),
	       "%s: and the checkpoint", backend);
	tap_ok(!append(db) && !prove(log, db, before.size) && !prove(log, db, 0) &&
	       log_is_whole(log, db, &base, before.size + 1), "%s: it goes on from there", backend);
	tap_ok(run(db, "SELECT 1 FROM log_node") != 0, "%s: the old table is gone", backend);
}

static void test_backend(void)
{
	struct db *db = must_open();
	struct log *log = log_must_open(db);

	db_transaction(db, 0, log_new_tenant, "first", &err);
	log_add(db, "first", ENTRIES, 0);
	test_appends_refused(log, db);
	test_row_taken(db);
	test_proofs_refused(log, db);
	test_version_1(log, db);
	log_close(log, db);
	db_close(db);
}

int main(void)
{
	test_base_start(&base);
	test_new_database(&base, "nodes");
	log_make_key();
	test_on_both(&base, test_backend);
	EVP_PKEY_free(log_sk);
	test_base_stop(&base);
	return tap_done();
}
